"""Differences between two results on the same images, by a paired bootstrap over images.

Two models are scored on the same pictures, and a picture that is hard for one is hard for the other: the
interval of a difference is much narrower than the two intervals side by side suggest (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapter 8).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pix2cap.evaluate.result import Interval, PanopticCaptioningResult

PER_PAIR = ("rouge_l", "cider", "spice", "spice_sg")
"""Caption metrics whose corpus score is the mean over pairs (METEOR's and BLEU's are not)."""

_WEIGHTED = ("meteor", "rouge_l")
_LEVEL = 95.0
_BATCH = 64

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """Second minus first.

    Args:
        delta: On the scale of the score.
        interval: 95 % of the bootstrap's differences.
    """

    delta: float
    interval: Interval

    @property
    def is_clear(self) -> bool:
        """The interval does not hold 0."""
        return self.interval.low > 0 or self.interval.high < 0


@dataclass(frozen=True)
class Comparison:
    """Differences by path, or why there are none.

    Args:
        differences: Path of the score to its difference; only scores that follow from counts and pairs.
        obstacle: Why the results cannot be paired, None where they can.
    """

    differences: Mapping[str, Difference]
    obstacle: str | None = None


def compare(
    first: PanopticCaptioningResult,
    second: PanopticCaptioningResult,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Bootstrap the difference of every score that counts by image and pairs determine.

    Args:
        first: The baseline; needs `per_image`.
        second: On the same ground truth, in the same mode.
        samples: Of the bootstrap.
        seed: The same seed gives the same intervals.
    """
    obstacle = _obstacle(first, second)
    if obstacle is not None:
        return Comparison({}, obstacle)
    ids = sorted(image.image_id for image in first.per_image)
    sums = (_Sums.of(first, ids), _Sums.of(second, ids))
    rng = np.random.default_rng(seed)
    ones = np.ones((1, len(ids)))
    at = [s.scores(ones) for s in sums]
    drawn: list[list[dict[str, Floats]]] = [[], []]
    for start in range(0, samples, _BATCH):
        count = min(_BATCH, samples - start)
        weights = rng.multinomial(len(ids), np.full(len(ids), 1 / len(ids)), size=count).astype(np.float64)
        for side, s in enumerate(sums):
            drawn[side].append(s.scores(weights))
    differences = {}
    for path in at[0].keys() & at[1].keys():
        a, b = (np.concatenate([batch[path] for batch in side]) for side in drawn)
        spread = (b - a)[np.isfinite(b - a)]
        delta = float(at[1][path][0] - at[0][path][0])
        if spread.size and np.isfinite(delta):
            low, high = np.percentile(spread, [(100 - _LEVEL) / 2, (100 + _LEVEL) / 2])
            differences[path] = Difference(delta, Interval(float(low), float(high)))
    return Comparison(dict(sorted(differences.items())))


def _obstacle(first: PanopticCaptioningResult, second: PanopticCaptioningResult) -> str | None:
    if first.mode != second.mode:
        return "the results are of different modes"
    if first.mode == "reference":
        return "reference mode is for the released numbers, which have no intervals"
    if not first.per_image or not second.per_image:
        return "a result was stored without its counts by image"
    truths = [
        {i.image_id: {c: n.tp + n.fn for c, n in i.categories.items() if n.tp + n.fn} for i in r.per_image}
        for r in (first, second)
    ]
    if truths[0].keys() != truths[1].keys():
        return "the results are of different images"
    return None if truths[0] == truths[1] else "the results are of different ground truths"


class ResampledScores:
    """What scores of a result are on resamples of its images.

    Args:
        result: With `per_image`.
        image_ids: Of all its images, in the order of the resamples' columns.

    Attributes:
        paths: Of the scores that counts by image and pairs determine.
    """

    def __init__(self, result: PanopticCaptioningResult, image_ids: Sequence[int]) -> None:
        self._sums = _Sums.of(result, image_ids)
        self._known: dict[bytes, dict[str, Floats]] = {}
        self.paths = frozenset(self(np.ones((1, len(image_ids)))))

    def __call__(self, weights: Floats) -> Mapping[str, Floats]:
        """Path to `(S,)` scores of `(S, N)` weights; the same weights are worked out once."""
        key = hashlib.sha256(weights.tobytes()).digest()
        if key not in self._known:
            parts = [self._sums.scores(weights[at : at + _BATCH]) for at in range(0, len(weights), _BATCH)]
            self._known[key] = {path: np.concatenate([part[path] for part in parts]) for path in parts[0]}
        return self._known[key]


@dataclass(frozen=True)
class _Sums:
    """What scores are ratios of, by image.

    Args:
        counts: `(N, C, 4)`: TP, FP, FN and sum of IoU by image and category.
        things: `(C,)` bool.
        pairs: Metric name to `(N, 3)`: sum of scores, sum of IoU x score, number of pairs that have it.
    """

    counts: Floats
    things: NDArray[np.bool_]
    pairs: Mapping[str, Floats]

    @classmethod
    def of(cls, result: PanopticCaptioningResult, ids: Sequence[int]) -> _Sums:
        """Gather the sums of one result, images in the order of `ids`."""
        row = {image_id: number for number, image_id in enumerate(ids)}
        categories = sorted(result.per_category.keys() | {c for i in result.per_image for c in i.categories})
        place = {category: number for number, category in enumerate(categories)}
        counts = np.zeros((len(ids), len(categories), 4))
        for image in result.per_image:
            for category, numbers in image.categories.items():
                counts[row[image.image_id], place[category]] = numbers
        things = np.array([c in result.per_category and result.per_category[c].is_thing for c in categories])
        pairs: dict[str, Floats] = {}
        for pair in result.pairs:
            for metric, score in pair.scores.items():
                if score is not None:
                    into = pairs.setdefault(metric, np.zeros((len(ids), 3)))
                    into[row[pair.image_id]] += (score, pair.iou * score, 1)
        return cls(counts, things.astype(bool), pairs)

    def scores(self, weights: Floats) -> dict[str, Floats]:
        """Scores of resamples.

        Args:
            weights: `(S, N)`: how often each image was drawn.

        Returns:
            Path to `(S,)`; NaN where a resample has nothing to divide by.
        """
        images, categories, _ = self.counts.shape
        total = (weights @ self.counts.reshape(images, -1)).reshape(-1, categories, 4)
        tp, fp, fn, iou_sum = np.moveaxis(total, 2, 0)
        whole = tp + fp / 2 + fn / 2
        found: dict[str, Floats] = {}
        with np.errstate(divide="ignore", invalid="ignore"):
            each = {
                "pq": iou_sum / whole,
                "sq": np.where(tp > 0, iou_sum / tp, 0.0),
                "rq": tp / whole,
            }
            for group, chosen in (("all", slice(None)), ("things", self.things), ("stuff", ~self.things)):
                present = whole[:, chosen] > 0
                for name, values in each.items():
                    summed = np.where(present, values[:, chosen], 0.0).sum(axis=1)
                    found[f"panoptic.{group}.{name}"] = summed / present.sum(axis=1)
            for metric, by_image in self.pairs.items():
                plain, weighted, number = (weights @ by_image).T
                if metric in PER_PAIR:
                    found[f"captions.{metric}"] = plain / number
                if metric in _WEIGHTED:
                    found[f"caption_pq.{metric}"] = weighted / whole.sum(axis=1)
        return found
