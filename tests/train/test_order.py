"""Order: every pass has every sample once, and going on anywhere is going on exactly."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.train.order import BatchOrder, OrderState, SampleKey


def _keys(order: BatchOrder, batches: int) -> list[SampleKey]:
    return [key for batch in islice(order, batches) for key in batch]


@given(st.integers(1, 30), st.integers(1, 9), st.integers(0, 5), st.integers(1, 3))
def test_each_pass_has_each_sample_once(length: int, batch: int, seed: int, devices: int) -> None:
    orders = [BatchOrder(length, batch, seed=seed, rank=r, devices=devices) for r in range(devices)]
    steps = -(-3 * length // (batch * devices))
    counts = Counter(key for order in orders for key in _keys(order, steps))
    assert all(counts[SampleKey(epoch, number)] == 1 for epoch in range(3) for number in range(length))
    assert max(counts.values()) == 1


@given(st.integers(1, 30), st.integers(1, 9), st.integers(0, 40), st.integers(1, 9), st.integers(1, 3))
def test_going_on_repeats_and_misses_nothing(
    length: int, batch: int, done: int, new_batch: int, devices: int
) -> None:
    whole = BatchOrder(length, 1, seed=3)
    first = [BatchOrder(length, batch, seed=3, rank=r, devices=devices) for r in range(devices)]
    state = first[0].state_after(done)
    assert all(order.state_after(done) == state for order in first)
    used = done * batch * devices
    rest = BatchOrder(length, new_batch, seed=3, start=state)
    assert _keys(rest, 5) == _keys(whole, used + 5 * new_batch)[used:]


def test_passes_and_seeds_differ_and_are_repeatable() -> None:
    order = BatchOrder(50, 10, seed=1)
    passes = [[k.number for k in _keys(order, 15)[50 * e : 50 * e + 50]] for e in range(3)]
    assert passes[0] != passes[1] != passes[2] != passes[0]
    assert passes[0] != list(range(50))
    assert _keys(BatchOrder(50, 10, seed=1), 15) == _keys(order, 15)
    assert _keys(BatchOrder(50, 10, seed=2), 5) != _keys(order, 5)
    assert order.batch(7) == _keys(order, 8)[70:]


def test_without_shuffling_the_set_s_own_order() -> None:
    keys = _keys(BatchOrder(3, 2, seed=0, shuffle=False), 3)
    assert keys == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize(
    "numbers",
    [
        {"length": 0},
        {"batch_size": 0},
        {"seed": -1},
        {"rank": 2, "devices": 2},
        {"start": OrderState(0, 5)},
        {"start": OrderState(-1, 0)},
    ],
)
def test_numbers_that_make_no_sense(numbers: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        BatchOrder(**{"length": 5, "batch_size": 2, "seed": 0, **numbers})  # type: ignore[arg-type]
