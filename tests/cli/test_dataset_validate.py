"""`dataset validate`: every problem, exit 1, and data on stdout only."""

from __future__ import annotations

from pathlib import Path

from tests.builders.panoptic import CocoPaths
from tests.cli.conftest import Call, source


def test_a_sound_source(call: Call, small: CocoPaths) -> None:
    called = call("dataset", "validate", *source(small))
    assert (called.code, called.out) == (0, "")
    assert called.err.startswith("0 problems")
    called = call("dataset", "validate", *source(small), "--format", "json")
    assert (called.code, called.json, called.err) == (0, [], "")


def test_all_problems_are_listed_with_their_place(call: Call, small: CocoPaths) -> None:
    small.picture_path(0).unlink()
    small.mask_path(1).write_bytes(small.mask_path(1).read_bytes()[:80])
    small.segment(2, image=2)["area"] += 7
    small.segment(1, image=2)["category_id"] = 999
    small.save()
    called = call("dataset", "validate", *source(small), "--format", "json")
    assert called.code == 1
    found = {(problem["image_id"], problem["segment_id"], problem["problem"]) for problem in called.json}
    assert {
        (1, None, "missing file"),
        (2, None, "truncated or damaged mask"),
        (3, small.segment(2, image=2)["id"], "wrong area"),
        (3, small.segment(1, image=2)["id"], "unknown category"),
    } <= found
    for problem in called.json:
        assert {"file", "image_id", "segment_id", "problem", "expected", "got"} <= set(problem)
    told = call("dataset", "validate", *source(small))
    assert told.code == 1
    assert len(told.out.splitlines()) == len(called.json)
    assert told.err.startswith(f"{len(called.json)} problems")


def test_without_images_pictures_are_not_looked_at(call: Call, small: CocoPaths) -> None:
    small.picture_path(0).unlink()
    assert call("dataset", "validate", small.json_path, "--masks", small.masks).code == 0


def test_files_that_are_none(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    small.json_path.write_text("[]")
    called = call("dataset", "validate", *source(small), "--format", "json")
    assert called.code == 1
    assert "object" in called.json[0]["problem"]
    assert call("dataset", "validate", tmp_path / "nowhere.json").code == 1
