"""Tiny COCO datasets written to disk: rendered pictures, panoptic PNGs and the JSON that goes with them."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CATEGORIES: list[dict[str, Any]] = [
    {"id": 1, "name": "person", "isthing": 1, "supercategory": "person"},
    {"id": 3, "name": "car", "isthing": 1, "supercategory": "vehicle"},
    {"id": 18, "name": "dog", "isthing": 1, "supercategory": "animal"},
    {"id": 187, "name": "sky-other-merged", "isthing": 0, "supercategory": "sky"},
    {"id": 193, "name": "grass-merged", "isthing": 0, "supercategory": "plant"},
]
_WORDS = ("red", "calm", "tall", "plain", "striped", "small", "bright", "round", "grey", "wooden")


@dataclass
class CocoPaths:
    """Where a built dataset lies; change `document` and call `save` to break it."""

    folder: Path
    json_path: Path
    masks: Path
    images: Path
    document: dict[str, Any]

    def save(self) -> CocoPaths:
        """Write `document` again."""
        self.json_path.write_text(json.dumps(self.document))
        return self

    def annotation(self, number: int = 0) -> dict[str, Any]:
        """The annotation of the n-th image."""
        found: dict[str, Any] = self.document["annotations"][number]
        return found

    def segment(self, number: int = 0, image: int = 0) -> dict[str, Any]:
        """The n-th segment of an image."""
        found: dict[str, Any] = self.annotation(image)["segments_info"][number]
        return found

    def mask_path(self, number: int = 0) -> Path:
        """The PNG of the n-th image."""
        return self.masks / self.annotation(number)["file_name"]

    def picture_path(self, number: int = 0) -> Path:
        """The picture of the n-th image."""
        return self.images / self.document["images"][number]["file_name"]

    def zip_masks(self, prefix: str = "") -> Path:
        """Pack the masks into a zip beside the folder, optionally within a folder of the zip."""
        path = self.folder / "masks.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for mask in sorted(self.masks.glob("*.png")):
                archive.write(mask, prefix + mask.name)
        return path


def random_id_map(
    size_wh: tuple[int, int], n_segments: int, rng: np.random.Generator, *, void: bool = True
) -> np.ndarray:
    """`(H, W)` uint32 Voronoi cells with scattered 24-bit ids, the top row void."""
    width, height = size_wh
    ids = rng.choice(2**24 - 1, size=n_segments, replace=False).astype(np.uint32) + 1
    centres = rng.uniform((0, 0), (height, width), (n_segments, 2))
    y, x = np.mgrid[:height, :width]
    distance = (y[..., None] - centres[:, 0]) ** 2 + (x[..., None] - centres[:, 1]) ** 2
    id_map = ids[distance.argmin(axis=2)]
    if void:
        id_map[0] = 0
    return id_map


def rgb_of(id_map: np.ndarray) -> np.ndarray:
    """COCO's colours of an id-map."""
    return np.stack([id_map & 255, id_map >> 8 & 255, id_map >> 16 & 255], axis=2).astype(np.uint8)


def png_bytes(array: np.ndarray) -> bytes:
    """Encode with Pillow, independently of the code under test."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def segments_info(
    id_map: np.ndarray, rng: np.random.Generator, *, captions: bool = False, crowd: bool = False
) -> list[dict[str, Any]]:
    """COCO `segments_info` of a map, areas and boxes counted pixel by pixel; the first may be crowd."""
    rows = []
    for number, segment_id in enumerate(int(v) for v in np.unique(id_map) if v):
        y, x = np.nonzero(id_map == segment_id)
        is_crowd = crowd and number == 0
        category = CATEGORIES[0 if is_crowd else int(rng.integers(len(CATEGORIES)))]
        row = {
            "id": segment_id,
            "category_id": category["id"],
            "iscrowd": int(is_crowd),
            "area": len(x),
            "bbox": [int(x.min()), int(y.min()), int(np.ptp(x)) + 1, int(np.ptp(y)) + 1],
        }
        if captions:
            words = " ".join(rng.choice(_WORDS, 8))
            row["description"] = "" if is_crowd else f"A {words} {category['name']} stands here."
        rows.append(row)
    return rows


def paint(id_map: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`(H, W, 3)` uint8: each segment in a colour of its own, with a little noise."""
    values, inverse = np.unique(id_map, return_inverse=True)
    colours = rng.integers(30, 226, (len(values), 3))
    noise = rng.integers(-12, 13, (*id_map.shape, 3))
    return np.clip(colours[inverse.reshape(id_map.shape)] + noise, 0, 255).astype(np.uint8)


def build_coco_panoptic(
    folder: Path,
    *,
    n_images: int = 2,
    size_wh: tuple[int, int] = (64, 48),
    n_segments: int = 5,
    captions: bool = False,
    crowd: bool = False,
    seed: int = 0,
    suffix: str = ".jpg",
    first_id: int = 1,
) -> CocoPaths:
    """Write `panoptic.json`, `masks/*.png` and `images/*` of random scenes.

    Args:
        folder: Made if missing.
        n_images: How many.
        size_wh: Width and height of each.
        n_segments: Segments an image (a cell may come out empty and is then left out).
        captions: Give each segment a `description`.
        crowd: Make the first segment of each image a crowd.
        seed: Other scenes for another seed.
        suffix: Kind of the pictures, by its file ending.
        first_id: Id of the first image.
    """
    paths = CocoPaths(folder, folder / "panoptic.json", folder / "masks", folder / "images", {})
    paths.masks.mkdir(parents=True, exist_ok=True)
    paths.images.mkdir(exist_ok=True)
    images, annotations = [], []
    for number in range(n_images):
        rng = np.random.default_rng((seed, number))
        image_id = first_id + number
        id_map = random_id_map(size_wh, n_segments, rng)
        name = f"{image_id:012d}"
        (paths.masks / f"{name}.png").write_bytes(png_bytes(rgb_of(id_map)))
        Image.fromarray(paint(id_map, rng)).save(paths.images / f"{name}{suffix}")
        width, height = size_wh
        images.append({"id": image_id, "file_name": f"{name}{suffix}", "width": width, "height": height})
        info = segments_info(id_map, rng, captions=captions, crowd=crowd)
        annotations.append({"image_id": image_id, "file_name": f"{name}.png", "segments_info": info})
    paths.document = {
        "images": images,
        "annotations": annotations,
        "categories": [dict(category) for category in CATEGORIES],
    }
    return paths.save()
