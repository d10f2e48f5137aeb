"""The pipeline: plan, prompt, ask, parse, check, ask again, journal, export.

from pix2cap.annotate import JobOptions, annotate, export_run
options = JobOptions(images="val2017", masks="panoptic_val2017", model="describe")
status = annotate("panoptic_val.json", "run", options)
export_run("run", "dataset")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pix2cap.annotate.export import export_run
    from pix2cap.annotate.image_work import Progress
    from pix2cap.annotate.job import JobOptions, annotate, plan, preview
    from pix2cap.annotate.status import RunStatus, read_status

_HOMES = {
    "JobOptions": "job",
    "Progress": "image_work",
    "RunStatus": "status",
    "annotate": "job",
    "export_run": "export",
    "plan": "job",
    "preview": "job",
    "read_status": "status",
}

__all__ = [
    "JobOptions",
    "Progress",
    "RunStatus",
    "annotate",
    "export_run",
    "plan",
    "preview",
    "read_status",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that `pix2cap.annotate.parse` alone stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
