"""`pix2cap annotate run`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pix2cap.annotate import JobOptions, RunStatus
from pix2cap.cli.annotate_progress import report_progress
from pix2cap.cli.output import print_status, read_ids, say
from pix2cap.cli.program import program


def run(
    source: Path,
    *,
    out: Path,
    job: Annotated[JobOptions, Parameter(name="*")] = JobOptions(),  # noqa: B008
    max_cost: float | None = None,
    limit: int | None = None,
    ids: Path | None = None,
    retry_failed: Annotated[bool, Parameter(negative="")] = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """Caption every segment; the same command again goes on where it stopped and pays for nothing twice.

    Args:
        source: COCO panoptic or instances JSON, a folder of id-maps with its JSON, or a dataset folder.
        job: What to annotate with.
        out: The run folder.
        max_cost: Stop before this many USD are exceeded (exit code 3).
        limit: Only the first so many images.
        ids: File with one image id a line: only these images.
        retry_failed: Ask again about segments that failed before.
        format: How to print the counts at the end.
    """
    from pix2cap.annotate import annotate, read_status
    from pix2cap.errors import BudgetReached, InputError

    image_ids = None if ids is None else read_ids(ids)
    try:
        with report_progress() as on_progress:
            status = annotate(
                source,
                out,
                job,
                max_cost_usd=max_cost,
                limit=limit,
                image_ids=image_ids,
                retry_failed=retry_failed,
                on_start=say,
                on_progress=on_progress,
                handle_signals=True,
            )
    except (BudgetReached, KeyboardInterrupt):
        with suppress(InputError):  # Stopped before there was a run.
            print_status(read_status(out), format=format)
        raise
    print_status(status, format=format)
    for advice in _advice(status, out):
        say(advice)
    return 0 if status.is_clean else 1


def _advice(status: RunStatus, out: Path) -> Iterator[str]:
    segments = status.segments
    if status.images_refused:
        yield (
            f"images refused: {status.images_refused}; `{program()} dataset validate` with the same SOURCE,"
            " --masks and --images tells why, and the same command takes them up once they are mended"
        )
    if any(not reason.startswith("image: ") for reason in status.failed_reasons):
        yield "some segments failed: the same command with --retry-failed asks again about them"
    if segments.pending:
        yield f"segments pending: {segments.pending}; the same command without --limit and --ids goes on"
    yield f"next: {program()} annotate export {shlex.quote(str(out))} --out DATASET"
