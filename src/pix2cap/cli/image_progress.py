"""How far a command has come through the images of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pix2cap.cli.progress import Pace, Told, report


@contextmanager
def report_images() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; elsewhere a plain line every ten seconds, so that small sets stay silent."""
    pace = Pace()

    def tell(done: int, total: int) -> Told:
        line = pace.told(done, total)
        return Told(doing="images", done=done, total=total, line=line, is_last=done == total)

    with report(tell) as advance:
        yield advance
