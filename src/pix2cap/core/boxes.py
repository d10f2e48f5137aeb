"""Boxes and extents. Layouts: `box_xyxy` half-open pixels, `box_xywh` COCO's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]


def xyxy_to_xywh(box_xyxy: Box) -> Box:
    """`(x0, y0, x1, y1)` half-open to COCO's `(x, y, width, height)`.

    Example:
        >>> xyxy_to_xywh((2, 3, 5, 9))
        (2, 3, 3, 6)
    """
    x0, y0, x1, y1 = box_xyxy
    return x0, y0, x1 - x0, y1 - y0


def xywh_to_xyxy(box_xywh: Box) -> Box:
    """COCO's `(x, y, width, height)` to `(x0, y0, x1, y1)` half-open."""
    x, y, width, height = box_xywh
    return x, y, x + width, y + height


def xyxy_to_unit(box_xyxy: Box, size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """Pixels to shares of the picture, each 0..1.

    Example:
        >>> xyxy_to_unit((0, 0, 320, 240), (640, 480))
        (0.0, 0.0, 0.5, 0.5)
    """
    width, height = size_wh
    x0, y0, x1, y1 = box_xyxy
    return x0 / width, y0 / height, x1 / width, y1 / height


def label_extents(
    id_map: NDArray[np.uint32],
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
    """Area and box of every id in a map, in one pass over its runs.

    Works on horizontal runs of equal ids instead of pixels: a 640x480 panoptic map has a few
    thousand runs, so sorting them is some thirty times cheaper than sorting the pixels.

    Args:
        id_map: `(H, W)` uint32.

    Returns:
        `ids` (N,) ascending, `areas` (N,) pixels, `boxes_xyxy` (N, 4) half-open.
    """
    height, width = id_map.shape
    if id_map.size == 0:
        return np.empty(0, np.uint32), np.empty(0, np.int64), np.empty((0, 4), np.int64)
    flat = id_map.reshape(-1)
    starts_mask = np.empty(flat.size, np.bool_)
    starts_mask[0] = True
    np.not_equal(flat[1:], flat[:-1], out=starts_mask[1:])
    starts_mask[::width] = True
    starts = np.flatnonzero(starts_mask)
    ends = np.append(starts[1:], flat.size)
    rows, x0 = np.divmod(starts, width)
    lengths = ends - starts
    ids, inverse = np.unique(flat[starts], return_inverse=True)
    areas = np.zeros(len(ids), np.int64)
    np.add.at(areas, inverse, lengths)
    boxes = np.empty((len(ids), 4), np.int64)
    boxes[:, :2] = (width, height)
    boxes[:, 2:] = 0
    np.minimum.at(boxes[:, 0], inverse, x0)
    np.minimum.at(boxes[:, 1], inverse, rows)
    np.maximum.at(boxes[:, 2], inverse, x0 + lengths)
    np.maximum.at(boxes[:, 3], inverse, rows + 1)
    return ids, areas, boxes
