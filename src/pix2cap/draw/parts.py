"""Where a label may go: the disjoint parts of each numbered segment and their widest places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.draw.index import Index

_SAMPLES = 16
_SPREAD = np.arange(_SAMPLES)


@dataclass(frozen=True)
class Part:
    """One connected piece of a segment, in pixels of the canvas.

    Args:
        number: The mark.
        area: Pixels, roughly (counted in cells, without the piece's rim).
        box_xyxy: Its extent.
        widest_xy: The place farthest from every border.
        radius: How far that is; 0 where the piece is too slim to say.
        mask: `(h, w)` its cells, from `origin_xy` (in cells) on.
        cell: Pixels a cell.
    """

    number: int
    area: float
    box_xyxy: tuple[int, int, int, int]
    widest_xy: tuple[int, int]
    radius: float
    mask: NDArray[np.uint8]
    origin_xy: tuple[int, int]
    cell: int

    @cached_property
    def samples_xy(self) -> NDArray[np.float32]:
        """`(K, 2)` places on it in pixels, K up to 16, spread evenly in scan order."""
        step = max(1, int((self.mask.size / 400) ** 0.5))
        thinned = self.mask[::step, ::step]
        at = np.flatnonzero(thinned)
        if len(at) == 0:
            step, thinned = 1, self.mask
            at = np.flatnonzero(thinned)
        if len(at) == 0:
            return np.array([self.widest_xy], np.float32)
        if len(at) > _SAMPLES:
            at = at[_SPREAD * (len(at) - 1) // (_SAMPLES - 1)]
        places = np.empty((len(at), 2), np.float32)
        places[:, 1], places[:, 0] = np.divmod(at, thinned.shape[1])
        places *= step * self.cell
        places += (self.origin_xy[0] * self.cell, self.origin_xy[1] * self.cell)
        return places


def find_parts(cells: Index, boxes_xyxy: list[tuple[int, int, int, int]], cell: int) -> list[list[Part]]:
    """Pieces of every number, the largest first, from one labelling and one distance transform of the map.

    Args:
        cells: `(h, w)` every `cell`-th pixel of the index map, numbers 1..N.
        boxes_xyxy: The N boxes, in pixels of the canvas.
        cell: Pixels a cell.

    Returns:
        N lists, each with at least one part; a piece a cell or two wide is no part unless it is all there is.
    """
    kernel = np.ones((3, 3), np.uint8)
    inner = ((cv2.dilate(cells, kernel) == cv2.erode(cells, kernel)) & (cells > 0)).astype(np.uint8)
    inner[[0, -1]] = 0
    inner[:, [0, -1]] = 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inner, connectivity=4, ltype=cv2.CV_32S)
    distance = np.asarray(cv2.distanceTransform(inner, cv2.DIST_L2, 3), np.float32)
    parts: list[list[Part]] = [[] for _ in boxes_xyxy]
    smallest = 4
    for label in range(1, count):
        x, y, width, height, area = stats[label].tolist()
        if area < smallest:
            continue
        window = (slice(y, y + height), slice(x, x + width))
        mask = (labels[window] == label).view(np.uint8)
        number = int(cells[y, x + int(mask[0].argmax())])
        parts[number - 1].append(_part(number, mask, distance[window], (x, y), area, cell))
    for number, found in enumerate(parts, 1):
        if found:
            found.sort(key=lambda part: (-part.area, part.box_xyxy))
        else:
            found.append(_slim_part(number, cells, boxes_xyxy[number - 1], cell))
    return parts


def _part(
    number: int,
    mask: NDArray[np.uint8],
    distance: NDArray[np.float32],
    origin_xy: tuple[int, int],
    area: int,
    cell: int,
) -> Part:
    _, radius, _, (px, py) = cv2.minMaxLoc(distance, mask)
    x, y = origin_xy
    height, width = mask.shape
    box = (x * cell, y * cell, (x + width) * cell, (y + height) * cell)
    widest = ((x + px) * cell, (y + py) * cell)
    return Part(number, float(area * cell * cell), box, widest, radius * cell, mask, origin_xy, cell)


def _slim_part(number: int, cells: Index, box_xyxy: tuple[int, int, int, int], cell: int) -> Part:
    """A segment without any inner cell, as one part; without any cell at all, its box's middle."""
    x0, y0, x1, y1 = box_xyxy
    cx0, cy0 = x0 // cell, y0 // cell
    mask = cells[cy0 : -(-y1 // cell), cx0 : -(-x1 // cell)] == number
    area = int(mask.sum())
    middle = ((x0 + x1 - 1) // 2, (y0 + y1 - 1) // 2)
    part = Part(
        number, float(area * cell * cell), box_xyxy, middle, 0.0, mask.view(np.uint8), (cx0, cy0), cell
    )
    if area == 0:
        return replace(part, area=float((x1 - x0) * (y1 - y0)))
    samples = part.samples_xy
    central = samples[int(np.abs(samples - np.array(middle, np.float32)).sum(1).argmin())]
    return replace(part, widest_xy=(int(central[0]), int(central[1])))
