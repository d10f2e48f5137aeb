"""ViP-Bench against a judge in bad health: 429, 500, time-outs, resets, garbage grades and kill -9."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pix2cap.evaluate.vipbench_result import ViPBenchResult
from tests.builders.chat_answers import TRANSPORT_KINDS
from tests.builders.judge_server import deliveries, faults, judge_server, kill_midway
from tests.builders.judged_benches import ViPBenchFolder, build_vipbench

ITEMS, RUNS, CONCURRENCY, KILLS = 6, 2, 3, 3
judging = functools.partial(judge_server, "vipbench", garbage=2)


def bench(folder: Path, out: Path, base_url: str) -> list[str]:
    """The command: answers and grades by the same server."""
    return [
        sys.executable, "-m", "pix2cap", "bench", "vipbench", str(folder), "--prompts", "bbox",
        "--model", "openai:answerer", "--base-url", base_url, "--price-in", "1", "--price-out", "1",
        "--judge", "openai:judge", "--judge-base-url", base_url,
        "--judge-price-in", "1", "--judge-price-out", "1", "--max-cost", "5", "--runs", str(RUNS),
        "--timeout", "1", "--concurrency", str(CONCURRENCY), "--out", str(out), "--format", "json",
    ]  # fmt: skip


def comparable(out: Path) -> dict[str, object]:
    """A result without what differs from session to session."""
    record = ViPBenchResult.read(out / "result.json").to_json()
    return {key: value for key, value in record.items() if key not in ("provenance", "cost_usd")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ViPBenchFolder:
    return build_vipbench(tmp_path_factory.mktemp("bench") / "ViP-Bench", ITEMS)


@pytest.fixture(scope="module")
def undisturbed(folder: ViPBenchFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run through the faults from one end to the other."""
    out, log = tmp_path_factory.mktemp("undisturbed") / "vip", tmp_path_factory.mktemp("log") / "log.jsonl"
    with judging(log) as base_url:
        done = subprocess.run(bench(folder.root, out, base_url), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    keys = deliveries(log)
    assert max(keys.values()) == 1
    assert faults(log).keys() == set(TRANSPORT_KINDS)
    # Every answer, every grade, and what garbage made it ask again: nothing more was paid for.
    result = ViPBenchResult.from_json(json.loads(done.stdout))
    assert len(keys) > ITEMS * (1 + RUNS)
    assert result.total.graded == ITEMS
    assert result.cost_usd is not None
    assert result.cost_usd > 0
    return out


def test_a_storm_is_weathered_and_every_item_is_graded(undisturbed: Path) -> None:
    result = ViPBenchResult.read(undisturbed / "result.json")
    assert result.is_clean
    assert result.runs == RUNS
    assert all(len(item.grades) == RUNS and None not in item.grades for item in result.items)
    assert result.total.std is not None


def test_killed_it_goes_on_and_pays_once(folder: ViPBenchFolder, undisturbed: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "vip"
    with judging(log, latency_s=0.03) as base_url:
        command = bench(folder.root, out, base_url)
        kill_midway(command, log, kills=KILLS, every=5)
        done = subprocess.run(command, capture_output=True, text=True)
        before = deliveries(log)
        again = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == again.returncode == 0, done.stderr
    assert comparable(out) == comparable(undisturbed)
    # A kill loses what is in flight and nothing else; a finished bench asks for nothing.
    assert sum(count - 1 for count in before.values()) <= KILLS * CONCURRENCY
    assert deliveries(log) == before
    assert again.stdout == done.stdout
