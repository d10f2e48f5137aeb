"""Samples: what the files say, without crowds, in the order of the model's classes."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2cap.core import Category
from pix2cap.errors import ImageRefused, InputError
from pix2cap.formats.dataset_read import read_dataset
from pix2cap.formats.open_source import open_source
from pix2cap.formats.png import decode_id_png
from pix2cap.train.samples import Sample, TrainingSet, open_training_set
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.training import build_scenes


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_scenes(tmp_path_factory.mktemp("samples") / "scenes", images=6)


def _same(one: Sample, other: Sample) -> bool:
    arrays = ("rgb", "index_map", "labels", "segment_ids")
    equal = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
    return equal and (one.image_id, one.captions) == (other.image_id, other.captions)


def test_a_dataset_folder_comes_as_it_was_written(scenes: Path) -> None:
    data = open_training_set(scenes)
    source = open_source(scenes)
    assert len(data) == 6
    for sample, item in zip((data[i] for i in range(len(data))), read_dataset(scenes), strict=True):
        texts = {c.segment_id: c.text for c in item.captions}
        assert sample.image_id == item.image.image_id
        assert np.array_equal(sample.rgb, source.picture(sample.image_id).rgb)
        for k, segment in enumerate(item.panoptic.segments):
            assert np.array_equal(sample.index_map == k + 1, item.panoptic.mask(segment.id))
            assert data.categories[sample.labels[k]].id == segment.category_id
            assert sample.captions[k] == texts[segment.id]
            assert sample.segment_ids[k] == segment.id
    assert list(data.captions()) == [t for i in range(6) for t in data[i].captions]


def _published(tmp_path: Path, change: Any) -> dict[str, Any]:
    paths = build_coco_panoptic(tmp_path / "p", n_images=3, n_segments=4)
    document = paths.document
    for annotation in document["annotations"]:
        for segment in annotation["segments_info"]:
            segment["description"] = f"A thing called {segment['id']}."
    change(document)
    paths.json_path.write_text(json.dumps(document))
    return {"path": paths.json_path, "masks": paths.masks, "images": paths.images}


def test_crowd_goes_and_a_segment_without_caption_keeps_its_mask(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        first = document["annotations"][0]["segments_info"]
        first[0]["iscrowd"] = 1
        first[1]["description"] = ""
        document["annotations"][1]["segments_info"][2]["description"] = "ab"

    files = _published(tmp_path, change)
    data = open_training_set(**files)
    assert [len(data[i].labels) for i in range(3)] == [3, 4, 4]
    assert data[0].captions[0] is None and data[0].captions[1] is not None
    document = json.loads(files["path"].read_text())
    id_map = decode_id_png((files["masks"] / document["annotations"][0]["file_name"]).read_bytes())
    crowd, mute = (document["annotations"][0]["segments_info"][k]["id"] for k in (0, 1))
    assert (data[0].index_map[id_map == crowd] == 0).all()
    assert np.array_equal(data[0].index_map == 1, id_map == mute)
    assert len(list(data.captions())) == 2 + 4 + 4
    strict = open_training_set(**files, min_caption_chars=3)
    assert strict.image_ids == data.image_ids[2:]
    assert open_training_set(**files, limit=2).image_ids == data.image_ids[:2]
    with pytest.raises(InputError, match="99 characters"):
        open_training_set(**files, min_caption_chars=99)


def test_classes_of_a_model_are_kept_in_its_order(scenes: Path) -> None:
    own = open_training_set(scenes).categories
    turned = (Category(7, "never seen"), *reversed(own))
    data = open_training_set(scenes, categories=turned)
    plain = open_training_set(scenes)
    assert [turned[k].id for k in data[0].labels] == [own[k].id for k in plain[0].labels]
    with pytest.raises(InputError, match=own[0].name):
        open_training_set(scenes, categories=own[1:])
    with pytest.raises(InputError, match="another"):
        open_training_set(scenes, categories=(Category(own[0].id, "another"), *own[1:]))
    with pytest.raises(InputError, match="twice"):
        open_training_set(scenes, categories=(*own, own[0]))


def test_the_cache_holds_what_fits_and_changes_nothing(scenes: Path) -> None:
    plain = open_training_set(scenes)
    room = plain[0].n_bytes * 2 + 100
    data = open_training_set(scenes, cache_bytes=room)
    for _ in range(2):
        assert all(_same(data[i], plain[i]) for i in range(6))
    assert [data[i] is data[i] for i in range(6)] == [True, True, False, False, False, False]
    copy: TrainingSet = pickle.loads(pickle.dumps(data))
    assert all(_same(copy[i], plain[i]) for i in range(6))
    assert copy[1] is copy[1] is not data[1]


def test_files_that_cannot_be_used(tmp_path: Path, scenes: Path) -> None:
    files = _published(tmp_path, lambda _: None)
    with pytest.raises(InputError, match="folder of pictures"):
        open_training_set(files["path"], masks=files["masks"])
    next(iter(sorted(files["images"].iterdir()))).write_bytes(b"no picture")
    data = open_training_set(**files)
    with pytest.raises(ImageRefused):
        data[0]
    assert data[1].rgb.ndim == 3
    with pytest.raises(IndexError):
        open_training_set(scenes)[6]


def test_the_published_layout_with_real_photos(coco: Path) -> None:
    data = open_training_set(
        coco / "pix2cap_train.json", masks=coco / "panoptic_train2017", images=coco / "train2017"
    )
    assert (len(data), len(data.categories)) == (100, 133)
    document = json.loads((coco / "pix2cap_train.json").read_text("utf-8"))
    told = {
        (annotation["image_id"], s["id"]): s["description"]
        for annotation in document["annotations"]
        for s in annotation["segments_info"]
        if not s["iscrowd"]
    }
    seen = 0
    for i in range(0, 100, 9):
        sample = data[i]
        areas = np.bincount(sample.index_map.ravel(), minlength=len(sample.labels) + 1)[1:]
        assert (areas > 0).all()
        for segment_id, text in zip(sample.segment_ids.tolist(), sample.captions, strict=True):
            assert (text or "") == told[sample.image_id, segment_id]
            seen += text is not None
    assert seen > 50
    assert sum(bool(text) for text in told.values()) == len(list(data.captions()))
