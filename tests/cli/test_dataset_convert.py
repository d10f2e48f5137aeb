"""`dataset convert`, `card` and `push` on the command line: streams, exit codes, what is said."""

from __future__ import annotations

import json
from pathlib import Path

from tests.builders.exchanged import rich_dataset
from tests.builders.panoptic import CocoPaths
from tests.cli.conftest import Call, source


def test_convert_card_and_dry_run(call: Call, tmp_path: Path) -> None:
    rich = rich_dataset(tmp_path / "dataset")
    called = call(
        "dataset", "convert", rich, "--to", "instances", "--out", tmp_path / "coco", "--format", "json"
    )
    assert called.code == 0 and called.json["from"] == "panoptic" and called.json["images"] == 3
    assert "not carried: 3 unpublished texts" in called.err
    called = call("dataset", "convert", rich, "--to", "parquet", "--out", tmp_path / "hub")
    assert called.code == 0 and called.err == "" and "webdataset" not in called.out
    called = call("dataset", "card", tmp_path / "hub", "--license", "cc-by-4.0")
    assert called.code == 0
    assert "no results of checks" in called.err and "1 pictures state no licence" in called.err
    assert "dataset push" in called.err.splitlines()[-1]
    called = call("dataset", "push", tmp_path / "hub", "me/captions", "--dry-run")
    assert called.code == 0 and called.out.splitlines()[-1].endswith("manifest.json")
    assert "nothing was sent" in called.err
    (tmp_path / "hub" / "README.md").write_text("edited")
    call("dataset", "push", tmp_path / "hub", "me/captions", "--dry-run").refused("README.md", "dataset card")


def test_an_image_that_is_left_out_is_exit_one(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    small.picture_path(1).write_bytes(b"")
    called = call("dataset", "convert", *source(small), "--to", "webdataset", "--out", tmp_path / "out")
    assert called.code == 1
    assert "left out: image 2" in called.err and "empty file" in called.err
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [one["image_id"] for one in manifest["refused_images"]] == [2]


def test_wrong_use(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    convert = ("dataset", "convert", *source(small), "--out", tmp_path / "out")
    call(*convert, "--to", "tfrecord").refused("tfrecord", "parquet")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes").write_text("mine")
    call(*convert, "--to", "parquet").refused("notes", "--overwrite")
    call(
        "dataset", "convert", small.json_path, "--masks", small.masks, "--to", "llava", "--out", "x"
    ).refused("--images")
    call("dataset", "convert", tmp_path / "nowhere", "--to", "llava", "--out", "x").refused("nowhere")
    call("dataset", "card", small.json_path).refused("dataset convert")
    call("dataset", "push", tmp_path, "me/captions", "--dry-run").refused("README.md")
    call("dataset", "push", tmp_path, "me captions", "--dry-run").refused("name/dataset")
    call("dataset", "push", tmp_path, "me/c", "--endpoint", "http://hub.example.org").refused("https")
