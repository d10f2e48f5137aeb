"""Dataset folders hold everything, come back as they were, and never replace what is not theirs."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from pix2cap.core import (
    CaptionedImage,
    CaptionSource,
    Category,
    ImageRef,
    PanopticMap,
    SegmentCaption,
)
from pix2cap.core.caption import CaptionStatus
from pix2cap.core.rle import mask_to_rle
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.captions_parquet import read_captions_parquet
from pix2cap.formats.coco_panoptic import CocoPanopticSource, read_coco_panoptic
from pix2cap.formats.dataset_folder import DatasetAbout, DatasetWriter, read_dataset
from pix2cap.formats.instances_json import id_map_to_rles
from pix2cap.formats.manifest import relative_image_root
from pix2cap.formats.open_source import open_source
from pix2cap.formats.png import decode_id_png
from pix2cap.formats.staged_folder import PARTIAL
from tests.builders.panoptic import build_coco_panoptic, png_bytes

CATEGORIES = {1: Category(1, "person"), 4: Category(4, "sky", is_thing=False, supercategory="above")}
SOURCE = CaptionSource("openai:m", "set-of-mark@12ab", 2, "key", "req-7", "ann")
FILES = {
    "panoptic.json",
    "panoptic",
    "instances.json",
    "captions.parquet",
    "manifest.json",
    "README.md",
    "croissant.json",
}


def example(image_id: int = 1, name: str = "a.jpg") -> CaptionedImage:
    id_map = np.zeros((6, 8), np.uint32)
    id_map[:3] = 70000
    id_map[3:, :4] = 2
    id_map[3:, 4:6] = 9
    id_map[3:5, 6] = 5
    infos = {
        70000: (4, False, False),
        2: (1, True, False),
        9: (1, True, False),
        5: (1, True, True),
    }
    captions = (
        SegmentCaption(70000, "A pale sky.", source=SOURCE, score=0.25),
        SegmentCaption(2, "the object 2", CaptionStatus.FAILED, "mark talk", SOURCE),
        SegmentCaption(5, "", CaptionStatus.CROWD),
    )
    return CaptionedImage(
        ImageRef(image_id, name, 8, 6), PanopticMap.from_id_map(id_map, infos, {70000: 23, 2: 12}), captions
    )


def write(folder: Path, *items: CaptionedImage, **options: Any) -> Path:
    with DatasetWriter(folder, CATEGORIES, **options) as writer:
        for item in items or (example(),):
            writer.add(item)
    return folder


def test_every_file_says_the_same(tmp_path: Path) -> None:
    about = DatasetAbout(name="T: x", created_at="2026-11-23T00:00:00Z", model="m", spend={"cost_usd": 1.5})
    out = write(tmp_path / "out", example(1), example(2, "sub/b.png"), about=about)
    assert {path.name for path in out.iterdir()} == FILES
    document = json.loads((out / "panoptic.json").read_text())
    assert [i["file_name"] for i in document["images"]] == ["a.jpg", "sub/b.png"]
    first, second = document["annotations"]
    assert second["file_name"] == "sub/b.png" and (out / "panoptic" / "sub" / "b.png").is_file()
    assert first["segments_info"] == [
        {
            "id": 70000,
            "category_id": 4,
            "iscrowd": 0,
            "bbox": [0, 0, 8, 3],
            "area": 24,
            "description": "A pale sky.",
            "caption_status": "captioned",
            "score": 0.25,
        },
        {"id": 2, "category_id": 1, "iscrowd": 0, "bbox": [0, 3, 4, 3], "area": 12}
        | {"description": "", "caption_status": "failed"},
        {"id": 9, "category_id": 1, "iscrowd": 0, "bbox": [4, 3, 2, 3], "area": 6}
        | {"description": "", "caption_status": "pending"},
        {"id": 5, "category_id": 1, "iscrowd": 1, "bbox": [6, 3, 1, 2], "area": 2}
        | {"description": "", "caption_status": "crowd"},
    ]
    assert document["categories"][1] == {"id": 4, "name": "sky", "isthing": 0, "supercategory": "above"}

    instances = json.loads((out / "instances.json").read_text())["annotations"]
    assert [a["id"] for a in instances] == list(range(1, 9))
    assert instances[0]["caption"] == "A pale sky." and instances[0]["segment_id"] == 70000

    rows = pq.read_table(out / "captions.parquet").to_pylist()
    assert len(rows) == 8
    assert rows[1] == {
        "image_id": 1,
        "segment_id": 2,
        "file_name": "a.jpg",
        "category_id": 1,
        "class_name": "person",
        "is_thing": True,
        "is_crowd": False,
        "area": 12,
        "declared_area": 12,
        "box_xyxy": [0, 3, 4, 6],
        "caption": "",
        "status": "failed",
        "text": "the object 2",
        "reason": "mark talk",
        "score": None,
        "model": "openai:m",
        "prompt_version": "set-of-mark@12ab",
        "attempt": 2,
        "request_key": "key",
        "request_id": "req-7",
        "reviewer": "ann",
    }
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["counts"]["images"] == 2
    assert manifest["counts"]["segments"] == {
        "total": 6,
        "captioned": 2,
        "not_visible": 0,
        "failed": 2,
        "pending": 2,
        "rejected": 0,
        "crowd": 2,
    }
    assert manifest["created_at"] == about.created_at and manifest["spend"] == {"cost_usd": 1.5}
    assert manifest["image_root"] is None
    for name, stated in manifest["files"].items():
        if name != "panoptic/":
            assert stated["sha256"] == hashlib.sha256((out / name).read_bytes()).hexdigest()
    card = (out / "README.md").read_text()
    assert card.startswith('---\npretty_name: "T: x"\n') and "| `failed` | 2 |" in card
    described = json.loads((out / "croissant.json").read_text())
    assert described["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    fields = described["recordSet"][0]["field"]
    assert [f["name"] for f in fields] == list(rows[0])


@st.composite
def captioned_images(draw: st.DrawFn, image_id: int = 1) -> CaptionedImage:
    width, height = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    ids = draw(st.lists(st.integers(1, 2**24 - 1), min_size=1, max_size=5, unique=True))
    cells = draw(st.lists(st.sampled_from([0, *ids]), min_size=width * height, max_size=width * height))
    id_map = np.array(cells, np.uint32).reshape(height, width)
    infos, captions = {}, []
    for segment_id in sorted({int(v) for v in cells} - {0}):
        crowd = draw(st.booleans())
        category = CATEGORIES[draw(st.sampled_from([1, 4]))]
        infos[segment_id] = (category.id, category.is_thing, crowd)
        status = CaptionStatus.CROWD if crowd else draw(st.sampled_from(list(CaptionStatus)[:5]))
        text = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
        if status is CaptionStatus.CAPTIONED:
            text = "A " + text + "."
        reason = draw(st.none() | st.just("too short"))
        score = draw(st.none() | st.floats(0, 1))
        source = draw(st.none() | st.just(SOURCE) | st.just(CaptionSource(model="m")))
        captions.append(SegmentCaption(segment_id, text, status, reason, source, score))
    declared = draw(st.dictionaries(st.sampled_from(ids), st.integers(0, 99)))
    declared = {k: v for k, v in declared.items() if k in infos}
    panoptic = PanopticMap.from_id_map(id_map, infos, declared)
    return CaptionedImage(ImageRef(image_id, f"{image_id}.jpg", width, height), panoptic, tuple(captions))


def assert_same(one: CaptionedImage, other: CaptionedImage) -> None:
    assert one.image == other.image
    assert (one.panoptic.id_map == other.panoptic.id_map).all()
    assert one.panoptic.segments == other.panoptic.segments
    assert one.captions == other.captions


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_round_trip(draw: st.DataObject) -> None:
    items = [draw.draw(captioned_images(image_id)) for image_id in range(1, draw.draw(st.integers(2, 3)))]
    with tempfile.TemporaryDirectory() as folder:
        out = write(Path(folder) / "out", *items)
        back = list(read_dataset(out))
        assert len(back) == len(items)
        for one, other in zip(items, back, strict=True):
            assert_same(one, other)
        again = write(Path(folder) / "again", *back)
        assert files_of(out) == files_of(again)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_same_content_same_bytes_but_for_the_time(tmp_path: Path) -> None:
    one = write(tmp_path / "one", about=DatasetAbout(created_at="2026-01-01", spend={"cost_usd": 1}))
    other_source = replace(SOURCE, request_id="another")
    item = example()
    captions = tuple(replace(c, source=other_source) if c.source else c for c in item.captions)
    other = write(
        tmp_path / "other", replace(item, captions=captions), about=DatasetAbout(created_at="2026-02-02")
    )
    differ = {name for name, data in files_of(one).items() if files_of(other)[name] != data}
    assert differ == {"manifest.json", "captions.parquet"}


def test_a_segment_said_to_be_captioned_without_text_is_failed(tmp_path: Path) -> None:
    item = example()
    out = write(tmp_path / "out", replace(item, captions=(SegmentCaption(2, "  "),)))
    info = json.loads((out / "panoptic.json").read_text())["annotations"][0]["segments_info"]
    assert [(s["caption_status"], s["description"]) for s in info][1] == ("failed", "")


def test_edits_of_the_json_win_over_the_parquet(tmp_path: Path) -> None:
    out = write(tmp_path / "out")
    text = (out / "panoptic.json").read_text()
    (out / "panoptic.json").write_text(text.replace("A pale sky.", "A dark sky."))
    caption = next(iter(read_dataset(out))).captions[0]
    assert (caption.text, caption.source) == ("A dark sky.", None)
    (out / "captions.parquet").unlink()
    captions = next(iter(read_dataset(out))).captions
    assert [c.status for c in captions] == ["captioned", "failed", "pending", "crowd"]


def test_masks_are_copied_where_they_can_be(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path / "in", captions=True)
    source = read_coco_panoptic(paths.json_path, paths.masks, paths.images)
    with DatasetWriter(tmp_path / "out", source.categories, copy_images=True) as writer:
        first = _captioned(source, 1)
        png = source.map_png(1)
        writer.add(first, map_png=png, picture=source.picture(1), extra={"license": 3})
        grey = png_bytes(np.zeros((48, 64), np.uint8))
        writer.add(_captioned(source, 2), map_png=grey, picture=source.picture(2))
        writer.refuse(3, "3.jpg", "image: truncated", n_segments=4)
    out = tmp_path / "out"
    assert (out / "panoptic" / paths.mask_path(0).name).read_bytes() == png
    second = (out / "panoptic" / paths.mask_path(1).name).read_bytes()
    assert (decode_id_png(second) == source.panoptic(2).id_map).all()
    assert (out / "images" / "000000000001.jpg").read_bytes() == paths.picture_path(0).read_bytes()
    assert json.loads((out / "panoptic.json").read_text())["images"][0]["license"] == 3
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["image_root"] == "images"
    assert manifest["counts"]["refused_segments"] == 4
    assert manifest["refused_images"][0]["reason"] == "image: truncated"
    assert open_source(out).picture(2).rgb.any()


def _captioned(source: CocoPanopticSource, image_id: int) -> CaptionedImage:
    return CaptionedImage(source.entry(image_id).image, source.panoptic(image_id), source.captions(image_id))


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("precious")
    (out / "README.md").write_text("mine")
    with pytest.raises(UsageError, match=r"got README\.md, thesis\.txt; .*--overwrite"):
        write(out)
    assert {p.name for p in out.iterdir()} == {"thesis.txt", "README.md"}
    write(out, overwrite=True)
    assert (out / "thesis.txt").read_text() == "precious"
    assert (out / "README.md").read_text().startswith("---")
    write(out, example(7))
    assert [item.image.image_id for item in read_dataset(out)] == [7]
    assert {p.name for p in out.iterdir()} == {*FILES, "thesis.txt"}
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="got the file"):
        write(tmp_path / "file")


def test_a_failure_leaves_the_old_dataset_and_no_rest(tmp_path: Path) -> None:
    out = write(tmp_path / "out")
    before = files_of(out)
    with pytest.raises(RuntimeError), DatasetWriter(out, CATEGORIES) as writer:
        writer.add(example(2))
        assert files_of(out).items() > before.items()
        raise RuntimeError("power cut")
    assert files_of(out) == before
    (out / PARTIAL).mkdir()
    (out / PARTIAL / "rest").write_text("of a killed run")
    (out / "manifest.json").unlink()
    assert files_of(write(out)) == before


def test_what_cannot_be_written(tmp_path: Path) -> None:
    item = example()
    unknown = "image 1, segment 70000: unknown category 4"
    with (
        DatasetWriter(tmp_path / "out", [CATEGORIES[1]]) as writer,
        pytest.raises(InputError, match=unknown),
    ):
        writer.add(item)
    with DatasetWriter(tmp_path / "out", CATEGORIES) as writer:
        writer.add(item)
        with pytest.raises(InputError, match="each image id once, got 1 again"):
            writer.add(item)
        with pytest.raises(InputError, match="inside the folder of pictures"):
            writer.add(replace(item, image=replace(item.image, image_id=3, file_name="../a.jpg")))
        writer.add(replace(item, image=replace(item.image, image_id=4, file_name="a.png")))
    assert {p.name for p in (tmp_path / "out" / "panoptic").iterdir()} == {"a.png", "a.4.png"}
    assert len(list(read_dataset(tmp_path / "out"))) == 2


def test_no_home_path_in_any_file(tmp_path: Path) -> None:
    images = tmp_path / "pictures"
    images.mkdir()
    out = write(tmp_path / "deep" / "out", images_dir=images)
    assert json.loads((out / "manifest.json").read_text())["image_root"] == "../../pictures"
    for name, data in files_of(out).items():
        assert str(tmp_path).encode() not in data, name
    home = Path.home()
    for one, other in (("/srv/out", home / "x"), ("/data/out", "/mnt/x"), ("/home/a/out", "/home/b/x")):
        assert relative_image_root(Path(one), Path(other)) is None
    assert relative_image_root(home / "d" / "out", home / "p") == "../../p"
    assert relative_image_root(Path("/srv/a/out"), Path("/srv/a/out")) == "."


@given(captioned_images())
def test_rle_of_runs_is_what_pycocotools_makes_of_masks(item: CaptionedImage) -> None:
    rles = id_map_to_rles(item.panoptic.id_map)
    assert rles == {s.id: mask_to_rle(item.panoptic.mask(s.id)) for s in item.panoptic.segments}


def test_rows_come_in_groups(tmp_path: Path) -> None:
    many = [example(n, f"{n}.jpg") for n in range(1, 31)]
    out = write(tmp_path / "out", *many)
    assert len(list(read_captions_parquet(out / "captions.parquet"))) == 120


@pytest.mark.parametrize("part", ["train", "val"])
def test_real_images_load_in_pycocotools_and_round_trip(coco: Path, tmp_path: Path, part: str) -> None:
    masks, images = coco / f"panoptic_{part}2017", coco / f"{part}2017"
    source = read_coco_panoptic(coco / f"pix2cap_{part}.json", masks, images)
    out = tmp_path / "out"
    with DatasetWriter(out, source.categories, images_dir=images) as writer:
        for image_id in source.image_ids:
            writer.add(
                _captioned(source, image_id),
                map_png=source.map_png(image_id),
                extra=source.image_extra(image_id),
            )
    before = json.loads((coco / f"pix2cap_{part}.json").read_text())
    after = json.loads((out / "panoptic.json").read_text())
    stated = {a["image_id"]: a for a in before["annotations"]}
    for annotation in after["annotations"]:
        old = stated[annotation["image_id"]]
        assert (out / "panoptic" / annotation["file_name"]).read_bytes() == (
            masks / old["file_name"]
        ).read_bytes()
        for new, given_before in zip(annotation["segments_info"], old["segments_info"], strict=True):
            assert given_before.items() <= new.items()
    api = COCO(str(out / "instances.json"))
    for item in read_dataset(out):
        found = {a["segment_id"]: a for a in api.loadAnns(api.getAnnIds(imgIds=item.image.image_id))}
        assert found.keys() == item.panoptic.by_id.keys()
        for segment_id, annotation in found.items():
            assert (api.annToMask(annotation) == item.panoptic.mask(segment_id)).all()
            assert annotation["area"] == item.panoptic.by_id[segment_id].area
