"""Id-map folders: grey, palette and RGB maps, names instead of numbers, and what can be wrong."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2cap.errors import ImageRefused, InputError
from pix2cap.formats.findings import Finding
from pix2cap.formats.id_maps import read_id_maps
from tests.builders.panoptic import png_bytes, rgb_of

IDS = np.repeat(np.repeat(np.array([[0, 1], [2, 200]], np.uint32), 6, 0), 8, 1)


def palette_png(ids: np.ndarray) -> bytes:
    image = Image.fromarray(ids.astype(np.uint8))
    image.putpalette([(7 * i) % 256 for i in range(768)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


KINDS = {
    "grey": lambda ids: png_bytes(ids.astype(np.uint8)),
    "16-bit": lambda ids: png_bytes(ids.astype(np.uint16)),
    "palette": palette_png,
    "rgb": lambda ids: png_bytes(rgb_of(ids)),
}


def build(folder: Path, mask: bytes, document: dict[str, Any] | None = None) -> Path:
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    (folder / "images").mkdir(exist_ok=True)
    (folder / "masks" / "one.png").write_bytes(mask)
    Image.new("RGB", (16, 12), (50, 90, 10)).save(folder / "images" / "one.jpg")
    path = folder / "segments.json"
    path.write_text(json.dumps(document or DOCUMENT))
    return path


SEGMENTS: list[dict[str, Any]] = [
    {"id": 1, "category_id": 4},
    {"id": 2, "category": "sky"},
    {"id": 200, "category_id": 4, "iscrowd": 1, "description": "Some dogs."},
]
DOCUMENT: dict[str, Any] = {
    "categories": [{"id": 4, "name": "dog"}, {"id": 9, "name": "sky", "isthing": 0}],
    "images": [{"id": 5, "file_name": "one.jpg", "segments": SEGMENTS}],
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_map(tmp_path: Path, kind: str) -> None:
    path = build(tmp_path, KINDS[kind](IDS))
    source = read_id_maps(path, images=tmp_path / "images")
    panoptic = source.panoptic(5)
    assert (panoptic.id_map == IDS).all()
    assert [(s.id, s.category_id, s.is_thing, s.is_crowd) for s in panoptic.segments] == [
        (1, 4, True, False),
        (2, 9, False, False),
        (200, 4, True, True),
    ]
    assert source.check(5) == [] and source.problems == ()
    assert source.entry(5).image.size_wh == (16, 12)
    assert source.entry(5).segments[2].description == "Some dogs."
    assert source.picture(5).rgb.shape == (12, 16, 3)
    assert list(pickle.loads(pickle.dumps(source)).entries()) == list(source.entries())


def test_the_folder_itself_and_masks_beside_the_json(tmp_path: Path) -> None:
    build(tmp_path, KINDS["grey"](IDS))
    assert read_id_maps(tmp_path).panoptic(5).by_id[200].area == 48
    (tmp_path / "masks" / "one.png").rename(tmp_path / "one.png")
    (tmp_path / "masks").rmdir()
    assert read_id_maps(tmp_path).panoptic(5).by_id[200].area == 48
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match="one JSON in the folder, got 2 JSON files"):
        read_id_maps(tmp_path)


@pytest.mark.parametrize("categories", [None, ["sky", "tree", "dog"]])
def test_categories_by_name(tmp_path: Path, categories: list[str] | None) -> None:
    names = {1: "dog", 2: "sky", 200: "dog"}
    segments = [{"id": i, "category": name} for i, name in names.items()]
    document: dict[str, Any] = {
        "images": [{"id": 5, "file_name": "a.png", "mask": "one.png", "segments": segments}]
    }
    if categories is not None:
        document["categories"] = categories
    source = read_id_maps(build(tmp_path, KINDS["grey"](IDS), document))
    found = {s.id: source.categories[s.category_id].name for s in source.panoptic(5).segments}
    assert found == names
    assert [c.id for c in source.categories.values()] == list(range(1, len(source.categories) + 1))


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"segments": [*SEGMENTS, {"id": 3, "category_id": 4}]}, Finding.ID_NOT_IN_PNG),
        ({"segments": SEGMENTS[:2]}, Finding.ID_NOT_IN_JSON),
        ({"segments": [*SEGMENTS, SEGMENTS[0]]}, Finding.DUPLICATE_SEGMENT),
        ({"segments": [{"id": 1, "category": "cat"}, *SEGMENTS[1:]]}, Finding.WRONG_TYPE),
        ({"segments": [{"id": 1, "category_id": 5}, *SEGMENTS[1:]]}, Finding.UNKNOWN_CATEGORY),
        ({"segments": None}, Finding.WRONG_TYPE),
        ({"mask": "two.png"}, Finding.MISSING_MASK),
        ({"mask": "../one.png"}, Finding.PATH_ESCAPES),
        ({"mask": 5}, Finding.WRONG_TYPE),
        ({"width": 17, "height": 12}, Finding.MASK_SIZE),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, Any], finding: Finding) -> None:
    document = {**DOCUMENT, "images": [{**DOCUMENT["images"][0], **change}]}
    source = read_id_maps(build(tmp_path, KINDS["grey"](IDS), document))
    problems = source.check(5)
    assert finding in {p.problem for p in problems} and all(p.image_id == 5 for p in problems)
    with pytest.raises(ImageRefused, match="image 5"):
        source.panoptic(5)
