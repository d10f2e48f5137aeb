"""A very small region-aware LLaVA, its processor, and a few scenes to train it on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pix2cap.core import Category, ImageRef, PanopticMap
from pix2cap.draw.encode import encode_png
from pix2cap.formats.coco_panoptic_write import CocoItem, write_coco_panoptic
from pix2cap.sft.region_features import RegionConfig
from pix2cap.sft.region_llava import RegionLlava
from pix2cap.sft.region_processor import RegionProcessor
from pix2cap.sft.settings import SftSettings, parse_sft_settings
from pix2cap.sft.tiny import TinySettings, tiny_llava, tiny_processor, train_tokenizer

TEXTS = ("a red square", "a blue square", "green grass below it", "Describe the region in one sentence.")
SIZES = TinySettings(
    picture=32,
    patch=8,
    vision_width=32,
    vision_layers=2,
    text_width=32,
    text_layers=2,
    heads=2,
    vocabulary=300,
    max_tokens=300,
)
REGION = RegionConfig(layers=(-3, -1), width=32)
COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220), "green": (30, 160, 30), "white": (240, 240, 240)}
ALL = ("vision", "projector", "regions", "language")
CATEGORIES = (Category(1, "square", True), Category(2, "ground", False))


def tiny_pair(
    region: RegionConfig | None = REGION, *, sizes: TinySettings = SIZES, seed: int = 0
) -> tuple[RegionLlava, RegionProcessor]:
    """A model of random weights in evaluation mode, and its processor."""
    tokenizer = train_tokenizer(TEXTS * 20, vocabulary=sizes.vocabulary)
    model = tiny_llava(tokenizer, sizes, region=region, seed=seed)
    if region is not None:
        wake(model, seed=seed)
    return model.eval(), tiny_processor(tokenizer, sizes, region=region)


def wake(model: RegionLlava, *, seed: int = 0) -> None:
    """Let the pooling queries, which begin at zero, prefer some cells over others."""
    assert model.regions is not None
    with torch.no_grad():
        model.regions.queries.normal_(generator=torch.Generator().manual_seed(seed))


def halves(width: int = 40, height: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """A picture of noise, and its map: segment 5 on the left, 7 on the right, nothing at the bottom."""
    rgb = np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)
    id_map = np.zeros((height, width), np.uint32)
    id_map[: height - 6, : width // 2] = 5
    id_map[: height - 6, width // 2 :] = 7
    return rgb, id_map


def write_squares(folder: Path, *, images: int = 6) -> Path:
    """A captioned dataset: two squares of different colours on green, at places that differ."""
    draw = np.random.default_rng(3)
    items, captions = [], {}
    for number in range(1, images + 1):
        rgb = np.full((32, 32, 3), COLOURS["green"], np.uint8)
        id_map = np.full((32, 32), 1, np.uint32)
        names = draw.permutation(["red", "blue", "white"])[:2]
        for segment_id, (name, left) in enumerate(zip(names, (0, 16), strict=True), start=2):
            x, y = left + int(draw.integers(0, 5)), int(draw.integers(0, 20))
            rgb[y : y + 10, x : x + 10] = COLOURS[name]
            id_map[y : y + 10, x : x + 10] = segment_id
            captions[number, segment_id] = f"a {name} square"
        captions[number, 1] = "green grass below it"
        infos = {1: (2, False, False), 2: (1, True, False), 3: (1, True, False)}
        image = ImageRef(number, f"{number}.png", 32, 32)
        items.append(CocoItem(image, PanopticMap.from_id_map(id_map, infos), encode_png(rgb)))
    path = write_coco_panoptic(folder, items, categories=CATEGORIES)
    document = json.loads(path.read_text())
    for annotation in document["annotations"]:
        for info in annotation["segments_info"]:
            info["description"] = captions[annotation["image_id"], info["id"]]
    path.write_text(json.dumps(document))
    return folder


def sft_settings(data: Path, **changes: Any) -> SftSettings:
    """A run of a few quick steps on a tiny model; tables named take the place of the rest."""
    document: dict[str, Any] = {
        "data": {"train": str(data), "max_regions": 3},
        "model": {
            "base": "tiny",
            "fit": "squash",
            "region": {"layers": [-3, -1], "width": 32},
            "tiny": {
                "picture": 32,
                "patch": 8,
                "vision_width": 32,
                "vision_layers": 2,
                "text_width": 32,
                "text_layers": 2,
                "heads": 2,
                "vocabulary": 400,
                "max_tokens": 300,
            },
        },
        "stages": [
            {
                "name": "all",
                "train": ["vision", "projector", "regions", "language"],
                "lr": 2e-3,
                "steps": 6,
                "batch": 2,
            }
        ],
        "log_every": 1,
        "checkpoint_every": 2,
    }
    for name, value in changes.items():
        document[name] = {**document[name], **value} if isinstance(value, dict) else value
    return parse_sft_settings(document)
