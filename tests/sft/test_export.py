"""Exports: same bytes, nothing before the end, splits by image, and every segment accounted for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2cap.errors import InputError, UsageError
from pix2cap.sft.export import export_conversations, split_ids
from pix2cap.sft.export_options import ExportOptions
from pix2cap.sft.formats.known import FORMATS
from tests.builders.panoptic import CocoPaths
from tests.builders.talks import captioned_coco, captions_of, export, read_rows


@pytest.fixture
def small(tmp_path: Path) -> CocoPaths:
    return captioned_coco(tmp_path / "small", n_images=3, n_segments=5)


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def rows_of(out: Path, to: str, split: str = "train") -> list[dict[str, Any]]:
    return read_rows(out / FORMATS[to].row_file.format(split=split))


def pictures_of(row: dict[str, Any]) -> list[str]:
    found: list[str] = row.get("file_names") or row.get("images") or [row["image"]]
    return found


def said(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Questions and answers of a row of any format."""
    if "conversations" in row:
        texts = [turn["value"] for turn in row["conversations"]]
    else:
        texts = [turn["content"] for turn in row.get("messages") or row["prompt"] + row["completion"]]
    return list(zip(texts[::2], texts[1::2], strict=True))


@pytest.mark.parametrize("to", FORMATS)
def test_every_caption_is_an_answer_in_every_format(small: CocoPaths, tmp_path: Path, to: str) -> None:
    exported = export(small, tmp_path / "out", to=to)
    truth = captions_of(small)
    learnt = set()
    for row in rows_of(tmp_path / "out", to):
        answers = [answer for _, answer in said(row)]
        keys = [(row["image_id"], segment_id) for segment_id in row["segment_ids"]]
        assert answers == [truth[key] for key in keys]
        learnt.update(keys)
    assert learnt == truth.keys()
    counts = exported.splits["train"]
    assert counts.dropped == {"crowd": 3} and counts.images == 3
    assert counts.conversations == {"segment": len(truth), "picture": 3}


@pytest.mark.parametrize("to", FORMATS)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    small: CocoPaths, tmp_path: Path, to: str
) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        export(small, tmp_path / name, to=to, seed=seed, split=0.34)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert files_of(tmp_path / "a") != files_of(tmp_path / "c")


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("copy", [False, True])
def test_pictures_are_found_from_where_the_trainer_looks(
    small: CocoPaths, tmp_path: Path, to: str, copy: bool
) -> None:
    out = tmp_path / "deep" / "out"
    export(small, out, to=to, copy_images=copy)
    seen_from = out / FORMATS[to].seen_from.format(split="train")
    for row in rows_of(out, to):
        for name in pictures_of(row):
            assert not Path(name).is_absolute()
            with Image.open(seen_from / name) as picture:
                assert picture.size == (64, 48) or to == "marked"
    inside = [p for p in out.rglob("*") if p.suffix in (".jpg", ".png")]
    assert len(inside) == (3 if copy or FORMATS[to].keeps_pictures else 0)


@pytest.mark.parametrize("to", FORMATS)
def test_no_file_tells_of_this_machine(small: CocoPaths, tmp_path: Path, to: str) -> None:
    export(small, tmp_path / "out", to=to)
    for name, data in files_of(tmp_path / "out").items():
        assert str(tmp_path).encode() not in data, name
        assert str(Path.home()).encode() + b"/" not in data, name


def test_an_image_has_the_same_rows_whatever_else_is_exported(small: CocoPaths, tmp_path: Path) -> None:
    export(small, tmp_path / "all", to="messages")
    export(small, tmp_path / "one", to="messages", limit=1)
    every, one = rows_of(tmp_path / "all", "messages"), rows_of(tmp_path / "one", "messages")
    assert one == [row for row in every if row["image_id"] == 1] and len(one) > 3


def test_splits_are_by_image_and_leave_none_out(small: CocoPaths, tmp_path: Path) -> None:
    export(small, tmp_path / "out", to="llava", split=0.34)
    train, validation = (
        {row["image_id"] for row in rows_of(tmp_path / "out", "llava", split)}
        for split in ("train", "validation")
    )
    assert train | validation == {1, 2, 3} and not train & validation and len(validation) == 1
    info = json.loads((tmp_path / "out" / "dataset_info.json").read_text())
    assert {entry["file_name"] for entry in info.values()} == {"train.json", "validation.json"}


def test_split_ids_do_not_depend_on_their_order() -> None:
    ids = list(range(100, 300))
    train, validation = split_ids(ids, 0.25, 7)
    assert len(validation) == 50 and sorted(train + validation) == ids
    assert set(split_ids(ids[::-1], 0.25, 7)[1]) == set(validation)
    assert set(split_ids(ids, 0.25, 8)[1]) != set(validation)


def test_another_dataset_can_be_the_validation_split(small: CocoPaths, tmp_path: Path) -> None:
    other = captioned_coco(tmp_path / "other", n_images=2, first_id=50, seed=9)
    export(
        small,
        tmp_path / "out",
        to="trl",
        validation=other.json_path,
        validation_images=other.images,
        validation_masks=other.masks,
    )
    assert {row["image_id"] for row in rows_of(tmp_path / "out", "trl", "validation")} == {50, 51}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [entry["file"] for entry in manifest["datasets"]] == ["panoptic.json"] * 2
    assert manifest["datasets"][0]["sha256"] != manifest["datasets"][1]["sha256"]


def test_the_manifest_tells_counts_options_software_and_hashes(small: CocoPaths, tmp_path: Path) -> None:
    import hashlib

    exported = export(small, tmp_path / "out", to="trl", styles=("describe", "name"), per_picture=2)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["format"] == "pix2cap-sft"
    assert manifest["counts"] == exported.to_json()
    assert manifest["options"]["styles"] == ["describe", "name"]
    rows = tmp_path / "out" / "train" / "metadata.jsonl"
    digest = hashlib.sha256(rows.read_bytes()).hexdigest()
    assert manifest["files"]["train/metadata.jsonl"]["sha256"] == digest
    assert manifest["files"]["train/images/"]["files"] == 3
    assert manifest["counts"]["train"]["rows"] == len(read_rows(rows))
    assert {"pix2cap", "python", "numpy"} <= manifest["software"].keys()


def test_an_image_that_cannot_be_used_is_left_out_and_told(small: CocoPaths, tmp_path: Path) -> None:
    small.picture_path(1).write_bytes(b"no picture")
    exported = export(small, tmp_path / "out", to="messages")
    (refused,) = exported.refused
    assert refused["image_id"] == 2 and "picture" in refused["reason"]
    assert {row["image_id"] for row in rows_of(tmp_path / "out", "messages")} == {1, 3}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["refused_images"] == [refused]


def test_a_turned_picture_is_written_upright_since_boxes_refer_to_that(
    small: CocoPaths, tmp_path: Path
) -> None:
    path = small.picture_path(0)
    with Image.open(path) as picture:
        sideways, exif = picture.convert("RGB").rotate(90, expand=True), Image.Exif()
        exif[0x0112] = 6
        sideways.save(path, exif=exif, quality=95)
    exported = export(small, tmp_path / "out", to="llava")
    assert exported.splits["train"].converted == 1
    (name,) = {row["image"] for row in rows_of(tmp_path / "out", "llava") if row["image_id"] == 1}
    assert name.startswith("images/train/")
    with Image.open(tmp_path / "out" / name) as upright:
        assert upright.size == (64, 48) and not upright.getexif()


def test_marks_are_those_of_the_rows(small: CocoPaths, tmp_path: Path) -> None:
    from pix2cap.draw.marks import draw_marks
    from pix2cap.formats.open_source import open_source

    export(small, tmp_path / "out", to="marked", per_picture=2, rows="segment")
    source = open_source(small.json_path, masks=small.masks, images=small.images)
    groups: dict[tuple[int, str], dict[int, int]] = {}
    for row in rows_of(tmp_path / "out", "marked"):
        ((question, _),), (name,), (segment_id,) = said(row), row["file_names"], row["segment_ids"]
        number = int(question.split("the region marked ")[1].split()[0].strip("?.,!"))
        groups.setdefault((row["image_id"], name), {})[number] = segment_id
    assert len(groups) >= 6
    for (image_id, name), numbers in groups.items():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)) and len(numbers) <= 2
        segment_ids = [numbers[n] for n in sorted(numbers)]
        drawn = draw_marks(source.picture(image_id).rgb, source.panoptic(image_id), segment_ids).rgb
        with Image.open(tmp_path / "out" / "train" / name) as picture:
            stored = np.asarray(picture)
        assert stored.shape == drawn.shape
        assert np.abs(stored.astype(int) - drawn).mean() < 6, "more than what JPEG changes"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"to": "ms-swift", "boxes": "thousand"}, ["--boxes", "absolute"]),
        ({"to": "regions", "region": "box"}, ["--region", "token"]),
        ({"to": "marked", "region": "token"}, ["--region", "mark"]),
        ({"to": "trl", "region": "token", "styles": ("locate",)}, ["locate", "--styles"]),
        ({"to": "trl", "styles": ("sing",)}, ["--styles", "describe", "sing"]),
        ({"to": "trl", "styles": ()}, ["--styles", "none"]),
        ({"to": "trl", "per_picture": 0}, ["--per-picture", "0"]),
        ({"to": "trl", "split": 1.0}, ["--split", "1.0"]),
        ({"to": "trl", "split": 0.01}, ["--split", "0 for validation"]),
        ({"to": "trl", "limit": 0}, ["--limit"]),
        ({"to": "trl", "split": 0.1, "validation": Path("x")}, ["--split", "--val"]),
        ({"to": "gguf"}, ["--to", "gguf", "llava"]),
    ],
    ids=str,
)
def test_options_that_make_no_sense(
    small: CocoPaths, tmp_path: Path, options: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(UsageError) as refused:
        export(small, tmp_path / "out", **options)
    assert all(word in str(refused.value) for word in words), refused.value
    assert not (tmp_path / "out").exists()


def test_every_way_of_writing_regions_that_a_format_names_works(small: CocoPaths, tmp_path: Path) -> None:
    for number, (to, styles) in enumerate(product(FORMATS, (("describe",), ("describe", "locate", "name")))):
        for region, boxes in product(FORMATS[to].regions, FORMATS[to].boxes):
            if region == "token" and "locate" in styles:
                continue
            out = tmp_path / f"{number}-{region}-{boxes}"
            export(small, out, to=to, region=region, boxes=boxes, styles=styles)
            for row in rows_of(out, to):
                tokens = sum(question.count("<region>") for question, _ in said(row))
                listed = row.get("annotation", row.get("regions", []))
                assert tokens == len(listed)
                assert all((entry.get("rle") or entry["segmentation"])["counts"] for entry in listed)


def test_a_dataset_without_captions_is_no_export(tmp_path: Path) -> None:
    from tests.builders.panoptic import build_coco_panoptic

    bare = build_coco_panoptic(tmp_path / "bare", n_images=2)
    with pytest.raises(InputError, match="expected captioned segments for the split train"):
        export(bare, tmp_path / "out", to="trl")
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert not list((tmp_path / "out").iterdir()), "nothing half written stays"


def test_pictures_must_be_known(small: CocoPaths, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--images"):
        export_conversations(small.json_path, tmp_path / "out", ExportOptions(to="trl", masks=small.masks))


def test_a_folder_of_other_things_is_left_alone(small: CocoPaths, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match=r"thesis\.tex.*--overwrite"):
        export(small, out, to="trl")
    export(small, out, to="trl", overwrite=True)
    assert (out / "thesis.tex").read_text() == "x"


def test_an_earlier_export_is_replaced_as_a_whole(small: CocoPaths, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(small, out, to="llava", split=0.34, copy_images=True)
    export(small, out, to="trl")
    export(small, tmp_path / "fresh", to="trl")
    assert files_of(out) == files_of(tmp_path / "fresh")


def test_a_failed_export_leaves_the_earlier_one(small: CocoPaths, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(small, out, to="trl")
    before = files_of(out)

    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise Stop

    told = ExportOptions(to="llava", images=small.images, masks=small.masks)
    with pytest.raises(Stop):
        export_conversations(small.json_path, out, told, on_progress=stop)
    assert files_of(out) == before


def test_pictures_in_a_home_folder_are_to_be_copied(small: CocoPaths, tmp_path: Path) -> None:
    # A process of its own, since the home folder is asked of the environment.
    script = (
        "import sys; from pathlib import Path\n"
        "from pix2cap.sft.export import export_conversations\n"
        "from pix2cap.sft.export_options import ExportOptions\n"
        "folder, out, copy = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == 'copy'\n"
        "told = ExportOptions(\n"
        "    to='llava', images=folder / 'images', masks=folder / 'masks', copy_images=copy)\n"
        "export_conversations(folder / 'panoptic.json', out, told)\n"
    )
    command = [sys.executable, "-c", script, str(small.folder), str(tmp_path / "out")]
    environment = {**os.environ, "HOME": str(small.folder)}
    refused = subprocess.run([*command, "-"], env=environment, capture_output=True, text=True, check=False)
    assert "UsageError" in refused.stderr and "--copy-images" in refused.stderr
    done = subprocess.run([*command, "copy"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_exporting_loads_no_torch() -> None:
    script = (
        "import sys, pix2cap.sft.export\n"
        "print([n for n in ('torch', 'transformers', 'datasets', 'trl') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("to", FORMATS)
def test_real_photos(coco: Path, tmp_path: Path, to: str) -> None:
    told = ExportOptions(
        to=to,  # type: ignore[arg-type]
        images=coco / "val2017",
        masks=coco / "panoptic_val2017",
        limit=6,
        copy_images=True,
    )
    exported = export_conversations(coco / "pix2cap_val.json", tmp_path / "out", told)
    document = json.loads((coco / "pix2cap_val.json").read_text())
    images = {image["id"] for image in document["images"][:6]}
    truth = {
        (annotation["image_id"], segment["id"]): segment["description"]
        for annotation in document["annotations"]
        if annotation["image_id"] in images
        for segment in annotation["segments_info"]
    }
    learnt = {
        (row["image_id"], segment_id): answer
        for row in rows_of(tmp_path / "out", to)
        for segment_id, (_, answer) in zip(row["segment_ids"], said(row), strict=True)
    }
    assert learnt == {key: text for key, text in truth.items() if text}
    assert sum(exported.splits["train"].dropped.values()) == len(truth) - len(learnt)
