"""`dataset check`: exit code, JSON on stdout, what was skipped on stderr."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Call
from tests.dataset.test_check import TRUE, Set


def test_true_captions(call: Call, tmp_path: Path) -> None:
    made = Set(tmp_path, TRUE)
    words = ("dataset", "check", made.json_path, "--masks", made.masks, "--images", made.images)
    called = call(*words, "--format", "json")
    assert (called.code, called.json) == (0, [])
    assert called.err.startswith("subjects were read by pix2cap's own reader") and called.err.count("\n") == 1
    assert "\n0 findings in 4 captions" in call(*words, "--parser", "own").err


def test_findings_end_with_one(call: Call, tmp_path: Path) -> None:
    made = Set(tmp_path, {**TRUE, 13: "I'm sorry, but I cannot help with that."})
    called = call("dataset", "check", made.json_path, "--format", "json")
    assert called.code == 1
    assert [(row["image_id"], row["segment_id"], row["check"]) for row in called.json] == [(1, 13, "refusal")]
    assert "side" in called.err
    assert "colour" in called.err
    table = call("dataset", "check", made.json_path, "--checks", "refusal")
    assert (table.code, len(table.out.splitlines())) == (1, 1)
    assert "skipped" not in table.err


def test_bad_input_ends_with_two(call: Call, tmp_path: Path) -> None:
    call("dataset", "check", tmp_path / "nowhere.json").refused("nowhere.json")
    call("dataset", "check", Set(tmp_path, {}).json_path).refused("captions")
    made = Set(tmp_path / "more", TRUE)
    call("dataset", "check", made.json_path, "--checks", "spelling").refused("spelling")
    call("dataset", "check", made.json_path, "--masks", tmp_path / "gone").refused("gone")
