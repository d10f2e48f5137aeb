"""A spending limit that reserves before a request is sent and settles after its reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pix2cap.errors import BudgetReached


@dataclass(slots=True)
class Reservation:
    """Money set aside for one request in flight; `actual_usd` is filled in when its reply is there."""

    reserved_usd: float
    actual_usd: float = 0.0


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
