"""A spending limit that reserves before a request is sent and settles after its reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pix2cap.annotate.journal import Journal
from pix2cap.errors import BudgetReached
from pix2cap.vlm.model import Usage
from pix2cap.vlm.pricing import Price, cost_usd


@dataclass(slots=True)
class Reservation:
    """Money set aside for one request in flight; `actual_usd` is filled in when its reply is there."""

    reserved_usd: float
    actual_usd: float = 0.0


def spent_so_far(journal: Journal, prices: Mapping[str, Price | None]) -> float | None:
    """USD that the replies in a journal cost; None where that cannot be told.

    Replies that came while nobody knew a price are counted at today's.

    Args:
        journal: Of the run.
        prices: By model, as the journal names them.
    """
    with journal.query() as sql:
        known = sql.execute("SELECT coalesce(sum(cost_usd), 0.0) FROM replies").fetchone()[0]
        unpriced = sql.execute(
            "SELECT requests.model, replies.input_tokens, replies.output_tokens"
            " FROM replies JOIN requests USING (key) WHERE replies.error IS NULL AND replies.cost_usd IS NULL"
        ).fetchall()
    total = float(known)
    for model, tokens_in, tokens_out in unpriced:
        cost = cost_usd(prices.get(model), Usage(tokens_in, tokens_out))
        if cost is None:
            return None
        total += cost
    return total


class Budget:
    """Keeps `spent + reserved <= limit`.

    A request that does not fit waits while others are in flight, since they usually cost less than what
    was set aside for them; only when nothing is in flight any more is the budget reached.

    Args:
        limit_usd: The most to spend in all, None for no limit.
        spent_usd: What earlier sessions of the same run spent.
    """

    def __init__(self, limit_usd: float | None, *, spent_usd: float = 0.0) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = spent_usd
        self.reserved_usd = 0.0
        self._in_flight = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def reserve(self, high_usd: float) -> AsyncIterator[Reservation]:
        """Set `high_usd` aside for the duration of one request.

        Raises:
            BudgetReached: It does not fit and nothing is in flight that could give money back.
        """
        await self._take(high_usd)
        reservation = Reservation(high_usd)
        try:
            yield reservation
        finally:
            # No await between the reply and the books: a cancelled task must not leak its reservation.
            self.reserved_usd -= reservation.reserved_usd
            self.spent_usd += reservation.actual_usd
            self._in_flight -= 1
            await asyncio.shield(self._tell())

    async def _take(self, high_usd: float) -> None:
        async with self._changed:
            while not self._fits(high_usd):
                if self._in_flight == 0:
                    raise BudgetReached(
                        f"the budget of ${self.limit_usd:.4f} is reached: ${self.spent_usd:.4f} spent and the"
                        f" next request may cost ${high_usd:.4f}; raise --max-cost to go on from here"
                    )
                await self._changed.wait()
            self.reserved_usd += high_usd
            self._in_flight += 1

    def _fits(self, high_usd: float) -> bool:
        return self.limit_usd is None or self.spent_usd + self.reserved_usd + high_usd <= self.limit_usd

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
