"""Splits of one dataset: no image in two of them, whatever it is called there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pix2cap.dataset.generate import generate_dataset
from pix2cap.dataset.split import split_dataset
from pix2cap.dataset.validate import validate_source, validate_sources
from pix2cap.dataset.validate_splits import find_splits, labels
from pix2cap.errors import UsageError
from pix2cap.formats.findings import Finding
from tests.builders.panoptic import CocoPaths, build_coco_panoptic


def overlaps(problems: list[Any]) -> set[int]:
    assert {p.problem for p in problems} <= {Finding.SPLIT_OVERLAP}, problems
    return {p.image_id for p in problems}


@pytest.fixture
def train(tmp_path: Path) -> CocoPaths:
    return build_coco_panoptic(tmp_path / "train", n_images=3, captions=True)


@pytest.fixture
def val(tmp_path: Path) -> CocoPaths:
    return build_coco_panoptic(tmp_path / "val", n_images=2, captions=True, first_id=10, seed=1)


def both(train: CocoPaths, val: CocoPaths, *, pictures: bool = True) -> list[Any]:
    parts = (train.save(), val.save())
    return validate_sources(
        [part.json_path for part in parts],
        masks=[part.masks for part in parts],
        images=[part.images for part in parts] if pictures else (),
    )


def test_disjoint_splits_are_fine(train: CocoPaths, val: CocoPaths) -> None:
    assert both(train, val) == []
    assert both(train, val, pictures=False) == []


def leak(train: CocoPaths, val: CocoPaths, image_id: int, name: str) -> None:
    """Put the first training image into the other split under another id and name."""
    for kind, suffix in (("images", "jpg"), ("masks", "png")):
        source = train.picture_path() if kind == "images" else train.mask_path()
        shutil.copy(source, getattr(val, kind) / f"{name}.{suffix}")
    val.document["images"].append({**train.document["images"][0], "id": image_id, "file_name": f"{name}.jpg"})
    val.document["annotations"].append(
        {**train.annotation(), "image_id": image_id, "file_name": f"{name}.png"}
    )


@pytest.mark.parametrize(
    ("image_id", "name", "with_pictures", "without"),
    [
        (1, "000000000001", True, True),
        (99, "000000000001", True, True),
        (1, "another", True, True),
        (99, "another", True, False),
    ],
)
def test_a_leaked_image_is_found_by_id_name_or_bytes(
    train: CocoPaths, val: CocoPaths, image_id: int, name: str, with_pictures: bool, without: bool
) -> None:
    leak(train, val, image_id, name)
    assert overlaps(both(train, val)) == ({image_id} if with_pictures else set())
    assert overlaps(both(train, val, pictures=False)) == ({image_id} if without else set())


def test_scenes_numbered_alike_are_other_pictures(tmp_path: Path) -> None:
    for seed, name in enumerate(("train", "val")):
        generate_dataset(tmp_path / name, images=2, size_wh=(64, 64), seed=seed, workers=1)
    assert validate_source(tmp_path) == []
    shutil.rmtree(tmp_path / "val")
    shutil.copytree(tmp_path / "train", tmp_path / "val")
    problems = validate_source(tmp_path)
    assert overlaps(problems) == {1, 2}
    assert {problem.file for problem in problems} == {"val/panoptic.json"}
    assert "image 1 of train" in str(problems[0].got)


def test_what_dataset_split_wrote(tmp_path: Path) -> None:
    generate_dataset(tmp_path / "whole", images=6, size_wh=(64, 64), workers=1)
    split_dataset(tmp_path / "whole", tmp_path / "parts", {"a": 0.5, "b": 0.5})
    assert find_splits(tmp_path / "parts") == [tmp_path / "parts" / "a", tmp_path / "parts" / "b"]
    assert validate_source(tmp_path / "parts") == []
    path = tmp_path / "parts" / "splits.json"
    record = json.loads(path.read_text())
    first, second = record["images"]["a"], record["images"]["b"]
    moved = first.pop()
    path.write_text(json.dumps(record))
    told = {(p.file, p.problem, p.image_id) for p in validate_source(tmp_path / "parts")}
    assert told == {("splits.json", Finding.MISSING_ROW, moved)}
    second.append(moved)
    first.append(moved)
    path.write_text(json.dumps(record))
    told = {(p.file, p.problem, p.image_id) for p in validate_source(tmp_path / "parts")}
    assert told == {
        ("splits.json", Finding.SPLIT_OVERLAP, moved), ("splits.json", Finding.STRANGE_ROW, moved)
    }  # fmt: skip
    shutil.rmtree(tmp_path / "parts" / "b")
    assert Finding.MISSING_FILE in {p.problem for p in validate_source(tmp_path / "parts")}


def test_faults_of_a_split_carry_its_name(tmp_path: Path) -> None:
    for seed, name in enumerate(("train", "val")):
        generate_dataset(tmp_path / name, images=2, size_wh=(64, 64), seed=seed, workers=1)
    (tmp_path / "val" / "captions.parquet").unlink()
    assert [p.file for p in validate_source(tmp_path)] == ["val/captions.parquet"]


def test_one_numbering_of_categories(train: CocoPaths, val: CocoPaths) -> None:
    val.document["categories"][1]["name"] = "lorry"
    (problem,) = both(train, val)
    assert problem.problem == Finding.RENAMED_CATEGORY and "lorry" in problem.got


def test_splits_of_a_folder(tmp_path: Path, train: CocoPaths, val: CocoPaths) -> None:
    assert find_splits(tmp_path) == [tmp_path / "train", tmp_path / "val"]
    assert find_splits(tmp_path / "train") == [tmp_path / "train"]
    shutil.copy(train.json_path, tmp_path / "panoptic_train2017.json")
    shutil.copytree(train.masks, tmp_path / "panoptic_train2017")
    (tmp_path / "captions_train2017.json").write_text(json.dumps({"annotations": []}))
    for folder in ("train", "val"):
        shutil.rmtree(tmp_path / folder)
    assert find_splits(tmp_path) == [tmp_path / "panoptic_train2017.json"]
    assert find_splits(tmp_path / "panoptic_train2017.json") == [tmp_path / "panoptic_train2017.json"]


def test_names_that_tell_paths_apart() -> None:
    assert labels([Path("a/x.json"), Path("b/y.json")]) == ["x.json", "y.json"]
    assert labels([Path("a/x.json"), Path("b/x.json")]) == ["a/x.json", "b/x.json"]
    assert labels([Path("a"), Path("a")]) == ["1/a", "2/a"]


def test_as_many_folders_as_datasets(train: CocoPaths) -> None:
    with pytest.raises(UsageError, match="once for each of 3"):
        validate_sources([train.json_path] * 3, masks=[train.masks] * 2)
    with pytest.raises(UsageError, match="at least one"):
        validate_sources([])
