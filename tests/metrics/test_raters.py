"""Numbers about raters against published and independent ones."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from pix2cap.metrics.raters import agreeing_share, effective_trials, krippendorff_alpha, wilson_interval

# K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), sections C and B/A: data and results.
FOUR_RATERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
TWO_NOMINAL = ("a a b b d c c c e d d a", "b a b b b c c c e d d d")
TWO_BINARY = ("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0")


def units(rows):
    columns = zip(*(row.split() for row in rows), strict=True)
    return [[value for value in column if value != "."] for column in columns]


@pytest.mark.parametrize(("rows", "alpha"), [(FOUR_RATERS, 0.743), (TWO_NOMINAL, 0.692), (TWO_BINARY, 0.095)])
def test_alpha_as_published(rows, alpha):
    assert krippendorff_alpha(units(rows)) == pytest.approx(alpha, abs=5e-4)


@pytest.mark.parametrize("rows", [[], [["a"], ["b"]], [["a", "a"], ["a", "a", "a"]]])
def test_nothing_to_agree_on(rows):
    assert krippendorff_alpha(rows) is None


def test_systematic_disagreement_is_below_chance():
    assert krippendorff_alpha([["a", "b"], ["b", "a"], ["a", "b"]]) < 0


values = st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=8)


@given(values)
def test_alpha_is_pairs_against_pairs(rows):
    """The same from its definition: disagreement within units over disagreement among all values."""
    paired = [row for row in rows if len(row) > 1]
    pool = [value for row in paired for value in row]
    among = [a != b for a, b in itertools.permutations(pool, 2)]
    alpha = krippendorff_alpha(rows)
    if not any(among):
        assert alpha is None
        return
    within = sum(sum(a != b for a, b in itertools.permutations(row, 2)) / (len(row) - 1) for row in paired)
    assert alpha == pytest.approx(1 - (within / len(pool)) / (sum(among) / len(among)))
    assert alpha == pytest.approx(krippendorff_alpha(list(reversed(rows))))
    assert (agreeing_share(rows) == 1) == (alpha == pytest.approx(1))


@given(st.integers(1, 500), st.data())
def test_wilson_is_scipys(trials, data):
    successes = data.draw(st.integers(0, trials))
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_without_trials_and_with_too_many_successes():
    assert wilson_interval(0, 0) is None
    with pytest.raises(ValueError, match="expected 0 to 3 successes, got 4"):
        wilson_interval(4, 3)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=20))
def test_weights_never_tell_more_than_the_items_do(weights):
    assert effective_trials(weights) <= len(weights) * (1 + 1e-9)
    assert effective_trials([w * 3 for w in weights]) == pytest.approx(effective_trials(weights))
