"""How training is going: loss, rate and time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pix2cap.cli.progress import Told, report

if TYPE_CHECKING:
    from pix2cap.train.task import TrainProgress


@contextmanager
def report_training() -> Iterator[Callable[[TrainProgress], None]]:
    """Something to hand to `train` as `on_progress`; its end and what is no training is always told."""
    with report(_told, time_left=False, at_once=True) as advance:
        yield advance


def _told(now: TrainProgress) -> Told:
    is_training = now.doing == "training"
    left = "" if now.seconds_left is None else f", about {duration(now.seconds_left)} left"
    losses = f"loss {now.loss:.3f}, {now.images_per_s:.1f} images/s{left}"
    return Told(
        doing=now.doing,
        done=now.step,
        total=now.total,
        line=f"step {now.step:,}/{now.total:,}: {losses if is_training else now.doing}",
        aside=losses if is_training else "",
        is_due=now.step == now.total or not is_training,
    )


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
