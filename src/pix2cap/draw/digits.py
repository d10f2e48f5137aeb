"""Number labels: digits as strokes, rendered with exact coverage at any height.

Own strokes instead of a font: the same pixels on every platform and with every OpenCV, and no font file.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Rgb = tuple[int, int, int]

INK_DARK: Rgb = (0, 0, 0)
INK_LIGHT: Rgb = (255, 255, 255)

_ASPECT = 0.58
_STROKE = 0.165


def _arc(cx: float, cy: float, rx: float, ry: float, start: float, stop: float) -> list[tuple[float, float]]:
    """Points of an ellipse; degrees clockwise from the right, y downwards."""
    angles = np.radians(np.linspace(start, stop, 2 + int(abs(stop - start) // 12)))
    return [(cx + rx * float(np.cos(a)), cy + ry * float(np.sin(a))) for a in angles]


_SIX = [[(0.80, 0.05), *_arc(0.62, 0.62, 0.60, 0.64, -115, -178)], _arc(0.5, 0.68, 0.46, 0.32, 0, 360)]
_STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "0": [_arc(0.5, 0.5, 0.46, 0.5, 0, 360)],
    "1": [[(0.18, 0.24), (0.56, 0.0), (0.56, 1.0)], [(0.2, 1.0), (0.9, 1.0)]],
    "2": [[*_arc(0.5, 0.3, 0.44, 0.3, -165, 35), (0.06, 1.0), (0.98, 1.0)]],
    "3": [_arc(0.46, 0.25, 0.42, 0.25, -150, 90), _arc(0.46, 0.73, 0.5, 0.27, -90, 152)],
    "4": [[(0.72, 1.0), (0.72, 0.0), (0.0, 0.7), (1.0, 0.7)]],
    "5": [[(0.9, 0.0), (0.16, 0.0), (0.1, 0.46), *_arc(0.47, 0.68, 0.5, 0.32, -130, 150)]],
    "6": _SIX,
    "7": [[(0.02, 0.0), (0.98, 0.0), (0.36, 1.0)]],
    "8": [_arc(0.5, 0.24, 0.40, 0.24, 0, 360), _arc(0.5, 0.74, 0.48, 0.26, 0, 360)],
    "9": [[(1 - x, 1 - y) for x, y in line] for line in _SIX],
}


@lru_cache(maxsize=512)
def _digit(char: str, height: int) -> NDArray[np.float64]:
    """Coverage 0..1 of one digit, `(height, width)`."""
    stroke = max(1.2, _STROKE * height)
    width = max(3, round(_ASPECT * height))
    scale = np.array([width - stroke, height - stroke])
    ys, xs = np.mgrid[0:height, 0:width] + 0.5
    pixels = np.stack([xs, ys], -1) - stroke / 2
    nearest = np.full((height, width), np.inf)
    for line in _STROKES[char]:
        points = np.array(line) * scale
        for a, b in pairwise(points):
            along = b - a
            length2 = max(float(along @ along), 1e-12)
            t = np.clip((pixels - a) @ along / length2, 0.0, 1.0)
            nearest = np.minimum(nearest, np.linalg.norm(pixels - a - t[..., None] * along, axis=-1))
    coverage: NDArray[np.float64] = np.clip(stroke / 2 + 0.5 - nearest, 0.0, 1.0)
    return coverage


def _layout(height: int) -> tuple[int, int, int]:
    """Padding above, padding at the sides, and gap between digits for a label of this height."""
    pad_y = max(2, round(0.17 * height))
    return pad_y, max(3, round(0.22 * height)), max(1, round(0.09 * height))


@lru_cache(maxsize=4096)
def label_size_wh(number: int, height: int) -> tuple[int, int]:
    """Width and height in pixels of the label with this number."""
    pad_y, pad_x, gap = _layout(height)
    count = len(str(number))
    digit_width = max(3, round(_ASPECT * (height - 2 * pad_y)))
    width: int = 2 * pad_x + count * digit_width + (count - 1) * gap
    return width, height


def relative_luminance(rgb: Rgb) -> float:
    """WCAG 2 relative luminance of an sRGB colour, 0..1."""
    share = np.array(rgb) / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def ink_for(background_rgb: Rgb) -> Rgb:
    """Black or white, whichever has the higher WCAG contrast on the background (at least 4.58)."""
    luminance = relative_luminance(background_rgb)
    return INK_DARK if (luminance + 0.05) ** 2 >= 0.05 * 1.05 else INK_LIGHT


@lru_cache(maxsize=4096)
def label_patch(number: int, height: int, color_rgb: Rgb) -> NDArray[np.uint8]:
    """A finished label: the number on a box of its mark's colour with a dark rim.

    Args:
        number: What to write, 0 or more.
        height: Pixels, at least 9.
        color_rgb: The mark's colour.

    Returns:
        `(height, width, 3)` uint8, read-only (it is cached); the width is `label_size_wh`'s.
    """
    width, _ = label_size_wh(number, height)
    pad_y, pad_x, gap = _layout(height)
    coverage = np.zeros((height, width))
    x = pad_x
    for char in str(number):
        digit = _digit(char, height - 2 * pad_y)
        coverage[pad_y : height - pad_y, x : x + digit.shape[1]] = digit
        x += digit.shape[1] + gap
    paper, ink = np.array(color_rgb, float), np.array(ink_for(color_rgb), float)
    patch: NDArray[np.uint8] = np.rint(paper + coverage[..., None] * (ink - paper)).astype(np.uint8)
    patch[[0, -1]] = patch[:, [0, -1]] = 0
    patch.setflags(write=False)
    return patch
