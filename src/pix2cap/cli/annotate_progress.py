"""How an annotation is doing: images, rate, time left and money."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pix2cap.cli.progress import Pace, Told, report, spend

if TYPE_CHECKING:
    from pix2cap.annotate import Progress


@contextmanager
def report_progress() -> Iterator[Callable[[Progress], None]]:
    """Something to hand to `annotate` as `on_progress`; the end is told in any case."""
    pace = Pace()

    def tell(now: Progress) -> Told:
        done, total, spent = now.images_done, now.images, spend(now.spent_usd)
        return Told(
            doing="images",
            done=done,
            total=total,
            line=f"{pace.told(done, total)}, {now.requests} requests, {spent}",
            aside=f"{pace.rate(done):.1f} images/s {spent}",
            is_due=done >= total,
        )

    with report(tell) as advance:
        yield advance
