"""From format to format and back: ids, masks, captions and statuses stay; what does not is counted."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pix2cap.dataset.convert import TARGETS, Converted, ConvertOptions, convert_dataset
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.png import encode_id_png
from tests.builders.exchanged import TEXTS, documents, picture_bytes, rich_dataset
from tests.builders.panoptic import build_coco_panoptic

PROVENANCE = ("text", "reason", "model", "prompt_version", "attempt", "request_key", "request_id", "reviewer")
LOST = {
    "unpublished texts of segments that are not captioned": 3,
    "reasons of failed or rejected captions": 2,
    "captions' model, prompt, request and reviewer": 4,
    "areas that the first source stated otherwise than its pixels": 1,
}
WHOLE = ("panoptic", "parquet", "webdataset")


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rich_dataset(tmp_path_factory.mktemp("rich") / "dataset")


def convert(source: Path, out: Path, to: str, **options: object) -> Converted:
    return convert_dataset(source, out, ConvertOptions(to=to, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("to", TARGETS)
def test_there_and_back(rich: Path, tmp_path: Path, to: str) -> None:
    there = convert(rich, tmp_path / "there", to)
    assert (there.images, there.refused) == (3, ())
    assert there.segments == {
        "captioned": 3,
        "crowd": 1,
        "failed": 1,
        "not_visible": 1,
        "pending": 1,
        "rejected": 1,
    }
    assert there.lost == ({} if to in WHOLE else LOST)
    back = convert(tmp_path / "there", tmp_path / "back", "panoptic")
    assert back.source_kind == to
    assert (back.images, back.segments, back.refused, back.lost) == (3, there.segments, (), {})
    before, after = documents(rich), documents(tmp_path / "back")
    if to not in WHOLE:
        for row in before["rows"]:
            row.update(dict.fromkeys(PROVENANCE))
            row["text"] = None if row["caption"] == "" else row["caption"]
            row["declared_area"] = None
    for row in before["rows"] + after["rows"]:
        row["text"] = row["text"] or None  # Nothing said, and nothing known to have been said.
    assert after == before


@pytest.mark.parametrize("to", ["parquet", "webdataset"])
def test_pictures_inside_come_back_byte_by_byte(rich: Path, tmp_path: Path, to: str) -> None:
    convert(rich, tmp_path / "there", to)
    convert(tmp_path / "there", tmp_path / "back", "panoptic")
    for path in (rich.parent / "pictures").rglob("*"):
        if path.is_file():
            inside = tmp_path / "back" / "images" / path.relative_to(rich.parent / "pictures")
            assert inside.read_bytes() == path.read_bytes()


def test_through_all_formats_in_turn(rich: Path, tmp_path: Path) -> None:
    source = rich
    for to in ("parquet", "webdataset", "llava", "fiftyone", "supervision", "instances", "panoptic"):
        convert(source, tmp_path / to, to)
        source = tmp_path / to
    before, after = documents(rich), documents(source)
    for key in ("images", "annotations", "categories", "licenses", "masks"):
        assert after[key] == before[key]


def test_the_same_data_give_the_same_bytes(rich: Path, tmp_path: Path) -> None:
    for to in ("parquet", "webdataset", "llava", "supervision"):
        for name in ("one", "two"):
            convert(rich, tmp_path / name / to, to)
        files = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one" / to).rglob("*") if p.is_file()]
        assert files
        for file in files:
            assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_a_dataset_as_published_needs_its_masks_and_pictures_named(tmp_path: Path) -> None:
    coco = build_coco_panoptic(tmp_path / "coco", n_images=3, captions=True, crowd=True)
    done = convert(coco.json_path, tmp_path / "out", "parquet", images=coco.images, masks=coco.masks)
    assert (done.source_kind, done.images) == ("panoptic", 3)
    table = pq.read_table(tmp_path / "out" / "data" / "train-00000-of-00001.parquet")
    said = [one["caption"] for row in table["segments"].to_pylist() for one in row]
    assert said == [s["description"] for a in coco.document["annotations"] for s in a["segments_info"]]


def test_instances_of_others_and_what_overlaps(tmp_path: Path) -> None:
    square = [[0, 0, 6, 0, 6, 6, 0, 6]]
    inner = [[1, 1, 4, 1, 4, 4, 1, 4]]
    entries = [(900100259990, square), (12, inner), (13, [[0, 0, 1, 1]]), (14, [[20, 20, 22, 20, 22, 22]])]
    document = {
        "images": [{"id": 1, "file_name": "1.png", "width": 8, "height": 8}],
        "categories": [{"id": 5, "name": "cup"}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 5, "segmentation": s, "iscrowd": 0} for i, s in entries
        ],
    }
    (tmp_path / "instances.json").write_text(json.dumps(document))
    done = convert(tmp_path / "instances.json", tmp_path / "out", "panoptic")
    assert done.segments == {"pending": 2}
    (covered, hidden) = sorted(done.lost.items())
    assert "hidden completely" in covered[0] and covered[1] == 2
    assert "lose pixels" in hidden[0] and hidden[1] == 1


def test_shards_are_cut_by_size_and_keep_the_order(tmp_path: Path) -> None:
    coco = build_coco_panoptic(
        tmp_path / "coco", n_images=5, size_wh=(900, 700), captions=True, suffix=".png", first_id=30
    )
    for to, names in (
        ("parquet", [f"val-{n:05}-of-00005.parquet" for n in range(5)]),
        ("webdataset", [f"val-{n:06}.tar" for n in range(5)]),
    ):
        out = tmp_path / to
        options = {"images": coco.images, "masks": coco.masks, "split": "val", "shard_mb": 1}
        convert(coco.json_path, out, to, **options)
        assert sorted(p.name for p in (out / "data").iterdir()) == names
        assert "path: data/val-*" in (out / "README.md").read_text()
        convert(out, tmp_path / f"{to}-back", "panoptic")
        assert [i["id"] for i in documents(tmp_path / f"{to}-back")["images"]] == [30, 31, 32, 33, 34]


def test_parquet_and_tars_that_somebody_wrote_anew_need_no_manifest(rich: Path, tmp_path: Path) -> None:
    convert(rich, tmp_path / "parquet", "parquet")
    (shard,) = (tmp_path / "parquet" / "data").iterdir()
    table = pq.read_table(shard).replace_schema_metadata(None)
    pq.write_table(table, tmp_path / "bare.parquet")
    convert(rich, tmp_path / "tars", "webdataset")
    (tar,) = (tmp_path / "tars" / "data").iterdir()
    shutil.copy(tar, tmp_path / "bare.tar")
    for name in ("bare.parquet", "bare.tar"):
        convert(tmp_path / name, tmp_path / f"{name}-back", "panoptic")
        back, before = documents(tmp_path / f"{name}-back"), documents(rich)
        assert back["annotations"] == before["annotations"] and back["masks"] == before["masks"]
        assert [(c["id"], c["name"], c["isthing"]) for c in back["categories"]] == [
            (c["id"], c["name"], c["isthing"]) for c in before["categories"]
        ]


def test_an_edited_conversation_is_an_edited_caption(rich: Path, tmp_path: Path) -> None:
    convert(rich, tmp_path / "talks", "llava")
    path = tmp_path / "talks" / "llava.json"
    rows = json.loads(path.read_text("utf-8"))
    assert [row["image"] for row in rows] == [
        "images/a.b.JPG",
        "images/sub/ü.png",
    ]  # The third has no caption.
    assert [t["from"] for t in rows[1]["conversations"]] == ["human", "gpt", "human", "gpt"]
    assert rows[0]["conversations"][0]["value"].startswith("<image>\nDescribe")
    assert "[0.000, 0.000, 1.000, 0.500]" in rows[0]["conversations"][0]["value"]
    assert rows[1]["segment_ids"] == [8, 7] and rows[1]["conversations"][3]["value"] == TEXTS[2]
    rows[1]["conversations"][1]["value"] = "A person in green."
    path.write_text(json.dumps(rows))
    convert(tmp_path / "talks", tmp_path / "back", "panoptic")
    said = {
        s["id"]: s["description"]
        for a in documents(tmp_path / "back")["annotations"]
        for s in a["segments_info"]
    }
    assert said[8] == "A person in green." and said[7] == TEXTS[2]


@pytest.mark.parametrize("to", ["parquet", "webdataset"])
def test_a_damaged_record_leaves_its_image_out_and_says_so(rich: Path, tmp_path: Path, to: str) -> None:
    convert(rich, tmp_path / "there", to)
    (shard,) = (tmp_path / "there" / "data").iterdir()
    other = encode_id_png(np.full((5, 4), 99, np.uint32))
    if to == "parquet":
        table = pq.read_table(shard)
        rows = table.to_pylist()
        rows[1]["panoptic"]["bytes"] = other
        rows[2]["image"]["bytes"] = b"no picture"
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), shard)
    else:
        _spoil_tar(shard, {"000000000007.panoptic.png": other, "000000000009.png": b"no picture"})
    done = convert(tmp_path / "there", tmp_path / "back", "panoptic")
    assert done.images == 1
    (map_one, picture) = done.refused
    assert (map_one.image_id, map_one.segments) == (7, 2) and "99" in map_one.reason
    assert picture.image_id == 9 and "not a picture" in picture.reason
    manifest = json.loads((tmp_path / "back" / "manifest.json").read_text())
    assert [one["image_id"] for one in manifest["refused_images"]] == [7, 9]


def _spoil_tar(path: Path, changed: dict[str, bytes]) -> None:
    import io

    with tarfile.open(path) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    with tarfile.open(path, "w") as tar:
        for info, data in members:
            data = changed.get(info.name, data)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_a_missing_picture_leaves_its_image_out(tmp_path: Path) -> None:
    coco = build_coco_panoptic(tmp_path / "coco", n_images=2, captions=True)
    coco.picture_path(0).unlink()
    done = convert(coco.json_path, tmp_path / "out", "fiftyone", images=coco.images, masks=coco.masks)
    assert done.images == 1 and "missing file" in done.refused[0].reason
    assert [p.name for p in (tmp_path / "out" / "data").iterdir()] == [coco.picture_path(1).name]
    plain = convert(coco.json_path, tmp_path / "plain", "instances", images=coco.images, masks=coco.masks)
    assert (plain.images, plain.refused) == (2, ())  # It only refers to pictures.


def test_pictures_that_are_needed_must_be_known(tmp_path: Path) -> None:
    coco = build_coco_panoptic(tmp_path / "coco", captions=True)
    with pytest.raises(UsageError, match=r"--to parquet puts the pictures in.*--images"):
        convert(coco.json_path, tmp_path / "out", "parquet", masks=coco.masks)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.parquet", b"PAR1 and nothing", "expected a Parquet file"),
        ("x.tar", b"\0" * 100 + b"no tar", "whole tar"),
        ("x.json", b"{", "truncated or damaged JSON"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=words) as refused:
        convert(tmp_path / name, tmp_path / "out", "panoptic")
    assert name in str(refused.value)


def test_files_of_another_shape_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found no such file or folder"):
        convert(tmp_path / "nowhere", tmp_path / "out", "panoptic")
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match=r"other\.parquet.*columns"):
        convert(tmp_path / "other.parquet", tmp_path / "out", "panoptic")
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        (tmp_path / "1.jpg").write_bytes(picture_bytes((2, 2), "JPEG"))
        tar.add(tmp_path / "1.jpg", "1.jpg")
    with pytest.raises(InputError, match=r"1\.json and 1\.panoptic\.png"):
        convert(tmp_path / "other.tar", tmp_path / "out", "panoptic")
    (tmp_path / "talks").mkdir()
    (tmp_path / "talks" / "llava.json").write_text("[]")
    with pytest.raises(InputError, match="of conversations alone"):
        convert(tmp_path / "talks", tmp_path / "out", "panoptic")


def test_half_a_tar_is_no_tar(rich: Path, tmp_path: Path) -> None:
    convert(rich, tmp_path / "tars", "webdataset")
    (tar,) = (tmp_path / "tars" / "data").iterdir()
    tar.write_bytes(tar.read_bytes()[:2000])
    with pytest.raises(InputError, match=tar.name):
        convert(tmp_path / "tars", tmp_path / "out", "panoptic")
    assert not (tmp_path / "out" / "panoptic.json").exists()


@pytest.mark.parametrize("to", ["parquet", "panoptic"])
def test_nothing_of_others_is_replaced(rich: Path, tmp_path: Path, to: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"notes\.txt.*--overwrite"):
        convert(rich, out, to)
    convert(rich, out, to, overwrite=True)
    convert(rich, out, to)  # Our own is replaced without asking.
    assert (out / "notes.txt").read_text() == "mine"
    assert not list(out.glob(".pix2cap*"))


def test_an_earlier_conversion_leaves_nothing_behind(rich: Path, tmp_path: Path) -> None:
    convert(rich, tmp_path / "out", "llava")
    convert(rich, tmp_path / "out", "webdataset")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"data", "README.md", "manifest.json"}


def test_what_is_read_is_not_written_over(rich: Path, tmp_path: Path) -> None:
    shutil.copytree(rich.parent, tmp_path / "all")
    source = tmp_path / "all" / "dataset"
    for out in (source, tmp_path / "all", tmp_path / "all" / "pictures"):
        with pytest.raises(UsageError, match="not read from"):
            convert(source, out, "parquet", overwrite=True)
    assert documents(source) == documents(rich)


def test_real_photos_there_and_back(coco: Path, tmp_path: Path) -> None:
    document = json.loads((coco / "pix2cap_val.json").read_text("utf-8"))
    kept = {image["id"] for image in document["images"][:12]}
    document["images"] = [i for i in document["images"] if i["id"] in kept]
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] in kept]
    (tmp_path / "val.json").write_text(json.dumps(document))
    convert(
        tmp_path / "val.json",
        tmp_path / "a",
        "parquet",
        images=coco / "val2017",
        masks=coco / "panoptic_val2017",
    )
    convert(tmp_path / "a", tmp_path / "b", "llava")
    convert(tmp_path / "b", tmp_path / "c", "webdataset")
    convert(tmp_path / "c", tmp_path / "d", "panoptic")
    order = {image["id"]: n for n, image in enumerate(document["images"])}
    wanted = sorted(document["annotations"], key=lambda a: order[a["image_id"]])
    got = documents(tmp_path / "d")
    for before, after in zip(wanted, got["annotations"], strict=True):
        assert (tmp_path / "d" / "panoptic" / after["file_name"]).is_file()
        keys = ("id", "category_id", "iscrowd", "bbox", "area", "description")
        assert [[s[k] for k in keys] for s in after["segments_info"]] == [
            [s[k] for k in keys] for s in before["segments_info"]
        ]
    assert [i["license"] for i in got["images"]] == [i["license"] for i in document["images"]]
    assert got["licenses"] == document["licenses"]


def test_id_maps_with_captions(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "5.png").write_bytes(encode_id_png(np.array([[1, 2], [0, 2]], np.uint32)))
    document = {
        "categories": ["cup", "sea"],
        "images": [
            {
                "id": 5,
                "file_name": "5.jpg",
                "segments": [
                    {"id": 2, "category": "sea", "description": "A calm sea."},
                    {"id": 1, "category": "cup"},
                ],
            }
        ],
    }
    (tmp_path / "maps.json").write_text(json.dumps(document))
    done = convert(tmp_path / "maps.json", tmp_path / "out", "panoptic", masks=tmp_path / "maps")
    assert (done.source_kind, done.segments) == ("id_maps", {"captioned": 1, "pending": 1})
    (annotation,) = documents(tmp_path / "out")["annotations"]
    assert [(s["id"], s["description"]) for s in annotation["segments_info"]] == [(2, "A calm sea."), (1, "")]
