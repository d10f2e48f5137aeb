"""`bench vg`: the split in every output, exit codes, refusals, and a model asked through a run folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pix2cap.evaluate.region_result import RegionResult
from tests.builders.visual_genome import VgPaths, build_vg
from tests.cli.conftest import Call

QUICK = ("--metrics", "bleu,rouge_l,cider", "--bootstrap", 20)


@pytest.fixture
def paths(tmp_path: Path) -> VgPaths:
    return build_vg(tmp_path / "vg").draw()


def test_the_table_names_split_counts_and_files(paths: VgPaths, call: Call, tmp_path: Path) -> None:
    said = paths.predict(paths.phrases())
    out = tmp_path / "new" / "vg.json"
    called = call(
        "bench", "vg", paths.descriptions, "--split", "one-per-image",
        "--predictions", said, *QUICK, "--out", out,
    )  # fmt: skip
    assert called.code == 0
    text = " ".join(called.out.split())
    for words in ("one-per-image", "lowest id", "images 4", "regions 4", "region_descriptions.json sha256",
                  "captions.json sha256", "ROUGE-L 100.0", "predictions of no region 8"):  # fmt: skip
        assert words in text, words
    assert "training images too" in called.err and "8 predictions are for no region" in called.err
    result = RegionResult.read(out)
    assert result.split.regions == 4 and len(result.regions) == 4


def test_json_is_data_alone(paths: VgPaths, call: Call) -> None:
    said = paths.predict(paths.phrases())
    called = call(
        "bench", "vg", paths.descriptions, "--split", "all-regions",
        "--predictions", said, *QUICK, "--format", "json",
    )  # fmt: skip
    assert called.code == 0
    assert called.json["split"] == {
        "name": "all-regions", "rule": "every region of all images of the file", "images": 4, "regions": 12,
        "listed_images": None, "images_without_regions": 0,
    }  # fmt: skip
    assert called.json["scores"]["rouge_l"] == 1 and "regions" not in called.json
    assert called.json["provenance"]["inputs"]["regions"]["name"] == "region_descriptions.json"


def test_scores_are_those_of_caption_score(paths: VgPaths, call: Call, tmp_path: Path) -> None:
    said = {key: text.rpartition(" ")[0] for key, text in paths.phrases().items()}
    hypotheses, references = tmp_path / "h.json", tmp_path / "r.json"
    hypotheses.write_text(json.dumps(said))
    references.write_text(json.dumps({key: [text] for key, text in paths.phrases().items()}))
    metrics = ("--metrics", "bleu,meteor,rouge_l,cider", "--format", "json")
    alone = call("caption-score", hypotheses, references, *metrics)
    words = ("bench", "vg", paths.descriptions, "--split", "all-regions", "--bootstrap", 0)
    called = call(*words, "--predictions", hypotheses, *metrics)
    assert called.json["scores"] == alone.json["corpus"]


def test_missing_predictions_are_listed_or_refused(paths: VgPaths, call: Call) -> None:
    said = paths.predict({k: t for k, t in paths.phrases().items() if k != 105})
    words = ("bench", "vg", paths.descriptions, "--split", "all-regions", "--predictions", said, *QUICK)
    called = call(*words)
    assert called.code == 1
    assert "no prediction, scored as empty 1" in " ".join(called.out.split()) and "105" in called.err
    call(*words, "--require-all").refused("105", "12 regions")


def test_the_dense_task(paths: VgPaths, call: Call) -> None:
    rows = [
        {"image_id": r["image_id"], "box": [r["x"], r["y"], r["width"], r["height"]], "caption": r["phrase"]}
        for regions in paths.regions.values()
        for r in regions
    ]
    boxes = paths.folder / "dense.jsonl"
    boxes.write_text("\n".join(map(json.dumps, rows)))
    words = (
        "bench",
        "vg",
        paths.descriptions,
        "--split",
        "all-regions",
        "--task",
        "dense",
        "--bootstrap",
        10,
    )
    called = call(*words, "--predictions", boxes)
    assert called.code == 0
    assert "detection mAP 100.00" in " ".join(called.out.split())


def test_wrong_use(paths: VgPaths, call: Call, tmp_path: Path) -> None:
    said = paths.predict(paths.phrases())
    start = ("bench", "vg", paths.descriptions)
    call(*start, "--predictions", said).refused("--split")
    call(*start, "--split", "some", "--predictions", said).refused("all-regions")
    split = (*start, "--split", "all-regions")
    call(*split).refused("--predictions", "--model", "neither")
    call(*split, "--predictions", said, "--model", "describe").refused("both")
    call(*split, "--model", "describe").refused("--images", "--run")
    asked = ("--model", "describe", "--images", paths.images, "--run", tmp_path / "run")
    call(*split, *asked, "--task", "dense").refused("--predictions")
    call(*split, "--predictions", said, "--out", tmp_path).refused("got the folder", "vg.json")
    call(*split, "--predictions", said, "--metrics", "bertscore").refused("bertscore")
    call(*split, *asked, "--metrics", "bertscore").refused("bertscore")
    call(*split, *asked, "--max-tokens", 0).refused("--max-tokens")
    call(*split, "--model", "nobody", *asked[2:]).refused("nobody", "openai:MODEL")
    assert not (tmp_path / "run").exists()


def test_a_model_is_asked_and_its_run_gone_on_with(paths: VgPaths, call: Call, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("bench", "vg", paths.descriptions, *QUICK, "--model", "describe", "--images", paths.images)
    first = call(*words, "--run", run, "--split", "one-per-image", "--format", "json")
    assert first.code == 0 and "no picture leaves it" in first.err
    assert first.json["counts"]["captioned"] == 4
    assert first.json["provenance"]["arguments"]["model"] == "describe"
    whole = call(*words, "--run", run, "--split", "all-regions", "--format", "json")
    assert whole.json["counts"]["captioned"] == 12
    call(*words, "--run", run, "--split", "all-regions", "--view", "crop").refused(
        "region-crop", "other settings"
    )


def test_recorded_captions_answer_by_region_id(paths: VgPaths, call: Call, tmp_path: Path) -> None:
    records = [
        {"image_id": r["image_id"], "segment_id": r["region_id"], "caption": r["phrase"]}
        for regions in paths.regions.values()
        for r in regions
    ]
    recorded = tmp_path / "recorded.json"
    recorded.write_text(json.dumps({"captions": records}))
    called = call(
        "bench", "vg", paths.descriptions, "--split", "all-regions", *QUICK, "--model", f"replay:{recorded}",
        "--images", paths.images, "--run", tmp_path / "run", "--format", "json",
    )  # fmt: skip
    assert called.code == 0 and called.json["scores"]["rouge_l"] == 1
    assert str(tmp_path) not in json.dumps(called.json)
