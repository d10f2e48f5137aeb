"""The demo as a function: everything it makes is whole, and nothing of others is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from pix2cap.dataset.validate import validate_source
from pix2cap.demo import run_demo
from pix2cap.errors import UsageError


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_what_it_makes(tmp_path: Path) -> None:
    told: list[str] = []
    made = run_demo(tmp_path / "demo", say=told.append)
    counts = made.status.segments
    assert made.status.is_clean
    assert counts.total == counts.captioned + counts.not_visible > 50
    assert validate_source(made.dataset) == []
    assert validate_source(tmp_path / "demo" / "sample") == []
    assert made.report.is_file()
    assert len(told) == 4
    assert len(made.next_commands) == 3


def test_again_gives_the_same(tmp_path: Path) -> None:
    first = files(run_demo(tmp_path / "demo").dataset)
    (tmp_path / "demo" / "mine.txt").write_text("kept")
    second = files(run_demo(tmp_path / "demo").dataset)
    assert {name for name in first if first[name] != second.get(name)} <= {"manifest.json"}
    assert (tmp_path / "demo" / "mine.txt").read_text() == "kept"


def test_a_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("kept")
    with pytest.raises(UsageError, match="earlier demo"):
        run_demo(tmp_path)
    with pytest.raises(UsageError, match="got the file"):
        run_demo(tmp_path / "run" / "mine.txt")
    assert files(tmp_path) == {"run/mine.txt": b"kept"}
