"""`pix2cap dataset generate`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.image_progress import report_images
from pix2cap.cli.output import print_record, say
from pix2cap.cli.program import program
from pix2cap.errors import UsageError


def generate(
    *,
    out: Path,
    images: int = 100,
    size: str = "640x480",
    seed: int = 0,
    workers: int | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """Render scenes with exact masks and true captions into a dataset folder.

    Args:
        out: The dataset folder; an earlier dataset there is replaced.
        images: How many pictures.
        size: Width and height in pixels, as WxH.
        seed: The same seed gives the same bytes.
        workers: Processes; one a core otherwise.
        overwrite: Write even where files of other origin stand.
        format: table or json.
    """
    from pix2cap.dataset.generate import generate_dataset

    with report_images() as advance:
        made = generate_dataset(
            out,
            images=images,
            size_wh=_size_wh(size),
            seed=seed,
            workers=workers,
            overwrite=overwrite,
            on_progress=lambda told: advance(told.done, told.total),
        )
    print_record(made.to_json(), format=format, title=f"Dataset {out}")
    say(f"next: {program()} report {shlex.quote(str(out))} --out report.html")
    return 0


def _size_wh(size: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", size.strip())
    if found is None:
        raise UsageError(f"expected --size as width x height, such as 640x480, got {size!r}")
    return int(found[1]), int(found[2])
