"""Finding room for labels outside their segments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.draw.parts import Part

Box = tuple[int, int, int, int]
Point = tuple[int, int]
Leader = tuple[Point, Point]

_TRIED = 8
_TOUCH = 4.0
_CROSS_LABEL = 120.0
_CROSS_LEADER = 60.0
_OVER_SMALL = 25.0
_ON_INK = 60.0
_ON_ITSELF = 200.0


def _side(a: Point, b: Point, c: Point) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def lines_cross(first: Leader, second: Leader) -> bool:
    """True where two line segments cross or touch (but not where they only lie on one line)."""
    a, b = first
    c, d = second
    return _side(a, b, c) * _side(a, b, d) <= 0 and _side(c, d, a) * _side(c, d, b) < 0


def line_meets_box(line: Leader, box: Box) -> bool:
    """True where a line segment passes through a half-open box."""
    (ax, ay), (bx, by) = line
    x0, y0, x1, y1 = box
    if max(ax, bx) < x0 or min(ax, bx) >= x1 or max(ay, by) < y0 or min(ay, by) >= y1:
        return False
    if x0 <= ax < x1 and y0 <= ay < y1:
        return True
    sides = [_side((ax, ay), (bx, by), corner) for corner in ((x0, y0), (x1, y0), (x0, y1), (x1, y1))]
    return min(sides) <= 0 <= max(sides)


def _window_sums(integral: NDArray[np.int32], spans: _Spans) -> NDArray[np.int32]:
    """Sums of a map over the boxes of a lattice, `(rows, columns)`."""
    top, bottom = integral[spans.y0], integral[spans.y1]
    sums: NDArray[np.int32] = bottom[:, spans.x1] - bottom[:, spans.x0] - top[:, spans.x1] + top[:, spans.x0]
    return sums


@dataclass(frozen=True)
class _Spans:
    """The cells under each label of a lattice: columns `x0..x1` by rows `y0..y1`, half-open."""

    x0: NDArray[np.intp]
    y0: NDArray[np.intp]
    x1: NDArray[np.intp]
    y1: NDArray[np.intp]


class _Lattice:
    """Every place in the picture where a label of one size may have its top left corner."""

    def __init__(self, room: LabelRoom, label_wh: tuple[int, int]) -> None:
        self.label_wh = width, height = label_wh
        self.step = max(1, 2 * height // 5)
        self.xs = np.arange(0, room.size_wh[0] - width + 1, self.step)
        self.ys = np.arange(0, room.size_wh[1] - height + 1, self.step)
        rows, columns = room.small.shape
        x1 = np.minimum(-(-(self.xs + width) // room.cell), columns)
        y1 = np.minimum(-(-(self.ys + height) // room.cell), rows)
        self.spans = _Spans(self.xs // room.cell, self.ys // room.cell, x1, y1)
        self.open = _window_sums(room.small_sums, self.spans) == 0
        cells_a_label = width * height / (room.cell * room.cell)
        self.on_ink = _window_sums(room.ink_sums, self.spans) * np.float32(_ON_INK / cells_a_label)
        for box in room.boxes:
            self.close(box)

    def close(self, box: Box) -> None:
        """Rule out the places whose label would come within a pixel of the box."""
        x0, y0, x1, y1 = box
        width, height = self.label_wh
        rows = slice(max(0, -((height - y0) // self.step)), max(0, 1 + y1 // self.step))
        columns = slice(max(0, -((width - x0) // self.step)), max(0, 1 + x1 // self.step))
        self.open[rows, columns] = False

    def window(self, box: Box, reach: int) -> tuple[slice, slice]:
        """Rows and columns of the places whose label lies within `reach` pixels of the box."""
        x0, y0, x1, y1 = box
        width, height = self.label_wh
        rows = slice(max(0, (y0 - reach - height) // self.step), (y1 + reach) // self.step + 1)
        return rows, slice(max(0, (x0 - reach - width) // self.step), (x1 + reach) // self.step + 1)


@dataclass
class LabelRoom:
    """The state of a picture while its labels are placed.

    Args:
        size_wh: The canvas.
        cell: Pixels a cell of the maps below.
        small: `(h, w)` number of small segments' cells, non-zero where no label may lie; the leader of a
            label may cross it, at a price.
        small_sums: Its integral.
        ink_sums: Integral of the cells with contour lines, which labels rather leave free.
        boxes: Labels placed so far.
        leaders: Their leader lines.
    """

    size_wh: tuple[int, int]
    cell: int
    small: NDArray[np.uint8]
    small_sums: NDArray[np.int32]
    ink_sums: NDArray[np.int32]
    boxes: list[Box] = field(default_factory=list)
    leaders: list[Leader] = field(default_factory=list)
    lattices: dict[tuple[int, int], _Lattice] = field(default_factory=dict)

    def find(
        self, part: Part, cells: NDArray[Any], label_wh: tuple[int, int], reach: int
    ) -> tuple[Box, Leader] | None:
        """The cheapest place for a label within `reach` pixels of a part's box.

        Never over a small segment, another label or the frame. Cheap is: near the part, off it, off contour
        lines, and a leader line that crosses no label, leader or small segment.

        Args:
            part: What the label names.
            cells: `(h, w)` the index map a cell each.
            label_wh: The label's size in pixels.
            reach: How far to look; a few label heights, or the picture's size for everywhere.
        """
        lattice = self.lattices.get(label_wh)
        if lattice is None:
            lattice = self.lattices[label_wh] = _Lattice(self, label_wh)
        rows, columns = lattice.window(part.box_xyxy, reach)
        at_y, at_x = np.nonzero(lattice.open[rows, columns])
        if len(at_y) == 0:
            return None
        left, top = lattice.xs[columns][at_x], lattice.ys[rows][at_y]
        gap = _gaps(part.samples_xy, left, top, label_wh)
        cost = gap + 8.0 * (gap < _TOUCH) + lattice.on_ink[rows, columns][at_y, at_x]
        if self.small[part.widest_xy[1] // self.cell, part.widest_xy[0] // self.cell] == 0:
            cost += self._own_cover(part, cells, lattice, rows, columns)[at_y, at_x]
        return self._best(part, cost, left, top, label_wh)

    def _own_cover(
        self, part: Part, cells: NDArray[Any], lattice: _Lattice, rows: slice, columns: slice
    ) -> NDArray[np.float32]:
        """Price of hiding the part's own segment, for each place of the window."""
        whole = lattice.spans
        left, top = int(whole.x0[columns][0]), int(whole.y0[rows][0])
        x1, y1 = whole.x1[columns] - left, whole.y1[rows] - top
        window = cells[top : top + int(y1[-1]), left : left + int(x1[-1])] == part.number
        spans = _Spans(whole.x0[columns] - left, whole.y0[rows] - top, x1, y1)
        covered = _window_sums(np.asarray(cv2.integral(window.view(np.uint8)), np.int32), spans)
        cells_a_label = lattice.label_wh[0] * lattice.label_wh[1] / (self.cell * self.cell)
        return covered * np.float32(_ON_ITSELF / cells_a_label)

    def _best(
        self,
        part: Part,
        cost: NDArray[np.floating],
        left: NDArray[np.intp],
        top: NDArray[np.intp],
        label_wh: tuple[int, int],
    ) -> tuple[Box, Leader]:
        best: tuple[float, Box, Leader] | None = None
        for i in np.argsort(cost, kind="stable")[:_TRIED].tolist():
            x, y = int(left[i]), int(top[i])
            box = (x, y, x + label_wh[0], y + label_wh[1])
            if best is not None and float(cost[i]) >= best[0]:
                break
            leader = leader_between(box, part.samples_xy)
            total = float(cost[i]) + self._conflicts(box, leader, part)
            if best is None or total < best[0]:
                best = (total, box, leader)
        assert best is not None
        return best[1], best[2]

    def _conflicts(self, box: Box, leader: Leader, part: Part) -> float:
        price = 0.0
        for other in self.boxes:
            price += _CROSS_LABEL * line_meets_box(leader, other)
        for line in self.leaders:
            price += _CROSS_LEADER * (lines_cross(leader, line) or line_meets_box(line, box))
        (ax, ay), (bx, by) = leader
        for t in (0.2, 0.5, 0.8):
            under = self.small[int(ay + t * (by - ay)) // self.cell, int(ax + t * (bx - ax)) // self.cell]
            price += _OVER_SMALL * (under not in (0, min(part.number, 255)))
        return price

    def take(self, box: Box, leader: Leader | None) -> None:
        """Note a label as placed."""
        self.boxes.append(box)
        for lattice in self.lattices.values():
            lattice.close(box)
        if leader is not None:
            self.leaders.append(leader)


def _gaps(
    samples_xy: NDArray[np.float32], left: NDArray[np.intp], top: NDArray[np.intp], label_wh: tuple[int, int]
) -> NDArray[np.float32]:
    """Distance in pixels from each label box to the nearest sample."""
    half = np.array(label_wh, np.float32) / 2
    dx = np.abs((left + half[0]).astype(np.float32)[:, None] - samples_xy[:, 0]) - half[0]
    dy = np.abs((top + half[1]).astype(np.float32)[:, None] - samples_xy[:, 1]) - half[1]
    np.maximum(dx, 0.0, out=dx)
    np.maximum(dy, 0.0, out=dy)
    nearest: NDArray[np.float32] = np.sqrt((dx * dx + dy * dy).min(1))
    return nearest


def leader_between(box: Box, samples_xy: NDArray[np.float32]) -> Leader:
    """The shortest line from a label's box to one of the samples: (on the label, on the segment)."""
    x0, y0, x1, y1 = box
    near_x = np.clip(samples_xy[:, 0], x0, x1 - 1)
    near_y = np.clip(samples_xy[:, 1], y0, y1 - 1)
    nearest = int(((near_x - samples_xy[:, 0]) ** 2 + (near_y - samples_xy[:, 1]) ** 2).argmin())
    end = (int(samples_xy[nearest, 0]), int(samples_xy[nearest, 1]))
    return (int(near_x[nearest]), int(near_y[nearest])), end
