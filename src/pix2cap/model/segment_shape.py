"""What can be measured on masks without learning: box, place, form, colours, means of feature maps."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# How many `numbers` a segment has.
NUMBERS: Final = 8


class SegmentShapes(NamedTuple):
    """Measures of M masks; all zeros for an empty mask.

    Args:
        boxes: `(M, 4)` center x, center y, width, height in shares of the picture without its padding.
        numbers: `(M, 8)`: the box, the center of mass x and y, the square root of the area's share of the
            picture, and the aspect: width / (width + height) in pixels.
        forms: `(M, cells, cells)`: the mask in the smallest square around its box, 0 to 1.
    """

    boxes: Tensor
    numbers: Tensor
    forms: Tensor


def measure_shapes(masks: Tensor, extents: Tensor, *, cells: int) -> SegmentShapes:
    """Measure masks.

    Args:
        masks: `(M, h, w)` float, 0 to 1, over the padded picture; pixels are square.
        extents: `(M, 2)`, share of the padded height and width that the picture fills.
        cells: Height and width of a form.
    """
    height, width = masks.shape[1:]
    # Half the highest value, not half of 1: a thin thing shrunk to a coarse mask has no pixel above 0.5.
    highest = masks.amax(dim=(1, 2), keepdim=True)
    occupied = (masks >= highest / 2) & (masks > 0)
    left, right = _span(occupied.any(dim=1))
    top, bottom = _span(occupied.any(dim=2))
    own_width, own_height = width * extents[:, 1], height * extents[:, 0]
    boxes = torch.stack(
        (
            (left + right) / 2 / own_width,
            (top + bottom) / 2 / own_height,
            (right - left) / own_width,
            (bottom - top) / own_height,
        ),
        dim=1,
    )
    columns, rows = masks.sum(dim=1), masks.sum(dim=2)
    mass = columns.sum(dim=1)
    some = mass.clamp(min=1e-6)
    places_x = torch.arange(width, device=masks.device) + 0.5
    places_y = torch.arange(height, device=masks.device) + 0.5
    numbers = torch.stack(
        (
            columns @ places_x / some / own_width,
            rows @ places_y / some / own_height,
            (mass / (own_width * own_height)).sqrt(),
            (right - left) / (right - left + bottom - top).clamp(min=1e-6),
        ),
        dim=1,
    )
    side = torch.maximum(right - left, bottom - top)
    across = _area_weights((left + right - side) / 2, side, width, cells)
    down = _area_weights((top + bottom - side) / 2, side, height, cells)
    forms = torch.bmm(torch.bmm(down, masks), across.transpose(1, 2))
    return SegmentShapes(boxes, torch.cat((boxes, numbers), dim=1), forms)


def mean_under(masks: Tensor, feature_map: Tensor) -> Tensor:
    """Mean of a feature map under each mask, pixels weighted by the share of them that the mask covers.

    Args:
        masks: `(B, S, h, w)` float, 0 to 1; no gradient flows into them.
        feature_map: `(B, C, h', w')`.

    Returns:
        `(B, S, C)`; zeros for an empty mask.
    """
    with torch.no_grad():
        weights = _area_pool(masks, feature_map).flatten(2)
        weights = weights / weights.sum(dim=2, keepdim=True).clamp(min=1e-6)
    return torch.bmm(weights.to(feature_map.dtype), feature_map.flatten(2).transpose(1, 2))


def measure_colours(masks: Tensor, images_rgb: Tensor | None) -> Tensor:
    """Mean and deviation of the colours under masks, and the same without the masks' outermost pixels.

    Args:
        masks: `(B, S, h, w)` float, 0 to 1.
        images_rgb: `(B, 3, H, W)`, or None, which gives zeros.

    Returns:
        `(B, S, 12)`; the last six repeat the first where nothing is inside, and all are 0 for an empty mask.
    """
    if images_rgb is None:
        return masks.new_zeros((*masks.shape[:2], 12))
    colours = images_rgb.to(masks.dtype)
    moments = _area_pool(torch.cat((colours, colours**2), dim=1), masks)
    inside = -functional.max_pool2d(-masks, 3, stride=1, padding=1)
    inside = torch.where(inside.amax(dim=(2, 3), keepdim=True) >= 0.5, inside, masks)
    measured = []
    for kept in (masks, inside):
        mean, square = mean_under(kept, moments).chunk(2, dim=2)
        measured += [mean, (square - mean**2).clamp(min=0).sqrt()]
    return torch.cat(measured, dim=2)


def _area_pool(pictures: Tensor, like: Tensor) -> Tensor:
    """`(B, C, h, w)` averaged or repeated to the height and width of `like`."""
    height, width = like.shape[-2:]
    if pictures.shape[-2:] == like.shape[-2:]:
        return pictures
    return functional.adaptive_avg_pool2d(pictures, (height, width))


def _span(present: Tensor) -> tuple[Tensor, Tensor]:
    """First and one past the last place that is present in each row of `(M, n)`; both 0 where none is."""
    places = torch.arange(present.shape[1], device=present.device)
    first = torch.where(present, places, present.shape[1]).amin(dim=1)
    end = torch.where(present, places + 1, 0).amax(dim=1)
    return torch.minimum(first, end).float(), end.float()


def _area_weights(start: Tensor, length: Tensor, pixels: int, cells: int) -> Tensor:
    """`(M, cells, pixels)`: the share of each pixel in each of the cells that lie from `start` on."""
    cell = (length / cells)[:, None, None].clamp(min=1e-6)
    low = start[:, None, None] + cell * torch.arange(cells, device=start.device)[:, None]
    pixel = torch.arange(pixels, device=start.device)
    covered = torch.minimum(low + cell, pixel + 1.0) - torch.maximum(low, pixel.float())
    return covered.clamp(min=0) / cell
