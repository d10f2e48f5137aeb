"""Panoptic quality (Kirillov et al., CVPR 2019) with COCO's rules for void and crowd."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category, PanopticMap
from pix2cap.metrics.matching import Areas, Crowds, Overlaps, find_overlaps

MATCH_IOU = 0.5
"""A pair matches above this; with non-overlapping segments no segment can then match twice."""


@dataclass(frozen=True, slots=True)
class PanopticMatches:
    """What became of every segment of one image; rows refer to its `Overlaps`.

    Args:
        gt_index: `(M,)` matched ground truths, by ascending (gt id, prediction id).
        pred_index: `(M,)` the predictions matched to them.
        iou: `(M,)` above 0.5.
        false_positives: Rows of predictions without a match that nothing excuses.
        false_negatives: Rows of non-crowd ground truths without a match.
    """

    gt_index: NDArray[np.int64]
    pred_index: NDArray[np.int64]
    iou: NDArray[np.float64]
    false_positives: NDArray[np.int64]
    false_negatives: NDArray[np.int64]


def match_panoptic(overlaps: Overlaps, *, gt_areas: Areas = "png", crowds: Crowds = "all") -> PanopticMatches:
    """Match the segments of one image.

    A pair matches when both are of one category, the ground truth is no crowd and IoU > 0.5. A prediction
    without a match is excused when more than half of it lies in void or in crowds of its class.

    Args:
        overlaps: Of the image.
        gt_areas: `json` takes areas as the JSON states them; wrong ones can match a segment twice.
        crowds: Which crowds excuse.
    """
    iou = overlaps.iou(gt_areas)
    is_match = overlaps.same_category() & ~overlaps.gt.is_crowd[overlaps.gt_index] & (iou > MATCH_IOU)
    gt_index, pred_index = overlaps.gt_index[is_match], overlaps.pred_index[is_match]
    gt_free = ~overlaps.gt.is_crowd
    gt_free[gt_index] = False
    pred_free = ~overlaps.excused(crowds)
    pred_free[pred_index] = False
    return PanopticMatches(
        gt_index, pred_index, iou[is_match], np.flatnonzero(pred_free), np.flatnonzero(gt_free)
    )


@dataclass(frozen=True, slots=True)
class CategoryCounts:
    """Counts of one category.

    Args:
        ious: IoU of each match. Kept one by one so that their sum does not depend on the order.
        fp: Predictions without a match.
        fn: Ground truths without a match.
    """

    ious: tuple[float, ...] = ()
    fp: int = 0
    fn: int = 0

    @property
    def tp(self) -> int:
        """Matched pairs."""
        return len(self.ious)

    @property
    def iou_sum(self) -> float:
        """Sum of IoU, correctly rounded whatever the order."""
        return math.fsum(self.ious)


@dataclass(frozen=True)
class PanopticCounts:
    """Additive state of panoptic quality: counts of parts add up to those of the whole.

    Args:
        by_category: Counts by category id; only categories that occur.

    Example:
        >>> a = PanopticCounts({1: CategoryCounts((0.8,), fp=1)})
        >>> (a + a).by_category[1].tp, a.tp, a.fp, a.fn
        (2, 1, 1, 0)
    """

    by_category: Mapping[int, CategoryCounts] = field(default_factory=dict)

    def __add__(self, other: PanopticCounts) -> PanopticCounts:
        return PanopticCounts.total((self, other))

    @classmethod
    def total(cls, parts: Iterable[PanopticCounts]) -> PanopticCounts:
        """The counts of many images, in one pass."""
        ious: dict[int, list[float]] = {}
        fp: dict[int, int] = {}
        fn: dict[int, int] = {}
        for part in parts:
            for category_id, counts in part.by_category.items():
                ious.setdefault(category_id, []).extend(counts.ious)
                fp[category_id] = fp.get(category_id, 0) + counts.fp
                fn[category_id] = fn.get(category_id, 0) + counts.fn
        return cls({c: CategoryCounts(tuple(ious[c]), fp[c], fn[c]) for c in sorted(ious)})

    @property
    def tp(self) -> int:
        """Matched pairs of all categories."""
        return sum(c.tp for c in self.by_category.values())

    @property
    def fp(self) -> int:
        """Predictions without a match."""
        return sum(c.fp for c in self.by_category.values())

    @property
    def fn(self) -> int:
        """Ground truths without a match."""
        return sum(c.fn for c in self.by_category.values())


def count_matches(overlaps: Overlaps, matches: PanopticMatches) -> PanopticCounts:
    """The counts of one matched image."""
    gt_categories, pred_categories = overlaps.gt.category_ids, overlaps.pred.category_ids
    ious: dict[int, list[float]] = {}
    for category_id, iou in zip(gt_categories[matches.gt_index].tolist(), matches.iou.tolist(), strict=True):
        ious.setdefault(category_id, []).append(iou)
    fp, fn = (
        dict(zip(*(v.tolist() for v in np.unique(categories, return_counts=True)), strict=True))
        for categories in (pred_categories[matches.false_positives], gt_categories[matches.false_negatives])
    )
    return PanopticCounts(
        {
            c: CategoryCounts(tuple(ious.get(c, ())), fp.get(c, 0), fn.get(c, 0))
            for c in sorted(ious.keys() | fp.keys() | fn.keys())
        }
    )


def count_panoptic(
    gt: PanopticMap, pred: PanopticMap, *, gt_areas: Areas = "png", crowds: Crowds = "all"
) -> PanopticCounts:
    """Count one image.

    Args:
        gt: Ground truth.
        pred: Prediction, of the same size; its `is_crowd` is not looked at.
        gt_areas: `png` counts pixels; `json` trusts `declared_area`, as the released evaluator does.
        crowds: `all` crowds of a class excuse its predictions, or only the `last` in the segments.

    Raises:
        ValueError: The maps differ in size.

    Example:
        >>> ids = np.array([[1, 1, 2, 2]], np.uint32)
        >>> pan = PanopticMap.from_id_map(ids, {1: (5, True, False), 2: (6, False, False)})
        >>> counts = count_panoptic(pan, pan)
        >>> counts.tp, counts.fp, counts.fn, counts.by_category[5].iou_sum
        (2, 0, 0, 1.0)
    """
    overlaps = find_overlaps(gt, pred)
    return count_matches(overlaps, match_panoptic(overlaps, gt_areas=gt_areas, crowds=crowds))


@dataclass(frozen=True, slots=True)
class Quality:
    """Panoptic quality = segmentation quality x recognition quality, for one category.

    Args:
        pq: 0..1; None where the category occurs on neither side.
        sq: Mean IoU of the matches; 0 where there is none.
        rq: F1 of recognition.
    """

    pq: float | None
    sq: float | None
    rq: float | None


@dataclass(frozen=True, slots=True)
class GroupQuality:
    """Means over the categories of a group that occur; None where none does."""

    pq: float | None
    sq: float | None
    rq: float | None
    categories: int


@dataclass(frozen=True)
class PanopticQuality:
    """Panoptic quality over all categories, things, stuff, and by category id."""

    all: GroupQuality
    things: GroupQuality
    stuff: GroupQuality
    per_category: Mapping[int, Quality]


def panoptic_quality(counts: PanopticCounts, categories: Mapping[int, Category]) -> PanopticQuality:
    """Panoptic quality from counts.

    Args:
        counts: Of the whole set.
        categories: All categories by id; `per_category` has each of them.

    Raises:
        KeyError: `counts` has a category that `categories` lacks.
    """
    unknown = sorted(counts.by_category.keys() - categories.keys())
    if unknown:
        raise KeyError(f"expected counts of known categories, got ids {unknown[:10]}")
    per_category = {
        category_id: _quality(counts.by_category.get(category_id, CategoryCounts()))
        for category_id in categories
    }
    things = [per_category[c] for c in categories if categories[c].is_thing]
    stuff = [per_category[c] for c in categories if not categories[c].is_thing]
    return PanopticQuality(
        _mean_quality(list(per_category.values())), _mean_quality(things), _mean_quality(stuff), per_category
    )


def _quality(counts: CategoryCounts) -> Quality:
    whole = counts.tp + 0.5 * counts.fp + 0.5 * counts.fn
    if not whole:
        return Quality(None, None, None)
    sq = counts.iou_sum / counts.tp if counts.tp else 0.0
    return Quality(counts.iou_sum / whole, sq, counts.tp / whole)


def _mean_quality(qualities: list[Quality]) -> GroupQuality:
    seen = [
        (q.pq, q.sq, q.rq) for q in qualities if q.pq is not None and q.sq is not None and q.rq is not None
    ]
    if not seen:
        return GroupQuality(None, None, None, 0)
    pq, sq, rq = (math.fsum(column) / len(seen) for column in zip(*seen, strict=True))
    return GroupQuality(pq, sq, rq, len(seen))
