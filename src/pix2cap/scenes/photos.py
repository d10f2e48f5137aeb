"""Photographs that the scikit-image wheel ships, with segments of our own: the demo's real pictures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category, PanopticMap
from pix2cap.errors import InputError
from pix2cap.scenes.scene import scenes
from pix2cap.scenes.vocabulary import SCENE_CATEGORIES

DEMO_SCENES = 6


@dataclass(frozen=True)
class SamplePhoto:
    """A photograph with hand-drawn segments.

    Args:
        name: Short name, fit for a file name.
        rgb: `(H, W, 3)` uint8.
        panoptic: The segments; void where no class is sure.
        categories: Categories of all sample photos, COCO's ids where COCO has the class.
        credit: Who took it, or what it is taken from.
        licence: `public domain` or `CC0 1.0`.
    """

    name: str
    rgb: NDArray[np.uint8]
    panoptic: PanopticMap
    categories: tuple[Category, ...]
    credit: str
    licence: str


def sample_photos() -> list[SamplePhoto]:
    """The photographs, read from the installed scikit-image; nothing is downloaded.

    Raises:
        InputError: The installed scikit-image does not ship a file, or ships another size of it.
    """
    sample = _sample()
    categories = tuple(
        Category(row["id"], row["name"], bool(row["isthing"]), row["supercategory"])
        for row in sample["categories"]
    )
    is_thing = {category.id: category.is_thing for category in categories}
    photos = []
    for entry in sample["photos"]:
        rgb = _read(entry["file"], tuple(entry["size_wh"]))
        panoptic = _rasterize(entry["segments"], tuple(entry["size_wh"]), is_thing)
        photos.append(
            SamplePhoto(entry["name"], rgb, panoptic, categories, entry["credit"], entry["licence"])
        )
    return photos


def demo_items(
    seed: int = 0,
) -> list[tuple[str, NDArray[np.uint8], PanopticMap, tuple[Category, ...]]]:
    """What the demo annotates: `DEMO_SCENES` rendered scenes and the photographs.

    Args:
        seed: Of the scenes.

    Returns:
        `(name, rgb, panoptic, categories)` per picture; the categories are the same for all of them.
    """
    photos = sample_photos()
    categories = (*photos[0].categories, *SCENE_CATEGORIES)
    items = [
        (f"scene_{i + 1}", scene.rgb, scene.panoptic, categories)
        for i, scene in enumerate(scenes(DEMO_SCENES, seed=seed))
    ]
    return items + [(photo.name, photo.rgb, photo.panoptic, categories) for photo in photos]


@cache
def _sample() -> dict[str, Any]:
    text = files("pix2cap.scenes").joinpath("photos.json").read_text(encoding="utf-8")
    sample: dict[str, Any] = json.loads(text)
    return sample


def _read(file_name: str, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    entry = files("skimage").joinpath("data", file_name)
    try:
        data = entry.read_bytes()
    except OSError as error:
        raise InputError(
            f"{file_name}: expected it among the data of the installed scikit-image, got {error};"
            " reinstall scikit-image from its wheel"
        ) from error
    decoded: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None or (decoded.shape[1], decoded.shape[0]) != size_wh:
        got = "no picture" if decoded is None else (decoded.shape[1], decoded.shape[0])
        raise InputError(f"{file_name} of scikit-image: expected {size_wh} (width, height), got {got}")
    rgb: NDArray[np.uint8] = np.ascontiguousarray(decoded[..., ::-1])
    return rgb


def _rasterize(
    segments: list[dict[str, Any]], size_wh: tuple[int, int], is_thing: dict[int, bool]
) -> PanopticMap:
    """Paint the polygons in order; segment ids count from 1."""
    canvas = np.zeros((size_wh[1], size_wh[0]), np.int32)
    infos: dict[int, tuple[int, bool, bool]] = {}
    for segment_id, segment in enumerate(segments, start=1):
        corners = [np.array(polygon, np.int32) for polygon in segment["polygons"]]
        cv2.fillPoly(canvas, corners, (segment_id,))
        infos[segment_id] = (segment["category_id"], is_thing[segment["category_id"]], False)
    return PanopticMap.from_id_map(canvas, infos)
