"""Data on stdout, talk on stderr, progress by the kind of stream."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pix2cap.cli.output import print_json, print_record, read_ids
from pix2cap.errors import InputError
from tests.builders.panoptic import CocoPaths
from tests.builders.terminal import watch_terminal
from tests.cli.conftest import source, start


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("1\n2\n", [1, 2]),
        ("# chosen by hand\n 7 \n\n12 # the dog\n7", [7, 12, 7]),
        ("-3\r\n4\r\n", [-3, 4]),
    ],
)
def test_ids_are_read(tmp_path: Path, text: str, ids: list[int]) -> None:
    (tmp_path / "ids.txt").write_text(text)
    assert read_ids(tmp_path / "ids.txt") == ids


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"1\ntwo\n", "line 2: expected an image id, got 'two'"),
        (b"--5", "line 1: expected an image id"),
        (b"1.5", "expected an image id"),
        (b"9" * 40, "expected an image id"),
        (b"", "at least one image id"),
        (b"# none\n\n", "at least one image id"),
        (b"\xff\xfe1", "one image id a line"),
    ],
)
def test_ids_that_are_none(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "ids.txt").write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_ids(tmp_path / "ids.txt")


def test_a_folder_of_ids(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one image id a line"):
        read_ids(tmp_path)


def test_json_is_utf8_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"über": [1, None]})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"über": [1, None]}
    assert captured.err == ""


def test_a_record_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    record = {
        "images": 1200,
        "cost_usd": {"low": 0.5, "high": 1234.5},
        "spent": {"low": None, "high": None},
        "host": None,
        "sampled": True,
        "segments": {"not_visible": 3, "markup [bold]": 1},
        "reasons": {},
        "files": ["a", "b"],
        "requests": [{"key": "k1"}, {"key": "k2"}],
        "notes": ["not shown here"],
    }
    print_record(record, format="table", title="A [red] title")
    captured = capsys.readouterr()
    rows = [line.strip("│┃ ").split("│") for line in captured.out.splitlines() if "│" in line]
    table = {left.strip(): right.strip() for left, right in rows}
    assert captured.out.startswith("A [red] title\n")
    assert captured.err == ""
    assert table == {
        "images": "1,200",
        "cost usd": "0.5 to 1,234.5",
        "spent": "unknown",
        "host": "unknown",
        "sampled": "yes",
        "segments: not visible": "3",
        "segments: markup [bold]": "1",
        "reasons": "-",
        "files": "a, b",
        "requests 1: key": "k1",
        "requests 2: key": "k2",
    }


def test_on_a_terminal_a_bar_moves_and_stdout_stays_clean(small: CocoPaths, tmp_path: Path) -> None:
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    arguments = ["annotate", "run", *source(small), "--out", tmp_path / "run", "--format", "json"]
    process, out, text = watch_terminal(lambda stderr: start(*arguments, stderr=stderr, env=environment))
    assert process.returncode == 0
    assert json.loads(out)["segments"]["captioned"] == 12
    assert "images" in text and "images/s" in text and "3/3" in text
    assert "no picture leaves it" in text
    assert "next: " in text


def test_elsewhere_plain_lines(small: CocoPaths, tmp_path: Path) -> None:
    process = start("annotate", "run", *source(small), "--out", tmp_path / "run", "--format", "json")
    out, err = process.communicate()
    assert json.loads(out)["images"] == 3
    assert any(line.startswith("3/3 images, ") for line in err.splitlines())
    assert "\x1b" not in err
