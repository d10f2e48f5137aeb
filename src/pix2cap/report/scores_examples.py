"""Which captions a score report shows: the best, the worst, and those on which results differ most."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pix2cap.evaluate.result import MatchedPair, PanopticCaptioningResult
from pix2cap.report.tally import FUNCTION_WORDS

METRICS = ("meteor", "rouge_l", "cider", "spice_sg", "spice")
"""By which pairs are ranked: the first that every result has."""

_WORD = re.compile(r"\w+(?:['’]\w+)*")

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Example:
    """One segment of the ground truth and what each result says of it.

    Args:
        image_id: Of the image.
        segment_id: Id in the ground truth's map.
        category_id: Of the segment.
        gt_caption: The ground truth's caption.
        answers: One a result; None where it matched nothing to this segment.
        value: What it was ranked by.
    """

    image_id: int
    segment_id: int
    category_id: int
    gt_caption: str
    answers: tuple[MatchedPair | None, ...]
    value: float


@dataclass(frozen=True)
class Examples:
    """Chosen examples.

    Args:
        metric: By which they were ranked; None where no result has scores by pair.
        worst: Lowest mean over the results that matched the segment.
        best: Highest mean.
        apart: Largest spread between results.
        silent: For each result, matched segments whose ground truth has words and the prediction none.
    """

    metric: str | None
    worst: tuple[Example, ...]
    best: tuple[Example, ...]
    apart: tuple[Example, ...]
    silent: tuple[int, ...]


def choose_examples(results: Sequence[PanopticCaptioningResult], *, count: int = 12) -> Examples:
    """Pick what to show; the same results give the same examples.

    Segments without a word on either side teach nothing here: they are counted in `silent`, not shown.
    One image gives a second example only when all others have given one.

    Args:
        results: Of one ground truth, otherwise segments of the first are shown with gaps.
        count: Most examples of each kind.
    """
    silent = tuple(
        sum(_has_words(p.gt_caption) and not _has_words(p.pred_caption) for p in r.pairs) for r in results
    )
    metric = ranking_metric(results)
    if metric is None:
        return Examples(None, (), (), (), silent)
    found = [e for e in _merge(results, metric) if any(e.answers)]
    apart = [e for e in (_apart(e, metric) for e in found) if e is not None and e.value > 0]
    return Examples(
        metric,
        _take(found, count, key=lambda e: (e.value, -_iou(e), e.image_id, e.segment_id)),
        _take(found, count, key=lambda e: (-e.value, -len(e.gt_caption), e.image_id, e.segment_id)),
        _take(apart, count, key=lambda e: (-e.value, e.image_id, e.segment_id)),
        silent,
    )


def ranking_metric(results: Sequence[PanopticCaptioningResult]) -> str | None:
    """The first of `METRICS` that the pairs of every result carry."""
    for metric in METRICS:
        if all(any(p.scores.get(metric) is not None for p in r.pairs) for r in results):
            return metric
    return None


def _has_words(text: str) -> bool:
    return _WORD.search(text) is not None


def _merge(results: Sequence[PanopticCaptioningResult], metric: str) -> list[Example]:
    answers: dict[Key, list[MatchedPair | None]] = {}
    for number, result in enumerate(results):
        for pair in result.pairs:
            if not _has_words(pair.gt_caption):
                continue
            row = answers.setdefault((pair.image_id, pair.gt_segment_id), [None] * len(results))
            row[number] = pair
    examples = []
    for (image_id, segment_id), row in answers.items():
        told = [pair for pair in row if pair is not None]
        scores = [s for p in told if _has_words(p.pred_caption) and (s := p.scores.get(metric)) is not None]
        if scores:
            value = sum(scores) / len(scores)
            first = told[0]
            examples.append(
                Example(image_id, segment_id, first.category_id, first.gt_caption, tuple(row), value)
            )
    return examples


def _apart(example: Example, metric: str) -> Example | None:
    """The same, ranked by the spread of its scores; None with fewer than two."""
    scores = [s for pair in example.answers if pair and (s := pair.scores.get(metric)) is not None]
    if len(scores) < 2:
        return None
    spread = max(scores) - min(scores)
    return Example(
        example.image_id, example.segment_id, example.category_id, example.gt_caption, example.answers, spread
    )


def _iou(example: Example) -> float:
    return max(pair.iou for pair in example.answers if pair is not None)


def _take(
    examples: Iterable[Example], count: int, *, key: Callable[[Example], tuple[float, ...]]
) -> tuple[Example, ...]:
    """The first of each image in order, then the second of each, until there are enough."""
    seen: dict[int, int] = {}
    ranked = []
    for place, example in enumerate(sorted(examples, key=key)):
        turn = seen[example.image_id] = seen.get(example.image_id, -1) + 1
        ranked.append((turn, place, example))
    chosen = sorted(ranked, key=lambda item: item[:2])[:count]
    return tuple(example for _, _, example in sorted(chosen, key=lambda item: item[1]))


def shared_words(text: str, other: str) -> list[tuple[str, bool]]:
    """Cut a caption into stretches, each with whether it is a word that the other caption has too.

    English function words do not count. The stretches joined give the caption back.

    Example:
        >>> shared_words("A red dog.", "The dog")
        [('A red ', False), ('dog', True), ('.', False)]
    """
    known = {match.group().casefold() for match in _WORD.finditer(other)} - FUNCTION_WORDS
    stretches: list[tuple[str, bool]] = []
    at = 0
    for match in _WORD.finditer(text):
        if match.group().casefold() not in known:
            continue
        if match.start() > at:
            stretches.append((text[at : match.start()], False))
        stretches.append((match.group(), True))
        at = match.end()
    return [*stretches, (text[at:], False)] if at < len(text) else stretches


def pair_scores(pair: MatchedPair, factors: Mapping[str, tuple[str, int, int]]) -> list[tuple[str, str]]:
    """Label and shown number of each score of a pair, in the order of `factors`.

    Args:
        pair: With scores.
        factors: Metric name to (label, factor, decimals).
    """
    shown = []
    for metric, (label, factor, digits) in factors.items():
        score = pair.scores.get(metric)
        if score is not None:
            shown.append((label, f"{score * factor:.{digits}f}"))
    return shown
