"""`demo`: one command, and three more to try."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path

from tests.cli.conftest import Call


def test_the_next_commands_work(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "a new demo"
    with contextlib.chdir(tmp_path):
        called = call("demo", "--out", "a new demo")
        assert called.code == 0
        assert called.out.strip() == "a new demo/report.html"
        assert (folder / "report.html").stat().st_size > 100_000
        _, _, told = called.err.partition("Try next:\n")
        commands = told.splitlines()
        assert len(commands) == 3
        for command in commands:
            words = shlex.split(command)
            tried = call(*words[words.index("annotate" if "annotate" in words else "dataset") :])
            assert tried.code == 0, tried.err


def test_again_replaces_and_strangers_are_left_alone(call: Call, tmp_path: Path, demo_folder: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    call("demo", "--out", tmp_path).refused("empty folder", "--out")
    call("demo", "--out", tmp_path / "thesis.txt").refused("got the file")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
