"""Which pixels people may still call by a colour's name, in light, shadow and under tinted lamps.

`colors.name_colors` says what a pixel is called; here is what it could be called at all. The regions overlap
widely on purpose: they are there to find colours that are surely absent, and leave every doubt to the
caption.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Lab = NDArray[np.float64]
Mask = NDArray[np.bool_]


def could_be(name: str, lab: Lab) -> Mask:
    """True where a pixel could be called by a basic colour's name.

    Args:
        name: A name out of `colors.BASIC_COLORS`.
        lab: `(N, 3)` CIELAB.

    Returns:
        `(N,)` bool.

    Raises:
        ValueError: The name is none of them.

    Example:
        >>> shadowed_red = np.array([[22.0, 30.0, 18.0]])
        >>> bool(could_be("red", shadowed_red)[0]), bool(could_be("green", shadowed_red)[0])
        (True, False)
    """
    light = lab[:, 0]
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360

    def between(low: float, high: float) -> Mask:
        return (hue - low) % 360 <= (high - low) % 360

    found: Mask
    match name:
        case "black":
            found = (light < 28) | ((light < 42) & (chroma < 18))
        case "gray":
            found = (chroma < 18) & (light > 8)
        case "white":
            # White takes the tint of its light, and is grey in the shade.
            found = (light > 42) & (chroma < 14 + 0.25 * (light - 42))
        case "brown":
            found = (between(0, 110) & (chroma > 4) & (light < 78)) | ((light < 26) & (chroma < 14))
        case "tan" | "beige":
            found = (between(20, 120) & (chroma < 55) & (light > 32)) | ((light > 60) & (chroma < 16))
        case "red":
            found = between(325, 62) & (chroma > np.where(light < 30, 7, 14))
        case "orange":
            found = between(20, 92) & (chroma > 14)
        case "yellow":
            found = between(38, 128) & (chroma > 12) & (light > 25)
        case "green":
            found = between(90, 205) & (chroma > 4)
        case "turquoise":
            found = between(140, 275) & (chroma > 3)
        case "blue":
            found = (between(195, 318) & (chroma > 3)) | ((light < 22) & (chroma < 10))
        case "purple":
            found = (between(275, 20) & (chroma > 4)) | ((light < 20) & (chroma < 8))
        case "pink":
            found = between(315, 68) & (chroma > 5) & (light > 30)
        case _:
            raise ValueError(f"expected a basic colour name, got {name!r}")
    return found


def is_clearly(name: str, lab: Lab) -> Mask:
    """True where few would call a pixel anything else; where none is, and few could be, a colour is absent.

    Args:
        name: A name out of `colors.BASIC_COLORS`.
        lab: `(N, 3)` CIELAB.

    Returns:
        `(N,)` bool.

    Raises:
        ValueError: The name is none of them.
    """
    light = lab[:, 0]
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    if name in _CLEAR:
        low, high, least = _CLEAR[name]
        needed = np.where(light < 30, 14.0, least) if name == "red" else least
        found: Mask = ((hue - low) % 360 <= (high - low) % 360) & (chroma > needed)
        band = _CLEAR_LIGHT.get(name, (-1.0, 101.0))
        return found & (light > band[0]) & (light < band[1])
    match name:
        case "black":
            found = (light < 22) | ((light < 32) & (chroma < 12))
        case "gray":
            found = (chroma < 11) & (light > 15) & (light < 90)
        case "white":
            found = (light > 58) & (chroma < 10 + 0.2 * (light - 58))
        case "tan":
            found = ((hue > 30) & (hue < 105)) & (chroma > 6) & (chroma < 48) & (light > 40)
        case "beige":
            found = ((hue > 30) & (hue < 115)) & (chroma < 40) & (light > 50)
        case _:
            raise ValueError(f"expected a basic colour name, got {name!r}")
    return found


_CLEAR: dict[str, tuple[float, float, float]] = {
    "brown": (25, 95, 9), "red": (340, 50, 24), "orange": (32, 84, 24), "yellow": (62, 118, 20),
    "green": (98, 185, 8), "turquoise": (155, 255, 7), "blue": (215, 310, 7), "purple": (285, 5, 9),
    "pink": (325, 50, 11),
}  # fmt: skip
"""Hue from and to, and the least chroma."""
_CLEAR_LIGHT: dict[str, tuple[float, float]] = {"brown": (-1, 65), "yellow": (35, 101), "pink": (38, 101)}
"""Lightness between which the name is clear, where it matters."""
