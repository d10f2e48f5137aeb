"""`pix2cap score`: tables, JSON, files, refusals."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pix2cap.evaluate.result import PanopticCaptioningResult
from tests.cli.conftest import Call
from tests.evaluate.sets import ScoredSet, build_set


@pytest.fixture
def scored(tmp_path: Path) -> ScoredSet:
    return build_set(tmp_path)


def words(scored: ScoredSet) -> list[Any]:
    """The command without its options."""
    sides = scored.gt.json_path, scored.pred.json_path
    masks = "--gt-masks", scored.gt.masks, "--pred-masks", scored.pred.masks
    return ["score", *sides, *masks, "--metrics", "bleu, rouge_l,cider", "--bootstrap", 20]


def test_the_table_shows_the_papers_columns(scored: ScoredSet, call: Call) -> None:
    called = call(*words(scored))
    assert called.code == 0
    for text in ("PQ", "mAP", "BLEU-4", "CIDEr", "METEOR", "ROUGE-L", "SPICE", "100.0", "corrected"):
        assert text in called.out
    assert "no predicted segment has a score" in called.err


def test_json_goes_to_stdout_alone(scored: ScoredSet, call: Call) -> None:
    scored.pred.segment(0)["caption"] = "Line\u2028break"
    scored.pred.save()
    called = call(*words(scored), "--format", "json")
    assert called.code == 0
    assert called.json["mode"] == "corrected" and called.json["panoptic"]["all"]["pq"] == 1
    assert called.json["captions"]["meteor"] is None and "meteor" in called.json["missing"]
    assert "pairs" not in called.json
    low, high = called.json["intervals"]["panoptic.all.pq"]
    assert low == high == 1
    assert json.dumps(called.json).count(str(scored.gt.folder)) == 0


def test_reference_mode(scored: ScoredSet, call: Call) -> None:
    called = call(*words(scored), "--mode", "reference", "--workers", 2, "--format", "json")
    assert called.code == 0
    assert called.json["mode"] == "reference" and called.json["captions"]["meteor"] == 0
    assert called.json["map"].keys() == {"map", "detection_map", "by_threshold"}
    assert all(isinstance(quirk, str) for quirk in called.json["quirks"])


@pytest.mark.parametrize("name", ["scores.json", "table.tex", "scores.csv", "scores.txt"])
def test_a_file_is_written_in_the_format_of_its_name(
    scored: ScoredSet, call: Call, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "new" / name
    called = call(*words(scored), "--out", out)
    assert (called.code, called.out.strip()) == (0, str(out))
    text = out.read_text()
    if name.endswith(".json"):
        result = PanopticCaptioningResult.read(out)
        assert len(result.pairs) == result.tp > 0
    elif name.endswith(".tex"):
        assert "\\begin{tabular}" in text and text.endswith("\n")
    elif name.endswith(".csv"):
        (row,) = csv.DictReader(io.StringIO(text))
        assert float(row["panoptic.all.pq"]) == 1
    else:
        assert "PQ" in text and "100.0" in text


def test_the_format_named_wins_over_the_files(scored: ScoredSet, call: Call, tmp_path: Path) -> None:
    assert call(*words(scored), "--out", tmp_path / "a.txt", "--format", "json").code == 0
    assert json.loads((tmp_path / "a.txt").read_text())["tp"] > 0


def test_dataset_folders_score_against_themselves(demo_folder: Path, call: Call) -> None:
    dataset = demo_folder / "demo" / "dataset"
    called = call("score", dataset, dataset, "--metrics", "rouge_l", "--bootstrap", 0, "--format", "json")
    assert called.code == 0
    assert called.json["panoptic"]["all"]["pq"] == 1


def test_missing_images_stop_unless_allowed(scored: ScoredSet, call: Call) -> None:
    del scored.pred.document["annotations"][1]
    scored.pred.save()
    call(*words(scored)).refused("pred.json", "image 2", "--allow-missing")
    called = call(*words(scored), "--allow-missing", "--format", "json")
    assert called.code == 0 and called.json["fn"] > 0
    assert "image 2" in called.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--metrics", "blue"], "'blue'"),
        (["--metrics", ","], "got none"),
        (["--workers", "0"], "workers: expected 1 or more"),
        (["--gt-masks", "nowhere"], "nowhere"),
        (["--meteor-pairs", "nowhere.json"], "nowhere.json: expected a JSON object"),
        (["--out", "."], "the folder ."),
    ],
)
def test_wrong_use_exits_with_2(scored: ScoredSet, call: Call, options: list[str], told: str) -> None:
    base = words(scored)
    if options[0] in base:
        at = base.index(options[0])
        del base[at : at + 2]
    call(*base, *options).refused(told)


def test_meteor_may_come_from_elsewhere(scored: ScoredSet, call: Call, tmp_path: Path) -> None:
    plain = call(*words(scored), "--format", "json").json
    pairs = {
        f"{a['image_id']}_{s['id']}_{s['id']}": 0.5
        for a in scored.gt.document["annotations"]
        for s in a["segments_info"]
    }
    path = tmp_path / "meteor.json"
    path.write_text(json.dumps(pairs))
    given = call(*words(scored), "--format", "json", "--meteor-pairs", path).json
    assert given["caption_pq"]["meteor"] == 0.5 and given["map"]["class_aware"]["map"] == 1
    assert given["panoptic"] == plain["panoptic"]
    path.write_text("[]")
    call(*words(scored), "--meteor-pairs", path).refused("meteor.json", "got no object")


def test_spice_of_the_golden_set(golden: Path, tmp_path: Path) -> None:
    folder = golden / "sample2"
    sides = folder / "gt.json", folder / "pred.json"
    masks = "--gt-masks", folder / "gt", "--pred-masks", folder / "pred"
    options = "--mode", "reference", "--metrics", "spice", "--out", tmp_path / "scores.json"
    tools = {"PIX2CAP_SPICE_HOME": str(golden.parent / "tools" / "spice"), "PIX2CAP_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "pix2cap", "score", *sides, *masks, *options],
        env={**os.environ, **tools},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = PanopticCaptioningResult.read(tmp_path / "scores.json")
    if result.captions.spice is None:
        pytest.skip(result.missing["spice"])
    wanted = json.loads((golden / "sample2_golden.json").read_text())
    assert result.captions.spice == pytest.approx(
        wanted["pix2cap_caption_quality"]["1proc"]["spice"], abs=1e-6
    )
    found = {f"{p.image_id}_{p.gt_segment_id}": p.scores["spice"] for p in result.pairs}
    assert found == pytest.approx(wanted["spice"]["per_item"], abs=1e-6)
