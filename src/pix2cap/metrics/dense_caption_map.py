"""Mean average precision of dense captioning: as released, and corrected.

Average precision has 101 recall points, linspace(0, 1), each with the highest precision at that recall or
more, 0 where it is never reached; mAP is the mean over IoU thresholds times METEOR thresholds (Johnson et
al., "DenseCap", CVPR 2016).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pix2cap.metrics.matching import Areas, Overlaps

IOU_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
METEOR_THRESHOLDS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
RECALL_POINTS = np.linspace(0, 1, 101)

IGNORED_UP_TO_IOU = 0.3
"""A prediction mostly in void or crowd is left out when the ground truth it named is no better than this."""


@dataclass(frozen=True)
class AveragePrecision:
    """Mean average precision, 0..1.

    Args:
        map: Mean over all pairs of thresholds.
        detection_map: Mean over the IoU thresholds, captions aside.
        by_threshold: `(IoU, METEOR)` to average precision.
        by_iou: IoU to average precision, captions aside.
    """

    map: float
    detection_map: float
    by_threshold: Mapping[tuple[float, float], float]
    by_iou: Mapping[float, float]


def average_precision(true_rows: NDArray[np.int64], npos: int) -> float:
    """Interpolated average precision of records in their order.

    Args:
        true_rows: Rows of the true positives, ascending; precision can only peak at one of them.
        npos: Ground truths to find; without any the result is 0.

    Example:
        >>> round(average_precision(np.array([0, 2]), 2), 6)  # true, false, true
        0.834983
    """
    if npos <= 0 or not len(true_rows):
        return 0.0
    found = np.arange(1, len(true_rows) + 1)
    best = np.maximum.accumulate((found / (true_rows + 1))[::-1])[::-1]
    at = np.searchsorted(found / npos, RECALL_POINTS, side="left")
    return float(best[at[at < len(best)]].sum() / len(RECALL_POINTS))


def mean_average_precision(
    iou: NDArray[np.float64],
    meteor: NDArray[np.float64],
    may_match: NDArray[np.bool_],
    npos: int,
) -> AveragePrecision:
    """Mean average precision of records in their order.

    A record is a true positive when it may match, its IoU is at least the one threshold and its METEOR
    above the other.

    Args:
        iou: `(R,)`.
        meteor: `(R,)` METEOR of the captions.
        may_match: `(R,)`.
        npos: Ground truths to find.
    """
    rows = threshold_rows(iou, meteor, may_match)
    values = [average_precision(r, npos) for r in rows]
    count = len(IOU_THRESHOLDS)
    pairs = [(t, s) for t in IOU_THRESHOLDS for s in METEOR_THRESHOLDS]
    return AveragePrecision(
        float(np.mean(values[count:])),
        float(np.mean(values[:count])),
        dict(zip(pairs, values[count:], strict=True)),
        dict(zip(IOU_THRESHOLDS, values[:count], strict=True)),
    )


def threshold_rows(
    iou: NDArray[np.float64], meteor: NDArray[np.float64], may_match: NDArray[np.bool_]
) -> list[NDArray[np.int64]]:
    """Rows of the true positives: first by IoU threshold alone, then by IoU and METEOR threshold."""
    located = [np.flatnonzero(may_match & (iou >= t)) for t in IOU_THRESHOLDS]
    told = [rows[meteor[rows] > s] for rows in located for s in METEOR_THRESHOLDS]
    return [*located, *told]


@dataclass(frozen=True, slots=True)
class Records:
    """Candidates for a true positive, in the order in which precision is taken.

    Args:
        image_ids: `(R,)` int64.
        gt_ids: `(R,)` segment id of the ground truth; -1 for none.
        pred_ids: `(R,)` segment id of the prediction.
        iou: `(R,)`.
        scores: `(R,)` confidence of the prediction; NaN in the released form, which has none.
        took: `(R,)` whether the prediction took its ground truth.
    """

    image_ids: NDArray[np.int64]
    gt_ids: NDArray[np.int64]
    pred_ids: NDArray[np.int64]
    iou: NDArray[np.float64]
    scores: NDArray[np.float64]
    took: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.iou)

    @classmethod
    def joined(cls, parts: Iterable[Records]) -> Records:
        """The records of many images, in the order given."""
        rows = [(p.image_ids, p.gt_ids, p.pred_ids, p.iou, p.scores, p.took) for p in parts]
        if not rows:
            whole, real = np.empty(0, np.int64), np.empty(0)
            return cls(whole, whole, whole, real, real, np.empty(0, np.bool_))
        return cls(*(np.concatenate(column) for column in zip(*rows, strict=True)))

    def ranked(self) -> Records:
        """By descending score, then ascending image id, then ascending segment id."""
        order = np.lexsort((self.pred_ids, self.image_ids, -self.scores))
        return Records(
            self.image_ids[order],
            self.gt_ids[order],
            self.pred_ids[order],
            self.iou[order],
            self.scores[order],
            self.took[order],
        )


def released_records(image_id: int, overlaps: Overlaps, *, gt_areas: Areas = "json") -> Records:
    """The records of one image as the released evaluator makes them.

    One for every pair of one category, the ground truth no crowd, that shares a pixel: neither ranked nor
    one to one, and a prediction that meets no ground truth of its class makes none.
    """
    used = overlaps.same_category() & ~overlaps.gt.is_crowd[overlaps.gt_index]
    count = int(used.sum())
    return Records(
        np.full(count, image_id, np.int64),
        overlaps.gt.ids[overlaps.gt_index[used]],
        overlaps.pred.ids[overlaps.pred_index[used]],
        overlaps.iou(gt_areas)[used],
        np.full(count, np.nan),
        np.ones(count, np.bool_),
    )


def corrected_records(
    image_id: int, overlaps: Overlaps, scores: NDArray[np.float64], *, class_aware: bool = True
) -> Records:
    """The records of one image by the corrected rules, by descending score.

    Each prediction names the non-crowd ground truth (of its class when class-aware) of highest IoU above
    0, the lower id on a tie, once and before any threshold. Predictions mostly in void or in crowds of
    their class that named nothing better than IoU 0.3 make no record. The others take, in order of score,
    what they named if it is free, and fall back to nothing else.

    Args:
        image_id: Of the image.
        overlaps: Of the image.
        scores: `(P,)` confidence of the predictions.
        class_aware: Whether classes must agree.
    """
    named, iou = _named_truths(overlaps, class_aware=class_aware)
    ignored = overlaps.excused() & ((named < 0) | (iou <= IGNORED_UP_TO_IOU))
    kept = np.flatnonzero(~ignored)
    kept = kept[np.lexsort((overlaps.pred.ids[kept], -scores[kept]))]
    claims = named[kept]
    took = np.zeros(len(kept), np.bool_)
    _, first = np.unique(claims, return_index=True)
    took[first] = True
    took &= claims >= 0
    gt_ids = np.append(overlaps.gt.ids, -1)[claims]
    return Records(
        np.full(len(kept), image_id, np.int64), gt_ids, overlaps.pred.ids[kept], iou[kept], scores[kept], took
    )


def _named_truths(overlaps: Overlaps, *, class_aware: bool) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each prediction the row of the ground truth it names (-1 for none) and their IoU."""
    iou = overlaps.iou()
    used = ~overlaps.gt.is_crowd[overlaps.gt_index] & (iou > 0)
    if class_aware:
        used &= overlaps.same_category()
    gt, pred, iou = overlaps.gt_index[used], overlaps.pred_index[used], iou[used]
    order = np.lexsort((overlaps.gt.ids[gt], -iou, pred))
    who, first = np.unique(pred[order], return_index=True)
    named = np.full(len(overlaps.pred), -1, np.int64)
    best = np.zeros(len(overlaps.pred))
    named[who], best[who] = gt[order][first], iou[order][first]
    return named, best
