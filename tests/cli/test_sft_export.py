"""`sft export`: counts on stdout, what was left out on stderr, wrong use refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders.panoptic import CocoPaths
from tests.builders.talks import captioned_coco
from tests.cli.conftest import Call, source


@pytest.fixture
def captioned(tmp_path: Path) -> CocoPaths:
    return captioned_coco(tmp_path / "captioned", n_images=3, n_segments=4)


def test_counts_and_files(call: Call, captioned: CocoPaths, tmp_path: Path) -> None:
    out = tmp_path / "rows"
    flags = ["--split", 0.34, "--styles", "describe, name", "--rows", "segment", "--boxes", "unit"]
    called = call(
        "sft", "export", *source(captioned), "--to", "messages", "--out", out, *flags, "--format", "json"
    )
    assert called.code == 0, called.err
    assert list(called.json) == ["train", "validation"]
    assert called.json["train"]["segments_dropped"] == {"crowd": 2}
    assert called.json["train"]["turns"].keys() == {"describe", "name"}
    assert called.json["train"]["rows"] == len((out / "train.jsonl").read_text().splitlines())
    assert json.loads((out / "manifest.json").read_text())["options"]["boxes"] == "unit"


def test_a_table_too(call: Call, captioned: CocoPaths, tmp_path: Path) -> None:
    called = call("sft", "export", *source(captioned), "--to", "marked", "--out", tmp_path / "rows")
    assert called.code == 0
    assert "crowd" in called.out and "segments dropped" in called.out


def test_an_image_left_out_is_named_and_makes_the_exit_code_one(
    call: Call, captioned: CocoPaths, tmp_path: Path
) -> None:
    captioned.picture_path(2).unlink()
    called = call("sft", "export", *source(captioned), "--to", "llava", "--out", tmp_path / "rows")
    assert called.code == 1
    assert "left out: image 3" in called.err and "no such file" in called.err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--to", "ms-swift", "--boxes", "thousand"], ["absolute", "thousand"]),
        (["--to", "trl", "--region", "token", "--styles", "locate"], ["locate"]),
        (["--to", "trl", "--styles", "shout"], ["shout", "describe"]),
        (["--to", "parquet"], ["parquet"]),
    ],
    ids=str,
)
def test_wrong_use(
    call: Call, captioned: CocoPaths, tmp_path: Path, flags: list[str], words: list[str]
) -> None:
    call("sft", "export", *source(captioned), "--out", tmp_path / "rows", *flags).refused(*words)


def test_a_folder_that_is_not_ours(call: Call, captioned: CocoPaths, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    call("sft", "export", *source(captioned), "--to", "trl", "--out", tmp_path).refused(
        "mine.txt", "--overwrite"
    )
