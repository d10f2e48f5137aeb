"""The right reader is found for each kind of input, or the user is told what was expected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pix2cap.errors import InputError
from pix2cap.formats.coco_instances import CocoInstancesSource
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.id_maps import IdMapSource
from pix2cap.formats.open_source import detect_kind, open_source
from tests.builders.panoptic import build_coco_panoptic


def write(path: Path, **members: object) -> Path:
    path.write_text(json.dumps(members))
    return path


def test_coco_panoptic_with_named_and_found_masks(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    source = open_source(paths.json_path, masks=paths.masks, images=paths.images)
    assert isinstance(source, CocoPanopticSource) and source.check(1) == []
    assert open_source(paths.json_path).check(1) == []
    paths.masks.rename(tmp_path / "panoptic")
    assert open_source(paths.json_path).check(1) == []
    (tmp_path / "panoptic").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="beside it; name the folder with --masks"):
        open_source(paths.json_path)


def test_a_dataset_folder_finds_its_pictures(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    paths.masks.rename(tmp_path / "panoptic")
    assert open_source(tmp_path).picture(1).rgb.shape == (48, 64, 3)
    paths.images.rename(tmp_path.parent / f"{tmp_path.name}-pictures")
    write(tmp_path / "manifest.json", image_root=f"../{tmp_path.name}-pictures")
    assert open_source(tmp_path).picture(1).rgb.shape == (48, 64, 3)


def test_instances_and_id_maps(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "a.jpg", "width": 4, "height": 4}
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 3, 0, 3, 3]]}
    members = {"images": [image], "annotations": [annotation], "categories": [{"id": 1, "name": "dog"}]}
    assert isinstance(open_source(write(tmp_path / "a.json", **members)), CocoInstancesSource)
    assert isinstance(open_source(tmp_path), CocoInstancesSource)
    segments = [{**image, "segments": []}]
    assert isinstance(open_source(write(tmp_path / "a.json", images=segments)), IdMapSource)
    members["annotations"] = []
    assert detect_kind(write(tmp_path / "a.json", **members)) == "instances"
    assert detect_kind(tmp_path / "a.json", has_masks=True) == "panoptic"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "not a JSON object"),
        ("", "empty file"),
        ("{", "truncated"),
        ("hello", "not a JSON file"),
        ("{}", "missing key"),
        (
            '{"images": [], "annotations": [{"image_id": 1, "caption": "A dog"}]}',
            "segments_info.*got annotations",
        ),
        ('{"captions": []}', "got keys captions"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=message):
        open_source(tmp_path / "a.json")


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got a folder with no JSON"):
        open_source(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        open_source(tmp_path / "nothing")
    for name in "ab":
        write(tmp_path / f"{name}.json")
    with pytest.raises(InputError, match=r"got a folder with a\.json, b\.json"):
        open_source(tmp_path)
