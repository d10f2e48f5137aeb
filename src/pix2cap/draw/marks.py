"""Set-of-mark pictures: contours, numbers and leader lines drawn on a photo for a vision-language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.core import PanopticMap
from pix2cap.draw.contour import paint_contours
from pix2cap.draw.digits import Rgb, label_patch, label_size_wh
from pix2cap.draw.index import Index, dense_index, sample_nearest
from pix2cap.draw.palette import choose_colors
from pix2cap.draw.parts import Part, find_parts
from pix2cap.draw.place import Box, LabelRoom, Leader, leader_between
from pix2cap.draw.style import DRAW_VERSION, MarkStyle

__all__ = ["DRAW_VERSION", "Label", "Mark", "MarkStyle", "MarkedPicture", "draw_marks"]

_MARGIN_RGB: Rgb = (48, 48, 48)
_CELLS = 36_000


@dataclass(frozen=True, slots=True)
class Label:
    """One drawn number.

    Args:
        box_xyxy: Half-open, in pixels of the marked picture.
        leader: `((x, y) on the label, (x, y) on the segment)`; None for a label inside its segment.
    """

    box_xyxy: Box
    leader: Leader | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A numbered segment of a marked picture.

    Args:
        number: From 1, in the order asked for.
        segment_id: The segment.
        color_rgb: Colour of its contour and label.
        label_box_xyxy: Its first label, half-open, in pixels of the marked picture.
        leader: That label's leader line, None for a label inside its segment.
        more_labels: Labels on further disjoint parts.
    """

    number: int
    segment_id: int
    color_rgb: Rgb
    label_box_xyxy: Box
    leader: Leader | None
    more_labels: tuple[Label, ...] = ()

    @property
    def labels(self) -> tuple[Label, ...]:
        """All labels that carry this number."""
        return (Label(self.label_box_xyxy, self.leader), *self.more_labels)


@dataclass(frozen=True)
class MarkedPicture:
    """A picture with its marks.

    Args:
        rgb: `(H, W, 3)` uint8: the picture times `scale` at the top left and, only where labels found no room
            on it, a grey margin below (and to the right of a picture narrower than a label).
        marks: In the order of their numbers.
        scale: Drawn pixels a pixel of the picture.
    """

    rgb: NDArray[np.uint8]
    marks: tuple[Mark, ...]
    scale: float


def draw_marks(
    rgb: NDArray[np.uint8],
    panoptic: PanopticMap,
    segment_ids: Sequence[int],
    *,
    style: MarkStyle = MarkStyle(),  # noqa: B008
) -> MarkedPicture:
    """Draw an unfilled contour and a number for each segment asked for.

    A number stands inside its segment where it hides at most `style.hide_at_most` of it and fits with room to
    spare. Else it stands outside with a leader line, on no other label, no *small* segment (of which it would
    hide more than that share) and within the frame. Where that is impossible, in this order: a compact label
    near by, a normal one farther off, a compact one anywhere, a compact one over small segments that are not
    marked here, a compact one in a margin below the picture. Same input, same bytes.

    Args:
        rgb: `(H, W, 3)` uint8.
        panoptic: Segments of the same height and width.
        segment_ids: Mark n is `segment_ids[n - 1]`.
        style: Render parameters.

    Raises:
        ValueError: Sizes differ, the picture is empty, or an id is given twice.
        KeyError: The map lacks an id.
    """
    _check(rgb, panoptic, segment_ids)
    scale = drawing_scale(panoptic.size_wh, style)
    canvas, index = _prepare(rgb, panoptic, segment_ids, scale)
    if not segment_ids:
        return MarkedPicture(canvas, (), scale)
    height, width = index.shape
    unit = max(1.0, min(height, width) / style.enlarge_to)
    segments = [panoptic.by_id[i] for i in segment_ids]
    cell = max(1, round((index.size / _CELLS) ** 0.5))
    cells = np.ascontiguousarray(index[::cell, ::cell])
    colors = choose_colors(index, len(segment_ids), canvas, coarse=cells)
    areas = np.array([s.area for s in segments], float) * (width * height / panoptic.id_map.size)
    boxes = [_scaled_box(s.box_xyxy, panoptic.size_wh, (width, height)) for s in segments]
    line = max(1, round(style.contour_px * unit))
    ink = paint_contours(canvas, index, colors, line, areas=areas, boxes_xyxy=boxes)
    placement = _Placement(
        panoptic, frozenset(segment_ids), cells, cell, ink, boxes, areas, (width, height), unit, style
    )
    placement.run()
    return _finish(canvas, placement, segment_ids, colors, scale, unit)


def drawing_scale(size_wh: tuple[int, int], style: MarkStyle) -> float:
    """The factor a picture is resized by before it is marked; 1.0 for most photos."""
    short, long = min(size_wh), max(size_wh)
    if long > style.max_long_side:
        return style.max_long_side / long
    if short >= style.enlarge_below:
        return 1.0
    return max(1.0, min(style.enlarge_to / short, style.max_enlarge, style.max_enlarged_side / long))


def _check(rgb: NDArray[Any], panoptic: PanopticMap, segment_ids: Sequence[int]) -> None:
    if rgb.shape != (*panoptic.id_map.shape, 3) or rgb.dtype != np.uint8 or rgb.size == 0:
        raise ValueError(
            f"expected a picture of {(*panoptic.id_map.shape, 3)} uint8, got {rgb.shape} {rgb.dtype}"
        )
    if len(set(segment_ids)) != len(segment_ids):
        raise ValueError(f"expected each segment id once, got {list(segment_ids)}")
    for segment_id in segment_ids:
        if segment_id not in panoptic.by_id:
            raise KeyError(f"segment {segment_id} is not in the map, which has {sorted(panoptic.by_id)[:20]}")


def _scaled_box(box_xyxy: Box, size_wh: tuple[int, int], new_wh: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = box_xyxy
    (width, height), (new_width, new_height) = size_wh, new_wh
    left, top = min(x0 * new_width // width, new_width - 1), min(y0 * new_height // height, new_height - 1)
    return left, top, max(left + 1, -(-x1 * new_width // width)), max(top + 1, -(-y1 * new_height // height))


def _prepare(
    rgb: NDArray[np.uint8], panoptic: PanopticMap, segment_ids: Sequence[int], scale: float
) -> tuple[NDArray[np.uint8], Index]:
    """The canvas to draw on (a copy) and the numbers of its pixels, none lost to a reduction."""
    if scale == 1.0:
        return np.array(rgb, order="C"), dense_index(panoptic.id_map, segment_ids)
    width, height = panoptic.size_wh
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_CUBIC if scale > 1.0 else cv2.INTER_AREA
    canvas = cv2.resize(np.ascontiguousarray(rgb), size, interpolation=how)
    index = dense_index(np.ascontiguousarray(sample_nearest(panoptic.id_map, size)), segment_ids)
    if scale < 1.0:
        present = np.bincount(index.reshape(-1), minlength=len(segment_ids) + 1)
        for number in np.flatnonzero(present == 0).tolist():
            if number == 0:
                continue
            x0, y0, x1, y1 = _scaled_box(
                panoptic.by_id[segment_ids[number - 1]].box_xyxy, panoptic.size_wh, size
            )
            index[(y0 + y1 - 1) // 2, (x0 + x1 - 1) // 2] = number
    return np.asarray(canvas, np.uint8), index


@dataclass
class _Placement:
    """Labels of one picture: where each goes, and which found no room."""

    panoptic: PanopticMap
    marked: frozenset[int]
    cells: Index
    cell: int
    ink: NDArray[Any]
    boxes: list[Box]
    areas: NDArray[np.floating]
    size_wh: tuple[int, int]
    unit: float
    style: MarkStyle
    labels: list[list[tuple[Label, int]]] = field(default_factory=list)
    homeless: list[Part] = field(default_factory=list)

    @property
    def heights(self) -> tuple[int, int]:
        """Normal and compact label height in pixels."""
        normal = round(self.style.label_px * self.unit)
        return max(9, normal), max(9, min(normal, round(self.style.compact_label_px * self.unit)))

    def run(self) -> None:
        """Inside labels first, which cannot go elsewhere; then outside ones, smallest segment first."""
        self.labels = [[] for _ in self.boxes]
        parts = find_parts(self.cells, self.boxes, self.cell)
        room = self._room(marked_only=False)
        outside = []
        for found in parts:
            for rank, part in enumerate(self._sizable(found)):
                label = self._inside(part)
                if label is None:
                    outside.append((rank, part))
                else:
                    room.take(label.box_xyxy, None)
                    self.labels[part.number - 1].append((label, self.heights[0]))
        outside.sort(key=lambda item: (item[0] > 0, self.areas[item[1].number - 1], item[1].number))
        rest = [part for rank, part in outside if not self._outside(room, part, optional=rank > 0)]
        if rest:
            crowded = self._room(marked_only=True)
            crowded.boxes, crowded.leaders = room.boxes, room.leaders
            everywhere = max(self.size_wh)
            self.homeless = [p for p in rest if not self._try(crowded, p, self.heights[1], everywhere)]

    def _sizable(self, parts: list[Part]) -> list[Part]:
        total = sum(part.area for part in parts)
        chosen = [p for i, p in enumerate(parts) if i == 0 or p.area >= self.style.part_share * total]
        return chosen[: self.style.max_labels_per_mark]

    def _inside(self, part: Part) -> Label | None:
        width, height = label_size_wh(part.number, self.heights[0])
        spare = self.style.contour_px * self.unit + 2
        if part.radius < (width**2 + height**2) ** 0.5 / 2 + spare:
            return None
        if width * height > self.style.hide_at_most * part.area:
            return None
        x = min(max(0, part.widest_xy[0] - width // 2), self.size_wh[0] - width)
        y = min(max(0, part.widest_xy[1] - height // 2), self.size_wh[1] - height)
        return Label((x, y, x + width, y + height))

    def _outside(self, room: LabelRoom, part: Part, *, optional: bool) -> bool:
        normal, compact = self.heights
        near, far, everywhere = 2 * normal, 6 * normal, max(self.size_wh)
        tries = [(normal, near), (compact, near), (normal, far), (compact, far), (compact, everywhere)]
        if optional and self._is_named(part, 3 * normal):
            return True
        for height, reach in tries[:2] if optional else tries:
            if self._try(room, part, height, reach):
                return True
        return optional

    def _is_named(self, part: Part, reach: int) -> bool:
        """True where a label of the same segment stands so near that a second would only clutter."""
        for label, _ in self.labels[part.number - 1]:
            (ax, ay), (bx, by) = leader_between(label.box_xyxy, part.samples_xy)
            if (ax - bx) ** 2 + (ay - by) ** 2 <= reach**2:
                return True
        return False

    def _try(self, room: LabelRoom, part: Part, height: int, reach: int) -> bool:
        found = room.find(part, self.cells, label_size_wh(part.number, height), reach)
        if found is None:
            return False
        room.take(*found)
        self.labels[part.number - 1].append((Label(*found), height))
        return True

    def _room(self, *, marked_only: bool) -> LabelRoom:
        """Maps of what labels must not and should rather not cover."""
        limit = label_size_wh(88, self.heights[0])
        small_area = limit[0] * limit[1] / self.style.hide_at_most
        shrink = self.size_wh[0] * self.size_wh[1] / self.panoptic.id_map.size
        lut = np.zeros(len(self.boxes) + 1, np.uint8)
        lut[1:] = np.where(self.areas < small_area, np.minimum(np.arange(1, len(self.boxes) + 1), 255), 0)
        small = lut[self.cells]
        boxes = [box for box, area in zip(self.boxes, self.areas, strict=True) if area < small_area]
        if not marked_only:
            others = [
                s for s in self.panoptic.segments if s.id not in self.marked and s.area * shrink < small_area
            ]
            boxes += [_scaled_box(s.box_xyxy, self.panoptic.size_wh, self.size_wh) for s in others]
            if others:
                ids = np.ascontiguousarray(sample_nearest(self.panoptic.id_map, self.cells.shape[::-1]))
                small[dense_index(ids, [s.id for s in others]) > 0] = 255
        small = np.asarray(cv2.dilate(small, np.ones((3, 3), np.uint8)), np.uint8)
        for x0, y0, x1, y1 in boxes:
            if (x1 - x0) <= 3 * self.cell or (y1 - y0) <= 3 * self.cell:
                window = small[y0 // self.cell : y1 // self.cell + 1, x0 // self.cell : x1 // self.cell + 1]
                window[window == 0] = 255
        ink = (self.ink[:: self.cell, :: self.cell] != 0).view(np.uint8)
        return LabelRoom(
            self.size_wh, self.cell, small, _integral((small > 0).view(np.uint8)), _integral(ink)
        )


def _integral(cells: NDArray[np.uint8]) -> NDArray[np.int32]:
    return np.asarray(cv2.integral(cells), np.int32)


def _finish(
    canvas: NDArray[np.uint8],
    placement: _Placement,
    segment_ids: Sequence[int],
    colors: list[Rgb],
    scale: float,
    unit: float,
) -> MarkedPicture:
    """Margin where needed, then all leaders, then all labels, so that no line crosses a number."""
    canvas = _add_margin(canvas, placement)
    width = max(2, round(1.5 * unit))
    drawn = [
        (label, height, number)
        for number, labels in enumerate(placement.labels, 1)
        for label, height in labels
    ]
    for color, thickness in ((None, width + 2), (colors, width)):
        for label, _, number in drawn:
            if label.leader is not None:
                rgb = (0, 0, 0) if color is None else color[number - 1]
                cv2.line(canvas, *label.leader, rgb, thickness, cv2.LINE_8)
    for label, height, number in drawn:
        x0, y0, x1, y1 = label.box_xyxy
        canvas[y0:y1, x0:x1] = label_patch(number, height, colors[number - 1])
    marks = []
    for number, (segment_id, labels) in enumerate(zip(segment_ids, placement.labels, strict=True), 1):
        first, *more = [label for label, _ in labels]
        marks.append(Mark(number, segment_id, colors[number - 1], first.box_xyxy, first.leader, tuple(more)))
    return MarkedPicture(canvas, tuple(marks), scale)


def _add_margin(canvas: NDArray[np.uint8], placement: _Placement) -> NDArray[np.uint8]:
    """Rows of labels below the picture for those that found no room on it."""
    if not placement.homeless:
        return canvas
    height, width = canvas.shape[:2]
    label_height = placement.heights[1]
    pad = max(2, label_height // 4)
    sizes = {p.number: label_size_wh(p.number, label_height)[0] for p in placement.homeless}
    full_width = max(width, max(sizes.values()) + 2 * pad)
    x, y = pad, height + pad
    for part in sorted(placement.homeless, key=lambda p: (p.widest_xy, p.number)):
        label_width = sizes[part.number]
        if x + label_width + pad > full_width:
            x, y = pad, y + label_height + pad
        box = (x, y, x + label_width, y + label_height)
        label = Label(box, leader_between(box, part.samples_xy))
        placement.labels[part.number - 1].append((label, label_height))
        x += label_width + pad
    full = np.full((y + label_height + pad, full_width, 3), _MARGIN_RGB, np.uint8)
    full[:height, :width] = canvas
    return full
