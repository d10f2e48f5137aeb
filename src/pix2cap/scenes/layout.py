"""Where objects go: a third of them partly hidden, behind another object or by the frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.scenes.sprite import ObjectLook, Sprite, draw_sprite, textures_for
from pix2cap.scenes.vocabulary import COLORS, SHAPES, SIZES, Size

FEWEST_OBJECTS: Final = 3
MOST_OBJECTS: Final = 10
LEAST_VISIBLE: Final = 0.45
"""Share of an object's own pixels that stays in view."""
_MOST_VISIBLE_OF_HIDDEN: Final = 0.88
_TRIES: Final = 40
_CUT_SHARE: Final = 0.4
"""How many of the hidden objects are hidden by the frame."""


@dataclass(frozen=True)
class Placed:
    """An object in the picture.

    Args:
        sprite: How it looks.
        left: Column of the sprite's first pixel, may be negative.
        top: Row of the sprite's first pixel, may be negative.
        hides: Index (in drawing order) of the object that it partly hides, if any.
    """

    sprite: Sprite
    left: int
    top: int
    hides: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a sprite that lies in the picture, as slices of both."""

    picture: tuple[slice, slice]
    sprite: tuple[slice, slice]


def window_of(side: int, left: int, top: int, size_wh: tuple[int, int]) -> Window | None:
    """Clip a square of `side` pixels at `(left, top)`; None where nothing is left."""
    width, height = size_wh
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if x0 >= x1 or y0 >= y1:
        return None
    return Window(
        (slice(y0, y1), slice(x0, x1)),
        (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)),
    )


def place_objects(
    rng: np.random.Generator, size_wh: tuple[int, int], forbidden_colors: frozenset[str]
) -> tuple[list[Placed], NDArray[np.int16]]:
    """Draw looks and find places, back to front.

    Args:
        rng: Source of chance.
        size_wh: The picture in pixels.
        forbidden_colors: Object colours that the backdrop would swallow.

    Returns:
        The objects in drawing order and `(H, W)` int16, the index of the object in view, -1 for none.

    Raises:
        RuntimeError: No arrangement was found (the picture is smaller than 64 pixels).
    """
    shrink = 1.0
    for _ in range(60):
        board = _Board(rng, size_wh)
        count = int(rng.integers(FEWEST_OBJECTS, MOST_OBJECTS + 1))
        hidden = max(1, round(count / 3))
        cut = sum(rng.random() < _CUT_SHARE for _ in range(hidden))
        looks = _draw_looks(rng, count, size_wh, forbidden_colors, shrink)
        board.fill(looks, covered=hidden - cut, cut=cut)
        if len(board.placed) >= FEWEST_OBJECTS and board.hidden >= max(1, len(board.placed) // 4):
            return board.placed, board.index
        shrink *= 0.93
    raise RuntimeError(
        f"found no room for {FEWEST_OBJECTS} objects in a picture of {size_wh} (width, height)"
    )


def _draw_looks(
    rng: np.random.Generator,
    count: int,
    size_wh: tuple[int, int],
    forbidden_colors: frozenset[str],
    shrink: float,
) -> list[ObjectLook]:
    """Looks of which no two share both shape and colour, so that a few words tell them apart."""
    colors = [color for color in COLORS if color not in forbidden_colors]
    pairs = rng.permutation(len(SHAPES) * len(colors))[:count]
    sizes: list[Size] = list(SIZES)
    looks = []
    for pair in pairs.tolist():
        size = sizes[int(rng.integers(len(sizes)))]
        low, high = SIZES[size]
        radius = max(4.5, float(rng.uniform(low, high)) * min(size_wh) * shrink)
        shape, color = SHAPES[pair % len(SHAPES)], colors[pair // len(SHAPES)]
        textures = textures_for(radius, color)
        texture = textures[int(rng.integers(len(textures)))] if rng.random() < 0.7 else "plain"
        tilt = float(rng.uniform(-14, 14))
        looks.append(ObjectLook(shape, color, texture, size, radius, tilt))
    return [replace(look, size=_size_word(look.radius, min(size_wh))) for look in looks]


def _size_word(radius: float, shorter_side: int) -> Size:
    """The word that the radius really deserves, whatever was planned."""
    share = radius / shorter_side
    if share < 0.10:
        return "small"
    return "medium-sized" if share < 0.1475 else "large"


class _Board:
    """A picture being filled; objects are only ever added in front."""

    def __init__(self, rng: np.random.Generator, size_wh: tuple[int, int]) -> None:
        self.rng = rng
        self.size_wh = size_wh
        self.placed: list[Placed] = []
        self.index = np.full((size_wh[1], size_wh[0]), -1, np.int16)
        self.hidden = 0

    def fill(self, looks: list[ObjectLook], *, covered: int, cut: int) -> None:
        """Objects cut by the frame, then objects in the open, then those that hide one of these."""
        sprites = [draw_sprite(look) for look in looks]
        rest = sprites[cut:]
        for sprite in sprites[:cut]:
            self.hidden += self._try(sprite, self._at_edge, least=LEAST_VISIBLE, most=_MOST_VISIBLE_OF_HIDDEN)
        coverers = rest[len(rest) - covered :] if covered else []
        targets = []
        for sprite in rest[: len(rest) - covered]:
            if self._try(sprite, self._in_open, least=1.0, most=1.0):
                targets.append(len(self.placed) - 1)
        for sprite in coverers:
            color = sprite.look.color
            fit = [i for i in targets if self.placed[i].sprite.look.color != color]
            if fit and self._try_cover(sprite, fit[0]):
                targets.remove(fit[0])
                self.hidden += 1

    def _try(
        self, sprite: Sprite, draw_place: Callable[[Sprite], tuple[int, int]], *, least: float, most: float
    ) -> bool:
        mask = sprite.mask
        whole = int(mask.sum())
        apart = _grow(mask, max(2, round(sprite.look.radius * 0.14)))
        for _ in range(_TRIES):
            left, top = draw_place(sprite)
            window = window_of(len(mask), left, top, self.size_wh)
            if window is None or (self.index[window.picture][apart[window.sprite]] >= 0).any():
                continue
            if not least <= int(mask[window.sprite].sum()) / whole <= most:
                continue
            self._put(Placed(sprite, left, top), window)
            return True
        return False

    def _try_cover(self, sprite: Sprite, target: int) -> bool:
        """Put an object in front of `target` so that it hides a fair part of it and touches nothing else."""
        behind = self.placed[target]
        mask = sprite.mask
        apart = _grow(mask, max(2, round(sprite.look.radius * 0.14)))
        whole = int(behind.sprite.mask.sum())
        middle = (
            behind.left + len(behind.sprite.mask) / 2 - len(mask) / 2,
            behind.top + len(behind.sprite.mask) / 2 - len(mask) / 2,
        )
        reach = behind.sprite.look.radius + sprite.look.radius
        for _ in range(_TRIES):
            dx, dy = (float(v) for v in self.rng.uniform(-1, 1, 2))
            left, top = round(middle[0] + dx * reach), round(middle[1] + dy * reach)
            window = window_of(len(mask), left, top, self.size_wh)
            if window is None or int(mask[window.sprite].sum()) < int(mask.sum()):
                continue
            below = self.index[window.picture]
            near = below[apart[window.sprite]]
            if ((near >= 0) & (near != target)).any():
                continue
            left_over = 1 - int((below[mask[window.sprite]] == target).sum()) / whole
            if LEAST_VISIBLE <= left_over <= _MOST_VISIBLE_OF_HIDDEN:
                self._put(Placed(sprite, left, top, hides=target), window)
                return True
        return False

    def _put(self, placed: Placed, window: Window) -> None:
        self.index[window.picture][placed.sprite.mask[window.sprite]] = len(self.placed)
        self.placed.append(placed)

    def _in_open(self, sprite: Sprite) -> tuple[int, int]:
        side, inset = len(sprite.mask), sprite.look.radius + 1
        return (
            round(float(self.rng.uniform(inset, self.size_wh[0] - inset)) - side / 2),
            round(float(self.rng.uniform(inset, self.size_wh[1] - inset)) - side / 2),
        )

    def _at_edge(self, sprite: Sprite) -> tuple[int, int]:
        """A place across one of the four edges."""
        left, top = self._in_open(sprite)
        width, height = self.size_wh
        half = len(sprite.mask) / 2
        depth = float(self.rng.uniform(-0.15, 0.75)) * sprite.look.radius
        edge = int(self.rng.integers(4))
        if edge < 2:
            return round((depth if edge == 0 else width - depth) - half), top
        return left, round((depth if edge == 2 else height - depth) - half)


def _grow(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """The mask and everything up to `pixels` around it (within the sprite's own square)."""
    kernel = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    grown: NDArray[np.bool_] = cv2.dilate(mask.astype(np.uint8), kernel).astype(np.bool_)
    return grown
