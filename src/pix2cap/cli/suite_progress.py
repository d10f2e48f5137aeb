"""How the slow caption metrics are doing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pix2cap.cli.progress import Told, report

if TYPE_CHECKING:
    from pix2cap.evaluate.caption_suite import SuiteProgress


@contextmanager
def report_suite_progress() -> Iterator[Callable[[SuiteProgress], None]]:
    """Something to hand to `score_captions` as `on_progress`."""

    def tell(now: SuiteProgress) -> Told:
        left = "" if now.seconds_left is None else f", about {now.seconds_left:.0f} s left"
        line = f"{now.metric}: {now.done}/{now.total} texts{left}"
        return Told(doing=now.metric, done=now.done, total=now.total, line=line, aside=left)

    with report(tell, time_left=False) as advance:
        yield advance
