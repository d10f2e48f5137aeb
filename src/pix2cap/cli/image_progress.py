"""How far a command has come through the images of a dataset."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pix2cap.cli.output import say

_PLAIN_EVERY_S = 10.0


@contextmanager
def report_images() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; elsewhere a plain line every ten seconds, so that small sets stay silent."""
    if not sys.stderr.isatty():
        yield _plain_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            if done == total:
                bar.stop()  # What follows may show a bar of its own.

        yield advance


def _plain_lines() -> Callable[[int, int], None]:
    began = last = time.monotonic()

    def advance(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _PLAIN_EVERY_S:
            return
        last = now
        rate = done / max(1e-9, now - began)
        say(f"{done}/{total} images, {rate:.0f} images/s, about {(total - done) / rate:.0f} s left")

    return advance
