"""Flag over environment over `pix2cap.toml` over default."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pix2cap.cli.configuration import load_dotenv
from tests.builders.panoptic import CocoPaths
from tests.cli.conftest import Call, environment, source

SECTIONS = {
    "one command": '[annotate.plan]\nlimit = 1\nmax_marks = 1\nmodel = "openai:gpt-4o"\n',
    "a group": '[annotate]\nlimit = 1\nmax-marks = 1\nmodel = "openai:gpt-4o"\nretry-failed = true\n',
    "all commands": 'limit = 1\nmax_marks = 1\nmodel = "openai:gpt-4o"\nbeam_size = 4\n',
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty current folder."""
    here = tmp_path / "here"
    here.mkdir()
    with contextlib.chdir(here):
        yield here


@pytest.mark.parametrize("section", SECTIONS)
def test_the_file_stands_in_for_flags(call: Call, small: CocoPaths, folder: Path, section: str) -> None:
    (folder / "pix2cap.toml").write_text(SECTIONS[section])
    plan = call("annotate", "plan", *source(small), "--format", "json").json
    assert (plan["images"], plan["requests"], plan["host"]) == (1, 4, "api.openai.com")


def test_the_nearer_table_wins(call: Call, small: CocoPaths, folder: Path) -> None:
    text = 'limit = 3\nmax_marks = 3\n[annotate]\nlimit = 2\n[annotate.plan]\nmodel = "describe"\n'
    (folder / "pix2cap.toml").write_text(f'model = "openai:gpt-4o"\n{text}')
    plan = call("annotate", "plan", *source(small), "--format", "json").json
    assert (plan["images"], plan["requests"], plan["host"]) == (2, 4, None)


def test_environment_over_file_and_flag_over_both(call: Call, small: CocoPaths, folder: Path) -> None:
    (folder / "pix2cap.toml").write_text("[annotate]\nlimit = 1\n")
    with environment(PIX2CAP_LIMIT="2", PIX2CAP_MAX_MARKS="1"):
        plan = call("annotate", "plan", *source(small), "--format", "json").json
        assert (plan["images"], plan["requests"]) == (2, 8)
        plan = call("annotate", "plan", *source(small), "--format", "json", "--limit", "3").json
        assert (plan["images"], plan["requests"]) == (3, 12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("limit = = 1", ["pix2cap.toml", "expected TOML"]),
        ("annotate = 1", ["pix2cap.toml", "[annotate]"]),
        ("[annotate]\nplan = 1", ["pix2cap.toml", "[annotate.plan]"]),
        ("[annotate.plan]\nlimmit = 1", ["pix2cap.toml", "limmit"]),
        ('[annotate.plan]\nlimit = "some"', ["pix2cap.toml", "limit", "some"]),
        ("[annotate.plan]\nlimit = 0", ["--limit", "at least 1"]),
    ],
)
def test_a_wrong_file_is_named(
    call: Call, small: CocoPaths, folder: Path, text: str, words: list[str]
) -> None:
    (folder / "pix2cap.toml").write_text(text)
    call("annotate", "plan", *source(small)).refused(*words)


def test_a_wrong_variable_is_named(call: Call, small: CocoPaths, folder: Path) -> None:
    with environment(PIX2CAP_CONCURRENCY="many"):
        call("annotate", "run", *source(small), "--out", folder / "run").refused(
            "PIX2CAP_CONCURRENCY", "many"
        )
    with environment(PIX2CAP_CONCURRENCY="0"):
        call("annotate", "run", *source(small), "--out", folder / "run").refused(
            "--concurrency", "at least 1"
        )
    assert list(folder.iterdir()) == []


def test_a_key_in_the_environment_is_no_option(call: Call, small: CocoPaths, folder: Path) -> None:
    with environment(PIX2CAP_API_KEY="sk-secret"):
        called = call("annotate", "plan", *source(small), "--model", "openai:gpt-4o")
    assert called.code == 0
    assert "sk-secret" not in called.out + called.err


def test_dotenv_lies_beneath_the_environment(call: Call, small: CocoPaths, folder: Path) -> None:
    (folder / ".env").write_text('PIX2CAP_LIMIT=1\nPIX2CAP_MAX_MARKS="1"  # one\n')
    with environment(PIX2CAP_MAX_MARKS="12"):
        plan = call("annotate", "plan", *source(small), "--format", "json").json
    assert (plan["images"], plan["requests"]) == (1, 1)


def test_dotenv_that_is_no_text(call: Call, small: CocoPaths, folder: Path) -> None:
    (folder / ".env").write_bytes(b"\xff\xfe\x00")
    call("annotate", "plan", *source(small)).refused(".env")


def test_without_dotenv_nothing_happens(folder: Path) -> None:
    with environment():
        load_dotenv()
