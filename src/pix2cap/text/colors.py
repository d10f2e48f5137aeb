"""Colour names of RGB values: fourteen basic names as regions of CIELAB.

A name is decided by lightness, chroma and hue angle, not by the nearest prototype: in RGB or Lab
distance a shadowed red is nearer to brown than to red, while people keep calling it red. Berlin and
Kay's eleven basic terms are here, with beige, tan and turquoise, which captions use as often.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

BASIC_COLORS: Final[dict[str, tuple[int, int, int]]] = {
    "black": (16, 16, 16),
    "gray": (128, 128, 128),
    "white": (250, 250, 250),
    "brown": (121, 77, 40),
    "tan": (200, 165, 125),
    "beige": (238, 226, 200),
    "red": (205, 28, 32),
    "orange": (250, 140, 20),
    "yellow": (250, 220, 40),
    "green": (40, 140, 50),
    "turquoise": (40, 190, 190),
    "blue": (40, 90, 200),
    "purple": (130, 50, 160),
    "pink": (245, 150, 185),
}
"""A typical RGB value of each name, for legends and rendered scenes."""

_D65_WHITE: Final = np.array([0.95047, 1.0, 1.08883])
_RGB_TO_XYZ: Final = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_LIGHTNESS_BANDS: Final[dict[str, tuple[float, float]]] = {
    "gray": (40, 72),
    "brown": (27, 52),
    "red": (33, 60),
    "green": (33, 75),
    "turquoise": (45, 82),
    "blue": (30, 66),
    "purple": (28, 62),
    "pink": (0, 84),
}
"""Lightness below and above which a name gets `dark` and `light`; names missing here get neither."""


def rgb_to_lab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """SRGB to CIELAB under D65.

    Args:
        rgb: `(..., 3)` uint8.

    Returns:
        `(..., 3)` float64: L 0..100, a and b.

    Example:
        >>> [round(float(v)) for v in rgb_to_lab(np.array([255, 0, 0], np.uint8))]
        [53, 80, 67]
    """
    values = np.asarray(rgb, np.float64) / 255.0
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _RGB_TO_XYZ.T / _D65_WHITE
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def name_colors(rgb: NDArray[np.uint8]) -> NDArray[np.str_]:
    """The basic colour name of each RGB value.

    Args:
        rgb: `(N, 3)` uint8.

    Returns:
        `(N,)` names out of `BASIC_COLORS`.

    Raises:
        ValueError: The array has another shape or type.

    Example:
        >>> name_colors(np.array([[200, 20, 20], [240, 240, 240], [20, 40, 120]], np.uint8)).tolist()
        ['red', 'white', 'blue']
    """
    rgb = np.asarray(rgb)
    if rgb.ndim != 2 or rgb.shape[1] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"expected (N, 3) uint8 RGB, got {rgb.dtype} {rgb.shape}")
    return _name_lab(rgb_to_lab(rgb))


def name_color(rgb: tuple[int, int, int]) -> str:
    """The basic colour name of one RGB value.

    Example:
        >>> name_color((250, 200, 40))
        'yellow'
    """
    return str(name_colors(np.array([rgb], np.uint8))[0])


def shade_color(rgb: tuple[int, int, int]) -> str:
    """The name with `dark` or `light` before it where people would say so.

    Example:
        >>> shade_color((20, 40, 110)), shade_color((160, 200, 240)), shade_color((250, 250, 250))
        ('dark blue', 'light blue', 'white')
    """
    lab = rgb_to_lab(np.array([rgb], np.uint8))
    name = str(_name_lab(lab)[0])
    dark, light = _LIGHTNESS_BANDS.get(name, (-1.0, 101.0))
    lightness = float(lab[0, 0])
    if lightness < dark:
        return f"dark {name}"
    return f"light {name}" if lightness > light else name


def _name_lab(lab: NDArray[np.float64]) -> NDArray[np.str_]:
    """Names by lightness, chroma and hue; the first region that holds a value names it."""
    light = lab[:, 0]
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    warm = (hue > 55) & (hue < 115)
    # A pale warm tint reads as beige; the same tint of blue is only a camera's white balance.
    grayish = chroma < np.where(warm & (light > 82), 6.0, np.where(light < 30, 11.0, 9.0))
    regions: list[tuple[str, NDArray[np.bool_]]] = [
        ("black", (light < 9) & (chroma < 40)),
        ("black", (light < 24) & grayish),
        ("white", (light > 85) & grayish),
        ("gray", grayish),
        ("blue", (hue >= 218) & (hue < 296)),
        # Saturated blues lean to violet in CIELAB: pure blue has hue 306, as have paler purples.
        ("blue", (hue >= 296) & (hue < 308) & (chroma > 2.3 * light)),
        ("pink", (hue >= 335) & (light > 52)),
        ("purple", (hue >= 296) & ((hue < 340) | (chroma < 30))),
        ("red", hue >= 340),
        ("turquoise", (hue >= 170) & (hue < 218)),
        ("green", (hue >= 110) & (hue < 170) & ((chroma > 16) | (light < 82))),
        ("pink", ((hue < 45) & (light > 62) & (chroma < 58)) | ((hue < 20) & (light > 55))),
        ("brown", (hue < 45) & (chroma < 33)),
        ("red", (hue < 50) & ((hue < 45) | (light < 56)) & (chroma >= 33)),
        ("brown", (hue < 80) & ((light < 48) | ((light < 57) & (chroma < 45)))),
        ("orange", (hue < 80) & (chroma >= 46)),
        ("brown", (hue < 98) & (light < 52)),
        ("green", (light < 62) & (hue >= 98)),
        ("yellow", chroma >= np.where(light > 80, 33.0, 40.0)),
        ("beige", light > 79),
    ]
    return np.select([region for _, region in regions], [name for name, _ in regions], default="tan")
