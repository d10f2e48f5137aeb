"""`pix2cap report` with results: what it takes, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from pix2cap.cli.main import main
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.results import made_result, result_on


def _run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["report", *map(str, arguments)])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_two_results_on_one_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = build_coco_panoptic(tmp_path / "gt", captions=True)
    for name in ("a", "b"):
        result_on(paths, seed=ord(name)).write(tmp_path / name / "scores.json")
    out = tmp_path / "page.html"
    sources = [tmp_path / name / "scores.json" for name in ("a", "b")]
    code = _run(
        *sources, "--out", out, "--images", paths.images, "--gt", paths.json_path, "--gt-masks", paths.masks
    )
    assert code == 0
    assert capsys.readouterr().out.strip() == str(out)
    text = out.read_text()
    assert "<title>a/scores against b/scores</title>" in text, (
        "same file names are told apart by their folders"
    )
    assert 'class="veil"' in text


def test_results_can_be_named(tmp_path: Path) -> None:
    path = made_result().write(tmp_path / "r.json")
    assert _run(path, path, "--name", "first", "--name", "second", "--out", tmp_path / "p.html") == 0
    assert "<title>first against second</title>" in (tmp_path / "p.html").read_text()


def test_wrong_use_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made_result().write(tmp_path / "r.json")
    foreign = tmp_path / "panoptic.json"
    foreign.write_text('{"images": [], "annotations": []}')
    out = ("--out", tmp_path / "p.html")
    told = {
        "got nothing": (),
        "one dataset folder": (tmp_path, path),
        "expected one --name for each of 1 results, got 2": (path, "--name", "a", "--name", "b"),
        "with results only": (tmp_path, "--name", "a"),
        "at most 8 results": [path] * 9,
        "got images, annotations": (foreign,),
        "no such file": (tmp_path / "nothing.json",),
        "expected a folder of pictures": (path, "--images", tmp_path / "nothing"),
    }
    for message, arguments in told.items():
        assert _run(*arguments, *out) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "p.html").exists()
