"""ViP-Bench's files: the published layouts, and what is said of damaged ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.bench_files import read_texts
from pix2cap.evaluate.vipbench_files import (
    fill_placeholders,
    find_files,
    placeholders,
    read_grades,
    read_items,
    read_regions,
)
from tests.builders.judged_benches import build_vipbench

ITEM: dict[str, Any] = {"image": "a.png", "question": "What?", "answer": "a", "capability": ["rec"]}


def written(path: Path, record: object) -> Path:
    path.write_text(record if isinstance(record, str) else json.dumps(record))
    return path


def test_a_published_folder_is_read(tmp_path: Path) -> None:
    folder = build_vipbench(tmp_path / "b", 3).root
    items = read_items(find_files(folder, "human"), "human")
    assert [item.item_id for item in items] == ["v1_0", "v1_1", "v1_2"]
    assert items[1].question == "Which color is the square within the pink rectangle?"
    assert items[1].picture == "v1_1.png"
    assert items[1].capabilities == ("math", "ocr")
    plain = read_items(find_files(folder, "boxes"), "boxes")
    assert plain[1].question == "Which color has the square <obj1> and <obj2>?"
    assert plain[1].picture == "src_1.png"


@pytest.mark.parametrize("number", [0, 2], ids=["rectangle", "polygon"])
def test_regions_come_from_labelme(tmp_path: Path, number: int) -> None:
    paths = find_files(build_vipbench(tmp_path / "b", 3).root, "marks")
    assert paths.images is not None
    (region,) = read_regions(paths.images, read_items(paths, "marks")[number])
    assert region.label == "obj"
    assert sorted(region.polygon_xy) == [(14.0, 30.0), (14.0, 63.0), (47.0, 30.0), (47.0, 63.0)]


def test_the_other_names_of_the_same_fields_are_known(tmp_path: Path) -> None:
    meta = {"v1_0": {**ITEM, "image": None, "imagename": "0.png", "capability": ["rec", "ocr", "rec"]}}
    (item,) = read_items(find_files(written(tmp_path / "meta.json", meta), "bbox"), "bbox")
    assert item.picture == "0.png"
    assert item.capabilities == ("ocr", "rec")


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({}, "at least one item"),
        ([], "expected meta data"),
        ({"v1_0": 3}, "v1_0: expected an object"),
        ({"v1_0": {**ITEM, "answer": None}}, "expected a text as answer"),
        ({"v1_0": {**ITEM, "capability": []}}, "list of capabilities"),
        ({"v1_0": {**ITEM, "capability": "rec"}}, "list of capabilities"),
        ({"v1_0": {**ITEM, "image": "../../etc/passwd"}}, "picture in its folder"),
        ('{"v1_0": {}, "v1_0": {}}', "each id once"),
        ("{", "no JSON"),
        ("", "empty file"),
    ],
)
def test_damaged_meta_data_is_refused(tmp_path: Path, record: object, told: str) -> None:
    paths = find_files(written(tmp_path / "meta.json", record), "bbox")
    with pytest.raises(InputError, match=told):
        read_items(paths, "bbox")


def test_a_question_file_must_know_every_item(tmp_path: Path) -> None:
    folder = build_vipbench(tmp_path / "b", 3).root
    file = folder / "bbox" / "questions.jsonl"
    file.write_text("\n".join(file.read_text().splitlines()[:2]))
    with pytest.raises(InputError, match="lacks 'v1_2'"):
        read_items(find_files(folder, "bbox"), "bbox")


def test_nothing_at_the_place_named_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found none"):
        find_files(tmp_path, "bbox")
    meta = written(tmp_path / "meta.json", {"v1_0": ITEM})
    with pytest.raises(UsageError, match="--images"):
        find_files(meta, "bbox", images=tmp_path / "nowhere")


@pytest.mark.parametrize(
    "record",
    [
        {"a": {"model": ["m"], "content": ["0.5"], "score": [0.5, 1]}, "b": {"score": [0, 0.25]}},
        {"a": [0.5, 1], "b": [0, 0.25]},
    ],
)
def test_grades_are_read(tmp_path: Path, record: object) -> None:
    grades = read_grades(written(tmp_path / "g.json", record), ["a", "b"])
    assert grades == {"a": (0.5, 1.0), "b": (0.0, 0.25)}


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"a": [0.5]}, "lacks 'b'"),
        ({"a": [0.5], "b": [1], "c": [1]}, "got 'c'"),
        ({"a": [0.5], "b": [1, 1]}, "as many grades of every item"),
        ({"a": [0.5], "b": [1.5]}, "b: expected grades from 0 to 1"),
        ({"a": [0.5], "b": ["1"]}, "b: expected grades from 0 to 1"),
        ({"a": [0.5], "b": [True]}, "b: expected grades from 0 to 1"),
        ({"a": [0.5], "b": []}, "at least one grade"),
        ('{"a": [0.5], "b": [NaN]}', "expected numbers, got NaN"),
    ],
)
def test_wrong_grades_are_named(tmp_path: Path, record: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_grades(written(tmp_path / "g.json", record), ["a", "b"])


@pytest.mark.parametrize(
    "content",
    [
        '{"v1_0": "x", "v1_1": "y"}',
        '[{"question_id": 0, "text": "x"}, {"question_id": "v1_1", "text": "y"}]',
        '{"question_id": 0, "text": "x", "model_id": "m"}\n\n{"question_id": 1, "text": "y"}\n',
    ],
    ids=["object", "list", "lines"],
)
def test_answers_are_read_in_every_published_shape(tmp_path: Path, content: str) -> None:
    assert read_texts(written(tmp_path / "a.json", content), prefix="v1_") == {"v1_0": "x", "v1_1": "y"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"v1_0": 3}', "expected a text for 'v1_0'"),
        ('[{"question_id": 0, "text": "x"}, {"question_id": 0, "text": "y"}]', "'v1_0' twice"),
        ('{"question_id": 0, "text": "x"}\n{"question_id"', "line 2"),
        ('[{"text": "x"}]', "expected a question_id"),
        ("[]", "got none"),
    ],
)
def test_wrong_answers_are_named(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_texts(written(tmp_path / "a.json", content), prefix="v1_")


def test_placeholders_are_filled_by_name() -> None:
    question = "Is <obj2> left of <obj>, and <obj2> red?"
    assert placeholders(question) == ("obj2", "obj")
    filled = fill_placeholders(question, {"obj": "mark 2", "obj2": "mark 1"})
    assert filled == "Is mark 1 left of mark 2, and mark 1 red?"


def test_a_region_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    folder = build_vipbench(tmp_path / "b", 1).root
    written(folder / "source_image" / "src_0.json", {"shapes": []})
    paths = find_files(folder, "marks")
    assert paths.images is not None
    with pytest.raises(InputError, match="lacks 'obj'"):
        read_regions(paths.images, read_items(paths, "marks")[0])
