"""Validation lists everything at once, in every format, in a stable order."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pix2cap.core import CaptionedImage
from pix2cap.dataset.validate import validate_source
from pix2cap.formats.coco_panoptic import read_coco_panoptic
from pix2cap.formats.dataset_folder import DatasetWriter
from pix2cap.formats.findings import Finding
from tests.builders.panoptic import CocoPaths, build_coco_panoptic


def test_all_problems_of_all_images_in_order(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path, n_images=4)
    first, third = paths.segment(0, 0), paths.segment(1, 2)
    first.update(area=1, category_id=99)
    third["bbox"] = [9, 9, 9, 9]
    paths.mask_path(1).unlink()
    paths.picture_path(3).write_bytes(paths.picture_path(3).read_bytes()[:200])
    paths.document["annotations"].append({"image_id": 50, "file_name": "x.png", "segments_info": []})
    paths.document["images"].append("nonsense")
    paths.save()
    problems = validate_source(paths.json_path, masks=paths.masks, images=paths.images)
    assert [(p.image_id, p.segment_id, p.problem, p.fatal) for p in problems] == [
        (None, None, Finding.WRONG_TYPE, True),
        (1, first["id"], Finding.UNKNOWN_CATEGORY, True),
        (1, first["id"], Finding.WRONG_AREA, False),
        (2, None, Finding.MISSING_MASK, True),
        (3, third["id"], Finding.WRONG_BBOX, False),
        (4, None, Finding.DAMAGED_PICTURE, True),
        (50, None, Finding.ANNOTATION_WITHOUT_IMAGE, True),
    ]
    record = problems[1].to_json()
    assert json.loads(json.dumps(record)) == {
        "file": "panoptic.json",
        "image_id": 1,
        "segment_id": first["id"],
        "problem": "unknown category",
        "expected": "an id of `categories`",
        "got": "99",
    }
    assert str(tmp_path) not in json.dumps([p.to_json() for p in problems])


def test_a_duplicate_image_id_is_listed_once(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    paths.document["images"].append(dict(paths.document["images"][0]))
    problems = validate_source(paths.save().json_path, masks=paths.masks)
    assert [(p.image_id, p.problem) for p in problems] == [(1, Finding.DUPLICATE_IMAGE)]


@pytest.mark.parametrize("text", ["[]", "{", "", "what", "{}"])
def test_a_file_that_cannot_be_opened_is_one_problem(tmp_path: Path, text: str) -> None:
    path = tmp_path / "panoptic.json"
    path.write_text(text)
    (problem,) = validate_source(path, masks=tmp_path)
    assert problem.file == "panoptic.json" and problem.fatal and problem.image_id is None


def test_instances_and_id_maps_are_validated_too(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}
    square = [[0, 0, 5, 0, 5, 5, 0, 5]]
    document: dict[str, Any] = {
        "images": [image],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": square},
            {"id": 2, "image_id": 1, "category_id": 1, "segmentation": square},
            {"id": 3, "image_id": 1, "category_id": 1, "segmentation": [[1, 2]]},
        ],
        "categories": [{"id": 1, "name": "dog"}],
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    assert [(p.segment_id, p.problem) for p in validate_source(path)] == [
        (1, Finding.HIDDEN_SEGMENT),
        (3, Finding.BAD_SEGMENTATION),
    ]
    path.write_text(json.dumps({"images": [{**image, "segments": [{"id": 1, "category": "dog"}]}]}))
    assert [p.problem for p in validate_source(path)] == [Finding.MISSING_MASK]


def build_dataset(folder: Path) -> tuple[Path, CocoPaths]:
    paths = build_coco_panoptic(folder / "in", captions=True, crowd=True)
    source = read_coco_panoptic(paths.json_path, paths.masks, paths.images)
    with DatasetWriter(folder / "out", source.categories, images_dir=paths.images) as writer:
        for image_id in source.image_ids:
            entry = source.entry(image_id).image
            item = CaptionedImage(entry, source.panoptic(image_id), source.captions(image_id))
            writer.add(item, map_png=source.map_png(image_id))
    return folder / "out", paths


def test_a_dataset_folder_without_fault(tmp_path: Path) -> None:
    out, _ = build_dataset(tmp_path)
    assert validate_source(out) == []


CAPTION_FAULTS: dict[str, tuple[Callable[[dict[str, Any]], Any], Finding]] = {
    "unknown status": (lambda s: s.update(caption_status="perfect"), Finding.UNKNOWN_STATUS),
    "captioned without text": (lambda s: s.update(description=" "), Finding.CAPTIONED_WITHOUT_TEXT),
    "text without captioned": (
        lambda s: s.update(caption_status="failed"),
        Finding.TEXT_WITHOUT_CAPTIONED,
    ),
    "neither": (lambda s: (s.pop("description"), s.pop("caption_status")), Finding.NO_STATUS),
    "crowd status": (lambda s: s.update(caption_status="crowd", description=""), Finding.CROWD_STATUS),
}


@pytest.mark.parametrize("name", CAPTION_FAULTS)
def test_caption_rules(tmp_path: Path, name: str) -> None:
    out, _ = build_dataset(tmp_path)
    breakage, finding = CAPTION_FAULTS[name]
    path = out / "panoptic.json"
    document = json.loads(path.read_text())
    segment = document["annotations"][0]["segments_info"][1]
    breakage(segment)
    path.write_text(json.dumps(document))
    problems = validate_source(out)
    assert (1, segment["id"], finding, False) in [
        (p.image_id, p.segment_id, p.problem, p.fatal) for p in problems
    ]
    assert any(p.problem == Finding.FILE_CHANGED and p.file == "panoptic.json" for p in problems)


def test_the_published_layout_without_statuses_is_fine(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path, captions=True, crowd=True)
    assert validate_source(paths.json_path, masks=paths.masks) == []
    del paths.segment()["description"]  # Crowd need not say anything.
    assert validate_source(paths.save().json_path, masks=paths.masks) == []


def test_files_that_changed_after_the_manifest(tmp_path: Path) -> None:
    out, _ = build_dataset(tmp_path)
    (out / "instances.json").unlink()
    (out / "captions.parquet").write_bytes(b"PAR1 no more")
    mask = sorted((out / "panoptic").iterdir())[0]
    assert {(p.file, p.problem) for p in validate_source(out)} == {
        ("instances.json", Finding.MISSING_FILE),
        ("captions.parquet", Finding.FILE_CHANGED),
        ("captions.parquet", Finding.UNREADABLE_FILE),
    }
    mask.unlink()
    found = {(p.file, p.problem) for p in validate_source(out)}
    assert ("panoptic/", Finding.FILE_CHANGED) in found
    assert (f"panoptic/{mask.name}", Finding.MISSING_MASK) in found


def test_a_parquet_that_tells_another_story(tmp_path: Path) -> None:
    out, _ = build_dataset(tmp_path)
    path = out / "panoptic.json"
    path.write_text(path.read_text().replace("A ", "One ", 1))
    found = [p for p in validate_source(out) if p.file == "captions.parquet"]
    assert len(found) == 1 and found[0].segment_id is not None and "as in panoptic.json" in str(found[0])


def test_the_real_images_are_without_fault(coco: Path) -> None:
    for part in ("train", "val"):
        masks, images = coco / f"panoptic_{part}2017", coco / f"{part}2017"
        for name in ("panoptic", "pix2cap"):
            path = coco / f"{name}_{part}.json"
            assert validate_source(path, masks=masks, images=images if name == "panoptic" else None) == []
