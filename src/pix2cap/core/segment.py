"""One segment of a panoptic map, without its mask."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its identity, class and what the pixels say of its extent.

    Args:
        id: The value its pixels have in the id-map (1 .. 2**24 - 1).
        category_id: Key into the categories.
        is_thing: Thing (countable) or stuff.
        area: Pixels, counted in the id-map.
        box_xyxy: `(x0, y0, x1, y1)` in pixels, half-open: `x1` and `y1` lie one past the last pixel.
        is_crowd: A group drawn as one (COCO's `iscrowd`); it gets no caption.
        declared_area: What the JSON said of the area; None where it said nothing.
    """

    id: int
    category_id: int
    is_thing: bool
    area: int
    box_xyxy: tuple[int, int, int, int]
    is_crowd: bool = False
    declared_area: int | None = None
