"""One self-contained HTML file that shows a captioned dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pix2cap.report.item import ReportItem

if TYPE_CHECKING:
    from pix2cap.report.page import write_report

__all__ = ["ReportItem", "write_report"]


def __getattr__(name: str) -> Any:
    # Jinja2 and the picture encoders load on first use: `pix2cap --help` must not wait for them.
    if name == "write_report":
        from pix2cap.report.page import write_report

        return write_report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
