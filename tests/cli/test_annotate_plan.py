"""`annotate plan`: numbers before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.panoptic import CocoPaths, build_coco_panoptic
from tests.cli.conftest import Call, source

PAID = ["--model", "openai:gpt-4o"]
OWN = ["--model", "openai:mine", "--base-url", "http://127.0.0.1:9/v1"]


def test_the_record_has_the_promised_keys(call: Call, small: CocoPaths) -> None:
    called = call("annotate", "plan", *source(small), *PAID, "--format", "json")
    assert called.code == 0
    plan = called.json
    assert {"images", "segments", "requests", "input_tokens", "output_tokens", "cost_usd"} <= set(plan)
    assert set(plan["cost_usd"]) == {"low", "high"}
    assert (plan["images"], plan["segments"], plan["requests"]) == (3, 12, 3)
    assert 0 < plan["cost_usd"]["low"] < plan["cost_usd"]["high"] < 0.2
    assert plan["input_tokens"] > plan["output_tokens"] > 0
    assert called.err == ""


def test_the_describer_costs_nothing(call: Call, small: CocoPaths) -> None:
    plan = call("annotate", "plan", *source(small), "--format", "json").json
    assert plan["cost_usd"] == {"low": 0.0, "high": 0.0}
    assert plan["host"] is None


def test_an_unknown_price_is_null_and_said(call: Call, small: CocoPaths) -> None:
    called = call("annotate", "plan", *source(small), *OWN, "--format", "json")
    assert called.code == 0
    assert called.json["cost_usd"] == {"low": None, "high": None}
    assert "--price-in" in called.err
    told = call("annotate", "plan", *source(small), *OWN)
    assert "unknown" in told.out


def test_own_prices(call: Call, small: CocoPaths) -> None:
    arguments = [*source(small), *OWN, "--price-in", 1, "--price-out", 10, "--format", "json"]
    plan = call("annotate", "plan", *arguments).json
    tokens = plan["tokens"]
    low = (tokens["input"]["low"] + 10 * tokens["output"]["low"]) / 1e6
    assert plan["cost_usd"]["low"] == pytest.approx(low)


def test_crowded_pictures_make_more_requests(call: Call, small: CocoPaths) -> None:
    plan = call("annotate", "plan", *source(small), "--max-marks", 1, "--format", "json").json
    assert (plan["segments"], plan["requests"]) == (12, 12)


def test_ids_and_limit(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("3\n1\n")
    plan = call("annotate", "plan", *source(small), "--ids", ids, "--format", "json").json
    assert plan["images"] == 2
    plan = call("annotate", "plan", *source(small), "--ids", ids, "--limit", 1, "--format", "json").json
    assert plan["images"] == 1
    ids.write_text("3\n77\n")
    call("annotate", "plan", *source(small), "--ids", ids).refused("77", "1, 2, 3")


def test_images_that_will_be_refused_are_named(call: Call, small: CocoPaths) -> None:
    small.picture_path(0).unlink()
    small.mask_path(1).write_bytes(small.mask_path(1).read_bytes()[:60])
    called = call("annotate", "plan", *source(small), "--format", "json")
    assert called.code == 0
    assert (called.json["images"], called.json["refused"], called.json["segments"]) == (1, 2, 4)
    assert "image 1" in called.err and "image 2" in called.err


def test_long_lists_of_refusals_are_cut(call: Call, tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path, n_images=13, n_segments=1)
    for number in range(13):
        paths.picture_path(number).unlink()
    called = call("annotate", "plan", *source(paths))
    assert called.code == 0
    assert "and 3 more refused" in called.err
    assert len(called.err.splitlines()) == 11


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--max-marks", "0"], ["--max-marks", "at least 1", "got 0"]),
        (["--max-marks", "-1"], ["--max-marks"]),
        (["--concurrency", "0"], ["--concurrency"]),
        (["--timeout", "0"], ["--timeout", "above 0"]),
        (["--timeout", "nan"], ["--timeout"]),
        (["--max-tries", "0"], ["--max-tries"]),
        (["--max-tokens", "0"], ["--max-tokens"]),
        (["--temperature", "-0.1"], ["--temperature"]),
        (["--temperature", "2.1"], ["--temperature", "at most 2"]),
        (["--requests-per-minute", "0"], ["--requests-per-minute"]),
        (["--tokens-per-minute", "-5"], ["--tokens-per-minute"]),
        (["--limit", "0"], ["--limit"]),
        (["--limit", "-2"], ["--limit"]),
        (["--price-in", "1"], ["--price-out"]),
        (["--price-out", "1"], ["--price-in"]),
        (["--price-in", "-1", "--price-out", "1"], ["at least 0"]),
        (["--language", "xx"], ["--language", "de"]),
        (["--language", "German"], ["--language", "write de"]),
        (["--language", "de"], ["describe", "English"]),
        (["--model", "gpt-4o"], ["openai:MODEL", "'gpt-4o'"]),
        (["--model", "openai:"], ["openai:MODEL"]),
        (["--model", "pydantic-ai:openai"], ["pydantic-ai:PROVIDER:MODEL"]),
        (["--model", "replay:nowhere.json"], ["nowhere.json"]),
        (["--strong-model", "strong"], ["'strong'"]),
        (["--strong-model", "describe"], ["--strong-model"]),
        (["--model", "openai:x", "--base-url", "localhost"], ["--base-url", "'localhost'"]),
        (["--prompt", "nowhere.md"], ["nowhere.md"]),
        (["--ids", "nowhere.txt"], ["nowhere.txt"]),
    ],
)
def test_options_that_cannot_be_meant(
    call: Call, small: CocoPaths, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    call("annotate", "plan", *source(small), *arguments).refused(*words)
    run = tmp_path / "run"
    call("annotate", "run", *source(small), *arguments, "--out", run).refused(*words)
    assert not run.exists()


def test_a_prompt_without_rows(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_text("Describe everything.")
    arguments = [*source(small), "--prompt", tmp_path / "mine.md"]
    call("annotate", "plan", *arguments).refused("mine.md", "{{ rows }}")
    call("annotate", "run", *arguments, "--out", tmp_path / "run").refused("mine.md", "{{ rows }}")
    assert not (tmp_path / "run").exists()


def test_a_thousand_marks_are_a_strange_wish_but_one(call: Call, small: CocoPaths) -> None:
    assert call("annotate", "plan", *source(small), "--max-marks", 1000).code == 0


FILES = {
    "text": (b"hello\n", "not a JSON file"),
    "list": (b"[1, 2]", "a list"),
    "cut": (b'{"images": [{"id": 1, "file_na', "truncated"),
    "empty": (b"", "empty file"),
    "no keys": (b"{}", "annotations"),
    "no text": (b"\xff\xfe\x00", "not a JSON file"),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("command", ["plan", "run", "preview"])
def test_sources_that_are_none(call: Call, small: CocoPaths, kind: str, command: str) -> None:
    data, words = FILES[kind]
    small.json_path.write_bytes(data)
    out = small.folder / "out"
    more = {"plan": [], "run": ["--out", out], "preview": ["--out", out, "--image-id", 1]}[command]
    call("annotate", command, *source(small), *more).refused("panoptic.json", words)
    assert not out.exists()


def test_places_where_nothing_is(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    call("annotate", "plan", nowhere, "--images", small.images).refused("nowhere", "no such file")
    call("annotate", "plan", small.json_path, "--images", nowhere).refused("--images", "nowhere")
    arguments = [small.json_path, "--images", small.images, "--masks", nowhere]
    call("annotate", "plan", *arguments).refused("--masks", "nowhere")
    call("annotate", "plan", small.json_path).refused("--images")
    call("annotate", "plan", small.images, "--images", small.images).refused("no JSON")


def test_masks_left_out_are_found_beside_or_asked_for(call: Call, small: CocoPaths) -> None:
    assert call("annotate", "plan", small.json_path, "--images", small.images).code == 0
    small.masks.rename(small.folder / "elsewhere")
    call("annotate", "plan", small.json_path, "--images", small.images).refused("--masks")
