"""How a judged bench is doing: each step's questions, and money."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pix2cap.cli.progress import Told, report, spend

if TYPE_CHECKING:
    from pix2cap.evaluate.bench_session import BenchProgress


@contextmanager
def report_bench_progress() -> Iterator[Callable[[BenchProgress], None]]:
    """Something to hand to a bench as `on_progress`."""

    def tell(now: BenchProgress) -> Told:
        spent = spend(now.spent_usd)
        line = f"{now.step}: {now.done}/{now.total}, {now.requests} requests, {spent}"
        return Told(doing=now.step, done=now.done, total=now.total, line=line, aside=spent)

    with report(tell, several=True) as advance:
        yield advance
