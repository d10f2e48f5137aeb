"""Datasets broken on purpose: each fault is named with its place, and nothing else is."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pix2cap.core import CaptionedImage, Problem
from pix2cap.dataset.validate import validate_source
from pix2cap.formats.coco_panoptic import read_coco_panoptic
from pix2cap.formats.dataset_folder import DatasetWriter
from pix2cap.formats.findings import Finding
from tests.builders.panoptic import CocoPaths, build_coco_panoptic, png_bytes, rgb_of

Found = set[tuple[str, int | None, int | None]]


def found(problems: list[Problem]) -> Found:
    return {(p.problem, p.image_id, p.segment_id) for p in problems}


def check(paths: CocoPaths) -> Found:
    return found(validate_source(paths.save().json_path, masks=paths.masks, images=paths.images))


@pytest.fixture
def paths(tmp_path: Path) -> CocoPaths:
    return build_coco_panoptic(tmp_path, n_images=3, captions=True)


def ids(paths: CocoPaths, image: int = 0) -> list[int]:
    return [segment["id"] for segment in paths.annotation(image)["segments_info"]]


def id_map(paths: CocoPaths, image: int = 0) -> np.ndarray:
    rgb = np.asarray(Image.open(paths.mask_path(image))).astype(np.uint32)
    return rgb[..., 0] | rgb[..., 1] << 8 | rgb[..., 2] << 16


def as_mode(mode: str) -> Callable[[CocoPaths], Any]:
    def convert(paths: CocoPaths) -> None:
        with Image.open(paths.mask_path()) as image:
            converted = image.convert(mode)
        converted.save(paths.mask_path())

    return convert


def cut_mask(paths: CocoPaths) -> None:
    data = paths.mask_path().read_bytes()
    paths.mask_path().write_bytes(data[: len(data) // 2])


def flip_mask_byte(paths: CocoPaths) -> None:
    data = bytearray(paths.mask_path().read_bytes())
    data[len(data) // 2] ^= 0xFF
    paths.mask_path().write_bytes(data)


def smaller_mask(paths: CocoPaths) -> None:
    paths.mask_path().write_bytes(png_bytes(rgb_of(id_map(paths)[:, :-2])))


def jpeg_mask(paths: CocoPaths) -> None:
    buffer = io.BytesIO()
    Image.open(paths.mask_path()).save(buffer, "JPEG")
    paths.mask_path().write_bytes(buffer.getvalue())


def smaller_picture(paths: CocoPaths) -> None:
    Image.open(paths.picture_path()).resize((40, 30)).save(paths.picture_path())


def text_for(paths: CocoPaths, text: str, number: int = 1) -> None:
    paths.segment(number)["description"] = text


def repeat(paths: CocoPaths) -> None:
    text_for(paths, paths.segment(0)["description"].upper() + "!")


@dataclass(frozen=True)
class Fault:
    """A breakage of the first image, and what must be said: `segment` is a place in its list."""

    breakage: Callable[[CocoPaths], Any]
    finding: Finding
    segment: int | tuple[int, ...] | None = None
    image: int | None = 1


PANOPTIC: dict[str, Fault] = {
    "cut mask": Fault(cut_mask, Finding.DAMAGED_MASK),
    "flipped byte in a mask": Fault(flip_mask_byte, Finding.DAMAGED_MASK),
    "empty mask": Fault(lambda p: p.mask_path().write_bytes(b""), Finding.DAMAGED_MASK),
    "JPEG as mask": Fault(jpeg_mask, Finding.DAMAGED_MASK),
    "no mask": Fault(lambda p: p.mask_path().unlink(), Finding.MISSING_MASK),
    "grey mask": Fault(as_mode("L"), Finding.MASK_KIND),
    "palette mask": Fault(as_mode("P"), Finding.MASK_KIND),
    "16-bit mask": Fault(as_mode("I;16"), Finding.MASK_KIND),
    "one-bit mask": Fault(as_mode("1"), Finding.MASK_KIND),
    "grey mask with alpha": Fault(as_mode("LA"), Finding.MASK_KIND),
    "mask with alpha": Fault(as_mode("RGBA"), Finding.MASK_KIND),
    "smaller mask": Fault(smaller_mask, Finding.MASK_SIZE),
    "size in the JSON": Fault(lambda p: p.document["images"][0].update(width=65), Finding.MASK_SIZE),
    "extra id": Fault(
        lambda p: p.annotation()["segments_info"].append({**p.segment(), "id": 77, "description": "A cow."}),
        Finding.ID_NOT_IN_PNG,
        77,
    ),
    "id renumbered": Fault(lambda p: p.segment(1).update(id=5), Finding.ID_NOT_IN_PNG, 5),
    "id doubled": Fault(
        lambda p: p.annotation()["segments_info"].append(dict(p.segment(1))), Finding.DUPLICATE_SEGMENT, 1
    ),
    "image doubled": Fault(
        lambda p: p.document["images"].append(dict(p.document["images"][0])), Finding.DUPLICATE_IMAGE
    ),
    "annotation doubled": Fault(
        lambda p: p.document["annotations"].append(dict(p.annotation())), Finding.DUPLICATE_ANNOTATION
    ),
    "no annotation": Fault(lambda p: p.document["annotations"].pop(0), Finding.IMAGE_WITHOUT_ANNOTATION),
    "no image": Fault(lambda p: p.document["images"].pop(0), Finding.ANNOTATION_WITHOUT_IMAGE),
    "category doubled": Fault(
        lambda p: p.document["categories"].append({"id": 1, "name": "tree", "isthing": 0}),
        Finding.DUPLICATE_CATEGORY,
        image=None,
    ),
    "category name doubled": Fault(
        lambda p: p.document["categories"].append({"id": 9, "name": "car", "isthing": 1}),
        Finding.SHARED_NAME,
        image=None,
    ),
    "neither thing nor stuff": Fault(
        lambda p: p.document["categories"][0].pop("isthing"), Finding.MISSING_KEY, image=None
    ),
    "unknown category": Fault(lambda p: p.segment(1).update(category_id=4), Finding.UNKNOWN_CATEGORY, 1),
    "wrong area": Fault(lambda p: p.segment(1).update(area=1), Finding.WRONG_AREA, 1),
    "wrong box": Fault(lambda p: p.segment(1).update(bbox=[0, 0, 1, 1]), Finding.WRONG_BBOX, 1),
    "id as text": Fault(lambda p: p.segment(1).update(id="7"), Finding.WRONG_TYPE),
    "size missing": Fault(
        lambda p: [p.document["images"][0].pop(k) for k in ("width", "height")], Finding.MISSING_KEY
    ),
    "one mask for two": Fault(
        lambda p: p.annotation(0).update(file_name=p.annotation(1)["file_name"]), Finding.SHARED_MASK, image=2
    ),
    "one picture for two": Fault(
        lambda p: p.document["images"][1].update(file_name=p.document["images"][0]["file_name"]),
        Finding.SHARED_PICTURE,
        image=2,
    ),
    "unknown license": Fault(
        lambda p: (
            p.document.update(licenses=[{"id": 1, "name": "by"}]),
            p.document["images"][0].update(license=9),
        ),
        Finding.UNKNOWN_LICENSE,
    ),
    "mask outside": Fault(lambda p: p.annotation().update(file_name="../x.png"), Finding.PATH_ESCAPES),
    "picture outside": Fault(
        lambda p: p.document["images"][0].update(file_name="/etc/passwd"), Finding.PATH_ESCAPES
    ),
    "no picture": Fault(lambda p: p.picture_path().unlink(), Finding.MISSING_FILE),
    "cut picture": Fault(
        lambda p: p.picture_path().write_bytes(p.picture_path().read_bytes()[:300]), Finding.DAMAGED_PICTURE
    ),
    "empty picture": Fault(lambda p: p.picture_path().write_bytes(b""), Finding.EMPTY_FILE),
    "text for a picture": Fault(lambda p: p.picture_path().write_text("no picture"), Finding.NOT_A_PICTURE),
    "smaller picture": Fault(smaller_picture, Finding.PICTURE_SIZE),
    "no description": Fault(lambda p: p.segment(1).pop("description"), Finding.NO_STATUS, 1),
    "empty description": Fault(lambda p: text_for(p, " "), Finding.NO_STATUS, 1),
    "description of another type": Fault(
        lambda p: p.segment(1).update(description=["A dog."]), Finding.WRONG_TYPE, 1
    ),
    "two texts": Fault(lambda p: p.segment(1).update(caption="Another."), Finding.TWO_TEXTS, 1),
    "refusal": Fault(lambda p: text_for(p, "I'm sorry, but I can't help with that."), Finding.REFUSAL, 1),
    "error": Fault(lambda p: text_for(p, "Error: rate limit exceeded (429)"), Finding.REFUSAL, 1),
    "stand-in": Fault(lambda p: text_for(p, "[REDACTED]"), Finding.REFUSAL, 1),
    "not found": Fault(lambda p: text_for(p, "Segment 5 not found"), Finding.REFUSAL, 1),
    "JSON left over": Fault(lambda p: text_for(p, '{"caption": "A dog."}'), Finding.REFUSAL, 1),
    "repeat": Fault(repeat, Finding.REPEATED_CAPTION, (0, 1)),
    "line break": Fault(lambda p: text_for(p, "A dog lies\u2028on the lawn."), Finding.CONTROL_CHARACTER, 1),
    "wrong decoding": Fault(lambda p: text_for(p, "A caf\ufffd stands there."), Finding.DAMAGED_TEXT, 1),
    "UTF-8 read as Latin-1": Fault(lambda p: text_for(p, "The man's cafÃ© table."), Finding.DAMAGED_TEXT, 1),
    "unknown status": Fault(lambda p: p.segment(1).update(caption_status="fine"), Finding.UNKNOWN_STATUS, 1),
    "crowd that is none": Fault(
        lambda p: p.segment(1).update(caption_status="crowd", description=""), Finding.CROWD_STATUS, 1
    ),
    "thing that is stuff": Fault(
        lambda p: p.segment(1).update(
            isthing=1
            - next(c["isthing"] for c in p.document["categories"] if c["id"] == p.segment(1)["category_id"])
        ),
        Finding.THING_OR_STUFF,
        1,
    ),
}
ALSO: dict[str, set[Finding]] = {
    "smaller mask": {Finding.WRONG_AREA, Finding.WRONG_BBOX, Finding.PICTURE_SIZE},
    "size in the JSON": {Finding.PICTURE_SIZE},
    "id renumbered": {Finding.ID_NOT_IN_JSON},
    "id as text": {Finding.ID_NOT_IN_JSON},
    "one mask for two": {Finding.ID_NOT_IN_JSON, Finding.ID_NOT_IN_PNG},
    "description of another type": {Finding.NO_STATUS},
}
"""What a fault must bring besides, because it is wrong in two ways."""


@pytest.mark.parametrize("name", PANOPTIC)
def test_each_fault_is_named_with_its_place_and_nothing_else(paths: CocoPaths, name: str) -> None:
    fault = PANOPTIC[name]
    known = ids(paths)
    assert check(paths) == set()
    fault.breakage(paths)
    places = fault.segment if isinstance(fault.segment, tuple) else (fault.segment,)
    segments = {place if place is None or place > 4 else known[place] for place in places}
    told = check(paths)
    assert {(fault.finding, fault.image, segment) for segment in segments} <= told
    others = {problem for problem, *_ in told} - {fault.finding}
    assert others <= ALSO.get(name, set()), told


def test_an_id_without_entry_and_an_entry_without_pixels(paths: CocoPaths) -> None:
    gone = paths.annotation()["segments_info"].pop(2)
    assert check(paths) == {(Finding.ID_NOT_IN_JSON, 1, gone["id"])}
    painted = id_map(paths)
    painted[painted == ids(paths)[0]] = gone["id"]
    paths.mask_path().write_bytes(png_bytes(rgb_of(painted)))
    assert (Finding.ID_NOT_IN_PNG, 1, ids(paths)[0]) in check(paths)


def test_a_plain_source_need_say_nothing_of_captions(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path)
    assert check(paths) == set()
    paths.segment(1)["description"] = "A dog lies on the lawn."
    assert (
        len({s for p, _, s in check(paths) if p == Finding.NO_STATUS})
        == sum(len(a["segments_info"]) for a in paths.document["annotations"]) - 1
    )


@pytest.mark.parametrize("cut", [0, 2, 10, 0.3, 0.7, 0.999])
def test_a_cut_json_is_one_problem_of_the_file(paths: CocoPaths, cut: float) -> None:
    data = paths.json_path.read_bytes()
    paths.json_path.write_bytes(data[: int(cut if cut > 1 else cut * len(data))])
    (problem,) = validate_source(paths.json_path, masks=paths.masks, images=paths.images)
    assert problem.file == "panoptic.json" and problem.image_id is None and problem.fatal


def build_dataset(folder: Path, **options: Any) -> Path:
    paths = build_coco_panoptic(folder / "in", n_images=3, captions=True, crowd=True, **options)
    source = read_coco_panoptic(paths.json_path, paths.masks, paths.images)
    with DatasetWriter(folder / "out", source.categories, copy_images=True) as writer:
        for image_id in source.image_ids:
            item = CaptionedImage(
                source.entry(image_id).image, source.panoptic(image_id), source.captions(image_id)
            )
            writer.add(item, map_png=source.map_png(image_id), picture=source.picture(image_id))
    return folder / "out"


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def edit_rows(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)


def turned(annotation: dict[str, Any], other: dict[str, Any]) -> None:
    annotation["segmentation"], other["segmentation"] = other["segmentation"], annotation["segmentation"]


INSTANCES: dict[str, tuple[Callable[[Any], Any], Finding]] = {
    "caption": (lambda d: d["annotations"][1].update(caption="Another dog."), Finding.DIFFERENT_ROW),
    "class": (lambda d: d["annotations"][1].update(category_id=99), Finding.DIFFERENT_ROW),
    "area": (lambda d: d["annotations"][1].update(area=3), Finding.DIFFERENT_ROW),
    "status": (lambda d: d["annotations"][1].update(caption_status="failed"), Finding.DIFFERENT_ROW),
    "other numbering": (lambda d: d["annotations"][1].update(segment_id=2), Finding.STRANGE_ROW),
    "gone": (lambda d: d["annotations"].pop(1), Finding.MISSING_ROW),
    "doubled": (lambda d: d["annotations"].append({**d["annotations"][1], "id": 999}), Finding.DUPLICATE_ROW),
    "swapped masks": (lambda d: turned(*d["annotations"][1:3]), Finding.WRONG_OUTLINE),
    "cut mask": (lambda d: d["annotations"][1]["segmentation"].update(counts="1"), Finding.BAD_SEGMENTATION),
    "annotation id": (lambda d: d["annotations"][1].update(id=1), Finding.DUPLICATE_SEGMENT),
    "category name": (lambda d: d["categories"][1].update(name="lorry"), Finding.RENAMED_CATEGORY),
    "image size": (lambda d: d["images"][1].update(width=1), Finding.DIFFERENT_ROW),
    "image gone": (lambda d: d["images"].pop(), Finding.MISSING_ROW),
}


@pytest.mark.parametrize("name", INSTANCES)
def test_instances_that_tell_another_story(tmp_path: Path, name: str) -> None:
    out = build_dataset(tmp_path)
    breakage, finding = INSTANCES[name]
    edit(out / "instances.json", breakage)
    told = {p.problem for p in validate_source(out) if p.file == "instances.json"}
    assert told >= {finding, Finding.FILE_CHANGED}
    assert told <= {finding, Finding.FILE_CHANGED, Finding.MISSING_ROW}


ROWS: dict[str, tuple[Callable[[list[dict[str, Any]]], Any], Finding]] = {
    "gone": (lambda rows: rows.pop(3), Finding.MISSING_ROW),
    "doubled": (lambda rows: rows.insert(3, dict(rows[3])), Finding.DUPLICATE_ROW),
    "unknown segment": (lambda rows: rows.insert(3, {**rows[3], "segment_id": 1}), Finding.STRANGE_ROW),
    "unknown image": (lambda rows: rows.insert(3, {**rows[3], "image_id": 77}), Finding.STRANGE_ROW),
    "text": (lambda rows: rows[3].update(caption="A tree."), Finding.DIFFERENT_ROW),
    "class": (lambda rows: rows[3].update(class_name="tree"), Finding.DIFFERENT_ROW),
    "box": (lambda rows: rows[3].update(box_xyxy=[0, 0, 1, 1]), Finding.DIFFERENT_ROW),
    "picture": (lambda rows: rows[3].update(file_name="x.jpg"), Finding.DIFFERENT_ROW),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_that_tell_another_story(tmp_path: Path, name: str) -> None:
    out = build_dataset(tmp_path)
    breakage, finding = ROWS[name]
    edit_rows(out / "captions.parquet", breakage)
    told = [p for p in validate_source(out) if p.problem != Finding.FILE_CHANGED]
    assert [(p.file, p.problem) for p in told] == [("captions.parquet", finding)]


def test_rows_may_come_in_any_order(tmp_path: Path) -> None:
    out = build_dataset(tmp_path)
    edit_rows(out / "captions.parquet", lambda rows: rows.sort(key=lambda row: row["segment_id"]))
    assert {p.problem for p in validate_source(out)} == {Finding.FILE_CHANGED}


FOLDER: dict[str, tuple[Callable[[Path], Any], str, Finding]] = {
    "stray mask": (
        lambda out: (out / "panoptic" / "x.png").write_bytes(b"x"), "panoptic/x.png", Finding.STRAY_FILE
    ),
    "stray picture": (
        lambda out: (out / "images" / "x.jpg").write_bytes(b"x"), "images/x.jpg", Finding.STRAY_FILE
    ),
    "unfinished": (
        lambda out: (out / ".pix2cap-partial").mkdir(), ".pix2cap-partial", Finding.UNFINISHED
    ),
    "cut manifest": (
        lambda out: (out / "manifest.json").write_text("{"), "manifest.json", Finding.UNREADABLE_FILE
    ),
    "no manifest": (lambda out: (out / "manifest.json").unlink(), "manifest.json", Finding.MISSING_FILE),
    "counts": (
        lambda out: edit(out / "manifest.json", lambda m: m["counts"].update(images=4)),
        "manifest.json",
        Finding.WRONG_COUNT,
    ),
    "statuses": (
        lambda out: edit(out / "manifest.json", lambda m: m["counts"]["segments"].update(captioned=1)),
        "manifest.json",
        Finding.WRONG_COUNT,
    ),
    "absolute pictures": (
        lambda out: edit(out / "manifest.json", lambda m: m.update(image_root="/home/me/val2017")),
        "manifest.json",
        Finding.PATH_ESCAPES,
    ),
    "a file outside": (
        lambda out: edit(out / "manifest.json", lambda m: m["files"].update({"../x": {"sha256": ""}})),
        "manifest.json",
        Finding.PATH_ESCAPES,
    ),
    "hash": (
        lambda out: edit(out / "manifest.json", lambda m: m["files"]["README.md"].update(sha256="0")),
        "README.md",
        Finding.FILE_CHANGED,
    ),
    "sums": (
        lambda out: (out / "SHA256SUMS").write_text("0" * 64 + "  README.md"),
        "README.md",
        Finding.FILE_CHANGED,
    ),
    "sums of a file that is gone": (
        lambda out: (out / "SHA256SUMS").write_text(f"{'0' * 64}  a.txt\n"), "a.txt", Finding.MISSING_FILE
    ),
    "sums that are none": (
        lambda out: (out / "SHA256SUMS").write_text("what\n"), "SHA256SUMS", Finding.UNREADABLE_FILE
    ),
    "no masks": (
        lambda out: (out / "panoptic").rename(out / "gone"), "panoptic", Finding.MISSING_FILE
    ),
    "no JSON": (lambda out: (out / "panoptic.json").unlink(), "panoptic.json", Finding.MISSING_FILE),
    "no pictures": (lambda out: (out / "images").rename(out / "gone"), "images", Finding.MISSING_FILE),
}  # fmt: skip


@pytest.mark.parametrize("name", FOLDER)
def test_faults_of_the_folder(tmp_path: Path, name: str) -> None:
    out = build_dataset(tmp_path)
    breakage, file, finding = FOLDER[name]
    breakage(out)
    told = {(p.file, p.problem) for p in validate_source(out)}
    assert (file, finding) in told
    assert len({problem for _, problem in told}) == 1, told


def test_a_croissant_that_names_other_hashes(tmp_path: Path) -> None:
    out = build_dataset(tmp_path)
    text = (out / "croissant.json").read_text()
    digest = json.loads((out / "manifest.json").read_text())["files"]["panoptic.json"]["sha256"]
    (out / "croissant.json").write_text(text.replace(digest, "0" * 64))
    assert [(p.file, p.problem) for p in validate_source(out)] == [
        ("croissant.json", Finding.FILE_CHANGED)
    ] * 2


SEGMENT_KEYS = ("id", "category_id", "iscrowd", "area", "bbox", "description")
IMAGE_KEYS = ("id", "file_name", "width", "height")
JSON_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, trail: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [trail, *(place for key, item in inner for place in places(item, (*trail, key)))]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dataset(tmp_path_factory.mktemp("sound"), size_wh=(12, 10), n_segments=3)


@pytest.mark.parametrize("name", ["panoptic.json", "instances.json", "manifest.json", "croissant.json"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_anywhere_is_told_of_and_never_a_crash(sound: Path, name: str, data: st.DataObject) -> None:
    path = sound / name
    text = path.read_text()
    document = json.loads(text)
    place = data.draw(st.sampled_from(places(document)[1:]))
    value = data.draw(JSON_VALUE)
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    is_other = holder[place[-1]] != value or type(holder[place[-1]]) is not type(value)
    holder[place[-1]] = value
    try:
        path.write_text(json.dumps(document))
        problems = validate_source(sound)
        if is_other and name in ("panoptic.json", "instances.json"):
            assert any(p.file == name for p in problems)
        for problem in problems:
            json.dumps(problem.to_json())
    finally:
        path.write_text(text)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 0.999), byte=st.integers(0, 255), cut=st.booleans())
def test_any_byte_of_any_file_is_told_of(sound: Path, position: float, byte: int, cut: bool) -> None:
    for path in sorted(path for path in sound.rglob("*") if path.is_file() and path.suffix != ".jpg"):
        data = path.read_bytes()
        at = int(position * len(data))
        changed = data[:at] if cut else data[:at] + bytes([byte]) + data[at + 1 :]
        path.write_bytes(changed)
        try:
            problems = validate_source(sound)
        finally:
            path.write_bytes(data)
        if changed != data and path.name != "manifest.json":
            assert problems, (path.name, at)


def still_sound(key: str, before: Any, value: Any, known: set[int]) -> bool:
    """Whether a value says what stood there, or something that is as good."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if key == "description":
        return isinstance(value, str) and any(letter.isalpha() for letter in value)
    if key == "category_id":
        return is_number and value in known
    if key == "iscrowd":
        return bool(value in (0, 1))
    if key == "area":
        return is_number and round(value) == before
    return type(value) is type(before) and value == before


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> CocoPaths:
    folder = tmp_path_factory.mktemp("plain")
    return build_coco_panoptic(folder, size_wh=(12, 10), n_segments=3, captions=True)


@settings(max_examples=150)
@given(data=st.data())
def test_any_value_of_a_published_file_is_told_of_without_any_hash(
    plain: CocoPaths, data: st.DataObject
) -> None:
    if data.draw(st.booleans()):
        holder, keys = plain.segment(data.draw(st.integers(0, 1)), image=1), SEGMENT_KEYS
    else:
        holder, keys = plain.document["images"][1], IMAGE_KEYS
    key = data.draw(st.sampled_from(keys))
    before, value = holder[key], data.draw(JSON_VALUE)
    if still_sound(key, before, value, {c["id"] for c in plain.document["categories"]}):
        return
    try:
        holder[key] = value
        assert check(plain), (key, value)
    finally:
        holder[key] = before
        plain.save()
