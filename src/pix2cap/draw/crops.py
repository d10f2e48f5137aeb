"""Focal crops: a small segment with its surroundings, enlarged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.core import PanopticMap, Segment
from pix2cap.draw.digits import label_patch
from pix2cap.draw.palette import PALETTE, palette_lab, rgb_to_lab
from pix2cap.draw.place import Box
from pix2cap.draw.style import CropStyle

__all__ = ["Crop", "CropStyle", "crop_box", "focal_crop", "needs_crop"]


@dataclass(frozen=True)
class Crop:
    """A cut-out of a picture.

    Args:
        rgb: `(h, w, 3)` uint8, resized, with the segment's contour.
        box_xyxy: What it shows, half-open, in pixels of the picture.
        scale: Crop pixels a pixel of the picture.
    """

    rgb: NDArray[np.uint8]
    box_xyxy: Box
    scale: float


def needs_crop(segment: Segment, size_wh: tuple[int, int], style: CropStyle = CropStyle()) -> bool:  # noqa: B008
    """True for a segment so small that a model sees it better enlarged.

    Args:
        segment: The segment.
        size_wh: Width and height of its picture.
        style: Its limits of area and box.
    """
    x0, y0, x1, y1 = segment.box_xyxy
    if max(x1 - x0, y1 - y0) > max(style.max_box_share * max(size_wh), style.min_side):
        return False
    return segment.area <= style.max_area_share * size_wh[0] * size_wh[1]


def crop_box(box_xyxy: Box, size_wh: tuple[int, int], style: CropStyle = CropStyle()) -> Box:  # noqa: B008
    """The part of the picture around a box: `style.context` times as large, shifted into the frame.

    Shifted rather than cut off where it crosses the frame, so that a segment at the edge has as much context;
    only a crop larger than the picture is cut.

    Args:
        box_xyxy: Half-open, within the picture.
        size_wh: The picture's size.
        style: Context and smallest side.
    """
    spans = []
    for low, high, size in ((box_xyxy[0], box_xyxy[2], size_wh[0]), (box_xyxy[1], box_xyxy[3], size_wh[1])):
        side = min(size, max(round(style.context * (high - low)), style.min_side, high - low))
        start = min(max(0, (low + high - side) // 2), size - side)
        spans.append((start, start + side))
    (x0, x1), (y0, y1) = spans
    return x0, y0, x1, y1


def focal_crop(
    rgb: NDArray[np.uint8],
    panoptic: PanopticMap,
    segment_id: int,
    *,
    style: CropStyle = CropStyle(),  # noqa: B008
    mark_number: int | None = None,
) -> Crop:
    """Cut out a segment with its surroundings, enlarge it and draw its contour as a thin line outside it.

    Args:
        rgb: `(H, W, 3)` uint8 of the map's size.
        panoptic: The segments.
        segment_id: The one to show.
        style: Render parameters.
        mark_number: Written in the corner that hides least of the segment, where given.

    Raises:
        ValueError: Sizes differ.
        KeyError: No such segment.
    """
    if rgb.shape != (*panoptic.id_map.shape, 3) or rgb.dtype != np.uint8:
        raise ValueError(
            f"expected a picture of {(*panoptic.id_map.shape, 3)} uint8, got {rgb.shape} {rgb.dtype}"
        )
    box = crop_box(panoptic.by_id[segment_id].box_xyxy, panoptic.size_wh, style)
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    scale = max(1.0, style.enlarge_to / min(width, height))
    scale = min(scale, style.max_long_side / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_CUBIC if scale > 1.0 else cv2.INTER_AREA
    canvas = np.asarray(
        cv2.resize(np.ascontiguousarray(rgb[y0:y1, x0:x1]), size, interpolation=how), np.uint8
    )
    mask = (panoptic.id_map[y0:y1, x0:x1] == segment_id).astype(np.uint8) * np.uint8(255)
    # Linear, then a threshold: the staircase of an enlarged mask becomes a smooth line.
    smooth = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR if scale > 1.0 else cv2.INTER_AREA) >= 128
    color = _outline(canvas, smooth.view(np.uint8))
    if mark_number is not None:
        _write_number(canvas, smooth, mark_number, color)
    return Crop(canvas, box, scale)


def _outline(canvas: NDArray[np.uint8], mask: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Colour line between two dark ones around the mask, in the palette colour farthest from the picture."""
    depth = mask.copy()
    for radius in (1, 3, 4):
        depth += np.asarray(cv2.dilate(mask, np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)), np.uint8)
    around = np.asarray(cv2.inRange(depth, 1, 3))
    if not around.any():
        return PALETTE[0]
    beneath = rgb_to_lab(np.array(cv2.mean(canvas, around)[:3]))
    color = PALETTE[int(np.linalg.norm(palette_lab() - beneath, axis=-1).argmax())]
    table = np.zeros((256, 1, 3), np.uint8)
    table[2] = color
    cv2.copyTo(cv2.applyColorMap(depth, table), around, canvas)
    return color


def _write_number(
    canvas: NDArray[np.uint8], mask: NDArray[Any], number: int, color_rgb: tuple[int, int, int]
) -> None:
    """Put the label into the corner with the fewest pixels of the segment, if it fits the crop at all."""
    patch = label_patch(number, 20, color_rgb)
    height, width = patch.shape[:2]
    full_height, full_width = mask.shape
    if height > full_height or width > full_width:
        return
    corners = [(x, y) for y in (0, full_height - height) for x in (0, full_width - width)]
    hidden = [int(mask[y : y + height, x : x + width].sum()) for x, y in corners]
    x, y = corners[hidden.index(min(hidden))]
    canvas[y : y + height, x : x + width] = patch
