"""Measures of masks against hand-made ones and against plain loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pix2cap.model.segment_shape import (
    NUMBERS,
    colour_moments,
    erode,
    mean_and_deviation,
    measure_shapes,
    shrink,
)


def _box(height: int, width: int, top: int, left: int, bottom: int, right: int) -> Tensor:
    mask = torch.zeros(height, width)
    mask[top:bottom, left:right] = 1
    return mask


def test_place_is_told_in_shares_of_the_picture_without_padding() -> None:
    masks = _box(40, 80, 10, 20, 30, 30)[None]
    shapes = measure_shapes(masks, torch.tensor([[0.75, 0.5]]))
    # The picture is 30 high and 40 wide.
    assert shapes.boxes[0].tolist() == pytest.approx([25 / 40, 20 / 30, 10 / 40, 20 / 30])
    expected = [25 / 40, 20 / 30, (200 / 1200) ** 0.5, 1 / 3]
    assert shapes.numbers[0].tolist() == pytest.approx([*shapes.boxes[0].tolist(), *expected])
    assert shapes.numbers.shape == (1, NUMBERS)


def test_center_of_mass_is_not_the_center_of_the_box() -> None:
    mask = _box(16, 16, 0, 0, 16, 4) + _box(16, 16, 0, 4, 1, 16)
    numbers = measure_shapes(mask[None], torch.ones(1, 2)).numbers[0]
    x = (64 * 2 + 12 * 10) / 76 / 16
    y = (64 * 8 + 12 * 0.5) / 76 / 16
    assert numbers[:2].tolist() == pytest.approx([0.5, 0.5])
    assert numbers[4:6].tolist() == pytest.approx([x, y])


def test_a_thin_mask_has_a_box_although_no_pixel_is_full() -> None:
    mask = _box(8, 8, 2, 1, 3, 7) * 0.25
    box = measure_shapes(mask[None], torch.ones(1, 2)).boxes[0]
    assert box.tolist() == pytest.approx([0.5, 2.5 / 8, 6 / 8, 1 / 8])


def test_an_empty_mask_measures_zero() -> None:
    shapes = measure_shapes(torch.zeros(1, 9, 9), torch.ones(1, 2))
    assert all((part == 0).all() for part in shapes)


def test_shrinking_is_averaging() -> None:
    masks = torch.rand(3, 24, 36)
    found = shrink(masks, [(24, 36), (12, 18), (4, 6), (8, 9)])
    assert list(found) == [(24, 36), (12, 18), (4, 6), (8, 9)]
    for (height, width), shrunk in found.items():
        blocks = masks.view(3, height, 24 // height, width, 36 // width)
        torch.testing.assert_close(shrunk, blocks.mean(dim=(2, 4)))


def test_masks_coarser_than_a_map_are_repeated() -> None:
    masks = torch.rand(2, 4, 4)
    torch.testing.assert_close(
        shrink(masks, [(8, 8)])[8, 8], masks.repeat_interleave(2, 1).repeat_interleave(2, 2)
    )


def test_erosion_takes_a_pixel_but_not_at_the_pictures_edge() -> None:
    masks = torch.stack((_box(9, 9, 2, 2, 7, 7), _box(9, 9, 0, 0, 9, 3), _box(9, 9, 4, 0, 6, 9)))
    expected = torch.stack((_box(9, 9, 3, 3, 6, 6), _box(9, 9, 0, 0, 9, 2), torch.zeros(9, 9)))
    given = masks.clone()
    assert torch.equal(erode(masks), expected)
    assert torch.equal(masks, given)


def test_moments_give_mean_and_deviation() -> None:
    torch.manual_seed(0)
    image = torch.randn(1, 3, 6, 6)
    moments = colour_moments(image, (6, 6)).mean(dim=(2, 3))
    found = mean_and_deviation(moments)[0]
    torch.testing.assert_close(found[:3], image.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(found[3:], image.std(dim=(0, 2, 3), correction=0))
    # The deviation is that of the picture's pixels, not of a shrunk picture's.
    small = colour_moments(image, (2, 2)).mean(dim=(2, 3))
    torch.testing.assert_close(mean_and_deviation(small)[0], found)
