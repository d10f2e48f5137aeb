"""One drawn object: its coverage, sampled 16 times a pixel, and its shaded, textured colours.

Only IEEE-exact operations touch pixels (integers, and + - * / sqrt on float32), and everything that
comes from sin or cos is rounded to a grid first, so a seed gives the same bytes on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.scenes.vocabulary import COLORS, TEXTURES, Size, Texture, accent_of

Points = list[tuple[float, float]]
_SUB: Final = 4
"""Samples a pixel along each axis."""
_SHIFT: Final = 4
"""Fractional bits of the polygon corners that OpenCV fills."""
_SMALLEST_TEXTURED_PX: Final = 12


@dataclass(frozen=True, slots=True)
class ObjectLook:
    """How an object is drawn.

    Args:
        shape: One of `SHAPES`.
        color: One of `COLORS`.
        texture: One of `TEXTURES`.
        size: One of `SIZES`.
        radius: Pixels from the centre to the outermost point.
        tilt: Degrees clockwise.
    """

    shape: str
    color: str
    texture: Texture
    size: Size
    radius: float
    tilt: float

    @property
    def accent(self) -> str | None:
        """The second colour, None on a plain object."""
        return None if self.texture == "plain" else accent_of(self.color)


@dataclass(frozen=True)
class Sprite:
    """A rendered object, before it is put into a picture.

    Args:
        look: What it is.
        coverage: `(S, S)` int32, 0..16 samples inside the shape.
        rgb: `(S, S, 3)` float32, 0..255.
        shadow: `(S, S)` float32, 0..1, centred like the object.
    """

    look: ObjectLook
    coverage: NDArray[np.int32]
    rgb: NDArray[np.float32]
    shadow: NDArray[np.float32]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels of which at least half belong to the object."""
        mask: NDArray[np.bool_] = self.coverage >= _SUB * _SUB // 2
        return mask


def textures_for(radius: float, color: str) -> tuple[Texture, ...]:
    """The textures that leave no doubt at this radius in pixels and in this colour.

    Black and white squares are as much the one as the other, so neither colour gets them.
    """
    if radius < _SMALLEST_TEXTURED_PX:
        return ("plain",)
    return tuple(t for t in TEXTURES if t != "checkered" or color not in ("black", "white"))


def draw_sprite(look: ObjectLook) -> Sprite:
    """Render one object."""
    side = 2 * math.ceil(look.radius * 1.25 + 2)
    samples = _fill(look, side)
    coverage = samples.reshape(side, _SUB, side, _SUB).sum(axis=(1, 3), dtype=np.int32)
    rgb = _shade(look, coverage)
    return Sprite(look, coverage, rgb, _soft_shadow(coverage, look.radius))


def _fill(look: ObjectLook, side: int) -> NDArray[np.uint8]:
    """`(side * 4, side * 4)` samples, 1 inside the shape."""
    scale = look.radius * _SUB
    angle = math.radians(look.tilt)
    cos, sin = math.cos(angle), math.sin(angle)
    middle = side * _SUB / 2 - 0.5
    contours = []
    for points in _OUTLINES[look.shape]():
        turned = [(x * cos - y * sin, x * sin + y * cos) for x, y in points]
        fixed = [
            (round((middle + x * scale) * (1 << _SHIFT)), round((middle + y * scale) * (1 << _SHIFT)))
            for x, y in turned
        ]
        contours.append(np.array(fixed, np.int32))
    canvas = np.zeros((side * _SUB, side * _SUB), np.uint8)
    cv2.fillPoly(canvas, contours, (1,), cv2.LINE_8, _SHIFT)
    return canvas


def _shade(look: ObjectLook, coverage: NDArray[np.int32]) -> NDArray[np.float32]:
    """Base colour and texture, lit from the top left, with a soft bevel along the rim."""
    side = coverage.shape[0]
    axis = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    dx, dy = axis[None, :], axis[:, None]
    base = np.array(COLORS[look.color], np.float32)
    rgb: NDArray[np.float32]
    if look.accent is None:
        rgb = np.broadcast_to(base, (side, side, 3))
    else:
        weight = _pattern(look, dx, dy)[..., None]
        rgb = base + (np.array(COLORS[look.accent], np.float32) - base) * weight
    slope = (dx + dy) * np.float32(-0.075 / look.radius) + np.float32(1.02)
    depth = max(1, round(look.radius / 11))
    bevel = _bevel(coverage, depth)
    lit = rgb * (slope + bevel * np.float32(0.16))[..., None] + (bevel * np.float32(20))[..., None]
    return np.clip(lit, 0, 255).astype(np.float32)


def _bevel(coverage: NDArray[np.int32], depth: int) -> NDArray[np.float32]:
    """-1..1: above 0 along rims that face the top left, below along the opposite ones."""
    side = coverage.shape[0]
    pad = np.pad(coverage, depth)
    total = np.zeros((side, side), np.int32)
    for d in range(1, depth + 1):
        near = pad[depth - d : depth - d + side, depth - d : depth - d + side]
        far = pad[depth + d : depth + d + side, depth + d : depth + d + side]
        total += far - near
    rims: NDArray[np.float32] = total.astype(np.float32) * np.float32(1 / (16 * depth))
    return rims


def _soft_shadow(coverage: NDArray[np.int32], radius: float) -> NDArray[np.float32]:
    """The coverage under a box blur, in integers."""
    reach = max(1, round(radius / 8))
    side = coverage.shape[0]
    window = 2 * reach + 1
    sums = np.pad(coverage, ((reach + 1, reach), (reach + 1, reach))).cumsum(0).cumsum(1)
    box = (
        sums[window : window + side, window : window + side]
        - sums[:side, window : window + side]
        - sums[window : window + side, :side]
        + sums[:side, :side]
    )
    shadow: NDArray[np.float32] = box.astype(np.float32) * np.float32(1 / (16 * window * window))
    return shadow


def _pattern(look: ObjectLook, dx: NDArray[np.float32], dy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share of the accent colour at each pixel, 0..1, with edges one pixel soft."""
    turn = math.radians(look.tilt + (45 if look.texture == "striped" else 0))
    cos, sin = (np.float32(round(f(turn) * 4096) / 4096) for f in (math.cos, math.sin))
    u, v = dx * cos + dy * sin, dy * cos - dx * sin
    period = np.float32(max(5.5, round(look.radius * 16) / 16 * 0.44))
    if look.texture == "striped":
        return _band(u, period, 0.40)
    if look.texture == "zigzag":
        return _band(v + np.abs(_fold(u, period * np.float32(1.3))), period, 0.38)
    if look.texture == "checkered":
        a, b = _band(u, period * np.float32(1.2), 0.5), _band(v, period * np.float32(1.2), 0.5)
        squares: NDArray[np.float32] = a + b - np.float32(2) * a * b
        return squares
    across, down = _fold(u, period), _fold(v, period)
    distance = np.sqrt(across * across + down * down)
    result: NDArray[np.float32] = np.clip(period * np.float32(0.29) - distance + np.float32(0.5), 0, 1)
    return result


def _fold(u: NDArray[np.float32], period: np.float32) -> NDArray[np.float32]:
    """Signed distance to the nearest multiple of `period`."""
    cells = u / period
    result: NDArray[np.float32] = (cells - np.floor(cells + np.float32(0.5))) * period
    return result


def _band(u: NDArray[np.float32], period: np.float32, share: float) -> NDArray[np.float32]:
    """1 within stripes that take `share` of each period."""
    edge = period * np.float32(share / 2)
    result: NDArray[np.float32] = np.clip(edge - np.abs(_fold(u, period)) + np.float32(0.5), 0, 1)
    return result


def _polygon(corners: int, *, start: float = -90.0, radius: float = 1.0) -> Points:
    turns = (math.radians(start + 360 * i / corners) for i in range(corners))
    return [(radius * math.cos(t), radius * math.sin(t)) for t in turns]


def _star() -> list[Points]:
    outer, inner = _polygon(5), _polygon(5, start=-54, radius=0.45)
    return [[point for pair in zip(outer, inner, strict=True) for point in pair]]


def _heart() -> list[Points]:
    turns = [2 * math.pi * i / 64 for i in range(64)]
    return [
        [
            (
                math.sin(t) ** 3 * 0.95,
                -0.06
                - (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 17.5,
            )
            for t in turns
        ]
    ]


def _cross() -> list[Points]:
    a, b = 0.3, 0.92
    quarter = [(-a, -b), (a, -b), (a, -a)]
    points: Points = []
    for _ in range(4):
        points += quarter
        quarter = [(-y, x) for x, y in quarter]
    return [points]


def _crescent() -> list[Points]:
    # Outer arc of the unit circle, and back along a circle shifted to the right.
    shift, inner = 0.52, 0.78
    meet = math.acos((1 + shift**2 - inner**2) / (2 * shift))
    bite = math.atan2(math.sin(meet), math.cos(meet) - shift)
    outer = [meet + (2 * math.pi - 2 * meet) * i / 64 for i in range(65)]
    back = [2 * math.pi - bite - (2 * math.pi - 2 * bite) * i / 64 for i in range(1, 64)]
    points = [(math.cos(t), math.sin(t)) for t in outer]
    points += [(shift + inner * math.cos(t), inner * math.sin(t)) for t in back]
    return [[(x + 0.2, y) for x, y in points]]


def _square() -> list[Points]:
    return [_polygon(4, start=-45, radius=1.1)]


_OUTLINES: Final[dict[str, Callable[[], list[Points]]]] = {
    "circle": lambda: [_polygon(96, radius=0.95)],
    "square": _square,
    "triangle": lambda: [[(x, y + 0.15) for x, y in _polygon(3)]],
    "star": lambda: [[(x * 1.08, y * 1.08) for x, y in _star()[0]]],
    "ring": lambda: [_polygon(96), _polygon(96, radius=0.55)],
    "cross": _cross,
    "heart": _heart,
    "hexagon": lambda: [_polygon(6, start=0)],
    "crescent": _crescent,
    "arrow": lambda: [
        [(-1, -0.3), (0.12, -0.3), (0.12, -0.72), (1, 0), (0.12, 0.72), (0.12, 0.3), (-1, 0.3)]
    ],
}
"""Corners of each shape around (0, 0), y downwards; a second list cuts a hole."""
