"""Predicted captions of regions: the forms they come in, and which region each is for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pix2cap.errors import InputError
from pix2cap.evaluate.region_predictions import RegionCaption, assign, read_predictions
from pix2cap.evaluate.visual_genome_files import Region


def write(tmp_path: Path, content: Any, name: str = "p.json") -> Path:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


TWO = [
    {"region_id": 7, "caption": "a cat"},
    {"image_id": 3, "box": [1, 2, 3, 4], "caption": "a dog", "score": 0.5},
]


@pytest.mark.parametrize(
    "content",
    [
        TWO,
        {"predictions": TWO},
        "\n".join(json.dumps(one) for one in TWO),
        "\ufeff" + "\n\n".join(json.dumps(one) for one in TWO) + "\n",
        [TWO[0], {"image_id": "3", "bbox": [1, 2, 3, 4], "description": "a dog", "score": 0.5}],
        [TWO[0], {"image_id": 3, "x": 1, "y": 2, "width": 3, "height": 4, "caption": "a dog", "score": 0.5}],
    ],
    ids=["list", "object", "lines", "lines with BOM", "other names", "four numbers"],
)
def test_forms(tmp_path: Path, content: Any) -> None:
    assert read_predictions(write(tmp_path, content)) == (
        RegionCaption(0, "a cat", 7),
        RegionCaption(1, "a dog", None, 3, (1, 2, 3, 4), 0.5),
    )


def test_captions_by_region_id_as_caption_score_has_them(tmp_path: Path) -> None:
    found = read_predictions(write(tmp_path, {"7": "a cat", "9": ""}))
    assert [(one.region_id, one.caption) for one in found] == [(7, "a cat"), (9, "")]


def test_corners(tmp_path: Path) -> None:
    path = write(tmp_path, [{"image_id": 3, "box": [1, 2, 4, 6], "caption": "x"}])
    assert read_predictions(path, box_format="xyxy")[0].box_xywh == (1, 2, 3, 4)


def test_a_predictions_folder(tmp_path: Path) -> None:
    segments = [
        {"id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "caption": "a", "score": 0.25},
        {"id": 2, "category_id": 1, "bbox": [1, 1, 5, 5], "description": "b", "iscrowd": 0},
        {"id": 3, "category_id": 1, "bbox": [1, 1, 5, 5], "caption": "c", "iscrowd": 1},
    ]
    write(tmp_path, {"annotations": [{"image_id": 4, "segments_info": segments}]}, "panoptic.json")
    found = read_predictions(tmp_path)
    assert [(p.image_id, p.box_xywh, p.caption, p.score) for p in found] == [
        (4, (0, 0, 5, 5), "a", 0.25),
        (4, (1, 1, 5, 5), "b", 1.0),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "at least one"),
        ("", "at least one"),
        ("nonsense", "expected JSON or JSON lines"),
        ('{"region_id": 1, "caption": "x"}\n{"b"', "line 2"),
        ([{"caption": "x"}], "entry 0.*region_id"),
        ([{"image_id": 1, "caption": "x"}], "box"),
        ([{"region_id": 1, "caption": 4}], "text as caption"),
        ([{"region_id": 1, "caption": "x", "score": "high"}], "number as score"),
        ([{"image_id": 1, "box": [1, 2, 3], "caption": "x"}], "four numbers"),
        ([{"region_id": 1, "caption": "x"}, {"region_id": 1, "caption": "y"}], "two for region 1"),
        (["x"], "entry 0"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_predictions(write(tmp_path, content))


def boxed(row: int, caption: str, box: tuple[float, float, float, float], image_id: int = 1) -> RegionCaption:
    return RegionCaption(row, caption, None, image_id, box)


REGIONS = (
    Region(1, 1, (10, 10, 20, 20), "p"),
    Region(2, 1, (10, 10, 20, 20), "q"),
    Region(3, 1, (11, 10, 20, 20), "r"),
    Region(4, 2, (10, 10, 20, 20), "s"),
)


def test_boxes_are_found_within_a_pixel_and_the_nearest_counts() -> None:
    found = assign([boxed(0, "near", (10.4, 10, 20, 20)), boxed(1, "nearer", (11, 10, 20, 20))], REGIONS)
    assert found.captions == {1: "near", 2: "near", 3: "nearer"}
    assert found.extra == ()


def test_regions_that_share_a_box_take_predictions_in_turn() -> None:
    found = assign([boxed(n, f"caption {n}", (10, 10, 20, 20)) for n in range(2)], REGIONS[:2])
    assert found.captions == {1: "caption 0", 2: "caption 1"}


def test_a_region_s_own_id_wins_and_the_rest_is_extra() -> None:
    predictions = [
        RegionCaption(0, "by id", 1),
        boxed(1, "by box", (10, 10, 20, 20)),
        boxed(2, "elsewhere", (50, 50, 9, 9)),
        RegionCaption(3, "unknown", 99),
        boxed(4, "other image", (10, 10, 20, 20), image_id=8),
    ]
    found = assign(predictions, REGIONS[:2])
    assert found.captions == {1: "by id", 2: "by box"}
    assert [one.name for one in found.extra] == [
        "image 1 [50, 50, 9, 9]",
        "region 99",
        "image 8 [10, 10, 20, 20]",
    ]
