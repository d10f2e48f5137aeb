"""Requests and tokens per minute, spread evenly: the generic cell rate algorithm without a burst."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


class RateBucket:
    """A quota of units per minute.

    Keeps one number, the time at which the next unit is free. A reservation moves it on at once and tells how
    long to wait, so callers are served in the order they came without a lock. Without a burst no window of a
    minute ever holds more than the quota (but for one reservation that is larger than the quota itself).

    Args:
        per_minute: Units a minute, above 0.
        clock: Seconds that only go forward.
    """

    def __init__(self, per_minute: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        if not per_minute > 0:
            raise ValueError(f"expected a rate above 0 a minute, got {per_minute}")
        self._seconds_a_unit = 60.0 / per_minute
        self._clock = clock
        self._free_at = clock()

    def reserve(self, units: float = 1.0) -> float:
        """Take units; seconds to wait before using them."""
        now = self._clock()
        start = max(now, self._free_at)
        self._free_at = start + units * self._seconds_a_unit
        return start - now

    def settle(self, extra_units: float) -> None:
        """Correct an earlier reservation: more units were used (positive) or fewer (negative)."""
        self._free_at += extra_units * self._seconds_a_unit


class RateLimit:
    """Both quotas of an endpoint; either may be absent.

    Args:
        requests_per_minute: None for no limit.
        tokens_per_minute: Input and output tokens together, None for no limit.
        clock: Seconds that only go forward.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._requests = RateBucket(requests_per_minute, clock=clock) if requests_per_minute else None
        self._tokens = RateBucket(tokens_per_minute, clock=clock) if tokens_per_minute else None
        self._sleep = sleep

    @property
    def counts_tokens(self) -> bool:
        """True where reservations need a token estimate."""
        return self._tokens is not None

    async def take(self, tokens: float = 0.0) -> None:
        """Wait for one request and its estimated tokens; a cancelled wait gives both back."""
        wait_s = max(
            self._requests.reserve() if self._requests else 0.0,
            self._tokens.reserve(tokens) if self._tokens else 0.0,
        )
        if wait_s <= 0:
            return
        try:
            await self._sleep(wait_s)
        except asyncio.CancelledError:
            if self._requests:
                self._requests.settle(-1.0)
            self.settle(-tokens)
            raise

    def settle(self, extra_tokens: float) -> None:
        """Correct the estimate by what the provider counted."""
        if self._tokens:
            self._tokens.settle(extra_tokens)
