"""`dataset merge`, `split`, `filter` and `diff`: data on stdout, talk on stderr, exit codes."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from tests.builders.datasets import Part, image, write_dataset
from tests.cli.conftest import Call


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    parts = {5: Part(1, "A tall person waits."), 6: Part(3, "A red car."), 7: Part(18, "A dog.")}
    return write_dataset(tmp_path / "whole", [image(n, parts) for n in range(1, 13)])


def test_split_merge_and_nothing_differs(call: Call, whole: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    called = call(
        *("dataset", "split", whole, "--out", parts, "--shares", "train=0.5,val=0.5"),
        *("--stratify", "--format", "json"),
    )
    assert called.code == 0
    assert sum(part["images"] for part in called.json["parts"].values()) == 12
    both = tmp_path / "both"
    called = call("dataset", "merge", parts / "val", parts / "train", "--out", both, "--format", "json")
    assert called.code == 0
    assert (called.json["images"], called.json["conflicts"]) == (12, [])
    assert "--images" in called.err
    called = call("dataset", "diff", whole, both)
    assert (called.code, called.out) == (0, "")
    assert called.err == "nothing differs; 12 images and 36 segments are in both\n"


def test_diff_tells_where_and_which_words(call: Call, whole: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert call("dataset", "filter", whole, "--out", kept, "--class", "car", "--class", "dog").code == 0
    document = json.loads((kept / "panoptic.json").read_text())
    document["annotations"][0]["segments_info"][0]["description"] = "A blue car."
    (kept / "panoptic.json").write_text(json.dumps(document))
    page = tmp_path / "page.html"
    called = call("dataset", "diff", whole, kept, "--html", page)
    assert called.code == 1
    first, second = called.out.splitlines()[:2]
    assert first == "image 1, segment 5 (person): removed: captioned: [-A tall person waits.-]"
    assert second == "image 1, segment 6 (car): caption: A [-red-]{+blue+} car."
    assert "12 removed, 1 caption" in called.err
    assert "<ins>blue</ins>" in page.read_text()
    called = call("dataset", "diff", whole, kept, "--format", "json")
    assert called.code == 1
    assert called.json["counts"] == {"removed": 12, "caption": 1}
    assert called.json["equal"] is False


def test_filter_knows_the_words_of_the_grid(call: Call, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("2\n3 # two\n")
    keys = ("image_id", "segment_id", "check")
    findings = [dict(zip(keys, row, strict=True)) for row in ((2, 5, "side"), (3, 6, "cut"))]
    (tmp_path / "findings.json").write_text(json.dumps(findings))
    called = call(
        *("dataset", "filter", whole, "--out", tmp_path / "out", "--status", "captioned"),
        *("--words-min", 3, "--max-words", 9, "--model", "m", "--attempt", 1, "--min-area", 2),
        *("--images-file", tmp_path / "ids.txt", "--findings", tmp_path / "findings.json"),
        *("--finding", "side", "--drop-findings", "--format", "json"),
    )
    assert called.code == 0
    assert (called.json["images"], called.json["segments"]) == (2, {"captioned": 3})


def test_conflicts_are_told(call: Call, whole: Path, tmp_path: Path) -> None:
    theirs = {5: Part(1, "", None), 6: Part(3, "A blue car."), 7: Part(18, "A dog.")}
    other = write_dataset(tmp_path / "other", [image(1, theirs)])
    both = tmp_path / "both"
    called = call("dataset", "merge", whole, other, "--out", both, "--prefer", "last")
    assert called.code == 0
    assert "conflicts: caption" in called.out
    assert "image 1, segment 6, caption: kept 'A blue car.' (other), not 'A red car.' (whole)" in called.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["filter", "whole", "--out", "x"], ["at least one condition"]),
        (["filter", "whole", "--out", "x", "--status", "done"], ["--status", "captioned", "done"]),
        (["filter", "whole", "--out", "x", "--class", "pony"], ["--class", "pony"]),
        (["filter", "whole", "--out", "x", "--finding", "side"], ["--findings"]),
        (["split", "whole", "--out", "x", "--shares", "train=2"], ["--shares", "2"]),
        (["split", "whole", "--out", "x", "--by", "weather"], ["--by", "weather"]),
        (["merge", "whole", "--out", "x"], ["two datasets"]),
        (["merge", "whole", "gone", "--out", "x"], ["gone"]),
        (["diff", "whole", "gone"], ["gone"]),
    ],
    ids=str,
)
def test_wrong_use(call: Call, whole: Path, tmp_path: Path, words: list[str], told: list[str]) -> None:
    with contextlib.chdir(tmp_path):
        call("dataset", *words).refused(*told)
    assert not (tmp_path / "x").exists()


def test_an_unreadable_image_gives_exit_code_1(call: Call, whole: Path, tmp_path: Path) -> None:
    (whole / "panoptic" / "0002.png").write_bytes(b"gone")
    for command in (["split"], ["filter", "--min-words", "1"], ["merge", whole]):
        out = tmp_path / f"{command[0]}-out"
        called = call("dataset", command[0], whole, *command[1:], "--out", out)
        assert called.code == 1
        assert "could not be read" in called.err
