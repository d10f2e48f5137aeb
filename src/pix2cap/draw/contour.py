"""Unfilled contours of all segments at once, straight from the index map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.draw.digits import Rgb
from pix2cap.draw.index import Index

Mask = NDArray[Any]
"""`(H, W)` uint8, 0 or 255: what OpenCV's vectorised mask operations read and write."""

Box = tuple[int, int, int, int]

HALO: Rgb = (0, 0, 0)

# A segment whose mean half-width is below this many times its contour's is framed from outside.
_SLIM = 2.5
# Up to this share of the picture its frame lies even over larger slim segments (a player before a net).
_TINY_SHARE = 0.01


def _square(radius: int) -> NDArray[np.uint8]:
    return np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)


def _near_border(index: Index, radius: int) -> Mask:
    """255 where another number stands within `radius` pixels (chessboard distance)."""
    kernel = _square(radius)
    return _differ(cv2.dilate(index, kernel), cv2.erode(index, kernel))


def _differ(first: Index, second: Index) -> Mask:
    mask: Mask = cv2.compare(first, second, cv2.CMP_NE)
    return mask


def _is_zero(index: Index) -> Mask:
    return np.asarray(cv2.inRange(index, 0, 0))


def _look_up(table: NDArray[Any], index: Index) -> NDArray[Any]:
    """`table[index]`, by OpenCV where numbers fit 8 bits (five times as fast)."""
    if index.dtype != np.uint8:
        found: NDArray[Any] = table[index]
        return found
    full = np.zeros((256, 1, *table.shape[1:]), np.uint8)
    full[: len(table), 0] = table
    return np.asarray(cv2.LUT(index, full) if table.ndim == 1 else cv2.applyColorMap(index, full))


def paint_contours(
    canvas: NDArray[np.uint8],
    index: Index,
    colors: Sequence[Rgb],
    line: int,
    *,
    areas: NDArray[np.floating],
    boxes_xyxy: Sequence[Box],
) -> Mask:
    """Draw a coloured line with dark halo along the inside of every numbered segment.

    Where two numbers meet lies a dark line, then each side's colour, then a dark line again. A slim or tiny
    segment, which such a line would fill, gets it on its outside instead and keeps all its own pixels;
    between two touching slim segments each loses one pixel to its colour. Slivers one or two pixels wide that
    belong to a larger segment (ragged masks are full of them) get no line. The cost hardly grows with the
    number of segments: morphology over the index map, one colour look-up, one masked copy.

    Args:
        canvas: `(H, W, 3)` uint8, painted in place; contiguous.
        index: `(H, W)` numbers 1..N, 0 elsewhere.
        colors: N colours.
        line: Width of the coloured line in pixels.
        areas: `(N,)` pixels of each number.
        boxes_xyxy: N boxes, half-open.

    Returns:
        255 within the reach of the lines.
    """
    border = _near_border(index, 1)
    ringed = _near_border(index, line + 1)
    inside = cv2.bitwise_not(_is_zero(index))
    core = cv2.bitwise_and(cv2.bitwise_and(ringed, inside), cv2.bitwise_not(border))
    number = cv2.copyTo(index, core)
    inner_halo = cv2.bitwise_and(cv2.dilate(core, _square(1)), inside)
    painted = cv2.bitwise_or(cv2.bitwise_and(cv2.dilate(core, _square(2)), border), inner_halo)
    slim = _slim(index, border, line, areas)
    tiny = {i for i in slim if areas[i - 1] <= _TINY_SHARE * index.size}
    for some in ([i for i in slim if i not in tiny], sorted(tiny)):
        if some:
            window = _around([boxes_xyxy[i - 1] for i in some], line + 3, index.shape)
            _frame_slim(index[window], some, line, number[window], painted[window])
    table = np.empty((len(colors) + 1, 3), np.uint8)
    table[0], table[1:] = HALO, colors
    cv2.copyTo(_look_up(table, number), painted, canvas)
    return ringed


def _slim(index: Index, border: Mask, line: int, areas: NDArray[np.floating]) -> list[int]:
    """The numbers too slim for a line inside."""
    at = np.flatnonzero(border.view(np.int8) < 0)
    rim = np.bincount(index.reshape(-1)[at], minlength=len(areas) + 1)[1:]
    slim = (areas < _SLIM * (line + 1) * rim) & (rim > 0)
    return [int(i) + 1 for i in np.flatnonzero(slim)]


def _around(boxes_xyxy: list[Box], pad: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    x0, y0, x1, y1 = zip(*boxes_xyxy, strict=True)
    rows = slice(max(0, min(y0) - pad), min(shape[0], max(y1) + pad))
    return rows, slice(max(0, min(x0) - pad), min(shape[1], max(x1) + pad))


def _frame_slim(index: Index, slim: list[int], line: int, number: Index, painted: Mask) -> None:
    """Frame slim segments from outside, and part those that touch by one pixel of colour each.

    Args:
        index: The numbers.
        slim: Which of them are slim.
        line: Width of the line.
        number: What is painted where, 0 for the halo; changed in place.
        painted: Where anything is painted; changed in place.
    """
    keep = np.zeros(max(slim) + 1 if index.dtype == np.uint8 else np.iinfo(index.dtype).max, index.dtype)
    keep[slim] = slim
    only = np.ascontiguousarray(_look_up(keep, index))
    free = _is_zero(only)
    core = cv2.dilate(only, _square(1))
    ring = cv2.dilate(only, _square(line + 1))
    frame = cv2.copyTo(ring, _is_zero(core))
    band = cv2.bitwise_and(cv2.bitwise_not(_is_zero(cv2.dilate(ring, _square(1)))), free)
    top = free if index.dtype == np.uint8 else free.astype(np.uint16) * np.uint16(257)
    low = cv2.erode(cv2.bitwise_or(only, top), _square(1))
    own = cv2.bitwise_not(free)
    parted = cv2.bitwise_and(cv2.bitwise_or(_differ(core, only), _differ(low, only)), own)
    cv2.copyTo(frame, band, number)
    cv2.copyTo(only, own, number)
    painted |= band
    painted &= free
    painted |= parted
