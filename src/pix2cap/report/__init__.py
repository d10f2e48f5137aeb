"""Self-contained HTML files that show a captioned dataset or the scores of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pix2cap.report.item import ReportItem

if TYPE_CHECKING:
    from pix2cap.report.compare import report_comparison
    from pix2cap.report.dataset import report_dataset
    from pix2cap.report.page import write_report
    from pix2cap.report.scores import report_scores

__all__ = ["ReportItem", "report_comparison", "report_dataset", "report_scores", "write_report"]

_HOMES = {
    "report_comparison": "compare",
    "report_dataset": "dataset",
    "report_scores": "scores",
    "write_report": "page",
}


def __getattr__(name: str) -> object:
    """Import on first use: `pix2cap --help` must not wait for Jinja2 and the picture encoders."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
