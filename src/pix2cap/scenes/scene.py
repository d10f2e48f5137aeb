"""Rendered scenes with exact masks and true captions, from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category, PanopticMap
from pix2cap.scenes.captions import caption_ground, caption_object
from pix2cap.scenes.facts import GroundFacts, ObjectFacts, ground_facts, object_facts
from pix2cap.scenes.ground import paint_bands, plan_bands
from pix2cap.scenes.layout import Placed, place_objects, window_of
from pix2cap.scenes.vocabulary import BACKDROPS, CATEGORY_IDS, SCENE_CATEGORIES, TOO_ALIKE

SMALLEST_SIDE_PX: Final = 64


@dataclass(frozen=True)
class Scene:
    """A rendered picture and all that is known about it.

    Args:
        rgb: `(H, W, 3)` uint8.
        panoptic: The exact map: a pixel belongs to what covers at least half of it. No void, no crowd.
        categories: All categories that scenes use, the same for every scene.
        captions: A true caption by segment id, for every segment.
        facts: What is true of each object, by segment id.
        grounds: What is true of each ground, by segment id.
    """

    rgb: NDArray[np.uint8]
    panoptic: PanopticMap
    categories: tuple[Category, ...]
    captions: dict[int, str]
    facts: dict[int, ObjectFacts]
    grounds: dict[int, GroundFacts]


def render_scene(seed: int | Sequence[int], *, size_wh: tuple[int, int] = (640, 480)) -> Scene:
    """Render one scene: 3 to 10 objects before one to three grounds.

    About a third of the objects are partly hidden, by another object or by the frame; at least 45 % of
    each stays in view. No two objects of a scene share both shape and colour.

    Args:
        seed: A number or several; the same seed and size give the same bytes.
        size_wh: Pixels, each side at least 64.

    Raises:
        ValueError: A side is too short.

    Example:
        >>> scene = render_scene(7, size_wh=(96, 64))
        >>> scene.rgb.shape, set(scene.captions) == set(scene.panoptic.by_id)
        ((64, 96, 3), True)
    """
    if min(size_wh) < SMALLEST_SIDE_PX:
        raise ValueError(f"expected a scene of at least {SMALLEST_SIDE_PX} pixels a side, got {size_wh}")
    rng = np.random.default_rng(seed)
    names = BACKDROPS[int(rng.integers(len(BACKDROPS)))]
    bands = plan_bands(rng, names, size_wh)
    forbidden = frozenset[str]().union(*(TOO_ALIKE[name] for name in names))
    placed, index = place_objects(rng, size_wh, forbidden)
    canvas, band_index = paint_bands(rng, bands, size_wh)
    for item in placed:
        _draw(canvas, item)
    panoptic, ground_ids, object_ids = _panoptic(names, placed, index, band_index)
    objects = object_facts(panoptic, placed, object_ids, (names, band_index))
    grounds = ground_facts(names, ground_ids, objects)
    captions = {i: caption_ground(rng, ground, objects) for i, ground in grounds.items()}
    captions |= {i: caption_object(rng, i, objects) for i in objects}
    rgb = np.rint(np.clip(canvas, 0, 255)).astype(np.uint8)
    return Scene(rgb, panoptic, SCENE_CATEGORIES, captions, objects, grounds)


def scenes(n: int, *, seed: int = 0, size_wh: tuple[int, int] = (640, 480)) -> Iterator[Scene]:
    """`n` different scenes, one at a time; scene `i` is `render_scene((seed, i))` and needs no other.

    Args:
        n: How many.
        seed: Start of all of them.
        size_wh: Pixels.
    """
    for i in range(n):
        yield render_scene((seed, i), size_wh=size_wh)


def _draw(canvas: NDArray[np.float32], item: Placed) -> None:
    """Lay an object's shadow and then the object itself on the canvas."""
    sprite = item.sprite
    side = len(sprite.coverage)
    size_wh = (canvas.shape[1], canvas.shape[0])
    drop = max(1, round(sprite.look.radius / 9))
    below = window_of(side, item.left + drop, item.top + drop, size_wh)
    if below is not None:
        shade = np.float32(1) - np.float32(0.34) * sprite.shadow[below.sprite]
        canvas[below.picture] *= shade[..., None]
    window = window_of(side, item.left, item.top, size_wh)
    if window is not None:
        cover = sprite.coverage[window.sprite].astype(np.float32) * np.float32(1 / 16)
        patch = canvas[window.picture]
        patch += (sprite.rgb[window.sprite] - patch) * cover[..., None]


def _panoptic(
    names: Sequence[str],
    placed: Sequence[Placed],
    index: NDArray[np.int16],
    band_index: NDArray[np.uint8],
) -> tuple[PanopticMap, list[int], list[int]]:
    """The map with grounds numbered first; also the ids of grounds and objects in their order."""
    ground_ids = list(range(1, len(names) + 1))
    object_ids = list(range(len(names) + 1, len(names) + 1 + len(placed)))
    id_map = np.where(index >= 0, index + np.int16(len(names) + 1), band_index + np.int16(1)).astype(
        np.uint32
    )
    infos = {i: (CATEGORY_IDS[name], False, False) for i, name in zip(ground_ids, names, strict=True)} | {
        i: (CATEGORY_IDS[item.sprite.look.shape], True, False)
        for i, item in zip(object_ids, placed, strict=True)
    }
    return PanopticMap.from_id_map(id_map, infos), ground_ids, object_ids
