"""Folders to write to."""

from __future__ import annotations

from pathlib import Path

import pytest

from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.errors import UsageError


def test_it_is_made_with_those_above_it(tmp_path: Path) -> None:
    for _ in range(2):
        make_out_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_files_in_the_way_are_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for folder in (file, file / "below", file / "far" / "below"):
        with pytest.raises(UsageError, match=f"got the file {file}"):
            make_out_folder(folder)
    with pytest.raises(UsageError, match="can be made and written to"):
        make_out_folder(Path("/proc/nowhere"))
