"""What is written is loaded by the libraries that it is written for."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from pix2cap.dataset.convert import ConvertOptions, convert_dataset
from tests.builders.exchanged import TEXTS, documents, rich_dataset

IDS = np.array([1, 256, 65536])


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rich_dataset(tmp_path_factory.mktemp("rich") / "dataset")


@pytest.fixture(scope="module")
def truth(rich: Path) -> dict[str, Any]:
    return documents(rich)


def written(rich: Path, out: Path, to: str) -> Path:
    convert_dataset(rich, out, ConvertOptions(to=to))  # type: ignore[arg-type]
    return out


def masks_of(truth: dict[str, Any]) -> dict[tuple[int, int], np.ndarray]:
    return {
        (a["image_id"], s["id"]): np.array(truth["masks"][a["image_id"]]) == s["id"]
        for a in truth["annotations"]
        for s in a["segments_info"]
    }


@pytest.mark.filterwarnings("ignore")
def test_datasets_loads_the_parquet(rich: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    import datasets

    out = written(rich, tmp_path / "hub", "parquet")
    loaded = datasets.load_dataset(
        "parquet",
        data_files=str(out / "data" / "*.parquet"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert isinstance(loaded.features["image"], datasets.Image)
    assert isinstance(loaded.features["panoptic"], datasets.Image)
    assert loaded["image_id"][:] == [101, 7, 9]
    for row in loaded:
        assert row["image"].size == (row["width"], row["height"])
        ids = np.asarray(row["panoptic"]).astype(np.int64) @ IDS
        assert ids.tolist() == truth["masks"][row["image_id"]]
    said = {s["segment_id"]: (s["status"], s["caption"]) for row in loaded for s in row["segments"]}
    assert said[16_777_215] == ("captioned", TEXTS[0]) and said[2] == ("failed", "")
    assert loaded[0]["segments"][1]["text"] == "the object 2"


@pytest.mark.filterwarnings("ignore")
def test_webdataset_reads_the_tars(rich: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    import webdataset

    out = written(rich, tmp_path / "tars", "webdataset")
    shards = [str(path) for path in sorted((out / "data").glob("*.tar"))]
    samples = list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("rgb8"))
    assert [sample["__key__"] for sample in samples] == ["000000000101", "000000000007", "000000000009"]
    for sample, kind in zip(samples, ("jpg", "png", "png"), strict=True):
        record = sample["json"]
        assert sample[kind].shape == (record["height"], record["width"], 3)
        ids = sample["panoptic.png"].astype(np.int64) @ IDS
        assert ids.tolist() == truth["masks"][record["image_id"]]
    assert samples[1]["json"]["segments"][0]["caption"] == TEXTS[1]
    assert samples[1]["json"]["license"] == 7


def test_pycocotools_reads_the_instances(rich: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    out = written(rich, tmp_path / "coco", "instances")
    coco = COCO(str(out / "instances.json"))
    found = coco.loadAnns(coco.getAnnIds())
    expected = masks_of(truth)
    assert {(a["image_id"], a["segment_id"]) for a in found} == set(expected)
    for annotation in found:
        mask = coco.annToMask(annotation).astype(bool)
        assert np.array_equal(mask, expected[annotation["image_id"], annotation["segment_id"]])
    assert coco.loadCats([4])[0]["name"] == "sky"
    assert coco.loadImgs([7])[0]["license"] == 7


@pytest.mark.filterwarnings("ignore")
def test_supervision_loads_its_layout(rich: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    import supervision

    out = written(rich, tmp_path / "sv", "supervision")
    loaded = supervision.DetectionDataset.from_coco(
        images_directory_path=str(out / "images"), annotations_path=str(out / "annotations.json")
    )
    assert loaded.classes == ["person", "sky", "tooth brush"] and len(loaded) == 3
    expected = masks_of(truth)
    order = {a["image_id"]: [s["id"] for s in a["segments_info"]] for a in truth["annotations"]}
    names = {i["file_name"]: i["id"] for i in truth["images"]}
    for path, picture, detections in loaded:
        image_id = names[Path(path).relative_to((out / "images").resolve()).as_posix()]
        assert len(detections) == len(order[image_id])
        for number, segment_id in enumerate(order[image_id]):
            assert np.array_equal(detections.mask[number], expected[image_id, segment_id])
            assert picture.shape[:2] == detections.mask[number].shape


def test_the_fiftyone_layout_is_the_documented_one(rich: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    """FiftyOne brings its own database and is not installed here; this is what its documents ask for.

    `COCODetectionDataset`: pictures in `data/`, `labels.json` with info, licenses, categories, images and
    annotations; `category_id` by `categories[].id`; a mask is the segmentation cut to `bbox`; other members
    of an annotation become attributes, which therefore must not be called like its own fields.
    """
    out = written(rich, tmp_path / "fo", "fiftyone")
    assert {path.name for path in out.iterdir()} == {"data", "labels.json", "manifest.json"}
    labels = json.loads((out / "labels.json").read_text("utf-8"))
    assert list(labels) == ["info", "licenses", "images", "annotations", "categories"]
    classes = {category["id"]: category["name"] for category in labels["categories"]}
    images = {image["id"]: image for image in labels["images"]}
    for image in images.values():
        with Image.open(out / "data" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])
    own = {
        "label",
        "bounding_box",
        "mask",
        "confidence",
        "index",
        "tags",
        "attributes",
        "instance",
        "mask_path",
    }
    expected = masks_of(truth)
    for annotation in labels["annotations"]:
        assert annotation["category_id"] in classes and not own & set(annotation)
        x, y, width, height = annotation["bbox"]
        whole = expected[annotation["image_id"], annotation["segment_id"]]
        mask = coco_mask.decode(annotation["segmentation"]).astype(bool)[y : y + height, x : x + width]
        assert np.array_equal(mask, whole[y : y + height, x : x + width]) and mask.sum() == whole.sum()


@pytest.mark.filterwarnings("ignore")
def test_the_code_on_the_card_of_shards_runs(
    rich: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = written(rich, tmp_path / "hub", "parquet")
    code = (out / "README.md").read_text("utf-8").split("```python\n")[1].split("```")[0]
    code = code.replace('split="train"', f'split="train", cache_dir={str(tmp_path / "cache")!r}')
    with contextlib.chdir(out):
        exec(compile(code, "card", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert f"sky 24 {TEXTS[0]}" in lines and "person 6 " in lines
