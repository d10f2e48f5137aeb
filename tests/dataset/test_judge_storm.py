"""`dataset check --judge` against a judge in bad health: 429, 500, time-outs, resets, garbage and kill -9."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders.caption_judge import claims_of
from tests.builders.chat_answers import TRANSPORT_KINDS
from tests.builders.judge_server import deliveries, faults, judge_server, kill_midway
from tests.builders.panoptic import CocoPaths, build_coco_panoptic

IMAGES, SEGMENTS, CONCURRENCY, KILLS = 4, 6, 3, 3
judging = functools.partial(judge_server, "captions", garbage=3)


def check(paths: CocoPaths, out: Path, base_url: str, *more: str) -> list[str]:
    """The command."""
    return [
        sys.executable, "-m", "pix2cap", "dataset", "check", str(paths.json_path),
        "--images", str(paths.images), "--masks", str(paths.masks),
        "--judge", "openai:judge", "--base-url", base_url, "--price-in", "1", "--price-out", "1",
        "--max-cost", "5", "--timeout", "1", "--concurrency", str(CONCURRENCY), "--per-request", "2",
        "--checks", "refusal", "--out", str(out), "--format", "json", *more,
    ]  # fmt: skip


def read(out: Path) -> dict[str, Any]:
    """`judge.json` without what a session that pays twice for a lost reply would count otherwise."""
    record: dict[str, Any] = json.loads((out / "judge.json").read_text())
    return {key: value for key, value in record.items() if key != "spend"}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> CocoPaths:
    folder = tmp_path_factory.mktemp("coco")
    built = build_coco_panoptic(folder, n_images=IMAGES, n_segments=SEGMENTS, captions=True)
    for annotation in built.document["annotations"]:
        for row in annotation["segments_info"]:
            # Plainly English by its function words: no process then loads the classifier of languages.
            row["description"] = row["description"].removesuffix(".") + ", and it is in the light of the sun."
    built.json_path.write_text(json.dumps(built.document))
    return built


@pytest.fixture(scope="module")
def undisturbed(paths: CocoPaths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run through the faults from one end to the other."""
    out, log = tmp_path_factory.mktemp("undisturbed") / "out", tmp_path_factory.mktemp("log") / "log.jsonl"
    with judging(log) as base_url:
        done = subprocess.run(check(paths, out, base_url), capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert max(deliveries(log).values()) == 1
    assert faults(log).keys() == set(TRANSPORT_KINDS)
    rows = json.loads(done.stdout)
    assert rows == json.loads((out / "findings.json").read_text())
    assert {row["check"] for row in rows} == {"judge"}
    return out


def test_a_storm_is_weathered_and_every_caption_is_judged(paths: CocoPaths, undisturbed: Path) -> None:
    record = read(undisturbed)
    captions = {
        (annotation["image_id"], row["id"]): row["description"]
        for annotation in paths.document["annotations"]
        for row in annotation["segments_info"]
    }
    judged = {(row["image_id"], row["segment_id"]): row for row in record["captions"]}
    assert judged.keys() == captions.keys()
    for key, caption in captions.items():
        assert judged[key]["claims"] == claims_of(caption)
    assert (record["failed"], record["counts"]["pending"]) == ([], 0)
    spend = json.loads((undisturbed / "judge.json").read_text())["spend"]
    assert spend["cost_usd"] == pytest.approx((spend["input_tokens"] + spend["output_tokens"]) / 1e6)
    # Three of ten replies were no use: those captions were asked about again.
    assert spend["requests"] > len(captions) / 2


def test_killed_it_goes_on_and_pays_once(paths: CocoPaths, undisturbed: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "out"
    with judging(log, latency_s=0.05) as base_url:
        command = check(paths, out, base_url)
        kill_midway(command, log, kills=KILLS, every=4)
        done = subprocess.run(command, capture_output=True, text=True)
        before = deliveries(log)
        again = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == again.returncode == 1, done.stderr
    assert read(out) == read(undisturbed)
    # A kill loses what is in flight and nothing else; a finished check asks for nothing.
    assert sum(count - 1 for count in before.values()) <= KILLS * CONCURRENCY
    assert deliveries(log) == before
    assert again.stdout == done.stdout


def test_the_budget_ends_it_with_its_own_exit_code_and_the_counts(paths: CocoPaths, tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "out"
    with judging(log) as base_url:
        command = check(paths, out, base_url)
        command[command.index("--max-cost") + 1] = "0.012"
        done = subprocess.run(command, capture_output=True, text=True)
        plan_command = check(paths, tmp_path / "none", base_url, "--plan")
        planned = subprocess.run(plan_command, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert "still to be judged" in done.stderr
    assert 0 < read(out)["counts"]["pending"] < IMAGES * SEGMENTS
    spend = json.loads((out / "judge.json").read_text())["spend"]
    assert 0 < spend["cost_usd"] <= 0.012
    assert planned.returncode == 0, planned.stderr
    plan = json.loads(planned.stdout)
    assert (plan["images"], plan["segments"]) == (
        IMAGES,
        len(read(out)["captions"]) + read(out)["counts"]["pending"],
    )
    assert not (tmp_path / "none").exists()
