"""`pix2cap dataset generate`."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.output import print_record, say
from pix2cap.cli.program import program
from pix2cap.errors import UsageError

if TYPE_CHECKING:
    from pix2cap.dataset.generate import GenerateProgress

_PLAIN_EVERY_S = 10.0


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

    with _progress() as advance:
        made = generate_dataset(
            out,
            images=images,
            size_wh=_size_wh(size),
            seed=seed,
            workers=workers,
            overwrite=overwrite,
            on_progress=advance,
        )
    print_record(made.to_json(), format=format, title=f"Dataset {out}")
    say(f"next: {program()} report {shlex.quote(str(out))} --out report.html")
    return 0


def _size_wh(size: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", size.strip())
    if found is None:
        raise UsageError(f"expected --size as width x height, such as 640x480, got {size!r}")
    return int(found[1]), int(found[2])


@contextmanager
def _progress() -> Iterator[Callable[[GenerateProgress], None]]:
    """A bar with rate and ETA on a terminal; a plain line every ten seconds elsewhere."""
    if not sys.stderr.isatty():
        yield _plain_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda told: bar.update(task, total=told.total, completed=told.done)


def _plain_lines() -> Callable[[GenerateProgress], None]:
    began = last = time.monotonic()

    def advance(told: GenerateProgress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _PLAIN_EVERY_S:
            return
        last = now
        rate = told.done / (now - began)
        left = (told.total - told.done) / rate
        say(f"{told.done}/{told.total} images, {rate:.1f} images/s, about {left:.0f} s left")

    return advance
