"""`annotate status`: the counts, and what a damaged run folder says."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pix2cap.annotate import JobOptions, annotate
from tests.builders.panoptic import CocoPaths, build_coco_panoptic
from tests.builders.recorded import write_recorded
from tests.cli.conftest import Call, source


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[CocoPaths, Path]:
    """A dataset and a finished run of it; copy the run before changing it."""
    folder = tmp_path_factory.mktemp("finished")
    paths = build_coco_panoptic(folder / "data", n_images=3, n_segments=4, crowd=True)
    hidden, lost = paths.segment(1)["id"], paths.segment(2)["id"]
    replay = f"replay:{write_recorded(paths, hidden={hidden}, left_out={lost})}"
    annotate(
        paths.json_path, folder / "run", JobOptions(images=paths.images, masks=paths.masks, model=replay)
    )
    return paths, folder / "run"


def test_the_record_has_the_promised_keys(call: Call, finished: tuple[CocoPaths, Path]) -> None:
    called = call("annotate", "status", finished[1], "--format", "json")
    assert called.code == 0
    assert called.err == ""
    expected = {
        "images": 3,
        "segments": {
            "total": 9, "captioned": 7, "not_visible": 1, "failed": 1, "pending": 0, "crowd": 3,
        },
        "failed_reasons": {"missing": 1},
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_usd": 0.0,
    }  # fmt: skip
    assert {name: called.json[name] for name in expected} == expected
    assert called.json["requests"] >= 3


def test_a_table_for_people(call: Call, finished: tuple[CocoPaths, Path]) -> None:
    called = call("annotate", "status", finished[1])
    assert called.code == 0
    rows = [line.strip("│ ").split("│") for line in called.out.splitlines() if "│" in line]
    table = {left.strip(): right.strip() for left, right in rows}
    assert table["segments: captioned"] == "7"
    assert table["failed reasons: missing"] == "1"


def journal_bytes(run: Path) -> bytes | None:
    return (run / JOURNAL).read_bytes() if (run / JOURNAL).exists() else None


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def scramble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[2 * 4096 : -4096] = b"\xa5" * (len(data) - 3 * 4096)
    path.write_bytes(data)


JOURNAL, CONFIG = "journal.sqlite", "run.toml"
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "journal deleted": (lambda run: (run / JOURNAL).unlink(), JOURNAL),
    "journal emptied": (lambda run: (run / JOURNAL).write_bytes(b""), JOURNAL),
    "journal cut": (lambda run: cut(run / JOURNAL, 5000), JOURNAL),
    "journal overwritten": (lambda run: (run / JOURNAL).write_text("garbage"), JOURNAL),
    "journal's pages damaged": (lambda run: scramble(run / JOURNAL), JOURNAL),
    "settings deleted": (lambda run: (run / CONFIG).unlink(), CONFIG),
    "settings no TOML": (lambda run: (run / CONFIG).write_text("= ="), CONFIG),
    "settings of something else": (lambda run: (run / CONFIG).write_text("name = 'x'"), CONFIG),
    "settings without tables": (lambda run: (run / CONFIG).write_text("paths = 1\nsettings = 2"), CONFIG),
    "settings cut": (lambda run: cut(run / CONFIG, 120), CONFIG),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_folder_is_refused_by_every_command(
    call: Call, finished: tuple[CocoPaths, Path], tmp_path: Path, damage: str
) -> None:
    paths, whole = finished
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    wreck, name = DAMAGES[damage]
    wreck(run)
    before = journal_bytes(run)
    call("annotate", "status", run).refused(name)
    call("annotate", "export", run, "--out", tmp_path / "dataset").refused(name)
    model = f"replay:{paths.folder / 'captions.json'}"
    call("annotate", "run", *source(paths), "--out", run, "--model", model).refused(name)
    assert journal_bytes(run) == before
    assert not (tmp_path / "dataset").exists()


def test_a_folder_that_is_no_run(call: Call, tmp_path: Path) -> None:
    call("annotate", "status", tmp_path).refused("run.toml", "annotate run")
    call("annotate", "status", tmp_path / "nowhere").refused("nowhere")
    (tmp_path / "file").write_text("x")
    call("annotate", "status", tmp_path / "file").refused("run.toml")
