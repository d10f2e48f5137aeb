"""Panoptic quality weighted by how well matched segments are captioned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CaptionPq:
    """Caption-weighted panoptic quality, 0..1; 0 where nothing was there to find.

    Args:
        cap_pq_micro: Sum of IoU x m over matches / (TP + FP/2 + FN/2), all categories together.
        cap_f1_micro: The same without IoU.
        cap_pq_macro: Mean over the categories that occur of the first, taken in each.
    """

    cap_pq_micro: float
    cap_f1_micro: float
    cap_pq_macro: float


def caption_pq(
    category_ids: Sequence[int],
    ious: Sequence[float],
    scores: Sequence[float],
    unmatched: Sequence[tuple[int, int, int]],
) -> CaptionPq:
    """Caption-weighted panoptic quality.

    Args:
        category_ids: `(M,)` category of each match.
        ious: `(M,)` IoU of each.
        scores: `(M,)` caption score of each, 0..1.
        unmatched: `(category id, false positives, false negatives)` of every category that has any.

    Raises:
        ValueError: The first three differ in length.

    Example:
        >>> round(caption_pq([1], [0.8], [0.5], [(1, 1, 1)]).cap_pq_micro, 3)
        0.2
    """
    weighted: dict[int, list[float]] = {}
    for category_id, iou, score in zip(category_ids, ious, scores, strict=True):
        weighted.setdefault(category_id, []).append(iou * score)
    missed = {category_id: 0.5 * fp + 0.5 * fn for category_id, fp, fn in unmatched}
    seen = sorted(weighted.keys() | {c for c, half in missed.items() if half})
    if not seen:
        return CaptionPq(0.0, 0.0, 0.0)
    whole = {c: len(weighted.get(c, ())) + missed.get(c, 0.0) for c in seen}
    total = math.fsum(whole.values())
    by_category = [math.fsum(weighted.get(c, ())) / whole[c] for c in seen]
    return CaptionPq(
        math.fsum(value for values in weighted.values() for value in values) / total,
        math.fsum(scores) / total,
        math.fsum(by_category) / len(seen),
    )
