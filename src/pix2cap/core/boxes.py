"""Boxes and extents. Layouts: `box_xyxy` half-open pixels, `box_xywh` COCO's."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class _Runs:
    """Horizontal runs of equal ids: `ids` (R,), `rows` (R,), `x0` (R,), `lengths` (R,)."""

    ids: NDArray[np.uint32]
    rows: NDArray[np.int64]
    x0: NDArray[np.int64]
    lengths: NDArray[np.int64]


def _runs(id_map: NDArray[np.uint32]) -> _Runs:
    width = id_map.shape[1]
    flat = id_map.reshape(-1)
    begins = np.empty(flat.size, np.bool_)
    begins[0] = True
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    begins[::width] = True
    starts = np.flatnonzero(begins)
    rows, x0 = np.divmod(starts, width)
    return _Runs(flat[starts], rows, x0, np.diff(starts, append=flat.size))


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
    if id_map.size == 0:
        return np.empty(0, np.uint32), np.empty(0, np.int64), np.empty((0, 4), np.int64)
    runs = _runs(id_map)
    ids, inverse = np.unique(runs.ids, return_inverse=True)
    areas = np.bincount(inverse, runs.lengths).astype(np.int64)
    boxes = np.empty((len(ids), 4), np.int64)
    boxes[:, :2] = (id_map.shape[1], id_map.shape[0])
    boxes[:, 2:] = 0
    np.minimum.at(boxes[:, 0], inverse, runs.x0)
    np.minimum.at(boxes[:, 1], inverse, runs.rows)
    np.maximum.at(boxes[:, 2], inverse, runs.x0 + runs.lengths)
    np.maximum.at(boxes[:, 3], inverse, runs.rows + 1)
    return ids, areas, boxes


def label_centroids(id_map: NDArray[np.uint32]) -> dict[int, tuple[float, float]]:
    """Centre of mass `(x, y)` of every id in a map, as shares of the picture (0..1).

    Example:
        >>> label_centroids(np.array([[5, 5, 5, 5], [5, 5, 9, 9]], np.uint32))[9]
        (0.75, 0.75)
    """
    if id_map.size == 0:
        return {}
    height, width = id_map.shape
    runs = _runs(id_map)
    ids, inverse = np.unique(runs.ids, return_inverse=True)
    areas = np.bincount(inverse, runs.lengths)
    xs = np.bincount(inverse, runs.lengths * (runs.x0 + runs.lengths / 2)) / areas / width
    ys = np.bincount(inverse, runs.lengths * (runs.rows + 0.5)) / areas / height
    return {int(i): (float(x), float(y)) for i, x, y in zip(ids, xs, ys, strict=True)}
