"""`pix2cap annotate preview`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pix2cap.annotate import JobOptions
from pix2cap.cli.output import print_record


def preview(
    source: Path,
    *,
    image_id: int,
    out: Path,
    job: Annotated[JobOptions, Parameter(name="*")] = JobOptions(),  # noqa: B008
    format: Literal["table", "json"] = "table",
) -> int:
    """Write the pictures, prompt and price of one image's requests into a folder; nothing is sent.

    Args:
        source: COCO panoptic or instances JSON, a folder of id-maps with its JSON, or a dataset folder.
        job: What to annotate with.
        image_id: The image to look at.
        out: Folder for the pictures and prompts.
        format: table or json.
    """
    from pix2cap.annotate import preview as preview_job

    shown = preview_job(source, image_id, out, job)
    print_record(shown.to_json(), format=format, title=f"Image {image_id} as {job.model} would get it")
    return 0
