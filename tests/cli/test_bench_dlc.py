"""`pix2cap bench dlc`: recorded judgements, dry runs, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders.judged_benches import build_dlc
from tests.cli.conftest import Call


def test_recorded_judgements_replay_to_their_scores(call: Call, golden: Path, tmp_path: Path) -> None:
    file = golden / "dlcbench_replay.json"
    done = call("bench", "dlc", "--replay", file, "--format", "json", "--out", tmp_path / "out")
    assert done.code == 0
    stored = json.loads(file.read_text())
    assert done.json.keys() == stored.keys()
    for name, result in done.json.items():
        assert result["avg_pos"] == pytest.approx(stored[name]["avg_pos"], abs=1e-9)
        assert result["avg_neg"] == pytest.approx(stored[name]["avg_neg"], abs=1e-9)
        assert json.loads((tmp_path / "out" / f"{name}.json").read_text()) == result
    table = call("bench", "dlc", "--replay", file)
    assert table.code == 0
    assert all(name in table.out for name in stored)


def test_a_dry_run_needs_no_network(call: Call, tmp_path: Path) -> None:
    folder = build_dlc(tmp_path / "dlc")
    descriptions = tmp_path / "d.json"
    descriptions.write_text(json.dumps({"70": "A red square.", "71": "A blue square and a dog."}))
    words = ["bench", "dlc", folder / "qa.json", "--predictions", descriptions]
    done = call(*words, "--format", "json", "--out", tmp_path / "out")
    assert done.code == 0
    assert (done.json["avg_pos"], done.json["avg_neg"], done.json["score"]) == (1.0, 0.0, 0.5)
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == done.json
    assert "dry runs" in done.err
    table = call(*words)
    assert "50.0" in table.out


def test_the_describer_can_be_benched(call: Call, tmp_path: Path) -> None:
    folder = build_dlc(tmp_path / "dlc")
    words = ["--annotations", folder / "annotations.json", "--images", folder / "images"]
    done = call(
        "bench",
        "dlc",
        folder / "qa.json",
        "--model",
        "describe",
        *words,
        "--out",
        tmp_path / "o",
        "--format",
        "json",
    )
    assert done.code == 0
    assert done.json["model"] == "describe"
    said = [item["description"] for item in done.json["items"]]
    assert all(text.endswith(".") and "{" not in text for text in said)
    assert "red" in said[0]
    assert "blue" in said[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--replay", "r.json", "--model", "describe"], "--replay without --model"),
        ([], "expected a question file"),
        (["qa.json"], "either --model or --predictions"),
        (["qa.json", "--model", "describe"], "--annotations and --images"),
        (["--replay", "nowhere.json"], "nowhere.json"),
    ],
)
def test_wrong_use_is_refused(call: Call, words: list[str], told: str) -> None:
    call("bench", "dlc", *words).refused(told)
