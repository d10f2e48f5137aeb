"""COCO panoptic: what is whole is read exactly, what is broken is named with file, image and segment."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2cap.core.caption import CaptionStatus
from pix2cap.errors import ImageRefused, InputError
from pix2cap.formats.coco_panoptic import CocoPanopticSource, read_coco_panoptic
from pix2cap.formats.findings import Finding
from tests.builders.panoptic import CocoPaths, build_coco_panoptic, png_bytes, rgb_of


def opened(paths: CocoPaths) -> CocoPanopticSource:
    return read_coco_panoptic(paths.json_path, paths.masks, paths.images)


def test_a_whole_dataset_is_read_exactly(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path, n_images=3, captions=True, crowd=True)
    source = opened(paths)
    assert list(source.image_ids) == [1, 2, 3]
    assert source.problems == ()
    assert source.categories[193].is_thing is False and source.categories[1].supercategory == "person"
    for number, entry in enumerate(source.entries()):
        assert entry.image.size_wh == (64, 48)
        assert entry == source.entry(entry.image.image_id)
        panoptic = source.panoptic(entry.image.image_id)
        for stated in paths.annotation(number)["segments_info"]:
            segment = panoptic.by_id[stated["id"]]
            assert segment.area == stated["area"] == segment.declared_area
            x0, y0, x1, y1 = segment.box_xyxy
            assert [x0, y0, x1 - x0, y1 - y0] == stated["bbox"]
            assert (segment.category_id, segment.is_crowd) == (stated["category_id"], bool(stated["iscrowd"]))
            assert segment.is_thing == source.categories[segment.category_id].is_thing
        assert [s.description for s in entry.segments] == [
            s["description"] for s in paths.annotation(number)["segments_info"]
        ]
        assert source.picture(entry.image.image_id).rgb.shape == (48, 64, 3)
        assert source.check(entry.image.image_id) == []
        assert source.map_png(entry.image.image_id) == paths.mask_path(number).read_bytes()
    with pytest.raises(KeyError):
        source.entry(99)


@pytest.mark.parametrize("prefix", ["", "panoptic_val2017/", "a/b/"])
def test_masks_in_a_zip(tmp_path: Path, prefix: str) -> None:
    paths = build_coco_panoptic(tmp_path)
    folder = opened(paths)
    source = read_coco_panoptic(paths.json_path, paths.zip_masks(prefix), paths.images)
    for image_id in source.image_ids:
        assert (source.panoptic(image_id).id_map == folder.panoptic(image_id).id_map).all()
        assert source.check(image_id) == []


def test_a_mask_missing_in_a_zip_and_a_damaged_zip(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    paths.mask_path(1).unlink()
    packed = paths.zip_masks("x/")
    source = read_coco_panoptic(paths.json_path, packed, paths.images)
    assert [p.problem for p in source.check(2)] == [Finding.MISSING_MASK]
    packed.write_bytes(packed.read_bytes()[:200])
    with pytest.raises(InputError, match=r"unreadable file \(expected a zip of PNGs"):
        read_coco_panoptic(paths.json_path, packed)


def test_a_source_can_be_pickled(tmp_path: Path) -> None:
    source = opened(build_coco_panoptic(tmp_path))
    again = pickle.loads(pickle.dumps(source))
    assert list(again.entries()) == list(source.entries())


def test_order_of_keys_does_not_matter(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    expected = list(opened(paths).entries())
    paths.document = dict(reversed(paths.document.items()))
    paths.save()
    assert list(opened(paths).entries()) == expected


def test_caption_is_taken_for_description_and_statuses_are_read(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path, crowd=True)
    segments = paths.annotation()["segments_info"]
    segments[0]["description"] = ""
    segments[1] |= {"caption": "A red car.", "score": 0.5}
    segments[2] |= {"description": "", "caption_status": "not_visible"}
    segments[3]["description"] = ""
    captions = {c.segment_id: c for c in opened(paths.save()).captions(1)}
    assert [captions[s["id"]].status for s in segments[:4]] == [
        CaptionStatus.CROWD,
        CaptionStatus.CAPTIONED,
        CaptionStatus.NOT_VISIBLE,
        CaptionStatus.PENDING,
    ]
    assert captions[segments[1]["id"]].text == "A red car." and captions[segments[1]["id"]].score == 0.5
    assert len(captions) == 4


def test_width_and_height_may_be_missing(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    for image in paths.document["images"]:
        del image["width"], image["height"]
    source = opened(paths.save())
    assert source.entry(1).image.size_wh == (64, 48)
    assert source.check(1) == []
    assert source.panoptic(1).size_wh == (64, 48)


def _repaint(paths: CocoPaths, change: Callable[[np.ndarray], np.ndarray]) -> None:
    rgb = np.asarray(Image.open(paths.mask_path())).astype(np.uint32)
    id_map = change(rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2])
    paths.mask_path().write_bytes(png_bytes(rgb_of(id_map)))


def _cut(path: Path, keep: float = 0.6) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def _duplicate_segment(p: CocoPaths) -> None:
    p.annotation()["segments_info"].append(dict(p.segment()))


def _without_mask_name(p: CocoPaths) -> None:
    del p.annotation()["file_name"]


def _orphan_mask(p: CocoPaths) -> None:
    p.annotation()["segments_info"].pop()


def _ghost(p: CocoPaths) -> None:
    p.annotation()["segments_info"].append({"id": 5, "category_id": 1, "iscrowd": 0})


FATAL: dict[str, tuple[Callable[[CocoPaths], Any], Finding]] = {
    "id in JSON but not in PNG": (_ghost, Finding.ID_NOT_IN_PNG),
    "id in PNG but not in JSON": (_orphan_mask, Finding.ID_NOT_IN_JSON),
    "duplicate segment id": (_duplicate_segment, Finding.DUPLICATE_SEGMENT),
    "duplicate image id": (
        lambda p: p.document["images"].append(dict(p.document["images"][0])),
        Finding.DUPLICATE_IMAGE,
    ),
    "two annotations": (
        lambda p: p.document["annotations"].append(dict(p.annotation())),
        Finding.DUPLICATE_ANNOTATION,
    ),
    "image without annotation": (
        lambda p: p.document["annotations"].pop(0),
        Finding.IMAGE_WITHOUT_ANNOTATION,
    ),
    "unknown category": (lambda p: p.segment().update(category_id=4711), Finding.UNKNOWN_CATEGORY),
    "string category": (lambda p: p.segment().update(category_id="1"), Finding.WRONG_TYPE),
    "size mismatch": (lambda p: p.document["images"][0].update(width=65), Finding.MASK_SIZE),
    "mask truncated": (lambda p: _cut(p.mask_path()), Finding.DAMAGED_MASK),
    "mask empty": (lambda p: p.mask_path().write_bytes(b""), Finding.DAMAGED_MASK),
    "mask missing": (lambda p: p.mask_path().unlink(), Finding.MISSING_MASK),
    "mask is text": (lambda p: p.mask_path().write_text("not a png at all"), Finding.DAMAGED_MASK),
    "mask is grey": (
        lambda p: p.mask_path().write_bytes(png_bytes(np.ones((48, 64), np.uint8))),
        Finding.MASK_KIND,
    ),
    "mask is 16-bit": (
        lambda p: p.mask_path().write_bytes(png_bytes(np.ones((48, 64), np.uint16))),
        Finding.MASK_KIND,
    ),
    "mask is another picture": (lambda p: _repaint(p, lambda ids: ids * 0 + 9), Finding.ID_NOT_IN_JSON),
    "mask is a folder": (
        lambda p: (p.mask_path().unlink(), p.mask_path().mkdir()),
        Finding.UNREADABLE_FILE,
    ),
    "mask path climbs out": (
        lambda p: p.annotation().update(file_name="../masks/x.png"),
        Finding.PATH_ESCAPES,
    ),
    "mask path absolute": (lambda p: p.annotation().update(file_name="/etc/passwd"), Finding.PATH_ESCAPES),
    "mask name missing": (_without_mask_name, Finding.MISSING_KEY),
    "mask name a number": (lambda p: p.annotation().update(file_name=7), Finding.WRONG_TYPE),
    "segment id a text": (lambda p: p.segment().update(id="7"), Finding.WRONG_TYPE),
    "segment id true": (lambda p: p.segment().update(id=True), Finding.WRONG_TYPE),
    "segment id zero": (lambda p: p.segment().update(id=0), Finding.ID_OUT_OF_RANGE),
    "segment id too large": (lambda p: p.segment().update(id=2**24), Finding.ID_OUT_OF_RANGE),
    "segment no object": (
        lambda p: p.annotation().update(segments_info=[3]),
        Finding.WRONG_TYPE,
    ),
    "segments no list": (lambda p: p.annotation().update(segments_info={"a": 1}), Finding.WRONG_TYPE),
    "segments missing": (lambda p: p.annotation().pop("segments_info"), Finding.WRONG_TYPE),
    "iscrowd a text": (lambda p: p.segment().update(iscrowd="no"), Finding.WRONG_TYPE),
    "width a text": (lambda p: p.document["images"][0].update(width="64"), Finding.WRONG_TYPE),
}


@pytest.mark.parametrize("name", FATAL)
def test_a_broken_image_is_refused_and_the_other_is_not(tmp_path: Path, name: str) -> None:
    paths = build_coco_panoptic(tmp_path)
    breakage, finding = FATAL[name]
    breakage(paths)
    source = opened(paths.save())
    problems = source.check(1)
    assert finding in {p.problem for p in problems}
    assert all(p.image_id == 1 and p.file and p.expected and p.got for p in problems)
    with pytest.raises(ImageRefused, match="image 1") as refused:
        source.panoptic(1)
    assert finding in {p.problem for p in refused.value.problems if p.fatal}
    assert source.entry(1).image.image_id == 1
    assert source.check(2) == [] and source.panoptic(2).segments


PICTURE: dict[str, tuple[Callable[[CocoPaths], Any], Finding]] = {
    "truncated": (lambda p: _cut(p.picture_path()), Finding.DAMAGED_PICTURE),
    "missing": (lambda p: p.picture_path().unlink(), Finding.MISSING_FILE),
    "empty": (lambda p: p.picture_path().write_bytes(b""), Finding.EMPTY_FILE),
    "text": (lambda p: p.picture_path().write_text("hello, I am text"), Finding.NOT_A_PICTURE),
    "other size": (lambda p: Image.new("RGB", (60, 48)).save(p.picture_path()), Finding.PICTURE_SIZE),
    "climbs out": (
        lambda p: p.document["images"][0].update(file_name="../../x.jpg"),
        Finding.PATH_ESCAPES,
    ),
    "absolute": (lambda p: p.document["images"][0].update(file_name="/etc/x.jpg"), Finding.PATH_ESCAPES),
    "windows drive": (
        lambda p: p.document["images"][0].update(file_name="C:\\x.jpg"),
        Finding.PATH_ESCAPES,
    ),
}


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("name", PICTURE)
def test_a_broken_picture_is_refused(tmp_path: Path, name: str, suffix: str) -> None:
    paths = build_coco_panoptic(tmp_path, suffix=suffix)
    breakage, finding = PICTURE[name]
    breakage(paths)
    source = opened(paths.save())
    with pytest.raises(ImageRefused, match="image 1") as refused:
        source.picture(1)
    assert [p.problem for p in refused.value.problems] == [finding]
    assert finding in {p.problem for p in source.check(1)}
    assert str(tmp_path) not in str(refused.value)
    assert source.picture(2).rgb.any()
    assert source.panoptic(1).segments


HARMLESS: dict[str, tuple[Callable[[CocoPaths], Any], Finding]] = {
    "wrong area": (lambda p: p.segment().update(area=1), Finding.WRONG_AREA),
    "wrong bbox": (lambda p: p.segment().update(bbox=[1, 1, 2, 2]), Finding.WRONG_BBOX),
    "area a text": (lambda p: p.segment().update(area="12"), Finding.WRONG_TYPE),
    "bbox of three": (lambda p: p.segment().update(bbox=[1, 2, 3]), Finding.WRONG_TYPE),
    "description a number": (lambda p: p.segment().update(description=3), Finding.WRONG_TYPE),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_no_harm_is_named_and_read_all_the_same(tmp_path: Path, name: str) -> None:
    paths = build_coco_panoptic(tmp_path)
    breakage, finding = HARMLESS[name]
    breakage(paths)
    segment_id = paths.segment()["id"]
    source = opened(paths.save())
    (problem,) = source.check(1)
    assert (problem.problem, problem.segment_id, problem.fatal) == (finding, segment_id, False)
    assert problem.to_json().keys() == {"file", "image_id", "segment_id", "problem", "expected", "got"}
    segment = source.panoptic(1).by_id[segment_id]
    assert segment.area > 1
    assert segment.declared_area == (1 if name == "wrong area" else None if "area" in name else segment.area)


def test_all_problems_of_an_image_are_listed(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    _ghost(paths)
    paths.segment().update(area=1, category_id=4711)
    _cut(paths.picture_path())
    found = [p.problem for p in opened(paths.save()).check(1)]
    assert sorted(found) == sorted(
        [Finding.UNKNOWN_CATEGORY, Finding.ID_NOT_IN_PNG, Finding.WRONG_AREA, Finding.DAMAGED_PICTURE]
    )


def test_a_photo_as_mask_does_not_flood(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    noise = np.random.default_rng(1).integers(1, 2**24, (48, 64)).astype(np.uint32)
    _repaint(paths, lambda ids: noise)
    problems = opened(paths).check(1)
    assert len(problems) < 100
    assert any("more such ids" in (p.got or "") for p in problems)


WHOLE_FILE: dict[str, tuple[Callable[[Path, dict[str, Any]], Any], str]] = {
    "missing": (lambda p, d: p.unlink(), r"missing file \(expected a JSON file, got no such file\)"),
    "empty": (lambda p, d: p.write_text(""), "empty file"),
    "a list": (lambda p, d: p.write_text("[1, 2]"), "not a JSON object .* got a list"),
    "a text": (lambda p, d: p.write_text('"hello"'), "not a JSON object .* got a text"),
    "a number": (lambda p, d: p.write_text("-12"), "not a JSON object .* got a number"),
    "null": (lambda p, d: p.write_text("null"), "not a JSON object .* got null"),
    "prose": (lambda p, d: p.write_text("Dear reader"), "not a JSON file"),
    "truncated": (lambda p, d: p.write_text(json.dumps(d)[:-40]), "truncated or damaged JSON"),
    "cut in an image": (lambda p, d: p.write_text(json.dumps(d)[:60]), "truncated or damaged JSON"),
    "trailing": (lambda p, d: p.write_text(json.dumps(d) + "}"), "truncated or damaged JSON"),
    "latin-1": (
        lambda p, d: p.write_bytes(json.dumps(d).encode().replace(b"person", b"pers\xf6n")),
        "not UTF-8",
    ),
    "utf-16": (lambda p, d: p.write_bytes(json.dumps(d).encode("utf-16")), "not a JSON file"),
    "no images": (
        lambda p, d: p.write_text(json.dumps({**d, "images": None} | {"images": 3})),
        "wrong type .*list under 'images'",
    ),
    "no annotations": (
        lambda p, d: p.write_text(json.dumps({k: v for k, v in d.items() if k != "annotations"})),
        "missing key .*'annotations', got keys images, categories",
    ),
    "categories an object": (
        lambda p, d: p.write_text(json.dumps({**d, "categories": {"1": "a"}})),
        "wrong type .*list under 'categories', got an object",
    ),
    "text ids everywhere": (
        lambda p, d: p.write_text(
            json.dumps({**d, "images": [{**i, "id": str(i["id"])} for i in d["images"]]})
        ),
        'wrong type .*`id` of an image, got text "1" .*none of 2 images',
    ),
    "a folder": (lambda p, d: (p.unlink(), p.mkdir()), "unreadable file"),
}


@pytest.mark.parametrize("name", WHOLE_FILE)
def test_a_broken_json_is_one_clear_error(tmp_path: Path, name: str) -> None:
    paths = build_coco_panoptic(tmp_path)
    breakage, message = WHOLE_FILE[name]
    breakage(paths.json_path, paths.document)
    with pytest.raises(InputError, match=message) as error:
        opened(paths)
    assert "panoptic.json" in str(error.value)
    assert not isinstance(error.value, ImageRefused)
    assert error.value.problems and "panoptic.json" in error.value.problems[0].file


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    paths.json_path.write_bytes(b"\xef\xbb\xbf" + paths.json_path.read_bytes())
    assert len(opened(paths).image_ids) == 2


def test_broken_entries_beside_good_ones_are_problems_of_the_file(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    document = paths.document
    document["images"] += [7, {"id": "8", "file_name": "8.jpg"}]
    document["annotations"] += ["x", {"image_id": None}, {"image_id": 77, "segments_info": []}]
    document["categories"] += [{"id": 1, "name": "again"}, {"id": "x", "name": "y"}, 4]
    source = opened(paths.save())
    assert [p.problem for p in source.problems].count(Finding.WRONG_TYPE) == 6
    by_finding = {p.problem: p for p in source.problems}
    assert by_finding[Finding.ANNOTATION_WITHOUT_IMAGE].image_id == 77
    assert "'person' and 'again'" in str(by_finding[Finding.DUPLICATE_CATEGORY].got)
    assert source.check(1) == []


def test_no_images_is_a_problem_but_no_error(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    paths.document.update(images=[], annotations=[])
    source = opened(paths.save())
    assert list(source.entries()) == [] and source.problems[0].problem == Finding.NO_IMAGES


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    with pytest.raises(InputError, match="a folder or a zip"):
        read_coco_panoptic(paths.json_path, tmp_path / "nowhere")
    with pytest.raises(InputError, match="expected a folder, got no such folder"):
        read_coco_panoptic(paths.json_path, paths.masks, tmp_path / "nowhere")
    source = read_coco_panoptic(paths.json_path, paths.masks)
    assert source.check(1) == []
    with pytest.raises(ImageRefused, match="--images"):
        source.picture(1)
    shutil.rmtree(paths.masks)
    assert [p.problem for p in source.check(1)] == [Finding.MISSING_MASK]


@pytest.mark.parametrize("part", ["train", "val"])
def test_the_real_images_have_no_problems(coco: Path, part: str) -> None:
    source = read_coco_panoptic(
        coco / f"pix2cap_{part}.json", coco / f"panoptic_{part}2017", coco / f"{part}2017"
    )
    assert source.problems == ()
    assert [str(p) for image_id in source.image_ids for p in source.check(image_id)] == []
    document = json.loads((coco / f"panoptic_{part}.json").read_text())
    stated = {a["image_id"]: a["segments_info"] for a in document["annotations"]}
    for entry in source.entries():
        segments = source.panoptic(entry.image.image_id).segments
        assert [(s.id, s.area) for s in segments] == [
            (s["id"], s["area"]) for s in stated[entry.image.image_id]
        ]
