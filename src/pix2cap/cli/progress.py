"""How a command is doing: a bar on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec

from pix2cap.cli.output import say

if TYPE_CHECKING:
    from rich.progress import TaskID

_PLAIN_EVERY_S = 10.0

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a person is told of one step.

    Args:
        doing: What stands before the bar.
        done: Steps done.
        total: Steps in all.
        line: The plain line, where there is no terminal.
        aside: What stands behind the bar.
        is_due: Print the plain line at once, however short ago the last one was.
        is_last: The bar goes: what follows may show one of its own.
    """

    doing: str
    done: int
    total: int
    line: str
    aside: str = ""
    is_due: bool = False
    is_last: bool = False


class Pace:
    """How fast it goes and how long it will take, from the moment this is made."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    def rate(self, done: int) -> float:
        """Steps a second."""
        return done / max(1e-9, time.monotonic() - self._began_s)

    def told(self, done: int, total: int) -> str:
        """Images done, their rate and the time left."""
        rate = self.rate(done)
        left = (total - done) / max(1e-9, rate)
        return f"{done}/{total} images, {rate:.1f} images/s, about {left:.0f} s left"


def spend(usd: float | None) -> str:
    """What was spent; None is a price that nobody knows."""
    return "price unknown" if usd is None else f"${usd:.4f}"


def now_and_then(*, at_once: bool = False) -> Callable[[], bool]:
    """A function that is true ten seconds after it was true before.

    Args:
        at_once: The first call is true; else the first ten seconds begin here.
    """
    last = float("-inf") if at_once else time.monotonic()

    def is_due() -> bool:
        nonlocal last
        now = time.monotonic()
        if now - last < _PLAIN_EVERY_S:
            return False
        last = now
        return True

    return is_due


@contextmanager
def report(
    tell: Callable[P, Told], *, time_left: bool = True, several: bool = False, at_once: bool = False
) -> Iterator[Callable[P, None]]:
    """Something to hand to a room as `on_progress`.

    Args:
        tell: From what the room says of itself to what a person is told.
        time_left: The bar estimates the time left by itself.
        several: Each thing that is being done has a bar of its own; else one bar changes its name.
        at_once: The first plain line does not wait ten seconds.
    """
    if sys.stderr.isatty():
        with _bar(time_left=time_left, several=several) as show:
            yield lambda *args, **kwargs: show(tell(*args, **kwargs))
        return
    is_due = now_and_then(at_once=at_once)

    def advance(*args: P.args, **kwargs: P.kwargs) -> None:
        told = tell(*args, **kwargs)
        if told.is_due or is_due():
            say(told.line)

    yield advance


@contextmanager
def _bar(*, time_left: bool, several: bool) -> Iterator[Callable[[Told], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TimeRemainingColumn()] if time_left else []
    aside = TextColumn("{task.fields[aside]}")
    bar = Progress(*columns, aside, console=Console(stderr=True), transient=True)
    tasks: dict[str, TaskID] = {}

    def show(told: Told) -> None:
        key = told.doing if several else ""
        if key not in tasks:
            tasks[key] = bar.add_task(told.doing, total=None, aside="")
            bar.start()  # Not before: two bars may be ready, and a terminal has room for one at a time.
        bar.update(
            tasks[key], description=told.doing, total=told.total, completed=told.done, aside=told.aside
        )
        if told.is_last:
            bar.stop()

    try:
        yield show
    finally:
        bar.stop()
