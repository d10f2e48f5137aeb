"""Masks and pictures on the model's square."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pix2cap.errors import InputError
from pix2cap.sft.picture_fit import PictureSettings, cover_grid, place
from tests.builders.tiny_lmm import tiny_pair


@given(
    mask=arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    cells=st.integers(1, 5),
    start=st.tuples(st.integers(-4, 4), st.integers(-4, 4)),
    step=st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
def test_cover_is_the_share_of_each_cell(
    mask: np.ndarray, cells: int, start: tuple[int, int], step: tuple[int, int]
) -> None:
    """Against counting on a grid of quarter pixels."""
    found = cover_grid(mask, start=(start[0] / 4, start[1] / 4), step=(step[0] / 4, step[1] / 4), cells=cells)
    fine = np.kron(mask, np.ones((4, 4)))
    far = 16
    padded = np.pad(fine, ((far, cells * 12 + far), (far, cells * 12 + far)))
    for row in range(cells):
        for column in range(cells):
            y, x = far + start[1] + row * step[1], far + start[0] + column * step[0]
            expected = padded[y : y + step[1], x : x + step[0]].mean()
            assert found[row, column] == pytest.approx(expected, abs=1e-6)


@given(size=st.tuples(st.integers(1, 700), st.integers(1, 700)), fit=st.sampled_from(["pad", "squash"]))
def test_a_picture_lies_inside_the_square_and_its_box_is_all_of_it(size: tuple[int, int], fit: str) -> None:
    where = place(size, fit)  # type: ignore[arg-type]
    assert where.box((0, 0, *size), size) == pytest.approx(
        (where.left, where.top, where.left + where.width, where.top + where.height)
    )
    assert max(where.width, where.height) == 1
    assert where.left >= 0 and where.left + where.width <= 1 + 1e-12
    if fit == "pad":
        assert where.width / where.height == pytest.approx(size[0] / size[1])


@pytest.mark.parametrize("fit", ["pad", "squash"])
@pytest.mark.parametrize("size", [(64, 32), (32, 64), (32, 32), (20, 128)])
def test_a_mask_covers_the_patches_where_its_pixels_are(size: tuple[int, int], fit: str) -> None:
    _, processor = tiny_pair()
    processor.picture = PictureSettings(
        size=32,
        patch=8,
        fit=fit,
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
        image_tokens=16,  # type: ignore[arg-type]
    )
    width, height = size
    id_map = np.zeros((height, width), np.uint32)
    id_map[height // 4 : height // 2, width // 2 :] = 9
    rgb = np.where((id_map == 9)[..., None], 255, 0).astype(np.uint8).repeat(3, 2)
    light = (processor.pixels(rgb)[0] + 1) / 2
    inside = processor.pixels(np.full_like(rgb, 255))[0] > 0.99  # Padding is grey, which is 0.
    light = np.where(inside, light, 0)
    patches = light.reshape(4, 8, 4, 8).mean((1, 3))
    regions = processor.regions(id_map, [9])
    np.testing.assert_allclose(regions.cover[0], patches, atol=0.1)
    x0, y0, x1, y1 = regions.boxes[0] * 32
    ys, xs = np.nonzero(light > 0.5)
    np.testing.assert_allclose((x0, y0, x1, y1), (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1), atol=1.01)


def test_settings_are_checked() -> None:
    with pytest.raises(InputError, match="multiple of the patch"):
        PictureSettings(size=30, patch=8)
    with pytest.raises(InputError, match="pad or squash"):
        PictureSettings(fit="crop")  # type: ignore[arg-type]
