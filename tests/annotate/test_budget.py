"""The budget reserves before a request and settles after it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.annotate.budget import Budget
from pix2cap.errors import BudgetReached


async def test_refuses_what_does_not_fit_when_nothing_is_in_flight():
    budget = Budget(1.0, spent_usd=0.95)
    with pytest.raises(BudgetReached, match=r"\$1\.0000 is reached: \$0\.9500 spent"):
        async with budget.reserve(0.1):
            pytest.fail("the body must not run")
    assert budget.reserved_usd == 0


async def test_waits_for_money_that_comes_back():
    budget = Budget(1.0)
    entered = asyncio.Event()
    release = asyncio.Event()

    async def first() -> None:
        async with budget.reserve(0.9) as reservation:
            entered.set()
            await release.wait()
            reservation.actual_usd = 0.1

    task = asyncio.create_task(first())
    await entered.wait()

    async def second() -> float:
        async with budget.reserve(0.5):
            return budget.reserved_usd

    waiting = asyncio.create_task(second())
    await asyncio.sleep(0)
    assert not waiting.done()
    release.set()
    assert await waiting == pytest.approx(0.5)
    await task
    assert budget.spent_usd == pytest.approx(0.1)


async def test_no_limit_never_refuses():
    budget = Budget(None)
    async with budget.reserve(1e9) as reservation:
        reservation.actual_usd = 1e9
    assert budget.spent_usd == 1e9


async def test_an_error_inside_gives_the_reservation_back():
    budget = Budget(1.0)
    with pytest.raises(ValueError, match="lost"):
        async with budget.reserve(0.7):
            raise ValueError("lost")
    assert (budget.reserved_usd, budget.spent_usd) == (0, 0)


@given(
    limit=st.floats(0.1, 5),
    costs=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=25),
)
def test_never_spends_more_than_the_limit(limit, costs):
    async def spend_all() -> Budget:
        budget = Budget(limit)

        async def one(high: float, share: float) -> None:
            async with budget.reserve(high) as reservation:
                assert budget.spent_usd + budget.reserved_usd <= limit + 1e-9
                await asyncio.sleep(0)
                reservation.actual_usd = high * share

        await asyncio.gather(*(one(h, s) for h, s in costs), return_exceptions=True)
        return budget

    budget = asyncio.run(spend_all())
    assert budget.spent_usd <= limit + 1e-9
    assert budget.reserved_usd == pytest.approx(0, abs=1e-9)
