"""Learning rates over a run."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import AdamW

from pix2cap.train.schedule import rate_factor, set_rates, total_steps
from pix2cap.train.settings import ScheduleSettings


@pytest.mark.parametrize(
    ("step", "factor"),
    [(0, 1.0), (9, 1.0), (88_888, 1.0), (88_889, 0.1), (96_295, 0.1), (96_296, 0.01), (99_999, 0.01)],
)
def test_the_published_schedule_falls_twice(step: int, factor: float) -> None:
    assert rate_factor(ScheduleSettings(), step, 100_000) == pytest.approx(factor)


def test_warm_up_is_linear() -> None:
    settings = ScheduleSettings(warmup=10, warmup_factor=0.0)
    assert [rate_factor(settings, step, 1000) for step in (0, 5, 10, 11)] == pytest.approx([0, 0.5, 1, 1])
    settings = ScheduleSettings(warmup=4, warmup_factor=0.2)
    assert [rate_factor(settings, step, 1000) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])


def test_cosine_goes_from_one_to_the_end() -> None:
    settings = ScheduleSettings(kind="cosine", warmup=0, final=0.1)
    assert rate_factor(settings, 0, 101) == pytest.approx(1)
    assert rate_factor(settings, 50, 101) == pytest.approx(0.55)
    assert rate_factor(settings, 100, 101) == pytest.approx(0.1)


@given(
    st.integers(1, 500),
    st.integers(0, 20),
    st.sampled_from(["steps", "cosine"]),
    st.floats(0, 1),
)
def test_after_warm_up_the_rate_never_rises(total: int, warmup: int, kind: str, final: float) -> None:
    settings = ScheduleSettings(kind=kind, warmup=warmup, warmup_factor=0.1, final=final)  # type: ignore[arg-type]
    factors = [rate_factor(settings, step, total) for step in range(total)]
    assert all(0 <= factor <= 1 + 1e-12 for factor in factors)
    after = factors[warmup:]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(after))


def test_rates_are_those_of_the_groups_times_the_factor() -> None:
    weights = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    groups = [
        {"params": [w], "lr": lr, "initial_lr": lr} for w, lr in zip(weights, (1e-3, 1e-4), strict=True)
    ]
    optimizer = AdamW(groups)
    for _ in range(2):
        assert set_rates(optimizer, ScheduleSettings(), 95, 100) == pytest.approx(0.1)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([1e-4, 1e-5])


def test_steps_come_from_epochs_where_they_are_not_given() -> None:
    assert total_steps(ScheduleSettings(epochs=2), images=10, batch=4) == 5
    assert total_steps(ScheduleSettings(steps=7), images=10, batch=4) == 7
    assert total_steps(ScheduleSettings(epochs=0.01), images=10, batch=4) == 1
