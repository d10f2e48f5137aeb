"""Region captions on Visual Genome: scores as `caption-score` has them, splits, what became of regions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.caption_suite import score_captions
from pix2cap.evaluate.region_result import RegionResult
from pix2cap.evaluate.region_tables import to_text
from pix2cap.evaluate.visual_genome import ScoreOptions, evaluate_regions, region_metrics
from pix2cap.evaluate.visual_genome_split import SplitOptions
from tests.builders.visual_genome import VgPaths, build_vg, region

QUICK = ScoreOptions(metrics=("bleu", "meteor", "rouge_l", "cider"), bootstrap=50)
ALL, ONE = SplitOptions(split="all-regions"), SplitOptions(split="one-per-image")


def spoilt(paths: VgPaths) -> dict[int, str]:
    """Predictions that are right, cut, shuffled and wrong by turns."""
    ways = (lambda t: t, lambda t: t[: len(t) // 2], lambda t: " ".join(t.split()[::-1]), lambda t: "a cat")
    return {key: ways[key % 4](text) for key, text in paths.phrases().items()}


def test_scores_are_those_of_caption_score(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    said = spoilt(paths)
    result = evaluate_regions(paths.descriptions, paths.predict(said), ALL, QUICK)
    expected = score_captions(
        {str(key): text for key, text in said.items()},
        {str(key): [text] for key, text in paths.phrases().items()},
        metrics=QUICK.metrics,
    )
    assert result.scores == expected.corpus
    assert {str(r.region_id): r.scores for r in result.regions} == expected.per_item


def test_scores_of_real_captions_are_the_golden_ones(tmp_path: Path, golden: Path) -> None:
    real = json.loads((golden / "captions_real.json").read_text())["region"]
    ids = sorted(key for key, refs in real["refs"].items() if len(refs) == 1)
    assert len(ids) == len(real["refs"]) == 300
    paths = VgPaths(tmp_path)
    for number, key in enumerate(ids):
        paths.regions.setdefault(1 + number // 5, []).append(
            region(number + 1, 1 + number // 5, (number % 5, 0, 9, 9), real["refs"][key][0])
        )
    hypotheses = {n + 1: _text(real["hyps"][key]) for n, key in enumerate(ids)}
    result = evaluate_regions(paths.save().descriptions, paths.predict(hypotheses), ALL, QUICK)
    for name, value in result.scores.items():
        assert value == pytest.approx(real["corpus"][name], abs=1e-6), name


def _text(value: Any) -> str:
    return value if isinstance(value, str) else value[0]


def test_a_missing_prediction_is_scored_as_empty_and_named(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    said = {key: text for key, text in paths.phrases().items() if key not in (102, 107)} | {103: " "}
    result = evaluate_regions(paths.descriptions, paths.predict(said | {999: "of no region"}), ALL, QUICK)
    emptied = evaluate_regions(
        paths.descriptions, paths.predict(said | {102: "", 107: ""}, "filled.json"), ALL, QUICK
    )
    assert result.scores == emptied.scores
    assert result.missing_regions == (102, 107) and result.extra == ("region 999",)
    counts = result.counts
    assert (counts.captioned, counts.missing, counts.empty, counts.extra) == (9, 2, 1, 1)
    assert (emptied.counts.missing, emptied.counts.empty) == (0, 3)
    assert [r.caption for r in result.regions][:3] == [paths.phrases()[101], None, " "]
    assert any("2 of 12 regions" in warning and "102, 107" in warning for warning in result.warnings)
    with pytest.raises(InputError, match=r"got none for 2: 102, 107"):
        evaluate_regions(paths.descriptions, paths.predict(said), ALL, replace(QUICK, require_all=True))


def test_one_per_image_takes_the_usable_region_of_lowest_id(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    paths.regions[11].insert(0, region(50, 11, (0, 0, 0, 5), "no area"))
    paths.regions[12].reverse()
    result = evaluate_regions(paths.save().descriptions, paths.predict(paths.phrases()), ONE, QUICK)
    assert [r.region_id for r in result.regions] == [101, 104, 107, 110]
    assert (result.split.images, result.split.regions) == (4, 4)
    assert "lowest id" in result.split.rule and result.split.name == "one-per-image"
    assert result.counts.left_out == {"no width or height": 1}


def test_one_per_image_takes_the_published_regions(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    chosen = tmp_path / "chosen.json"

    def score(ids: list[int]) -> RegionResult:
        chosen.write_text(json.dumps(ids))
        split = SplitOptions(split="one-per-image", region_list=chosen)
        return evaluate_regions(paths.descriptions, paths.predict(paths.phrases()), split, QUICK)

    result = score([102, 106])
    assert [r.region_id for r in result.regions] == [102, 106]
    assert result.split.images_without_regions == 2 and "chosen.json" in result.split.rule
    for ids, words in (([102, 103], "several for images 11"), ([102, 999], "999")):
        with pytest.raises(InputError, match=words):
            score(ids)


def test_the_image_list_makes_the_split(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    listed = tmp_path / "splits.json"
    listed.write_text(json.dumps({"train": [11], "test": [12, 13, 77]}))
    split = SplitOptions(
        split="all-regions", image_list=listed, image_part="test", image_data=paths.image_data
    )
    result = evaluate_regions(paths.descriptions, paths.predict(paths.phrases()), split, QUICK)
    assert {r.image_id for r in result.regions} == {12, 13}
    assert result.split.listed_images == 3 and result.split.images_without_regions == 1
    assert any("77" in warning for warning in result.warnings)
    assert not any("--image-list" in warning or "--image-data" in warning for warning in result.warnings)
    assert result.provenance is not None
    assert set(result.provenance.inputs) == {"regions", "image_data", "image_list", "predictions"}
    listed.write_text('{"test": [99]}')
    with pytest.raises(InputError, match="got none of 1 listed images"):
        evaluate_regions(paths.descriptions, paths.predict(paths.phrases()), split, QUICK)


def test_options_that_would_be_ignored_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--region-list"):
        SplitOptions(split="all-regions", region_list=tmp_path / "x")
    with pytest.raises(UsageError, match="--image-list"):
        SplitOptions(split="all-regions", image_part="test")
    with pytest.raises(UsageError, match="nonsense"):
        evaluate_regions("none", "none", ALL, ScoreOptions(metrics=("nonsense",)))


def test_spice_that_cannot_run_is_missing_and_spice_sg_is_named(tmp_path: Path) -> None:
    from tests.cli.conftest import environment

    paths = build_vg(tmp_path, n_images=1)
    with environment(PIX2CAP_SPICE_HOME=str(tmp_path / "nothing here")):
        result = evaluate_regions(
            paths.descriptions,
            paths.predict(spoilt(paths)),
            ALL,
            ScoreOptions(metrics=("spice",), bootstrap=0),
        )
    assert result.scores["spice"] is None and "spice" in result.missing
    assert result.scores["spice_sg"] == pytest.approx(np.mean([r.scores["spice_sg"] for r in result.regions]))


def test_json_round_trip(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    paths.regions[11].append(region(900, 11, (0, 0, 0, 1), "x"))
    said = {key: text for key, text in spoilt(paths).items() if key != 105}
    result = evaluate_regions(paths.save().descriptions, paths.predict(said), ALL, QUICK)
    path = result.write(tmp_path / "out" / "vg.json")
    assert RegionResult.read(path) == result
    assert "regions" not in result.to_json() and str(tmp_path) not in path.read_text()
    for content, words in (('{"mode": 1}', "bench vg"), ("[", "JSON"), ('{"bench": "vg"}', "Field required")):
        path.write_text(content)
        with pytest.raises(InputError, match=words):
            RegionResult.read(path)


def test_the_table_begins_with_the_split(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    result = evaluate_regions(paths.descriptions, paths.predict(paths.phrases()), ONE, QUICK)
    text = to_text(result)
    assert str(result) == text
    lines = text.splitlines()
    assert "Visual Genome" in lines[0] and "one-per-image" in lines[1]
    assert lines[2].split() == ["images", "4"] and lines[3].split() == ["regions", "4"]
    assert any(line.startswith("METEOR") and "100.0" in line for line in lines)
    assert any("region_descriptions.json sha256" in line for line in lines)


def test_every_metric_on_all_images_once_is_its_corpus_score(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    result = evaluate_regions(paths.descriptions, paths.predict(spoilt(paths)), ALL, QUICK)
    metrics = region_metrics(result.regions, result.scores, result.missing)
    assert set(metrics) == {*(f"bleu_{n}" for n in range(1, 5)), "meteor", "rouge_l", "cider"}
    for name, metric in metrics.items():
        assert metric.resample is not None
        assert metric.resample(np.ones((1, 4))).item() == pytest.approx(result.scores[name], abs=1e-12), name
    assert set(result.intervals) == set(metrics)
    for name, (low, high) in result.intervals.items():
        assert low <= (result.scores[name] or 0) <= high


def test_a_resample_is_the_score_of_images_drawn_several_times(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    result = evaluate_regions(paths.descriptions, paths.predict(spoilt(paths)), ALL, QUICK)
    metrics = region_metrics(result.regions, result.scores, result.missing)
    drawn = {11: 2, 12: 0, 13: 1, 14: 1}
    rows = [(f"{r.region_id}x{n}", r) for r in result.regions for n in range(drawn[r.image_id])]
    expected = score_captions(
        {key: r.caption or "" for key, r in rows},
        {key: r.references for key, r in rows},
        metrics=("bleu", "meteor", "rouge_l"),
    )
    weights = np.array([list(drawn.values())], np.float64)
    for name, value in expected.corpus.items():
        resample = metrics[name].resample
        assert resample is not None
        assert resample(weights).item() == pytest.approx(value, abs=1e-12), name
