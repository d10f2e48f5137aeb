"""`report`: one page from a dataset folder."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Call


def test_a_page(call: Call, demo_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new folder" / "page.html"
    called = call("report", demo_folder / "demo" / "dataset", "--out", out)
    assert called.code == 0
    assert called.out.strip() == str(out)
    assert out.read_text().lstrip().lower().startswith("<!doctype html>")


def test_what_cannot_be_shown(call: Call, demo_folder: Path, tmp_path: Path) -> None:
    call("report", tmp_path, "--out", tmp_path / "page.html").refused("panoptic.json", "annotate export")
    call("report", tmp_path / "nowhere").refused("nowhere")
    dataset = demo_folder / "demo" / "dataset"
    call("report", dataset, "--out", tmp_path).refused("got the folder", "report.html")
    (tmp_path / "file").write_text("mine")
    call("report", dataset, "--out", tmp_path / "file" / "page.html").refused("file")
    call("report", dataset, "--out", tmp_path / "page.html", "--images", tmp_path / "none").refused("none")
