"""Verdicts on a sample become rates and agreement, by stratum and weighted."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.annotate.sample import Sample, SampleItem
from pix2cap.annotate.verdicts import AXES, Verdict
from pix2cap.dataset.agreement import CAPTION, agreement_of, whole_caption
from pix2cap.dataset.judge_claims import Axis, Claim, Ruling
from pix2cap.dataset.judge_result import JudgedCaption, JudgeReport
from pix2cap.metrics.raters import wilson_interval

ANSWERS = ("yes", "no", "cannot tell", "not applicable")


def sample_of(strata: dict[tuple[str, str], tuple[int, int]]) -> Sample:
    """`(class, size)` to `(population, drawn)`."""
    items: list[SampleItem] = []
    for key, (_, drawn) in strata.items():
        for _ in range(drawn):
            n = len(items) + 1
            items.append(SampleItem(n, 1, n, key[0], f"A {key[0]}.", key, (1, 2)))
    population = {key: count for key, (count, _) in strata.items()}
    return Sample("s", 0, ("class", "size"), 9, 2, 0.5, population, tuple(items), "now", "run")


def verdict(seq: int, rater: str, item: int, answers: Sequence[str]) -> Verdict:
    return Verdict(seq, "", rater, "s", item, 1, item, *answers, "", None)


ALL_RIGHT = ("yes",) * 4


def test_rates_of_one_rater() -> None:
    sample = sample_of({("car", "small"): (100, 4), ("dog", "large"): (10, 2)})
    told = [ALL_RIGHT, ALL_RIGHT, ("no", *ALL_RIGHT[1:]), ("yes", "cannot tell", "yes", "not applicable")]
    verdicts = [verdict(n, "ada", n, answers) for n, answers in enumerate(told, start=1)]
    found = agreement_of(sample, verdicts)
    assert (found.items, found.rated, found.raters) == (6, 4, {"ada": 4})
    assert found.covered == pytest.approx(100 / 110)
    axes = found.overall.axes
    assert axes["object"].accepted.share == 0.75
    assert (axes["object"].accepted.low, axes["object"].accepted.high) == pytest.approx(wilson_interval(3, 4))
    assert (axes["attributes"].decided, axes["attributes"].accepted.share) == (3, 1)
    assert axes["place"].answers == {"yes": 3, "no": 0, "cannot tell": 0, "not applicable": 1}
    assert (axes[CAPTION].decided, axes[CAPTION].accepted.share) == (3, pytest.approx(2 / 3))
    assert axes["object"].alpha is None
    assert found.by["class"]["dog"].axes["object"].accepted.share is None
    assert (found.by["size"]["large"].population, found.by["size"]["large"].drawn) == (10, 2)
    assert json.loads(json.dumps(found.to_json())) == found.to_json()


def test_a_large_stratum_weighs_more() -> None:
    sample = sample_of({("car", "small"): (900, 2), ("dog", "small"): (100, 2)})
    told = [ALL_RIGHT, ALL_RIGHT, ("no",) * 4, ("no",) * 4]
    found = agreement_of(sample, [verdict(n, "ada", n, a) for n, a in enumerate(told, start=1)])
    rate = found.overall.axes["object"]
    assert rate.accepted.share == 0.5
    assert rate.weighted.share == pytest.approx(0.9)
    assert rate.weighted.low < 0.9 < rate.weighted.high
    # Unequal weights tell less than equal ones: the interval is wider than that of four items.
    low, high = wilson_interval(3.6, 4)
    assert rate.weighted.high - rate.weighted.low > high - low
    assert found.by["class"]["car"].axes["object"].weighted.share == 1
    assert found.by["size"]["small"].axes["object"].weighted.share == pytest.approx(0.9)


def test_equal_shares_need_no_weights() -> None:
    sample = sample_of({("car", "small"): (50, 5), ("dog", "small"): (50, 5)})
    verdicts = [verdict(n, "ada", n, ALL_RIGHT if n % 3 else ("no",) * 4) for n in range(1, 11)]
    rate = agreement_of(sample, verdicts).overall.axes["object"]
    assert rate.weighted.share == pytest.approx(rate.accepted.share)
    assert rate.weighted.low == pytest.approx(rate.accepted.low)


def test_two_raters_and_their_agreement() -> None:
    sample = sample_of({("car", "small"): (8, 4)})
    ada = ["yes", "yes", "no", "cannot tell"]
    bob = ["yes", "no", "no", "cannot tell"]
    verdicts = [verdict(n, "ada", n, (a, *ALL_RIGHT[1:])) for n, a in enumerate(ada, start=1)]
    verdicts += [verdict(10 + n, "bob", n, (a, *ALL_RIGHT[1:])) for n, a in enumerate(bob, start=1)]
    axis = agreement_of(sample, verdicts).overall.axes["object"]
    assert axis.rated_twice == 4
    assert axis.agreeing == 0.75
    # Values yes 3, no 3, cannot tell 2: observed 2/8, expected (64 - 22) / (8 * 7).
    assert axis.alpha == pytest.approx(1 - (2 / 8) / (42 / 56))
    assert (axis.decided, axis.accepted.share) == (3, 0.5)
    assert agreement_of(sample, verdicts).overall.axes["place"].alpha is None


def test_verdicts_about_something_else_are_left_out() -> None:
    sample = sample_of({("car", "small"): (2, 2)})
    wrong = Verdict(1, "", "ada", "s", 1, 1, 77, *ALL_RIGHT, "", None)
    assert agreement_of(sample, [wrong, verdict(2, "ada", 99, ALL_RIGHT)]).rated == 0
    assert agreement_of(sample, []).overall.axes["object"].accepted.share is None


@pytest.mark.parametrize(
    ("answers", "whole"),
    [
        (ALL_RIGHT, "yes"),
        (("yes", "not applicable", "yes", "yes"), "yes"),
        (("yes", "no", "cannot tell", "yes"), "no"),
        (("yes", "yes", "cannot tell", "yes"), "cannot tell"),
    ],
)
def test_the_caption_as_a_whole(answers: Sequence[str], whole: str) -> None:
    assert whole_caption(verdict(1, "ada", 1, answers)) == whole


def test_against_a_judge() -> None:
    sample = sample_of({("car", "small"): (3, 3)})
    verdicts = [verdict(n, "ada", n, ALL_RIGHT if n > 1 else ("no",) * 4) for n in (1, 2, 3)]
    judged = tuple(
        JudgedCaption(1, n, "A car." if n < 3 else "Another text.", (Claim(Axis.OBJECT, "car", ruling, ""),))
        for n, ruling in ((1, Ruling.NO), (2, Ruling.YES), (3, Ruling.YES))
    )
    found = agreement_of(sample, verdicts, judge=JudgeReport("d", "m", "p", "", judged)).judge
    assert found is not None
    assert (found.captions, found.unjudged) == (2, 1)
    assert (found.axes["object"].accuracy, found.axes["object"].caught) == (1, 1)
    assert found.axes["place"].decided == 0


answer_rows = st.tuples(*[st.sampled_from(ANSWERS)] * len(AXES))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["ada", "bob"]), st.integers(1, 6), answer_rows), max_size=12))
def test_strata_add_up_and_shares_lie_in_their_intervals(
    rows: list[tuple[str, int, tuple[str, ...]]],
) -> None:
    sample = sample_of({("car", "small"): (50, 3), ("dog", "small"): (7, 2), ("dog", "large"): (1, 1)})
    latest = {(rater, item): answers for rater, item, answers in rows}
    verdicts = [verdict(n, *key, answers) for n, (key, answers) in enumerate(latest.items(), start=1)]
    found = agreement_of(sample, verdicts)
    for axis in (*AXES, CAPTION):
        parts = [group.axes[axis] for _, group in found.strata]
        whole = found.overall.axes[axis]
        assert sum(part.decided for part in parts) == whole.decided
        assert sum(whole.answers.values()) == len(verdicts)
        for rate in (whole.accepted, whole.weighted, *(part.weighted for part in parts)):
            if rate.share is not None:
                assert -1e-9 <= rate.low - 1e-9 <= rate.share <= rate.high + 1e-9 <= 1 + 1e-8
        for groups in found.by.values():
            assert sum(group.axes[axis].decided for group in groups.values()) == whole.decided
    assert sum(group.population for _, group in found.strata) == found.overall.population == 58
