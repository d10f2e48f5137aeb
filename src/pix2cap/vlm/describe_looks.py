"""What masks and pixels prove about each segment of a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.core import PanopticMap, Segment
from pix2cap.vlm.describe_colors import Colors, segment_colors
from pix2cap.vlm.describe_contacts import Neighbour, neighbours
from pix2cap.vlm.describe_nouns import Noun, noun_of

Form = Literal["tall", "wide", "slanted", "round", "boxy", "band", "none"]
Edge = Literal["left", "right", "top", "bottom"]
_SCAN_PIXELS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Rank:
    """A segment's place among the others of its class.

    Args:
        count: How many there are.
        order: Index from the left, None where their order is not clear.
        size: `largest`, `smallest`, or None where the areas are too close.
        height: `highest`, `lowest`, or None.
    """

    count: int
    order: int | None
    size: Literal["largest", "smallest"] | None
    height: Literal["highest", "lowest"] | None


@dataclass(frozen=True, slots=True)
class Look:
    """One segment, measured.

    Args:
        segment_id: Its id.
        noun: Its class as a noun.
        is_thing: Thing or stuff.
        is_crowd: A group drawn as one.
        area: Pixels.
        share: Share of the picture, 0..1.
        center_unit: `(x, y)` of the centre of mass, 0..1.
        box_unit: `(x0, y0, x1, y1)`, 0..1.
        box_xyxy: The same in pixels.
        edges: Edges of the frame along which a fair part of it lies.
        parts: Separate parts of some size.
        form: Its shape where the moments prove one.
        colors: What may be said of its colours.
        neighbours: What it borders on.
        rank: Its place among its kind, None where it is the only one.
    """

    segment_id: int
    noun: Noun
    is_thing: bool
    is_crowd: bool
    area: int
    share: float
    center_unit: tuple[float, float]
    box_unit: tuple[float, float, float, float]
    box_xyxy: tuple[int, int, int, int]
    edges: tuple[Edge, ...]
    parts: int
    form: Form
    colors: Colors
    neighbours: tuple[Neighbour, ...]
    rank: Rank | None = None


def look_at(rgb: NDArray[np.uint8], panoptic: PanopticMap, class_names: Mapping[int, str]) -> dict[int, Look]:
    """Measure every segment of a picture.

    Args:
        rgb: `(H, W, 3)` uint8.
        panoptic: The map of the same size.
        class_names: Segment id to class name; a segment without one is called a thing.
    """
    colors = segment_colors(rgb, panoptic)
    contacts = neighbours(panoptic)
    nouns = {s.id: noun_of(class_names.get(s.id, "thing")) for s in panoptic.segments}
    shapes = {s.id: _measure(panoptic, s) for s in panoptic.segments}
    ranks = _ranks(panoptic, nouns, {i: shape[0] for i, shape in shapes.items()})
    width, height = panoptic.size_wh
    looks = {}
    for segment in panoptic.segments:
        x0, y0, x1, y1 = segment.box_xyxy
        center, parts, form = shapes[segment.id]
        looks[segment.id] = Look(
            segment_id=segment.id,
            noun=nouns[segment.id],
            is_thing=segment.is_thing,
            is_crowd=segment.is_crowd,
            area=segment.area,
            share=segment.area / (width * height),
            center_unit=center,
            box_unit=(x0 / width, y0 / height, x1 / width, y1 / height),
            box_xyxy=segment.box_xyxy,
            edges=_edges(panoptic, segment),
            parts=parts,
            form=form,
            colors=colors[segment.id],
            neighbours=contacts[segment.id],
            rank=ranks.get(segment.id),
        )
    return looks


def _measure(panoptic: PanopticMap, segment: Segment) -> tuple[tuple[float, float], int, Form]:
    """Centre of mass (0..1), number of parts and form, from a mask of at most `_SCAN_PIXELS`."""
    x0, y0, x1, y1 = segment.box_xyxy
    step = max(1, math.ceil(((x1 - x0) * (y1 - y0) / _SCAN_PIXELS) ** 0.5))
    mask = (panoptic.id_map[y0:y1:step, x0:x1:step] == segment.id).astype(np.uint8)
    moments = cv2.moments(mask, binaryImage=True)
    total = moments["m00"]
    width, height = panoptic.size_wh
    if not total:
        # A few pixels that the coarse grid of a large box missed.
        return ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height), 1, "none"
    x = x0 + (moments["m10"] / total) * step + step / 2
    y = y0 + (moments["m01"] / total) * step + step / 2
    center = (min(x / width, 1.0), min(y / height, 1.0))
    parts = _count_parts(mask)
    if total < 40 or parts > 1:
        return center, parts, "none"
    return center, parts, _form(mask, moments, segment, panoptic.size_wh)


def _count_parts(mask: NDArray[np.uint8]) -> int:
    """Components that hold at least a twentieth of the mask; one-pixel gaps do not separate."""
    joined = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8, ltype=cv2.CV_16U)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return max(1, int((areas >= 0.05 * areas.sum()).sum()))


def _form(
    mask: NDArray[np.uint8], moments: dict[str, float], segment: Segment, size_wh: tuple[int, int]
) -> Form:
    x0, y0, x1, y1 = segment.box_xyxy
    if x1 - x0 >= 0.95 * size_wh[0] and y1 - y0 <= 0.34 * size_wh[1]:
        return "band"
    a, b, c = moments["mu20"], moments["mu11"], moments["mu02"]
    spread = math.sqrt((a - c) ** 2 + 4 * b * b)
    long, short = (a + c + spread) / 2, max((a + c - spread) / 2, 1e-6)
    stretch = math.sqrt(long / short)
    if stretch >= 2.3:
        angle = abs(math.degrees(0.5 * math.atan2(2 * b, a - c)))
        if angle <= 18:
            return "wide"
        return "tall" if angle >= 72 else "slanted"
    touches = sum((x0 == 0, y0 == 0, x1 == size_wh[0], y1 == size_wh[1]))
    fill = float(moments["m00"]) / mask.size
    if stretch < 1.15 and touches == 0 and mask.size >= 200 and 0.74 <= fill <= 0.82 and _is_disc(mask):
        return "round"
    if fill >= 0.93 and touches <= 1 and min(mask.shape) >= 8:
        return "boxy"
    return "none"


def _is_disc(mask: NDArray[np.uint8]) -> bool:
    """At least 96 % agreement with the ellipse that fills the box."""
    height, width = mask.shape
    y, x = np.ogrid[:height, :width]
    ellipse = ((x + 0.5) * 2 / width - 1) ** 2 + ((y + 0.5) * 2 / height - 1) ** 2 <= 1
    return float((ellipse == (mask > 0)).mean()) >= 0.96


def _edges(panoptic: PanopticMap, segment: Segment) -> tuple[Edge, ...]:
    """Edges that the segment meets with at least a fifth of its own extent along them."""
    x0, y0, x1, y1 = segment.box_xyxy
    width, height = panoptic.size_wh
    ids = panoptic.id_map
    lines: list[tuple[Edge, bool, NDArray[np.uint32], int]] = [
        ("left", x0 == 0, ids[y0:y1, 0], y1 - y0),
        ("right", x1 == width, ids[y0:y1, -1], y1 - y0),
        ("top", y0 == 0, ids[0, x0:x1], x1 - x0),
        ("bottom", y1 == height, ids[-1, x0:x1], x1 - x0),
    ]
    return tuple(
        edge
        for edge, is_there, line, extent in lines
        if is_there and int((line == segment.id).sum()) >= max(3, 0.2 * extent)
    )


def _ranks(
    panoptic: PanopticMap, nouns: Mapping[int, Noun], centers: Mapping[int, tuple[float, float]]
) -> dict[int, Rank]:
    """Ranks within each class of countable things; none where some of them are drawn as a crowd."""
    groups: dict[str, list[Segment]] = {}
    for segment in panoptic.segments:
        if nouns[segment.id].number == "one" and segment.is_thing:
            groups.setdefault(nouns[segment.id].text, []).append(segment)
    ranks: dict[int, Rank] = {}
    for group in groups.values():
        if len(group) < 2 or any(segment.is_crowd for segment in group):
            continue
        across = sorted(group, key=lambda s: centers[s.id][0])
        down = sorted(group, key=lambda s: centers[s.id][1])
        sized = sorted(group, key=lambda s: s.area)
        for i, segment in enumerate(across):
            ranks[segment.id] = Rank(
                count=len(group),
                order=i if _is_apart([centers[s.id][0] for s in across], i) else None,
                size=_extreme(segment, sized),
                height=_outermost(segment, down, centers),
            )
    return ranks


def _is_apart(values: list[float], i: int) -> bool:
    """True where the value's neighbours in a sorted list are at least 2.5 % of the picture away."""
    gaps = [values[k + 1] - values[k] for k in (i - 1, i) if 0 <= k < len(values) - 1]
    return min(gaps) >= 0.025


def _extreme(segment: Segment, sized: list[Segment]) -> Literal["largest", "smallest"] | None:
    if segment is sized[-1] and segment.area >= 1.35 * sized[-2].area:
        return "largest"
    if segment is sized[0] and sized[1].area >= 1.35 * segment.area:
        return "smallest"
    return None


def _outermost(
    segment: Segment, down: list[Segment], centers: Mapping[int, tuple[float, float]]
) -> Literal["highest", "lowest"] | None:
    heights = [centers[s.id][1] for s in down]
    if segment is down[0] and heights[1] - heights[0] >= 0.06:
        return "highest"
    if segment is down[-1] and heights[-1] - heights[-2] >= 0.06:
        return "lowest"
    return None
