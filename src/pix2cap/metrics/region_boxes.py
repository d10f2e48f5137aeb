"""Boxes of dense captioning: overlap, ground truths merged into several references, records for mAP.

Source: Johnson, Karpathy, Fei-Fei, "DenseCap: Fully Convolutional Localization Networks for Dense
Captioning", CVPR 2016, section 4.3: people drew and described the same thing several times, so boxes that
overlap heavily become one with several references. Boxes are continuous here, `x1 - x0` wide; code that
counts the last pixel too gets slightly other overlaps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pix2cap.metrics.dense_caption_map import Records

MERGE_ABOVE_IOU = 0.7

Boxes = NDArray[np.float64]


def xywh_to_xyxy(boxes_xywh: Boxes) -> Boxes:
    """`(N, 4)` of corner and size to `(N, 4)` of two corners."""
    boxes = np.asarray(boxes_xywh, np.float64).reshape(-1, 4)
    return np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1)


def box_iou(first_xyxy: Boxes, second_xyxy: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every pair; 0 where both are empty.

    Args:
        first_xyxy: `(N, 4)`.
        second_xyxy: `(M, 4)`.

    Returns:
        `(N, M)`.

    Example:
        >>> box_iou(np.array([[0, 0, 2, 2.0]]), np.array([[1, 0, 3, 2.0], [5, 5, 6, 6]])).round(4).tolist()
        [[0.3333, 0.0]]
    """
    low = np.maximum(first_xyxy[:, None, :2], second_xyxy[None, :, :2])
    high = np.minimum(first_xyxy[:, None, 2:], second_xyxy[None, :, 2:])
    inside = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1) for b in (first_xyxy, second_xyxy)]
    union = areas[0][:, None] + areas[1][None, :] - inside
    iou: NDArray[np.float64] = np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)
    return iou


def merge_boxes(boxes_xyxy: Boxes, *, above_iou: float = MERGE_ABOVE_IOU) -> list[NDArray[np.int64]]:
    """Group the boxes of one image that stand for the same thing.

    The box that overlaps most others (itself counted) makes a group with them and leaves with them, until
    none is left; the first in order wins a tie. Overlap is that of the original boxes.

    Args:
        boxes_xyxy: `(N, 4)`.
        above_iou: Boxes of a larger IoU belong together.

    Returns:
        Rows of each group, ascending, groups in the order of their making; `group_box` gives their box.

    Example:
        >>> boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60.0]])
        >>> [group.tolist() for group in merge_boxes(boxes)]
        [[0, 1], [2]]
    """
    near = box_iou(boxes_xyxy, boxes_xyxy) > above_iou
    np.fill_diagonal(near, True)
    left = np.ones(len(boxes_xyxy), np.bool_)
    groups = []
    while left.any():
        counts = np.where(left, (near & left).sum(axis=1), 0)
        group = np.flatnonzero(near[int(counts.argmax())] & left)
        left[group] = False
        groups.append(group)
    return groups


def group_box(boxes_xyxy: Boxes, group: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean box `(4,)` of a group."""
    mean: NDArray[np.float64] = boxes_xyxy[group].mean(axis=0)
    return mean


def box_records(
    image_id: int, gt_xyxy: Boxes, pred_xyxy: Boxes, scores: NDArray[np.float64], pred_ids: NDArray[np.int64]
) -> Records:
    """The records of one image for `mean_average_precision`.

    Each prediction names the ground truth of highest IoU above 0, the first on a tie; by descending score
    (then ascending id) it takes what it named if that is free, and falls back to nothing else.

    Args:
        image_id: Of the image.
        gt_xyxy: `(G, 4)`; their row is their id in the records.
        pred_xyxy: `(P, 4)`.
        scores: `(P,)` confidence.
        pred_ids: `(P,)` distinct.
    """
    order = np.lexsort((pred_ids, -scores))
    count = len(order)
    named, best = np.full(count, -1, np.int64), np.zeros(count)
    if count and len(gt_xyxy):
        iou = box_iou(pred_xyxy[order], gt_xyxy)
        best = iou.max(axis=1)
        named = np.where(best > 0, iou.argmax(axis=1), -1)
    took = np.zeros(count, np.bool_)
    _, first = np.unique(named, return_index=True)
    took[first] = True
    took &= named >= 0
    return Records(np.full(count, image_id, np.int64), named, pred_ids[order], best, scores[order], took)
