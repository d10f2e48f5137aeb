"""How a judged bench is doing: a bar on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pix2cap.cli.output import say

if TYPE_CHECKING:
    from rich.progress import TaskID

    from pix2cap.evaluate.bench_session import BenchProgress

_PLAIN_EVERY_S = 10.0


@contextmanager
def report_bench_progress() -> Iterator[Callable[[BenchProgress], None]]:
    """Something to hand to a bench as `on_progress`."""
    if sys.stderr.isatty():
        with _bar() as advance:
            yield advance
    else:
        yield _plain_lines()


@contextmanager
def _bar() -> Iterator[Callable[[BenchProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, TextColumn("{task.fields[spend]}"), console=console, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def advance(told: BenchProgress) -> None:
            if told.step not in tasks:
                tasks[told.step] = bar.add_task(told.step, total=None, spend="")
            bar.update(tasks[told.step], total=told.total, completed=told.done, spend=_spend(told))

        yield advance


def _plain_lines() -> Callable[[BenchProgress], None]:
    last = time.monotonic()

    def advance(told: BenchProgress) -> None:
        nonlocal last
        if time.monotonic() - last >= _PLAIN_EVERY_S:
            last = time.monotonic()
            say(f"{told.step}: {told.done}/{told.total}, {told.requests} requests, {_spend(told)}")

    return advance


def _spend(told: BenchProgress) -> str:
    return "price unknown" if told.spent_usd is None else f"${told.spent_usd:.4f}"
