"""Backgrounds: bands of sky, grass, sand, water, bricks, planks, snow or road, painted from noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Band:
    """One ground of a backdrop.

    Args:
        name: One of `GROUNDS`.
        top: `(W,)` float32, the height in pixels at which it begins in each column.
    """

    name: str
    top: Floats


def plan_bands(rng: np.random.Generator, names: tuple[str, ...], size_wh: tuple[int, int]) -> list[Band]:
    """Where each ground begins; every one keeps at least a sixth of the height."""
    width, height = size_wh
    levels = [0.0]
    for i in range(1, len(names)):
        low, high = ((0.36, 0.56), (0.66, 0.80))[i - 1] if len(names) == 3 else (0.42, 0.68)
        levels.append(float(rng.uniform(low, high)) * height)
    bands = [Band(names[0], np.zeros(width, np.float32))]
    for name, upper, level in zip(names[1:], names, levels[1:], strict=False):
        is_wavy = name in ("grass", "sand", "snow") and upper != "brick wall"
        bands.append(Band(name, _edge(rng, width, level, height * 0.022 if is_wavy else 0.0)))
    return bands


def _edge(rng: np.random.Generator, width: int, level: float, swing: float) -> Floats:
    """A gently rolling line, on a grid of 1/16 pixel."""
    phases = rng.uniform(0, 2 * math.pi, 3)
    waves = rng.uniform(0.6, 2.6, 3)
    x = np.arange(width) * (2 * math.pi / width)
    line = level + swing * sum(
        np.sin(x * w + p) / (i + 1) for i, (w, p) in enumerate(zip(waves, phases, strict=True))
    )
    result: Floats = (np.rint(line * 16) / 16).astype(np.float32)
    return result


def paint_bands(
    rng: np.random.Generator, bands: list[Band], size_wh: tuple[int, int]
) -> tuple[Floats, NDArray[np.uint8]]:
    """The backdrop and which band each pixel belongs to.

    Returns:
        `(H, W, 3)` float32 0..255 and `(H, W)` uint8 index into `bands`. A pixel belongs to the band
        that covers at least half of it.
    """
    width, height = size_wh
    picture = np.zeros((height, width, 3), np.float32)
    index = np.zeros((height, width), np.uint8)
    unit = min(width, height) / 64
    for i, band in enumerate(bands):
        first = max(0, math.floor(float(band.top.min())))
        last = height
        if i + 1 < len(bands):
            last = min(height, math.ceil(float(bands[i + 1].top.max())) + 1)
        painted = _PAINTERS[band.name](rng, last - first, width, unit)
        rows = np.arange(first, last, dtype=np.float32)[:, None]
        cover = np.clip(rows + np.float32(1) - band.top[None, :], 0, 1) if i else None
        if cover is None:
            picture[first:last] = painted
            continue
        picture[first:last] += (painted - picture[first:last]) * cover[..., None]
        index[first:][(np.arange(first, height, dtype=np.float32)[:, None] + np.float32(0.5)) >= band.top] = i
    return picture, index


def _noise(rng: np.random.Generator, height: int, width: int, cell_hw: tuple[float, float]) -> Floats:
    """Value noise in -1..1: random grid points every `cell_hw` pixels, joined smoothly."""
    rows, row_part = _grid(height, cell_hw[0])
    columns, column_part = _grid(width, cell_hw[1])
    grid = rng.integers(-1024, 1025, (int(rows[-1]) + 2, int(columns[-1]) + 2)).astype(np.float32)
    grid /= np.float32(1024)
    wide = grid[:, columns]
    wide += (grid[:, columns + 1] - wide) * column_part
    low = wide[rows]
    low += (wide[rows + 1] - low) * row_part[:, None]
    return low


def _grid(length: int, cell: float) -> tuple[NDArray[np.intp], Floats]:
    place = np.arange(length, dtype=np.float32) * np.float32(1 / max(cell, 1.0))
    whole = np.floor(place)
    part = place - whole
    return whole.astype(np.intp), part * part * (np.float32(3) - np.float32(2) * part)


def _tint(base: tuple[int, int, int], light: Floats) -> Floats:
    """`base` times `1 + light`."""
    shade = np.float32(1) + light
    result: Floats = np.array(base, np.float32) * shade[..., None]
    return result


def _blend(start: tuple[int, int, int], end: tuple[int, int, int], weight: Floats) -> Floats:
    first = np.array(start, np.float32)
    return first + (np.array(end, np.float32) - first) * weight[..., None]


def _sky(rng: np.random.Generator, height: int, width: int, unit: float) -> Floats:
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    sky = _blend((74, 140, 222), (168, 208, 246), np.broadcast_to(down * np.float32(0.9), (height, width)))
    puffs = _noise(rng, height, width, (unit * 6, unit * 15)) + np.float32(0.5) * _noise(
        rng, height, width, (unit * 2.5, unit * 6)
    )
    cloud = np.clip((puffs - np.float32(0.45)) * np.float32(1.3), 0, 0.75)
    result: Floats = sky + (np.float32(252) - sky) * cloud[..., None]
    return result


def _grass(rng: np.random.Generator, height: int, width: int, unit: float) -> Floats:
    blades = _noise(rng, height, width, (max(3.0, unit * 1.6), 1.0))
    patches = _noise(rng, height, width, (unit * 7, unit * 12))
    return _tint((86, 142, 54), blades * np.float32(0.15) + patches * np.float32(0.10))


def _sand(rng: np.random.Generator, height: int, width: int, unit: float) -> Floats:
    grain = _noise(rng, height, width, (1.0, 1.0))
    ripples = _noise(rng, height, width, (max(2.0, unit * 1.5), unit * 10))
    return _tint((214, 184, 136), grain * np.float32(0.05) + ripples * np.float32(0.05))


def _water(rng: np.random.Generator, height: int, width: int, unit: float) -> Floats:
    waves = _noise(rng, height, width, (max(1.5, unit * 0.7), unit * 4))
    swell = _noise(rng, height, width, (unit * 3, unit * 14))
    glint = np.clip((waves - np.float32(0.55)) * np.float32(1.6), 0, 0.5)
    base = _tint((34, 104, 158), waves * np.float32(0.08) + swell * np.float32(0.10))
    water: Floats = base + (np.float32(225) - base) * glint[..., None]
    return water


def _snow(rng: np.random.Generator, height: int, width: int, unit: float) -> Floats:
    drifts = _noise(rng, height, width, (unit * 4, unit * 14))
    grain = _noise(rng, height, width, (1.0, 1.0))
    return (
        _blend((228, 234, 243), (250, 251, 252), drifts * np.float32(0.5) + np.float32(0.5))
        + (grain * np.float32(3))[..., None]
    )


def _road(rng: np.random.Generator, height: int, width: int, unit: float) -> Floats:
    grain = _noise(rng, height, width, (1.0, 1.0))
    patches = _noise(rng, height, width, (unit * 5, unit * 14))
    return _tint((116, 116, 118), grain * np.float32(0.10) + patches * np.float32(0.05))


def _bricks(rng: np.random.Generator, height: int, width: int, unit: float) -> Floats:
    tall, wide = max(4, round(unit * 3.6)), max(9, round(unit * 8.6))
    joint = max(1, round(unit * 0.45))
    y, x = np.arange(height), np.arange(width)
    row = y // tall
    along = x[None, :] + np.where(row % 2, wide // 2, 0)[:, None]
    column = along // wide
    tone = rng.integers(-100, 101, (int(row[-1]) + 1, int(column.max()) + 1)).astype(np.float32)
    grain = _noise(rng, height, width, (2.0, 2.0))
    brick = _tint((146, 74, 56), tone[row[:, None], column] * np.float32(0.0013) + grain * np.float32(0.06))
    is_joint = ((y % tall) < joint)[:, None] | ((along % wide) < joint)
    mortar = _tint((188, 178, 166), grain * np.float32(0.05))
    return np.where(is_joint[..., None], mortar, brick)


def _planks(rng: np.random.Generator, height: int, width: int, unit: float) -> Floats:
    tall = max(5, round(unit * 6))
    y, x = np.arange(height), np.arange(width)
    row = y // tall
    rows = int(row[-1]) + 1
    wide = max(24, round(unit * 34))
    along = x[None, :] + rng.integers(0, wide, rows)[row][:, None]
    column = along // wide
    tone = rng.integers(-100, 101, (rows, int(column.max()) + 1)).astype(np.float32)
    fibre = _noise(rng, height, width, (max(1.0, unit * 0.5), unit * 9))
    wood = _tint((168, 116, 68), tone[row[:, None], column] * np.float32(0.0011) + fibre * np.float32(0.10))
    is_gap = (y % tall == 0)[:, None] | (along % wide == 0)
    return np.where(is_gap[..., None], wood * np.float32(0.62), wood)


_PAINTERS: Final[dict[str, Callable[[np.random.Generator, int, int, float], Floats]]] = {
    "sky": _sky,
    "grass": _grass,
    "sand": _sand,
    "water": _water,
    "snow": _snow,
    "road": _road,
    "brick wall": _bricks,
    "wooden floor": _planks,
}
