"""How a region is written into text: boxes of three kinds, numbers of marks, tokens."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from pix2cap.core.boxes import Box, xyxy_to_xywh

BoxKind = Literal["absolute", "unit", "thousand"]
RegionMode = Literal["mask", "box", "both"]
RegionKind = Literal["box", "mark", "token", "slot"]

BOX_KINDS: Final[tuple[BoxKind, ...]] = ("absolute", "unit", "thousand")
"""Pixels of the picture; shares of it with three decimals; shares of it times a thousand, whole numbers."""

REGION_TOKEN: Final = "<region>"
"""Stands where a model puts the features of a region."""

BOX_SLOT: Final = "<bbox>"
"""Stands where ms-swift writes a box in the way of the model that it trains."""

RESERVED: Final = re.compile(
    r"<(?:image|video|audio|region|bbox|ref-object|cot-process|start-image)>|<\|[^<>|]*\|>", re.IGNORECASE
)
"""Text that a trainer would replace or take for the end of a turn; no caption may hold it."""

_FULL: Final[Mapping[BoxKind, int | None]] = MappingProxyType({"absolute": None, "unit": 1, "thousand": 1000})
_FOUR: Final = re.compile(r"\[\s*([^\[\],]+?)\s*,\s*([^\[\],]+?)\s*,\s*([^\[\],]+?)\s*,\s*([^\[\],]+?)\s*\]")


@dataclass(frozen=True)
class Region:
    """A captioned segment as conversations need it; the mask itself is kept only as run lengths.

    Args:
        segment_id: The dataset's own.
        category_id: Its class.
        class_name: The class's name as the dataset has it.
        box_xyxy: Half-open pixels of the picture.
        area: Pixels.
        number: Of its mark in the picture of its group, from 1.
        rle: COCO RLE of the whole mask; None where no format in use needs it.
    """

    segment_id: int
    category_id: int
    class_name: str
    box_xyxy: Box
    area: int
    number: int
    rle: Mapping[str, Any] | None = None

    def record(self) -> dict[str, Any]:
        """What region features need: `segment_id`, `box_xyxy`, and `rle` where it is known."""
        told: dict[str, Any] = {"segment_id": self.segment_id, "box_xyxy": list(self.box_xyxy)}
        return told if self.rle is None else {**told, "rle": dict(self.rle)}

    def annotation(self) -> dict[str, Any]:
        """The region in COCO's keys: class, `bbox` as x, y, width and height, `area`, RLE `segmentation`."""
        return {
            "segment_id": self.segment_id,
            "category_id": self.category_id,
            "category": self.class_name,
            "bbox": list(xyxy_to_xywh(self.box_xyxy)),
            "area": self.area,
            "segmentation": None if self.rle is None else dict(self.rle),
        }


@dataclass(frozen=True, slots=True)
class Notation:
    """How regions are written in one export.

    Args:
        kind: Boxes in text, numbers of drawn marks, `<region>` tokens, or slots for ms-swift's own boxes.
        boxes: The kind of box, for boxes and slots.
    """

    kind: RegionKind
    boxes: BoxKind = "thousand"

    def mention(self, region: Region, size_wh: tuple[int, int]) -> str:
        """A region inside a question, as a noun with its article.

        Example:
            >>> dog = Region(7, 18, "dog", (0, 0, 320, 240), 900, 3)
            >>> [Notation(kind).mention(dog, (640, 480)) for kind in ("box", "mark", "token", "slot")]
            ['the region [0, 0, 500, 500]', 'the region marked 3', 'the region <region>', 'the region <bbox>']
        """
        if self.kind == "mark":
            return f"the region marked {region.number}"
        return f"the region {self.point(region, size_wh)}"

    def point(self, region: Region, size_wh: tuple[int, int]) -> str:
        """A region as an answer, with nothing around it."""
        match self.kind:
            case "box":
                return write_box(region.box_xyxy, self.boxes, size_wh)
            case "mark":
                return str(region.number)
            case "token":
                return REGION_TOKEN
            case "slot":
                return BOX_SLOT

    @property
    def wish(self) -> str:
        """The sentence that tells how a region is to be given back; starts with a space."""
        if self.kind == "mark":
            return " Answer with the number of its mark."
        if self.kind == "slot":
            return " Answer with its box."
        unit = {"absolute": "in pixels", "unit": "from 0 to 1", "thousand": "from 0 to 1000"}[self.boxes]
        return f" Answer with its box as [left, top, right, bottom], {unit}."

    def is_legible(self, region: Region, size_wh: tuple[int, int]) -> bool:
        """False where rounding would leave a box without extent: no region would be left to see."""
        if self.kind not in ("box", "slot"):
            return True
        x0, y0, x1, y1 = box_numbers(region.box_xyxy, self.boxes, size_wh)
        return x1 > x0 and y1 > y0


def box_numbers(box_xyxy: Box, kind: BoxKind, size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box in the numbers of a kind, each at most half a unit (1, or 0.001 of `unit`) from the true edge.

    Example:
        >>> box_numbers((10, 20, 30, 40), "unit", (300, 200))
        (0.033, 0.1, 0.1, 0.2)
    """
    if kind == "absolute":
        return box_xyxy
    width, height = size_wh
    shares = [edge / side for edge, side in zip(box_xyxy, (width, height, width, height), strict=True)]
    x0, y0, x1, y1 = (round(s, 3) if kind == "unit" else math.floor(s * 1000 + 0.5) for s in shares)
    return x0, y0, x1, y1


def write_box(box_xyxy: Box, kind: BoxKind, size_wh: tuple[int, int]) -> str:
    """A box as text.

    Example:
        >>> write_box((0, 0, 320, 240), "unit", (640, 480))
        '[0.000, 0.000, 0.500, 0.500]'
    """
    numbers = box_numbers(box_xyxy, kind, size_wh)
    written = (f"{n:.3f}" if kind == "unit" else str(n) for n in numbers)
    return f"[{', '.join(written)}]"


def read_box(text: str, kind: BoxKind, size_wh: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """The first box in a text, in pixels of the picture; None where none stands there.

    A box whose corners are swapped, or that has no extent, is none.

    Example:
        >>> read_box("It is at [0, 0, 500, 500].", "thousand", (640, 480))
        (0.0, 0.0, 320.0, 240.0)
    """
    found = _FOUR.search(text)
    if found is None:
        return None
    try:
        x0, y0, x1, y1 = (float(part) for part in found.groups())
    except ValueError:
        return None
    if not (math.isfinite(x0 + y0 + x1 + y1) and x0 < x1 and y0 < y1):
        return None
    full = _FULL[kind]
    width, height = (1.0 if full is None else side / full for side in size_wh)
    return x0 * width, y0 * height, x1 * width, y1 * height
