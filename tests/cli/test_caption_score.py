"""`pix2cap caption-score`: what it prints, what it refuses, and what it says where a metric is missing."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pix2cap.cli.main import main

HYPOTHESES = {"a": "A red car.", "b": "A dog\non grass", "c": ""}
REFERENCES = {"a": ["A red car!", "The car is red."], "b": "a dog on the grass", "c": ["A cat."]}


def _write(folder: Path, hypotheses: object = HYPOTHESES, references: object = REFERENCES) -> list[str]:
    paths = [folder / "hyp.json", folder / "ref.json"]
    for path, content in zip(paths, (hypotheses, references), strict=True):
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return [str(path) for path in paths]


def _run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["caption-score", *arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*_write(tmp_path), "--metrics", "bleu,rouge_l, cider", "--format", "json"]
    code, out, _ = _run(arguments, capsys)
    record = json.loads(out)
    names = ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider"]
    assert code == 0
    assert set(record) == {"corpus", "per_item", "missing"}
    assert list(record["corpus"]) == names
    assert list(record["per_item"]) == ["a", "b", "c"]
    assert all(list(scores) == names for scores in record["per_item"].values())
    assert record["per_item"]["a"]["rouge_l"] == pytest.approx(1.0)
    assert record["per_item"]["b"]["bleu_1"] == pytest.approx(2.718281828 ** (1 - 5 / 4), abs=1e-6)
    assert record["per_item"]["c"] == dict.fromkeys(names, 0.0)
    assert record["missing"] == {}


def test_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run([*_write(tmp_path), "--metrics", "rouge_l"], capsys)
    assert code == 0
    assert "3 captions" in out
    assert "rouge_l" in out


def test_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hypotheses = {'odd, "id"': "a car", "b": "a dog"}
    references = {'odd, "id"': "a car", "b": "a cat"}
    paths = _write(tmp_path, hypotheses, references)
    code, out, _ = _run([*paths, "--metrics", "rouge_l,cider", "--format", "csv"], capsys)
    header, *rows = csv.reader(io.StringIO(out))
    assert code == 0
    assert header == ["id", "rouge_l", "cider"]
    assert [row[0] for row in rows] == ['odd, "id"', "b", ""]
    assert float(rows[2][1]) == pytest.approx((float(rows[0][1]) + float(rows[1][1])) / 2)


@pytest.mark.parametrize(
    ("hypotheses", "references", "told"),
    [
        ({"a": "x", "only-here": "y"}, {"a": "x"}, "without references: 'only-here'"),
        ({"a": "x"}, {"a": "x", "only-there": ["y"]}, "without a caption: 'only-there'"),
        ({"a": "x", "p": "y"}, {"a": "x", "q": ["y"]}, "without references: 'p'; ids without a caption: 'q'"),
        ("", {"a": "x"}, "hyp.json: expected {id: text}, got an empty file"),
        ({}, {}, "hyp.json: expected at least one caption"),
        (["x"], {"a": "x"}, "hyp.json: expected an object {id: text}, got a list"),
        ("{", {"a": "x"}, "hyp.json: expected JSON {id: text}"),
        ({"a": 3}, {"a": "x"}, "hyp.json: expected a text for id 'a', got a number (3)"),
        ({"a": None}, {"a": "x"}, "hyp.json: expected a text for id 'a', got null"),
        ({"a": ["x"]}, {"a": "x"}, "hyp.json: expected a text for id 'a', got a list"),
        ({"a": "x"}, {"a": []}, "ref.json: expected a list of texts for id 'a', got a list ([])"),
        (
            {"a": "x"},
            {"a": ["x", True]},
            "expected only texts in the list of id 'a', got a boolean",
        ),
        ({"a": "x"}, {"a": {"b": "x"}}, "ref.json: expected a list of texts for id 'a', got an object"),
        ('{"a": "x", "a": "y"}', {"a": "x"}, "hyp.json: expected each id once, got twice: 'a'"),
        ('{"a": "\\ud800"}', {"a": "x"}, "hyp.json: expected Unicode text for id 'a'"),
        ("[" * 100_000, {"a": "x"}, "hyp.json: expected JSON"),
    ],
)
def test_input_that_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], hypotheses: object, references: object, told: str
) -> None:
    code, out, err = _run(_write(tmp_path, hypotheses, references), capsys)
    assert (code, out) == (2, "")
    assert told in err


def test_files_that_are_not_there_or_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hypotheses, references = _write(tmp_path)
    code, _, err = _run([str(tmp_path / "none.json"), references], capsys)
    assert code == 2
    assert "none.json" in err
    Path(hypotheses).write_bytes(b"\xff\xfe\x00")
    code, _, err = _run([hypotheses, references], capsys)
    assert code == 2
    assert "hyp.json" in err


@pytest.mark.parametrize("metrics", ["cidr", "bleu,Rouge", ","])
def test_an_unknown_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str], metrics: str) -> None:
    code, out, err = _run([*_write(tmp_path), "--metrics", metrics], capsys)
    assert (code, out) == (2, "")
    assert "expected metrics out of bleu, rouge_l, cider" in err


def test_a_missing_metric_is_null_with_its_reason_never_zero(tmp_path: Path) -> None:
    """No Java on the PATH, and a pycocoevalcap without its data."""
    (tmp_path / "pycocoevalcap").mkdir()
    (tmp_path / "pycocoevalcap" / "__init__.py").touch()
    environ = {
        name: value for name, value in os.environ.items() if name not in ("JAVA_HOME", "PIX2CAP_SPICE_HOME")
    }
    environ |= {"PATH": str(tmp_path), "PYTHONPATH": str(tmp_path), "PIX2CAP_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "pix2cap", "caption-score", *_write(tmp_path)]
    done = subprocess.run(
        [*command, "--metrics", "rouge_l,meteor,spice", "--format", "json"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    record = json.loads(done.stdout)
    assert record["corpus"]["meteor"] is None
    assert record["corpus"]["spice"] is None
    assert record["corpus"]["meteor_exact_stem"] > 0.3
    assert set(record["missing"]) == {"meteor", "spice"}
    assert "Java" in record["missing"]["spice"]
    assert "edu.stanford.nlp:stanford-corenlp:3.6.0" in record["missing"]["spice"]
    assert "meteor-1.5.jar" in record["missing"]["meteor"]
    assert list(record["per_item"]["a"]) == ["rouge_l", "meteor_exact_stem"]
