from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.vlm.rate_limit import RateBucket, RateLimit


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def test_units_are_spread_evenly():
    time = FakeTime()
    bucket = RateBucket(60, clock=time.clock)
    assert [bucket.reserve() for _ in range(4)] == [0.0, 1.0, 2.0, 3.0]
    time.now += 10
    assert [bucket.reserve() for _ in range(2)] == [0.0, 1.0]


@given(st.lists(st.floats(0, 30), min_size=1, max_size=80), st.integers(1, 40))
def test_no_minute_holds_more_than_the_quota(gaps, per_minute):
    time = FakeTime()
    bucket = RateBucket(per_minute, clock=time.clock)
    starts = []
    for gap in gaps:
        time.now += gap
        starts.append(time.now + bucket.reserve())
    for start in starts:
        assert sum(start <= other < start + 60 - 1e-6 for other in starts) <= per_minute


def test_settling_gives_back_and_takes_more():
    time = FakeTime()
    bucket = RateBucket(600, clock=time.clock)
    bucket.reserve(100)
    bucket.settle(-50)
    assert bucket.reserve(0) == pytest.approx(5.0)
    bucket.settle(+20)
    assert bucket.reserve(0) == pytest.approx(7.0)


async def test_the_slower_quota_counts():
    time = FakeTime()
    limit = RateLimit(60, 6000, clock=time.clock, sleep=time.sleep)
    for _ in range(3):
        await limit.take(tokens=500)
    assert time.waits == [5.0, 5.0]
    assert limit.counts_tokens


async def test_two_limits_do_not_slow_each_other_and_one_shared_does():
    time = FakeTime()
    one, two = (RateLimit(60, clock=time.clock, sleep=time.sleep) for _ in range(2))
    await one.take()
    await two.take()
    assert time.waits == []
    await one.take()
    assert time.waits == [1.0]


async def test_a_cancelled_wait_gives_its_share_back():
    asleep = asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    time = FakeTime()
    limit = RateLimit(60, 600, clock=time.clock, sleep=sleep)
    await limit.take(10)
    task = asyncio.create_task(limit.take(10))
    await asleep.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    limit_waits = limit._requests.reserve(), limit._tokens.reserve()  # type: ignore[union-attr]
    assert limit_waits == (1.0, 1.0)


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_rates_must_be_positive(rate):
    with pytest.raises(ValueError, match="above 0"):
        RateBucket(rate)
