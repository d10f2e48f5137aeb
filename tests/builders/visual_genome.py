"""Small Visual Genome files in the published layout."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PHRASES = (
    "a red bus on the road",
    "the tall green tree",
    "man in a blue shirt",
    "two white clouds in the sky",
    "a wooden bench under a tree",
    "the front wheel of the bus",
)


def region(region_id: int, image_id: int, box_xywh: Sequence[float], phrase: str) -> dict[str, Any]:
    """One entry of `regions`."""
    x, y, width, height = box_xywh
    box = {"x": x, "y": y, "width": width, "height": height}
    return {"region_id": region_id, "image_id": image_id, **box, "phrase": phrase}


@dataclass
class VgPaths:
    """A folder with the files; change `regions` and call `save`."""

    folder: Path
    regions: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    size_wh: tuple[int, int] = (96, 64)

    @property
    def descriptions(self) -> Path:
        return self.folder / "region_descriptions.json"

    @property
    def image_data(self) -> Path:
        return self.folder / "image_data.json"

    @property
    def images(self) -> Path:
        return self.folder / "images"

    def save(self) -> VgPaths:
        listed = [{"id": image_id, "regions": regions} for image_id, regions in self.regions.items()]
        self.descriptions.write_text(json.dumps(listed))
        width, height = self.size_wh
        sizes = [{"image_id": i, "width": width, "height": height, "url": ""} for i in self.regions]
        self.image_data.write_text(json.dumps(sizes))
        return self

    def draw(self) -> VgPaths:
        """Write a picture of each image, noise of its own, in the two published folders."""
        width, height = self.size_wh
        for number, image_id in enumerate(self.regions):
            folder = self.images / ("VG_100K", "VG_100K_2")[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng(image_id)
            rgb = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
            Image.fromarray(rgb).save(folder / f"{image_id}.jpg")
        return self

    def predict(self, captions: Mapping[int, str], name: str = "captions.json") -> Path:
        """Predictions by region id."""
        path = self.folder / name
        rows = [{"region_id": key, "caption": text} for key, text in captions.items()]
        path.write_text(json.dumps(rows))
        return path

    def phrases(self) -> dict[int, str]:
        """Region id to phrase."""
        return {r["region_id"]: r["phrase"] for regions in self.regions.values() for r in regions}


def build_vg(folder: Path, *, n_images: int = 4, n_regions: int = 3) -> VgPaths:
    """Images 11, 12, ... with regions 101, 102, ...; every one is usable."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = VgPaths(folder)
    number = 100
    for image in range(n_images):
        mine = []
        for at in range(n_regions):
            number += 1
            phrase = f"{PHRASES[number % len(PHRASES)]} {('left', 'right', 'near', 'far')[image % 4]}"
            mine.append(region(number, 11 + image, (4 + 20 * at, 6, 16, 40), phrase))
        paths.regions[11 + image] = mine
    return paths.save()
