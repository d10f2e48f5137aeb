"""Records and shards hold whatever an image can be."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.core import CaptionedImage, CaptionSource, Category, ImageRef, PanopticMap, SegmentCaption
from pix2cap.core.caption import CaptionStatus
from pix2cap.errors import ImageRefused, StorageFull, UsageError
from pix2cap.formats.coco_layout import LAYOUTS, CocoLayoutWriter
from pix2cap.formats.exchange import (
    Carried,
    Refused,
    carried_image,
    category_rows,
    image_record,
    record_categories,
)
from pix2cap.formats.hub_parquet import ParquetShards, find_parquet, read_parquet_images, read_parquet_meta
from pix2cap.formats.llava_json import LlavaAnswers, LlavaWriter
from pix2cap.formats.open_source import open_source
from pix2cap.formats.png import encode_id_png
from pix2cap.formats.published import publish
from pix2cap.formats.staged_folder import CONVERSION, StagedFolder
from pix2cap.formats.storage import storage
from pix2cap.formats.webdataset_tar import TarShards, find_shards, read_tar_images

CATEGORIES = {1: Category(1, "cup"), 900: Category(900, "sky, “other”", is_thing=False)}
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
MAYBE = st.none() | TEXTS
SOURCES = st.none() | st.builds(
    CaptionSource, MAYBE, MAYBE, st.none() | st.integers(0, 9), MAYBE, MAYBE, MAYBE
)


@st.composite
def images(draw: Any, image_id: int) -> Carried:
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    ids = draw(st.lists(st.integers(1, 2**24 - 1), min_size=1, max_size=4, unique=True))
    cells = draw(st.lists(st.sampled_from([0, *ids]), min_size=height * width, max_size=height * width))
    id_map = np.array(cells, np.uint32).reshape(height, width)
    shown = [int(i) for i in np.unique(id_map) if i]
    infos = {}
    for segment_id in draw(st.permutations(shown)):
        category = CATEGORIES[draw(st.sampled_from(sorted(CATEGORIES)))]
        infos[segment_id] = (category.id, category.is_thing, draw(st.booleans()))
    declared = {i: draw(st.integers(0, 99)) for i in shown if draw(st.booleans())}
    panoptic = PanopticMap.from_id_map(id_map, infos, declared)
    captions = [
        SegmentCaption(
            segment_id,
            draw(TEXTS),
            draw(st.sampled_from(list(CaptionStatus))),
            draw(MAYBE),
            draw(SOURCES),
            draw(st.none() | st.floats(0, 1)),
        )
        for segment_id in shown
        if draw(st.booleans())
    ]
    image = ImageRef(image_id, f"{draw(st.sampled_from(['', 'a b/', 'ü/']))}{image_id}.x.png", width, height)
    extra = draw(st.sampled_from([{}, {"license": 4}, {"coco_url": "https://example.org/ü", "license": 2}]))
    picture = draw(st.none() | st.binary(min_size=1, max_size=9))
    return Carried(CaptionedImage(image, panoptic, tuple(captions)), picture, None, extra)


DATASETS = st.integers(0, 3).flatmap(lambda n: st.tuples(*(images(10**11 * i + i) for i in range(1, n + 1))))


def told(carried: Carried | Refused) -> dict[str, Any]:
    assert isinstance(carried, Carried), carried
    record = image_record(carried, CATEGORIES)
    return {**record, "picture": carried.picture, "ids": carried.item.panoptic.id_map.tolist()}


def publishable(carried: Carried) -> dict[str, Any]:
    """As it can come back: a caption that says nothing of a segment is no caption."""
    record = told(carried)
    return {**record, "segments": [{**one, "text": one["text"] or None} for one in record["segments"]]}


@settings(max_examples=30)
@given(DATASETS)
def test_shards_give_back_what_they_got(dataset: tuple[Carried, ...]) -> None:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out"
        meta = {"categories": category_rows(CATEGORIES), "name": "ü"}
        with StagedFolder(out) as folder:
            parquet = ParquetShards(folder, CATEGORIES, meta=meta, split="train", shard_bytes=2**20)
            tars = TarShards(folder, CATEGORIES, split="train", shard_bytes=1)
            for one in dataset:
                parquet.add(one)
                tars.add(one)
            parquet.close()
            tars.close()
            folder.finish({})
        wanted = [publishable(one) for one in dataset]
        shards = find_parquet(out)
        assert read_parquet_meta(shards) == meta
        assert [publishable(one) for one in read_parquet_images(shards)] == wanted  # type: ignore[arg-type]
        assert len(find_shards(out)) == len(dataset)
        assert [publishable(one) for one in read_tar_images(find_shards(out))] == wanted  # type: ignore[arg-type]


@settings(max_examples=30)
@given(DATASETS)
def test_coco_layouts_keep_ids_masks_captions_and_statuses(dataset: tuple[Carried, ...]) -> None:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out"
        with StagedFolder(out) as folder:
            coco = CocoLayoutWriter(
                folder, CATEGORIES, LAYOUTS["llava"], info={"year": 2026}, licenses=[{"id": 4}]
            )
            talk = LlavaWriter(folder, "images")
            for one in dataset:
                coco.add(one)
                talk.add(one.item)
            coco.close()
            talk.close()
            folder.finish({})
        source, answers = open_source(out / "instances.json"), LlavaAnswers(out / "llava.json")
        assert source.licenses == [{"id": 4}] and dict(source.categories).keys() == CATEGORIES.keys()
        assert list(source.image_ids) == [one.item.image.image_id for one in dataset]
        for one in dataset:
            image_id = one.item.image.image_id
            panoptic = source.panoptic(image_id)
            assert np.array_equal(panoptic.id_map, one.item.panoptic.id_map)
            assert list(panoptic.by_id) == list(one.item.panoptic.by_id)
            item = CaptionedImage(one.item.image, panoptic, source.captions(image_id))
            for read in (item, answers.apply(item)):
                said = {i: (p.description, p.status) for i, p in publish(read).items()}
                assert said == {i: (p.description, p.status) for i, p in publish(one.item).items()}
            assert source.image_extra(image_id) == one.extra


def record_of(**changes: Any) -> dict[str, Any]:
    segment = {"segment_id": 7, "category_id": 1, "class_name": "cup", "is_thing": True, "is_crowd": False}
    segment |= {"caption": "A cup.", "status": "captioned"}
    return {"image_id": 3, "file_name": "3.jpg", "width": 2, "height": 1, "segments": [segment]} | changes


PNG = encode_id_png(np.array([[7, 0]], np.uint32))


def test_a_record_and_its_map_are_put_together() -> None:
    carried = carried_image(record_of(license=2), PNG, picture=None, file="x")
    assert carried.item.captions == (SegmentCaption(7, "A cup."),)
    assert carried.item.panoptic.by_id[7].area == 1 and carried.extra == {"license": 2}
    assert record_categories(record_of()) == {1: Category(1, "cup")}


@pytest.mark.parametrize(
    ("changes", "png", "words"),
    [
        ({"file_name": "../3.jpg"}, PNG, "path escapes"),
        ({"file_name": "/etc/passwd"}, PNG, "path escapes"),
        ({"width": 9}, PNG, "size mismatch of mask"),
        ({"width": "wide"}, PNG, "wrong type"),
        ({"segments": None}, PNG, "wrong type"),
        ({"segments": [{"segment_id": 7}]}, PNG, "category_id"),
        ({"segments": []}, PNG, "only in the pixels"),
        ({}, PNG[:40], "damaged mask"),
        ({}, b"", "damaged mask"),
        ({"segments": [record_of()["segments"][0] | {"status": "lovely"}]}, PNG, "lovely"),
    ],
)
def test_a_record_that_cannot_be_trusted_is_refused(changes: dict[str, Any], png: bytes, words: str) -> None:
    with pytest.raises(ImageRefused, match=words) as refused:
        carried_image(record_of(**changes), png, picture=None, file="shard/3")
    assert refused.value.problems[0].file == "shard/3" and refused.value.problems[0].image_id == 3


def test_nothing_appears_before_all_is_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyError), StagedFolder(out) as folder:
        folder.write("a.json", b"{}")
        raise KeyError
    assert list(out.iterdir()) == []
    with StagedFolder(out) as folder:
        folder.write("deep/a.json", b"{}")
        manifest = folder.finish({"to": "x"})
    assert manifest["files"] == {
        "deep/a.json": {"bytes": 2, "sha256": manifest["files"]["deep/a.json"]["sha256"]}
    }
    assert CONVERSION.read_manifest(out) == json.loads((out / "manifest.json").read_text())
    with StagedFolder(out) as folder:
        folder.write("b.json", b"{}")
        folder.finish({"to": "x"})
    assert sorted(path.name for path in out.iterdir()) == ["b.json", "manifest.json"]


def test_a_manifest_that_names_files_elsewhere_moves_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    named = {"../mine.txt": {}, "/etc/passwd": {}}
    (out / "manifest.json").write_text(json.dumps({"format": "pix2cap-converted", "files": named}))
    with StagedFolder(out) as folder:
        folder.write("b.json", b"{}")
        folder.finish({})
    assert (tmp_path / "mine.txt").read_text() == "mine" and Path("/etc/passwd").exists()


def test_files_in_the_way_and_full_disks(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="got the file"):
        StagedFolder(tmp_path / "file")
    with pytest.raises(UsageError, match="--overwrite"):
        StagedFolder(tmp_path)
    with pytest.raises(StorageFull, match="/dev/full"), storage(), Path("/dev/full").open("wb", 0) as full:
        try:
            full.write(b"x")
        except OSError as error:
            error.filename = "/dev/full"
            raise
