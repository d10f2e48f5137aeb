"""`pix2cap annotate plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pix2cap.annotate import JobOptions
from pix2cap.cli.output import print_record, read_ids, say


def plan(
    source: Path,
    *,
    job: Annotated[JobOptions, Parameter(name="*")] = JobOptions(),  # noqa: B008
    limit: int | None = None,
    ids: Path | None = None,
    format: Literal["table", "json"] = "table",
) -> int:
    """Count images, segments, requests, tokens and cost before anything is sent.

    Args:
        source: COCO panoptic or instances JSON, a folder of id-maps with its JSON, or a dataset folder.
        job: What to annotate with.
        limit: Only the first so many images.
        ids: File with one image id a line: only these images.
        format: table or json.
    """
    from pix2cap.annotate import plan as plan_job

    planned = plan_job(source, job, limit=limit, image_ids=None if ids is None else read_ids(ids))
    print_record(planned.to_json(), format=format, title=f"Plan for {source} with {job.model}")
    for note in planned.notes:
        say(note)
    return 0
