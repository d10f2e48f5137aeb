"""What can be measured on masks without learning: box, place, colours, means of feature maps."""

from __future__ import annotations

from collections.abc import Collection
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
    """

    boxes: Tensor
    numbers: Tensor


def measure_shapes(masks: Tensor, extents: Tensor) -> SegmentShapes:
    """Measure masks.

    Args:
        masks: `(M, h, w)` float, 0 to 1, over the padded picture; pixels are square.
        extents: `(M, 2)`, share of the padded height and width that the picture fills.
    """
    height, width = masks.shape[1:]
    # Half the highest value, not half of 1: a thin thing shrunk to a coarse mask has no pixel above 0.5.
    highest_x, highest_y = masks.amax(dim=1), masks.amax(dim=2)
    enough = highest_x.amax(dim=1, keepdim=True) * 0.499
    left, right = _span(highest_x > enough)
    top, bottom = _span(highest_y > enough)
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
    return SegmentShapes(boxes, torch.cat((boxes, numbers), dim=1))


def shrink(masks: Tensor, sizes_hw: Collection[tuple[int, int]]) -> dict[tuple[int, int], Tensor]:
    """Masks `(M, h, w)` at several sizes; a pixel is the mean of what it covers.

    Each size comes from the next larger one where that gives the same means.
    """
    shrunk = {(masks.shape[1], masks.shape[2]): masks}
    for size in sorted(set(sizes_hw) - set(shrunk), reverse=True):
        fits = [have for have in shrunk if have[0] % size[0] == 0 and have[1] % size[1] == 0]
        source = shrunk[min(fits)] if fits else masks
        shrunk[size] = functional.adaptive_avg_pool2d(source[None], size)[0]
    return {size: shrunk[size] for size in sizes_hw}


def erode(masks: Tensor) -> Tensor:
    """`(M, h, w)` without the outermost pixels; the picture's edge is no edge of a mask."""
    inside = masks.clone()
    for axis in (1, 2):
        before = inside.clone()
        length = masks.shape[axis] - 1
        for start in (0, 1):
            kept = inside.narrow(axis, start, length)
            torch.minimum(kept, before.narrow(axis, 1 - start, length), out=kept)
    return inside


def colour_moments(images_rgb: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """`(B, 3, H, W)` to `(B, 6, h, w)`: colours and their squares, averaged over the pixels of that size."""
    moments = torch.cat((images_rgb, images_rgb**2), dim=1)
    return moments if images_rgb.shape[-2:] == size_hw else functional.adaptive_avg_pool2d(moments, size_hw)


def mean_and_deviation(moments: Tensor) -> Tensor:
    """Means of colours and of their squares `(..., 6)` to means and standard deviations."""
    mean, square = moments.chunk(2, dim=-1)
    return torch.cat((mean, (square - mean**2).clamp(min=0).sqrt()), dim=-1)


def _span(present: Tensor) -> tuple[Tensor, Tensor]:
    """First and one past the last place that is present in each row of `(M, n)`; both 0 where none is."""
    places = torch.arange(present.shape[1], device=present.device)
    first = torch.where(present, places, present.shape[1]).amin(dim=1)
    end = torch.where(present, places + 1, 0).amax(dim=1)
    return torch.minimum(first, end).float(), end.float()
