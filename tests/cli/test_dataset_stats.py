"""`dataset stats`: a column a dataset, the paper's figures beside, and a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders.panoptic import CocoPaths, build_coco_panoptic
from tests.cli.conftest import Call


@pytest.fixture
def captioned(tmp_path: Path) -> CocoPaths:
    return build_coco_panoptic(tmp_path / "captioned", captions=True)


def test_table_json_and_page_tell_the_same(call: Call, captioned: CocoPaths, tmp_path: Path) -> None:
    page = tmp_path / "stats.html"
    called = call(
        "dataset", "stats", captioned.json_path, "--tag-share", 0, "--format", "json", "--html", page
    )
    assert called.code == 0
    (figures,) = called.json["sources"]
    assert figures["captions"] == sum(len(a["segments_info"]) for a in captioned.document["annotations"])
    assert called.json["published"]["captions"] == 167_254
    assert f"<td>{figures['captions']}</td>" in page.read_text()
    assert f"open {page}" in called.err
    told = call("dataset", "stats", captioned.json_path, "--tag-share", 0)
    assert told.code == 0
    assert str(figures["captions"]) in told.out and "167,254" in told.out
    assert "their figures, not counted here" in told.err
    assert "missing" in told.out


def test_wrong_use(call: Call, captioned: CocoPaths, tmp_path: Path) -> None:
    call("dataset", "stats").refused("at least one dataset")
    call("dataset", "stats", tmp_path / "nowhere.json").refused("nowhere.json", "no such file")
    call("dataset", "stats", captioned.json_path, "--html", tmp_path).refused("--html", "folder")
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"annotations": [{"image_id": 1, "caption": "A dog."}], "categories": []}))
    call("dataset", "stats", path).refused("captions.json", "segments_info")


def test_too_many_for_a_page(call: Call, captioned: CocoPaths, tmp_path: Path) -> None:
    many = [captioned.json_path] * 9
    call("dataset", "stats", *many, "--tag-share", 0, "--html", tmp_path / "x.html").refused("at most 8")
    assert call("dataset", "stats", *many, "--tag-share", 0, "--format", "json").code == 0
