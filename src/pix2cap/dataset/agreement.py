"""How many captions people find right, and how far the people agree: overall, by stratum, against a judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pix2cap.annotate.decisions import DecisionLog
from pix2cap.annotate.sample import Sample, SampleItem, Stratum, read_sample
from pix2cap.annotate.verdicts import AXES, AxisAnswer, Verdict
from pix2cap.dataset.judge_agreement import JudgeAgreement, judge_against_people
from pix2cap.dataset.judge_result import JudgeReport
from pix2cap.metrics.raters import agreeing_share, effective_trials, krippendorff_alpha, wilson_interval

CAPTION: Final = "caption"
"""The caption as a whole: right where nothing in it is wrong and everything could be told."""

_YES, _NO, _CANNOT = str(AxisAnswer.YES), str(AxisAnswer.NO), str(AxisAnswer.CANNOT_TELL)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with Wilson's 95 % interval; None where nothing was decided."""

    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class AxisResult:
    """One question over some items.

    Args:
        items: Items with a verdict.
        decided: Those to which somebody said yes or no.
        answers: Answers of all raters, by what they say.
        accepted: Share of the decided that are right, every item counting alike; where raters of one item
            differ, it is right to the share that says so.
        weighted: The same, every item standing for the captions of its stratum. The interval is that of the
            effective number of items (Kish).
        rated_twice: Items with two raters or more.
        agreeing: Share of pairs of raters that gave the same of the four answers.
        alpha: Krippendorff's alpha (nominal) over the four answers; None where there is nothing to agree on.
    """

    items: int
    decided: int
    answers: dict[str, int]
    accepted: Rate
    weighted: Rate
    rated_twice: int
    agreeing: float | None
    alpha: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """All questions over the items of one kind.

    Args:
        population: Captions of this kind in the run.
        drawn: Items of this kind in the sample.
        axes: Question to result, the caption as a whole last.
    """

    population: int
    drawn: int
    axes: dict[str, AxisResult]


@dataclass(frozen=True)
class Agreement:
    """What the verdicts on one sample come to.

    Args:
        sample: Name of the sample.
        raters: Name to how many items they rated.
        items: Items of the sample.
        rated: Those with a verdict.
        covered: Share of the run's captions whose stratum has a rated item: what `weighted` speaks of.
        overall: All items.
        by: Dimension (`class`, `size`, ...) to value to its items.
        strata: Every stratum that was drawn from, with the values that make it.
        judge: Against a judge, where one was given.
    """

    sample: str
    raters: dict[str, int]
    items: int
    rated: int
    covered: float
    overall: Group
    by: dict[str, dict[str, Group]]
    strata: list[tuple[dict[str, str], Group]]
    judge: JudgeAgreement | None = None

    def to_json(self) -> dict[str, Any]:
        """The record as `dataset agreement --format json` prints it."""
        return {
            "sample": self.sample,
            "raters": self.raters,
            "items": self.items,
            "rated": self.rated,
            "covered": self.covered,
            "overall": asdict(self.overall),
            "by": {
                name: {value: asdict(group) for value, group in groups.items()}
                for name, groups in self.by.items()
            },
            "strata": [{"stratum": values, **asdict(group)} for values, group in self.strata],
            "judge": None if self.judge is None else self.judge.to_json(),
        }


def measure_agreement(
    run_dir: str | Path, *, sample: str | None = None, judge: str | Path | None = None
) -> Agreement:
    """Work out what people found on a frozen sample.

    Args:
        run_dir: The run folder.
        sample: The sample's name; None for the only one.
        judge: `judge.json` of `dataset check --judge`, or its folder: compared with the people.

    Raises:
        UsageError: No such sample.
        InputError: The run, sample or judge's file cannot be read.

    Example:
        >>> measure_agreement("run").overall.axes["object"].accepted.share  # doctest: +SKIP
        0.94
    """
    run_path = Path(run_dir)
    frozen = read_sample(run_path, sample)
    with DecisionLog(run_path, writable=False) as log:
        verdicts = log.verdicts(frozen.name)
    report = None if judge is None else JudgeReport.read(Path(judge))
    return agreement_of(frozen, verdicts, judge=report)


def agreement_of(
    sample: Sample, verdicts: Sequence[Verdict], *, judge: JudgeReport | None = None
) -> Agreement:
    """The same from verdicts at hand; verdicts on something that is not in the sample are left out."""
    rated: dict[int, list[Verdict]] = {}
    for verdict in verdicts:
        item = sample.by_number.get(verdict.item)
        if item is not None and (item.image_id, item.segment_id) == (verdict.image_id, verdict.segment_id):
            rated.setdefault(item.item, []).append(verdict)
    measure = _Measure(sample, rated)
    hit = {sample.by_number[number].stratum for number in rated}
    everything = sum(sample.population.values())
    groups = {
        name: {
            value: measure.group(lambda key, at=at, value=value: key[at] == value)  # type: ignore[misc]
            for value in sorted({key[at] for key in sample.population})
        }
        for at, name in enumerate(sample.by)
    }
    strata = [
        (dict(zip(sample.by, key, strict=True)), measure.group(lambda other, key=key: other == key))  # type: ignore[misc]
        for key in sorted(sample.population)
    ]
    kept = [verdict for given in rated.values() for verdict in given]
    compared = None
    if judge is not None:
        texts = {(item.image_id, item.segment_id): item.text for item in sample.items}
        compared = judge_against_people(kept, judge, texts=texts)
    return Agreement(
        sample.name,
        dict(sorted(Counter(verdict.reviewer for verdict in kept).items())),
        len(sample.items),
        len(rated),
        sum(sample.population[key] for key in hit) / everything if everything else 0.0,
        measure.group(lambda key: True),
        groups,
        strata,
        compared,
    )


class _Measure:
    """Results over any union of strata.

    Args:
        sample: The sample.
        rated: Item number to its verdicts.
    """

    def __init__(self, sample: Sample, rated: Mapping[int, Sequence[Verdict]]) -> None:
        self._sample = sample
        self._rated = rated

    def group(self, wanted: Callable[[Stratum], bool]) -> Group:
        """The items whose stratum is wanted."""
        sample = self._sample
        items = [item for item in sample.items if wanted(item.stratum) and item.item in self._rated]
        axes = {axis: self._axis(items, lambda v, axis=axis: v.answer(axis)) for axis in AXES}  # type: ignore[misc]
        axes[CAPTION] = self._axis(items, whole_caption)
        return Group(
            sum(count for key, count in sample.population.items() if wanted(key)),
            sum(wanted(item.stratum) for item in sample.items),
            axes,
        )

    def _axis(self, items: Sequence[SampleItem], answer: Callable[[Verdict], str]) -> AxisResult:
        given = [(item, [answer(verdict) for verdict in self._rated[item.item]]) for item in items]
        decided = [(item, share) for item, told in given if (share := _share_right(told)) is not None]
        per_stratum = Counter(item.stratum for item, _ in decided)
        weights = [self._sample.population[i.stratum] / per_stratum[i.stratum] for i, _ in decided]
        shares = [share for _, share in decided]
        values = [told for _, told in given]
        return AxisResult(
            len(given),
            len(decided),
            {str(kind): sum(told.count(str(kind)) for told in values) for kind in AxisAnswer},
            _rate(shares, [1.0] * len(shares)),
            _rate(shares, weights),
            sum(len(told) > 1 for told in values),
            agreeing_share(values),
            krippendorff_alpha(values),
        )


def whole_caption(verdict: Verdict) -> str:
    """What a verdict says of the caption as a whole.

    Wrong where one answer is no; else open where one thing could not be told; else right.
    """
    answers = {verdict.answer(axis) for axis in AXES}
    return _NO if _NO in answers else _CANNOT if _CANNOT in answers else _YES


def _share_right(answers: Iterable[str]) -> float | None:
    """Share of those who decided that say yes; None where nobody decided."""
    counts = Counter(answers)
    decided = counts[_YES] + counts[_NO]
    return counts[_YES] / decided if decided else None


def _rate(shares: Sequence[float], weights: Sequence[float]) -> Rate:
    total = sum(weights)
    if not total:
        return Rate(None, None, None)
    share = sum(s * w for s, w in zip(shares, weights, strict=True)) / total
    trials = effective_trials(weights)
    interval = wilson_interval(share * trials, trials)
    low, high = interval or (None, None)
    return Rate(share, low, high)
