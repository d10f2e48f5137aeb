"""Paired differences: against a plain bootstrap, and on cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.evaluate.paired import Metric, Scored, gaps_of, intervals_of, mean_of
from pix2cap.metrics.bootstrap import Resamples

SCORES = np.array([0.1, 0.9, 0.4, 0.5, 0.2, 0.8])
ROWS = np.array([0, 0, 1, 2, 2, 3], np.int64)


def scored(scores: np.ndarray, *, value: float | None = None, label: str = "m") -> Scored:
    mean = float(scores.mean()) if value is None else value
    return Scored("x", "X", {}, [0, 1, 2, 3], {"m": Metric(label, mean, mean_of(scores, ROWS, 4))}, {})


def test_the_interval_is_that_of_a_plain_paired_bootstrap() -> None:
    other = SCORES + np.array([0.1, 0, 0.05, -0.1, 0.1, 0.0])
    gap = gaps_of(scored(SCORES), scored(other), samples=400, seed=3)["m"]
    weights = Resamples.draw(4, 400, 3).weights
    plain = []
    for draw in weights:
        items = [
            item for unit, times in enumerate(draw) for item in np.flatnonzero(unit == ROWS).tolist() * times
        ]
        plain.append(other[items].mean() - SCORES[items].mean())
    low, high = np.quantile(plain, [0.025, 0.975])
    assert gap.interval is not None
    assert tuple(gap.interval) == pytest.approx((low, high), abs=1e-12)
    assert gap.delta == pytest.approx(float((other - SCORES).mean()))
    assert not gap.is_clear


def test_pairing_makes_a_small_steady_gain_clear() -> None:
    gap = gaps_of(scored(SCORES), scored(SCORES + 0.01), samples=200, seed=0)["m"]
    assert gap.interval is not None and gap.is_clear
    assert tuple(gap.interval) == pytest.approx((0.01, 0.01))
    alone = intervals_of(scored(SCORES).metrics, 4, samples=200, seed=0)["m"]
    assert alone.high - alone.low > 0.1


@given(st.lists(st.floats(0, 1), min_size=6, max_size=6), st.integers(0, 5))
def test_nothing_differs_from_itself_and_signs_turn(values: list[float], seed: int) -> None:
    first, second = scored(SCORES), scored(np.array(values))
    same = gaps_of(first, first, samples=30, seed=seed)["m"]
    assert same.delta == 0 and same.interval is not None and tuple(same.interval) == (0, 0)
    there, back = (gaps_of(a, b, samples=30, seed=seed)["m"] for a, b in ((first, second), (second, first)))
    assert there.interval is not None and back.interval is not None
    assert there.delta == -(back.delta or 0)
    assert there.interval.low == pytest.approx(-back.interval.high, abs=1e-12)


def test_weights_of_items_count() -> None:
    resample = mean_of(np.array([1.0, 0.0]), np.array([0, 1]), 2, np.array([3.0, 1.0]))
    assert resample(np.array([[1.0, 1], [0, 2], [2, 1]])).tolist() == pytest.approx([0.75, 0, 6 / 7])
    assert np.isnan(resample(np.zeros((1, 2)))).all()


def test_what_cannot_be_told_says_why() -> None:
    silent = Scored("x", "X", {}, [0, 1, 2, 3], {"m": Metric("m", 0.5, None, "not stored")}, {})
    gap = gaps_of(silent, scored(SCORES), samples=10, seed=0)["m"]
    assert gap.delta == pytest.approx(float(SCORES.mean()) - 0.5) and gap.interval is None
    assert gap.why == "not stored" and not gap.is_clear
    absent = Scored("x", "X", {}, [0, 1, 2, 3], {"m": Metric("m", None, None, "no Java")}, {})
    assert gaps_of(absent, scored(SCORES), samples=10, seed=0)["m"].why == "no Java"
    bare = Scored("x", "X", {}, [0, 1, 2, 3], {}, {})
    assert "one of the two" in gaps_of(bare, scored(SCORES), samples=10, seed=0)["m"].why
    assert gaps_of(scored(SCORES), scored(SCORES), samples=0, seed=0)["m"].why == "no bootstrap"


def test_one_unit_has_no_interval() -> None:
    one = Scored(
        "x", "X", {}, [7], {"m": Metric("m", 0.5, mean_of(np.ones(1), np.zeros(1, np.int64), 1))}, {}
    )
    assert "fewer than two images" in gaps_of(one, one, samples=10, seed=0)["m"].why
    assert intervals_of(one.metrics, 1, samples=10, seed=0) == {}
