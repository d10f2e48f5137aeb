"""Bootstrap intervals over images: resample the images, sum their parts again, take percentiles.

Everything works on parts that were computed once an image (counts, sums, records), so a resample costs a
matrix product and no caption or map is looked at again. Images, not segments, are drawn, since the segments
of one image are not independent (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pix2cap.metrics.dense_caption_map import RECALL_POINTS

Interval = tuple[float, float]
Array = NDArray[np.float64]

_CHUNK_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Resamples:
    """How often each image was drawn in each resample.

    Args:
        weights: `(B, I)` uint16; each row sums to I.
    """

    weights: NDArray[np.uint16]

    @classmethod
    def draw(cls, n_images: int, n_resamples: int = 1000, seed: int = 0) -> Resamples:
        """Draw images with replacement; the same seed gives the same resamples.

        Args:
            n_images: I. Give their parts in an order of their own (by id), not of a file's.
            n_resamples: B.
            seed: Of the generator.
        """
        generator = np.random.default_rng(seed)
        weights = np.zeros((n_resamples, n_images), np.uint16)
        if n_images:
            for row in weights:
                row[:] = np.bincount(generator.integers(n_images, size=n_images), minlength=n_images)
        return cls(weights)

    def sums(self, parts: NDArray[np.number]) -> Array:
        """`(I, K)` parts of the images to their `(B, K)` sums in each resample."""
        whole = np.zeros((len(self.weights), parts.shape[1]))
        for rows in _chunks(len(self.weights), self.weights.shape[1]):
            whole[rows] = self.weights[rows].astype(np.float64) @ parts
        return whole


def _chunks(n_rows: int, n_columns: int) -> Iterator[slice]:
    step = max(1, _CHUNK_CELLS // max(1, n_columns))
    return (slice(start, start + step) for start in range(0, n_rows, step))


def percentile_interval(values: Array, level: float = 0.95) -> Interval | None:
    """The middle `level` of the values that are defined; None where none is.

    Example:
        >>> percentile_interval(np.array([0.0, 0.5, 1.0, np.nan]), 0.5)
        (0.25, 0.75)
    """
    defined = values[np.isfinite(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def ratios(numerators: Array, denominators: Array) -> Array:
    """Quotients, NaN where the denominator is 0."""
    out = np.full(np.broadcast(numerators, denominators).shape, np.nan)
    np.divide(numerators, denominators, out=out, where=denominators > 0)
    return out


def panoptic_resamples(
    resamples: Resamples, iou: Array, tp: Array, fp: Array, fn: Array, groups: Mapping[str, NDArray[np.bool_]]
) -> dict[str, Array]:
    """PQ, SQ and RQ of each resample, the mean over the categories that occur in it.

    Args:
        resamples: Of the images.
        iou: `(I, C)` sums of IoU by image and category.
        tp: `(I, C)`.
        fp: `(I, C)`.
        fn: `(I, C)`.
        groups: Name to the `(C,)` categories of the group.

    Returns:
        `all.pq` and so on to `(B,)`.
    """
    ious, tps, fps, fns = (resamples.sums(part) for part in (iou, tp, fp, fn))
    whole = tps + fps / 2 + fns / 2
    parts = {"pq": ratios(ious, whole), "sq": ratios(ious, tps), "rq": ratios(tps, whole)}
    parts["sq"] = np.where((whole > 0) & (tps == 0), 0.0, parts["sq"])
    found = {}
    for group, members in groups.items():
        occurs = (whole > 0) & members
        count = occurs.sum(axis=1).astype(np.float64)
        for name, values in parts.items():
            found[f"{group}.{name}"] = ratios(np.where(occurs, values, 0.0).sum(axis=1), count)
    return found


def precision_resamples(
    resamples: Resamples,
    record_images: NDArray[np.int64],
    true_rows: Sequence[NDArray[np.int64]],
    npos: Array,
) -> Array:
    """Average precision of each resample.

    A record of an image that was drawn twice stands twice in a row. Precision can only peak at a true
    positive, so only those are looked at.

    Args:
        resamples: Of the images.
        record_images: `(R,)` row of the image of each record, records in ranked order.
        true_rows: S sets of rows of true positives.
        npos: `(I,)` ground truths of each image.

    Returns:
        `(B, S)`; NaN where a resample has no ground truth.
    """
    result = np.full((len(resamples.weights), len(true_rows)), np.nan)
    targets = resamples.sums(npos[:, None])[:, 0]
    for chunk in _chunks(len(result), max(1, len(record_images))):
        weights = resamples.weights[chunk][:, record_images].astype(np.int64)
        seen = np.cumsum(weights, axis=1)
        for number, rows in enumerate(true_rows):
            found = np.cumsum(weights[:, rows], axis=1)
            result[chunk, number] = _interpolated(found, seen[:, rows], targets[chunk])
    return result


def _interpolated(found: NDArray[np.int64], seen: NDArray[np.int64], npos: Array) -> Array:
    """`(B,)` of `(B, T)` true positives found and records seen up to each of T true positives."""
    n_rows, n_true = found.shape
    if not n_true:
        return np.where(npos > 0, 0.0, np.nan)
    precision = found / np.maximum(seen, 1)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    best = np.concatenate((best, np.zeros((n_rows, 1))), axis=1)
    # The number of finds that first reaches each recall, as whole numbers so that no rounding decides.
    safe = np.maximum(npos, 1)[:, None]
    need = np.floor(RECALL_POINTS * safe).astype(np.int64)
    need += need / safe < RECALL_POINTS
    # One search for all rows: each is lifted above the row before it.
    lift = (int(max(found.max(), need.max())) + 1) * np.arange(n_rows)[:, None]
    at = np.searchsorted((found + lift).reshape(-1), (need + lift).reshape(-1), side="left")
    at = np.clip(at.reshape(need.shape) - n_true * np.arange(n_rows)[:, None], 0, n_true)
    values = np.take_along_axis(best, at, axis=1).mean(axis=1)
    return np.where(npos > 0, values, np.nan)
