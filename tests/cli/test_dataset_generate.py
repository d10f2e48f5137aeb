"""`dataset generate`: counts on stdout, progress and the next command on stderr."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Call


def test_a_set_that_validates(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "a set"
    called = call(
        "dataset", "generate", "--out", out, "--images", 3, "--size", "80x64", "--seed", 4, "--format", "json"
    )
    assert called.code == 0
    assert called.json["images"] == 3
    assert called.json["segments"] > called.json["objects"] >= 9
    assert f"report '{out}'" in called.err
    assert call("dataset", "validate", out).code == 0


def test_a_table_too(call: Call, tmp_path: Path) -> None:
    called = call("dataset", "generate", "--out", tmp_path / "set", "--images", 1, "--size", "64x64")
    assert called.code == 0
    assert "partly hidden" in called.out


@pytest.mark.parametrize("size", ["128", "128*128", "x", "12ax40", "128x-4"])
def test_a_size_that_is_none(call: Call, tmp_path: Path, size: str) -> None:
    call("dataset", "generate", "--out", tmp_path / "set", f"--size={size}").refused("640x480", size)


def test_a_folder_that_is_not_ours(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    call("dataset", "generate", "--out", tmp_path, "--images", 1).refused("mine.txt", "--overwrite")
