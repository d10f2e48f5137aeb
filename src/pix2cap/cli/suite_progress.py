"""How the slow caption metrics are doing: a bar on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pix2cap.cli.output import say

if TYPE_CHECKING:
    from pix2cap.evaluate.caption_suite import SuiteProgress

_PLAIN_EVERY_S = 10.0


@contextmanager
def report_suite_progress() -> Iterator[Callable[[SuiteProgress], None]]:
    """Something to hand to `score_captions` as `on_progress`."""
    if sys.stderr.isatty():
        with _bar() as advance:
            yield advance
    else:
        yield _plain_lines()


@contextmanager
def _bar() -> Iterator[Callable[[SuiteProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TextColumn("{task.fields[left]}"), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("", total=None, left="")

        def advance(told: SuiteProgress) -> None:
            bar.update(task, description=told.metric, total=told.total, completed=told.done, left=_left(told))

        yield advance


def _plain_lines() -> Callable[[SuiteProgress], None]:
    last = time.monotonic()

    def advance(told: SuiteProgress) -> None:
        nonlocal last
        if time.monotonic() - last >= _PLAIN_EVERY_S:
            last = time.monotonic()
            say(f"{told.metric}: {told.done}/{told.total} texts{_left(told)}")

    return advance


def _left(told: SuiteProgress) -> str:
    return "" if told.seconds_left is None else f", about {told.seconds_left:.0f} s left"
