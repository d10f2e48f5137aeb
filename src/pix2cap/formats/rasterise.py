"""COCO instance segmentations (polygons, RLE) painted into one id-map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from pix2cap.formats.json_stream import describe_type, is_int, is_number


class SegmentationError(ValueError):
    """A segmentation cannot be drawn; the message says why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One object to paint.

    Args:
        segment_id: The value of its pixels.
        rle: pycocotools' compressed RLE of the whole object.
        is_crowd: Crowd goes beneath everything.
    """

    segment_id: int
    rle: dict[str, Any]
    is_crowd: bool

    @property
    def area(self) -> int:
        """Pixels of the whole object."""
        return int(coco_mask.area(self.rle))


def segmentation_to_rle(segmentation: Any, size_wh: tuple[int, int]) -> dict[str, Any]:
    """COCO polygons, uncompressed or compressed RLE to compressed RLE.

    Args:
        segmentation: `[[x0, y0, x1, y1, x2, y2, ...], ...]` or `{"size": [H, W], "counts": list | str}`.
        size_wh: Of the picture.

    Raises:
        SegmentationError: Neither; or too few points, an odd number of coordinates, another size.
    """
    width, height = size_wh
    if isinstance(segmentation, list):
        if not segmentation:
            raise SegmentationError("an empty list of polygons")
        polygons = [_check_polygon(polygon) for polygon in segmentation]
        merged: dict[str, Any] = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
        return merged
    if isinstance(segmentation, dict):
        return _check_rle(segmentation, size_wh)
    raise SegmentationError(describe_type(segmentation))


def _check_polygon(polygon: Any) -> list[float]:
    if not isinstance(polygon, list) or not all(is_number(v) and np.isfinite(v) for v in polygon):
        raise SegmentationError("a polygon that is no list of numbers")
    if len(polygon) < 6 or len(polygon) % 2:
        raise SegmentationError(f"a polygon of {len(polygon)} coordinates")
    return [float(v) for v in polygon]


def _check_rle(rle: dict[str, Any], size_wh: tuple[int, int]) -> dict[str, Any]:
    width, height = size_wh
    if rle.get("size") != [height, width]:
        raise SegmentationError(f"RLE of size {rle.get('size')} (height, width)")
    counts = rle.get("counts")
    if isinstance(counts, list):
        if not all(is_int(v) and v >= 0 for v in counts) or sum(counts) != height * width:
            raise SegmentationError("RLE counts that do not add up to the picture")
        packed: dict[str, Any] = coco_mask.frPyObjects(
            {"size": [height, width], "counts": counts}, height, width
        )
        return packed
    if not isinstance(counts, str) or not counts.isascii():
        raise SegmentationError(f"RLE counts {describe_type(counts)}")
    if sum(_decode_counts(counts)) != height * width:
        raise SegmentationError("RLE counts that do not add up to the picture")
    return {"size": [height, width], "counts": counts.encode("ascii")}


def _decode_counts(text: str) -> list[int]:
    """COCO's LEB128-like run lengths; pycocotools itself reads past the end of damaged ones."""
    counts: list[int] = []
    position, value, shift = 0, 0, 0
    while position < len(text):
        code = ord(text[position]) - 48
        if not 0 <= code < 64:
            raise SegmentationError("RLE counts with foreign characters")
        value |= (code & 0x1F) << shift
        shift += 5
        position += 1
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        if counts[-1] < 0:
            raise SegmentationError("RLE counts below zero")
        value, shift = 0, 0
    if shift:
        raise SegmentationError("RLE counts cut in the middle")
    return counts


def paint_shapes(shapes: Sequence[Shape], size_wh: tuple[int, int]) -> tuple[NDArray[np.uint32], list[int]]:
    """Paint objects over each other: crowd first, then by falling area, the lower id first on a tie.

    COCO instances overlap (a cup and its table, a person and the tie), but a panoptic map gives each
    pixel to one. What is painted later stays visible; were the large object painted last, it would
    swallow the small ones that lie in front of it, while a small one takes only a little of a large one.

    Returns:
        `(H, W)` uint32, and the ids of which no pixel is left.
    """
    width, height = size_wh
    id_map = np.zeros((height, width), np.uint32)
    order = sorted(shapes, key=lambda s: (not s.is_crowd, -int(coco_mask.area(s.rle)), s.segment_id))
    for shape in order:
        x, y, w, h = (int(v) for v in coco_mask.toBbox(shape.rle))
        mask = coco_mask.decode(shape.rle)[y : y + h, x : x + w]
        id_map[y : y + h, x : x + w][mask.astype(np.bool_)] = shape.segment_id
    visible = set(np.unique(id_map).tolist())
    return id_map, [shape.segment_id for shape in shapes if shape.segment_id not in visible]
