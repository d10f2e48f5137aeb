"""How training is going: a bar with loss, rate and ETA on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pix2cap.cli.output import say

if TYPE_CHECKING:
    from pix2cap.train.task import TrainProgress

_PLAIN_EVERY_S = 10.0


@contextmanager
def report_training() -> Iterator[Callable[[TrainProgress], None]]:
    """Something to hand to `train` as `on_progress`."""
    if sys.stderr.isatty():
        with _bar() as advance:
            yield advance
    else:
        yield _plain_lines()


@contextmanager
def _bar() -> Iterator[Callable[[TrainProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=None, told="")

        def advance(progress: TrainProgress) -> None:
            told = "" if progress.doing != "training" else _told(progress)
            bar.update(
                task, description=progress.doing, total=progress.total, completed=progress.step, told=told
            )

        yield advance


def _plain_lines() -> Callable[[TrainProgress], None]:
    last = 0.0

    def advance(progress: TrainProgress) -> None:
        nonlocal last
        now = time.monotonic()
        is_due = now - last >= _PLAIN_EVERY_S or progress.step == progress.total
        if not is_due and progress.doing == "training":
            return
        if progress.doing != "training":
            say(f"step {progress.step:,}/{progress.total:,}: {progress.doing}")
            return
        last = now
        say(f"step {progress.step:,}/{progress.total:,}: {_told(progress)}")

    return advance


def _told(progress: TrainProgress) -> str:
    left = "" if progress.seconds_left is None else f", about {duration(progress.seconds_left)} left"
    return f"loss {progress.loss:.3f}, {progress.images_per_s:.1f} images/s{left}"


def duration(seconds: float) -> str:
    """A duration as people say it.

    Example:
        >>> duration(42), duration(4000), duration(200_000)
        ('42 s', '1 h 6 min', '55 h 33 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
