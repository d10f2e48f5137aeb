"""Colour names hold for colours that nobody disputes, and for every RGB value."""

import numpy as np
import pytest

from pix2cap.text.colors import BASIC_COLORS, name_color, name_colors, rgb_to_lab, shade_color

UNDISPUTED = {
    "black": [(0, 0, 0), (25, 25, 28), (30, 28, 26)],
    "gray": [(100, 100, 100), (160, 160, 165), (90, 95, 100), (190, 190, 188)],
    "white": [(255, 255, 255), (240, 240, 245), (228, 232, 236)],
    "brown": [(139, 69, 19), (92, 64, 51), (101, 67, 33), (60, 40, 25), (120, 85, 50)],
    "tan": [(210, 180, 140), (193, 154, 107), (185, 160, 130)],
    "beige": [(245, 235, 210), (255, 228, 196), (240, 230, 205)],
    "red": [(255, 0, 0), (220, 20, 60), (128, 0, 0), (178, 34, 34), (200, 50, 40)],
    "orange": [(255, 165, 0), (255, 127, 39), (240, 120, 30)],
    "yellow": [(255, 255, 0), (255, 215, 0), (250, 230, 90), (220, 200, 40)],
    "green": [(0, 128, 0), (34, 139, 34), (85, 107, 47), (144, 238, 144), (0, 255, 0), (60, 80, 40)],
    "turquoise": [(64, 224, 208), (0, 128, 128), (0, 200, 200)],
    "blue": [(0, 0, 255), (0, 0, 128), (135, 206, 235), (65, 105, 225), (30, 60, 110), (70, 130, 180)],
    "purple": [(128, 0, 128), (75, 0, 130), (147, 112, 219), (102, 51, 153)],
    "pink": [(255, 192, 203), (255, 105, 180), (255, 20, 147), (240, 170, 175)],
}


@pytest.mark.parametrize(("name", "rgb"), [(n, c) for n, colors in UNDISPUTED.items() for c in colors])
def test_a_colour_nobody_disputes_has_its_name(name: str, rgb: tuple[int, int, int]) -> None:
    assert name_color(rgb) == name


@pytest.mark.parametrize(("name", "rgb"), list(BASIC_COLORS.items()))
def test_the_typical_value_of_a_name_has_that_name(name: str, rgb: tuple[int, int, int]) -> None:
    assert name_color(rgb) == name


def test_every_rgb_value_has_one_of_the_names() -> None:
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    assert set(name_colors(grid).tolist()) == set(BASIC_COLORS)


def test_no_grey_is_a_hue() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    names = name_colors(ramp).tolist()
    assert [n for i, n in enumerate(names) if i == 0 or names[i - 1] != n] == ["black", "gray", "white"]


def test_lab_agrees_with_scikit_image() -> None:
    from skimage.color import rgb2lab

    rgb = np.random.default_rng(3).integers(0, 256, (500, 3), dtype=np.uint8)
    np.testing.assert_allclose(rgb_to_lab(rgb), rgb2lab(rgb[None])[0], atol=0.05)


def test_another_shape_or_type_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \(N, 3\) uint8"):
        name_colors(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="float64"):
        name_colors(np.zeros((4, 3)))  # type: ignore[arg-type]
    assert name_colors(np.zeros((0, 3), np.uint8)).shape == (0,)


def test_shades() -> None:
    assert shade_color((90, 10, 10)) == "dark red"
    assert shade_color((170, 230, 170)) == "light green"
    assert shade_color((0, 0, 0)) == "black"
