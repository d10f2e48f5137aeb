"""Differences between two sets of scores on the same units, by a paired bootstrap.

A unit is what is drawn with replacement: an image with all its captions, or a question. A metric says what
it would be on any resample of units; both results are looked at on the same resamples, so that a unit that
is hard for one is drawn for the other too (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
chapter 8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pix2cap.evaluate.result import Interval
from pix2cap.metrics.bootstrap import Resamples, percentile_interval, ratios

Floats = NDArray[np.float64]
Resample = Callable[[Floats], Floats]
"""`(S, U)` how often each unit was drawn in each resample, to `(S,)` scores; NaN where undefined."""

_BATCH_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Metric:
    """One score of a result.

    Args:
        label: As tables show it.
        value: The result's own number; None where it is missing.
        resample: What it is on resamples; None where it cannot be told.
        why: Why it is missing, or cannot be resampled.
        factor: What it is multiplied with before it is shown.
        digits: Decimals shown.
        top: The end of its axis, on the scale shown.
    """

    label: str
    value: float | None
    resample: Resample | None = None
    why: str = ""
    factor: float = 100.0
    digits: int = 1
    top: float = 100.0


class Place(NamedTuple):
    """Where an item lies in a picture."""

    image_id: int
    box_xywh: tuple[float, float, float, float] | None = None
    segment_id: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One caption or answer of a result.

    Args:
        key: The same in both results.
        title: What a page calls it.
        references: What was expected.
        answer: What was said; None where nothing was.
        scores: Metric to the item's own score, on the metric's scale.
        question: What was asked, where items have questions.
        place: Where it lies in a picture.
        picture: File name of the picture, where the bench has one an item.
    """

    key: str
    title: str
    references: tuple[str, ...]
    answer: str | None
    scores: Mapping[str, float]
    question: str = ""
    place: Place | None = None
    picture: str = ""


@dataclass(frozen=True)
class Scored:
    """A result of any bench, as a comparison sees it.

    Args:
        bench: `vg`, `score`, `vipbench`, ...
        title: The bench for people.
        identity: What must be equal for a comparison to mean anything: split, hashes of files, mode.
        units: What is drawn, in an order that both results share.
        metrics: Path to metric, in the order shown.
        items: Key to item.
        rank_by: Metrics of items by which changes are ranked; the first that all have is taken.
        facts: Label and text of what made the result.
        warnings: What a reader should know.
        unit_name: What a unit is called, in the plural.
    """

    bench: str
    title: str
    identity: Mapping[str, str]
    units: Sequence[object]
    metrics: Mapping[str, Metric]
    items: Mapping[str, Item]
    rank_by: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = field(default=())
    unit_name: str = "images"


@dataclass(frozen=True, slots=True)
class Gap:
    """Second minus first, on the scale of the score.

    Args:
        delta: None where either is missing.
        interval: 95 % of the bootstrap's differences; None where it cannot be had.
        why: Why there is no interval.
    """

    delta: float | None
    interval: Interval | None = None
    why: str = ""

    @property
    def is_clear(self) -> bool:
        """The interval does not hold 0."""
        return self.interval is not None and (self.interval.low > 0 or self.interval.high < 0)


def mean_of(scores: Floats, rows: NDArray[np.int64], n_units: int, weights: Floats | None = None) -> Resample:
    """A metric that is the (weighted) mean over items.

    Args:
        scores: `(N,)` of the items.
        rows: `(N,)` unit of each item.
        n_units: U.
        weights: `(N,)` of the items, equal by default.
    """
    weight = np.ones(len(scores)) if weights is None else weights
    parts = by_unit(np.stack((scores * weight, weight), axis=1), rows, n_units)

    def resample(drawn: Floats) -> Floats:
        sums = drawn @ parts
        return ratios(sums[:, 0], sums[:, 1])

    return resample


def by_unit(values: NDArray[np.number], rows: NDArray[np.int64], n_units: int) -> Floats:
    """`(N, K)` values of items to their `(U, K)` sums by unit."""
    sums = np.zeros((n_units, values.shape[1]))
    np.add.at(sums, rows, values)
    return sums


def intervals_of(
    metrics: Mapping[str, Metric], n_units: int, *, samples: int, seed: int
) -> dict[str, Interval]:
    """95 % intervals of single scores; none with fewer than two units or without samples."""
    if n_units < 2 or samples < 1:
        return {}
    found = {}
    drawn = _Draws(n_units, samples, seed)
    for path, metric in metrics.items():
        if metric.resample is None or metric.value is None:
            continue
        interval = percentile_interval(drawn.values(metric.resample))
        if interval is not None:
            found[path] = Interval(min(interval[0], metric.value), max(interval[1], metric.value))
    return found


def gaps_of(first: Scored, second: Scored, *, samples: int, seed: int) -> dict[str, Gap]:
    """The difference of every metric that either has, with its interval.

    Args:
        first: Before.
        second: After, on the same units.
        samples: Of the bootstrap; 0 for no intervals.
        seed: The same seed gives the same intervals.
    """
    drawn = _Draws(len(first.units), samples, seed)
    gaps = {}
    for path in dict.fromkeys([*first.metrics, *second.metrics]):
        a, b = first.metrics.get(path), second.metrics.get(path)
        gaps[path] = _gap(a, b, drawn, first.unit_name)
    return gaps


def _gap(a: Metric | None, b: Metric | None, drawn: _Draws, unit_name: str) -> Gap:
    if a is None or b is None or a.value is None or b.value is None:
        lacking = next(m for m in (a, b) if m is None or m.value is None)
        return Gap(None, None, "missing in one of the two" if lacking is None else lacking.why or "missing")
    delta = b.value - a.value
    if a.resample is None or b.resample is None:
        return Gap(delta, None, a.why if a.resample is None else b.why)
    if drawn.n_units < 2 or drawn.samples < 1:
        return Gap(delta, None, "no bootstrap" if drawn.samples < 1 else f"fewer than two {unit_name}")
    interval = percentile_interval(drawn.values(b.resample) - drawn.values(a.resample))
    return Gap(delta, None if interval is None else Interval(*interval), "undefined on every resample")


class _Draws:
    """The same resamples for every metric."""

    def __init__(self, n_units: int, samples: int, seed: int) -> None:
        self.n_units, self.samples = n_units, samples
        self._weights = Resamples.draw(n_units, samples, seed).weights

    def values(self, resample: Resample) -> Floats:
        """`(S,)` of a metric."""
        step = max(1, _BATCH_CELLS // max(1, self.n_units))
        starts = range(0, self.samples, step)
        parts = [resample(self._weights[at : at + step].astype(np.float64)) for at in starts]
        return np.concatenate(parts) if parts else np.zeros(0)
