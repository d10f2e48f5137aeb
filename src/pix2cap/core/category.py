"""A category: what a segment is called and whether it can be counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Category:
    """One row of a COCO `categories` table.

    Args:
        id: The number that segments carry.
        name: The class name as the annotation has it (`dining table`, `wall-other-merged`).
        is_thing: True for countable objects, False for stuff (sky, grass).
        supercategory: The group it belongs to, where one is given.
    """

    id: int
    name: str
    is_thing: bool = True
    supercategory: str | None = None
