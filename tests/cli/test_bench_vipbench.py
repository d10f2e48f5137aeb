"""`pix2cap bench vipbench`: exit codes, data on stdout, and what is refused."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.chat_server import ChatServer
from tests.builders.judged_benches import GradeAnswers, ViPBenchFolder, build_vipbench
from tests.cli.conftest import Call


@pytest.fixture
def bench(tmp_path: Path) -> ViPBenchFolder:
    return build_vipbench(tmp_path / "ViP-Bench", 4)


@pytest.fixture
def answers(bench: ViPBenchFolder, tmp_path: Path) -> Path:
    file = tmp_path / "answers.json"
    file.write_text(json.dumps(bench.references))
    return file


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A judge and answerer in good health, in a loop of its own."""
    chat = ChatServer(GradeAnswers(garbage=0))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(chat.__aenter__(), loop).result(10)
    yield chat
    asyncio.run_coroutine_threadsafe(chat.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_recorded_grades_are_aggregated_without_a_judge(call: Call, golden: Path, tmp_path: Path) -> None:
    record = json.loads((golden / "vipbench_aggregation.json").read_text())
    for name, part in (("vip-bench-meta-data.json", "meta"), ("grades.json", "grades")):
        (tmp_path / name).write_text(json.dumps(record[part]))
    done = call("bench", "vipbench", tmp_path, "--grades", tmp_path / "grades.json", "--format", "json")
    assert done.code == 0
    assert done.json["bench"] == "vipbench"
    assert f"{done.json['total']['score']:.1f}" == record["expected"]["5"]["cap"]["total"]
    table = call("bench", "vipbench", tmp_path, "--grades", tmp_path / "grades.json", "--runs", "1")
    assert table.code == 0
    assert record["expected"]["1"]["cap"]["rec"] in table.out


def test_a_dry_run_needs_no_network(call: Call, bench: ViPBenchFolder, answers: Path) -> None:
    done = call("bench", "vipbench", bench.root, "--predictions", answers, "--format", "json")
    assert done.code == 0
    assert done.json["total"]["score"] == 100.0
    assert done.json["judge"] == "exact"
    assert "dry runs" in done.err


def test_missing_answers_end_with_one(call: Call, bench: ViPBenchFolder, answers: Path) -> None:
    record = json.loads(answers.read_text())
    del record["v1_2"]
    answers.write_text(json.dumps(record))
    call("bench", "vipbench", bench.root, "--predictions", answers).refused("v1_2", "--allow-missing")
    done = call("bench", "vipbench", bench.root, "--predictions", answers, "--allow-missing")
    assert done.code == 1
    assert "no answer, graded 0: v1_2" in done.err
    assert "total" in done.out


def test_end_to_end_and_a_budget_that_ends_with_three(
    call: Call, bench: ViPBenchFolder, tmp_path: Path, server: ChatServer
) -> None:
    words = ["bench", "vipbench", bench.root, "--model", "openai:a", "--base-url", server.base_url]
    words += [
        "--judge",
        "openai:j",
        "--judge-base-url",
        server.base_url,
        "--runs",
        "2",
        "--out",
        tmp_path / "vip",
    ]
    words += [
        "--price-in",
        "100",
        "--price-out",
        "100",
        "--judge-price-in",
        "100",
        "--judge-price-out",
        "100",
    ]
    stopped = call(*words, "--max-cost", "0.5", "--concurrency", "1")
    assert stopped.code == 3
    assert "--max-cost" in stopped.err
    so_far = call(*words, "--rescore", "--format", "json")
    assert so_far.code in (1, 2)
    done = call(*words, "--max-cost", "50", "--format", "json")
    assert done.code == 0
    assert done.json["total"]["graded"] == 4
    assert max(server.delivered.values()) == 1
    assert len(server.delivered) == 4 * (1 + 2)
    asked = sum(server.arrivals.values())
    again = call(*words, "--rescore", "--format", "json")
    assert again.code == 0
    assert again.out == done.out
    assert sum(server.arrivals.values()) == asked
    assert {path.name for path in (tmp_path / "vip").iterdir()} == {
        *("answers", "grades", "answers.json", "grades.json", "result.json")
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--grades", "g.json", "--model", "describe"], "--grades without --model"),
        ([], "either --model or --predictions"),
        (["--model", "describe", "--out", "o"], "--prompts marks"),
        (["--model", "openai:x"], "expected --out"),
        (["--model", "nonsense", "--out", "o"], "expected a model of the form"),
        (["--predictions", "nowhere.json"], "nowhere.json"),
        (["--predictions", "a.json", "--runs", "0"], "--runs to be at least 1"),
    ],
)
def test_wrong_use_is_refused(call: Call, bench: ViPBenchFolder, words: list[str], told: str) -> None:
    call("bench", "vipbench", bench.root, *words).refused(told)


def test_a_folder_that_is_no_bench_is_refused(call: Call, tmp_path: Path) -> None:
    call("bench", "vipbench", tmp_path, "--grades", "g.json").refused("vip-bench-meta-data.json")
