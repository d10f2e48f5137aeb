"""`annotate run`: exit codes, going on, budgets, interrupts, and odd pictures on the way."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2cap.annotate.lock import run_lock
from tests.builders.panoptic import (
    CATEGORIES,
    CocoPaths,
    build_coco_panoptic,
    png_bytes,
    random_id_map,
    rgb_of,
    segments_info,
)
from tests.builders.recorded import write_recorded
from tests.cli.conftest import Call, Called, chat_server, source, start


def run(call: Call, paths: CocoPaths, out: Path, *more: object) -> Called:
    return call("annotate", "run", *source(paths), "--out", out, "--format", "json", *more)


def counts(called: Called) -> dict[str, int]:
    segments: dict[str, int] = called.json["segments"]
    return segments


def test_every_segment_gets_a_caption(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    called = run(call, small, tmp_path / "run")
    assert called.code == 0
    assert counts(called) == {
        "total": 12, "captioned": 12, "not_visible": 0, "failed": 0, "pending": 0, "crowd": 0,
    }  # fmt: skip
    assert called.err.splitlines()[0] == "describe runs on this machine, no picture leaves it"
    assert called.err.splitlines()[-1].endswith(f"annotate export {tmp_path / 'run'} --out DATASET")


def test_nothing_left_to_do(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    first = run(call, small, tmp_path / "run")
    for more in ([], ["--retry-failed"], ["--limit", 1], ["--concurrency", 1]):
        again = run(call, small, tmp_path / "run", *more)
        assert (again.code, again.json) == (0, first.json)
        assert "nothing is left to ask" in again.err


def test_a_limit_that_grows(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    replay = f"replay:{write_recorded(small)}"
    for limit in (1, 2, 3):
        called = run(call, small, tmp_path / "run", "--limit", limit, "--model", replay)
        assert called.code == 0
        assert (called.json["images"], called.json["requests"]) == (limit, limit)
        assert counts(called)["captioned"] == 4 * limit


def test_not_visible_is_no_failure_and_a_missing_record_is_one(
    call: Call, small: CocoPaths, tmp_path: Path
) -> None:
    hidden, lost = small.segment(0)["id"], small.segment(1)["id"]
    replay = f"replay:{write_recorded(small, hidden={hidden})}"
    called = run(call, small, tmp_path / "hidden", "--model", replay)
    assert called.code == 0
    assert (counts(called)["not_visible"], counts(called)["captioned"]) == (1, 11)
    write_recorded(small, left_out={lost})
    called = run(call, small, tmp_path / "lost", "--model", replay)
    assert called.code == 1
    assert called.json["failed_reasons"] == {"missing": 1}
    assert "--retry-failed" in called.err
    write_recorded(small)
    unchanged = run(call, small, tmp_path / "lost", "--model", replay)
    assert (unchanged.code, unchanged.json) == (1, called.json)
    mended = run(call, small, tmp_path / "lost", "--model", replay, "--retry-failed")
    assert (mended.code, counts(mended)["captioned"]) == (0, 12)


def test_refused_images_fail_the_run_until_they_are_mended(
    call: Call, small: CocoPaths, tmp_path: Path
) -> None:
    picture, mask = small.picture_path(0).read_bytes(), small.mask_path(1).read_bytes()
    small.picture_path(0).write_bytes(picture[: len(picture) // 2])
    small.mask_path(1).write_bytes(mask[: len(mask) // 2])
    called = run(call, small, tmp_path / "run")
    assert called.code == 1
    assert called.json["images_refused"] == 2
    assert (counts(called)["captioned"], counts(called)["failed"]) == (4, 8)
    assert set(called.json["failed_reasons"]) == {
        "image: truncated or damaged picture",
        "image: truncated or damaged mask",
    }
    assert "dataset validate" in called.err and "--retry-failed" not in called.err
    small.picture_path(0).write_bytes(picture)
    small.mask_path(1).write_bytes(mask)
    mended = run(call, small, tmp_path / "run")
    assert (mended.code, counts(mended)["captioned"]) == (0, 12)


def test_an_image_without_a_segment_may_be_refused_too(call: Call, tmp_path: Path) -> None:
    paths = build_one(tmp_path / "void", np.zeros((20, 30), np.uint32))
    (paths.images / "1.png").write_text("no picture")
    called = run(call, paths, tmp_path / "run")
    assert called.code == 1
    assert (called.json["images_refused"], counts(called)["total"]) == (1, 0)


@pytest.mark.parametrize("kind", ["a file", "below a file", "no such device", "source", "of others"])
def test_places_that_cannot_hold_a_run(call: Call, small: CocoPaths, tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("mine")
    out, words = {
        "a file": (tmp_path / "file", "got the file"),
        "below a file": (tmp_path / "file" / "run", "got the file"),
        "no such device": (Path("/proc/run"), "can be made"),
        "source": (small.folder, "panoptic.json"),
        "of others": (tmp_path, "other files"),
    }[kind]
    call("annotate", "run", *source(small), "--out", out).refused(str(out), words)
    assert (tmp_path / "file").read_text() == "mine"


def test_other_settings_and_other_sources_are_refused(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run(call, small, out)
    call("annotate", "run", *source(small), "--out", out, "--max-marks", 3).refused(
        "max_marks: 12 then, 3 now"
    )
    other = build_coco_panoptic(tmp_path / "other", seed=9)
    call("annotate", "run", *source(other), "--out", out).refused("source: ", "another --out")


def test_a_run_without_replies_may_begin_anew(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    down = ["--model", "openai:x", "--base-url", "http://127.0.0.1:9/v1", "--max-tries", 1]
    failed = call("annotate", "run", *source(small), "--out", tmp_path / "run", *down)
    assert failed.code == 2
    assert failed.err.startswith("127.0.0.1:9 gets the pictures of up to 3 images, for openai:x\n")
    assert "is it running" in failed.err
    called = run(call, small, tmp_path / "run")
    assert (called.code, called.json["model"], called.json["cost_usd"]) == (0, "describe", 0.0)


def test_a_copied_run_and_a_moved_source_are_taken_up(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    first = run(call, small, tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "far" / "away" / "copy")
    (tmp_path / "run").rename(tmp_path / "moved")
    small.folder.rename(tmp_path / "elsewhere")
    elsewhere = tmp_path / "elsewhere"
    moved = [elsewhere / "panoptic.json", "--images", elsewhere / "images", "--masks", elsewhere / "masks"]
    for out in (tmp_path / "moved", tmp_path / "far" / "away" / "copy"):
        call("annotate", "export", out, "--out", tmp_path / "dataset").refused("was moved", "annotate run")
        again = call("annotate", "run", *moved, "--out", out, "--format", "json")
        assert (again.code, again.json) == (0, first.json)
        assert "nothing is left to ask" in again.err
        assert call("annotate", "export", out, "--out", tmp_path / "dataset").code == 0


def test_a_second_run_on_the_folder_waits_outside(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run(call, small, out, "--limit", 1)
    with run_lock(out):
        call("annotate", "run", *source(small), "--out", out).refused("another run")
        assert call("annotate", "status", out).code == 0
    assert run(call, small, out).code == 0


def test_two_images_of_equal_content(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    shutil.copy(small.picture_path(0), small.picture_path(1))
    shutil.copy(small.mask_path(0), small.mask_path(1))
    small.annotation(1)["segments_info"] = small.annotation(0)["segments_info"]
    small.save()
    called = run(call, small, tmp_path / "run")
    assert (called.code, counts(called)["captioned"]) == (0, 12)


def build_one(folder: Path, id_map: np.ndarray, *, crowd: bool = False, exif: bool = False) -> CocoPaths:
    """One picture with the map given."""
    height, width = id_map.shape
    paths = CocoPaths(folder, folder / "panoptic.json", folder / "masks", folder / "images", {})
    paths.masks.mkdir(parents=True)
    paths.images.mkdir()
    (paths.masks / "1.png").write_bytes(png_bytes(rgb_of(id_map)))
    rng = np.random.default_rng(0)
    rgb = np.kron(
        rng.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), np.uint8), np.ones((8, 8, 1), np.uint8)
    )
    picture = Image.fromarray(rgb[:height, :width])
    if exif:
        tags = Image.Exif()
        tags[0x0112] = 6
        picture.rotate(90, expand=True).save(paths.images / "1.png", exif=tags)
    else:
        picture.save(paths.images / "1.png")
    info = segments_info(id_map, rng, crowd=crowd)
    paths.document = {
        "images": [{"id": 1, "file_name": "1.png", "width": width, "height": height}],
        "annotations": [{"image_id": 1, "file_name": "1.png", "segments_info": info}],
        "categories": CATEGORIES,
    }
    return paths.save()


def patch(height: int = 48, width: int = 64) -> np.ndarray:
    id_map = np.zeros((height, width), np.uint32)
    id_map[8:40, 8:50] = 70000
    return id_map


ODD: dict[str, tuple[np.ndarray, dict[str, Any], tuple[int, int]]] = {
    # Map, how to build it, and (segments, crowd) that a run must account for.
    "no segment": (np.zeros((48, 64), np.uint32), {}, (0, 0)),
    "only crowd": (patch(), {"crowd": True}, (0, 1)),
    "one pixel": (np.full((1, 1), 9, np.uint32), {}, (1, 0)),
    "one void pixel": (np.zeros((1, 1), np.uint32), {}, (0, 0)),
    "one row": (np.full((1, 300), 5, np.uint32), {}, (1, 0)),
    "rotated by its EXIF": (patch(), {"exif": True}, (1, 0)),
    "three hundred": (random_id_map((480, 360), 300, np.random.default_rng(4)), {}, (300, 0)),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_pictures_go_all_the_way(call: Call, tmp_path: Path, kind: str) -> None:
    id_map, how, (segments, crowd) = ODD[kind]
    paths = build_one(tmp_path / "ein Ordner für 'alles'", id_map, **how)
    replay = f"replay:{write_recorded(paths)}"
    called = run(call, paths, tmp_path / "a run", "--model", replay)
    # Captions of three hundred like cells may be too like each other; every one is accounted for.
    assert called.code == 0 or counts(called)["failed"] > 0
    assert (counts(called)["total"], counts(called)["crowd"]) == (segments, crowd)
    assert counts(called)["pending"] == 0
    assert counts(called)["captioned"] >= 0.97 * segments
    exported = call("annotate", "export", tmp_path / "a run", "--out", tmp_path / "a dataset")
    assert exported.code == 0
    checked = call(
        "dataset", "validate", tmp_path / "a dataset", "--images", paths.images, "--format", "json"
    )
    assert (checked.code, checked.json) == (0, [])
    assert call("report", tmp_path / "a dataset", "--out", tmp_path / "page.html").code == 0


@dataclass
class Remote:
    """A dataset and a server that answers for it."""

    paths: CocoPaths
    flags: list[str]


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    paths = build_coco_panoptic(tmp_path_factory.mktemp("remote"), n_images=8, n_segments=3)
    with chat_server(paths, write_recorded(paths), latency_s=0.3) as base_url:
        yield Remote(paths, ["--model", "openai:test", "--base-url", base_url, "--max-tries", "1"])


PRICE = ["--price-in", 1, "--price-out", 10]


def test_a_remote_host_is_named_before_it_gets_pictures(call: Call, remote: Remote, tmp_path: Path) -> None:
    called = run(call, remote.paths, tmp_path / "run", *remote.flags, "--limit", 2)
    assert called.code == 0
    host = remote.flags[3].split("/")[2]
    assert called.err.splitlines()[0] == f"{host} gets the pictures of up to 2 images, for openai:test"
    assert called.json["cost_usd"] is None
    assert called.json["input_tokens"] > 0


def test_an_unknown_price_allows_no_budget(call: Call, remote: Remote, tmp_path: Path) -> None:
    arguments = [*source(remote.paths), "--out", tmp_path / "run", *remote.flags]
    call("annotate", "run", *arguments, "--max-cost", 1).refused("--max-cost", "--price-in")
    call("annotate", "run", *arguments, *PRICE, "--max-cost", -1).refused("--max-cost", "at least 0")
    call("annotate", "run", *arguments, *PRICE, "--max-cost", "nan").refused("--max-cost")
    assert not (tmp_path / "run").exists()


def test_a_budget_is_reached_and_raised(call: Call, remote: Remote, tmp_path: Path) -> None:
    out = tmp_path / "run"
    nothing = run(call, remote.paths, out, *remote.flags, *PRICE, "--max-cost", 0)
    assert (nothing.code, nothing.json["requests"], counts(nothing)["pending"]) == (3, 0, 24)
    assert "raise --max-cost" in nothing.err
    some = run(call, remote.paths, out, *remote.flags, *PRICE, "--max-cost", 0.03)
    assert some.code == 3
    assert 0 < some.json["cost_usd"] <= 0.03
    assert 0 < counts(some)["pending"] < 24
    rest = run(call, remote.paths, out, *remote.flags, *PRICE, "--max-cost", 1)
    assert (rest.code, counts(rest)["captioned"], rest.json["requests"]) == (0, 24, 8)
    assert rest.json["cost_usd"] > some.json["cost_usd"]


def test_what_unpriced_sessions_spent_counts_for_a_budget(call: Call, remote: Remote, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = run(call, remote.paths, out, *remote.flags, "--limit", 4)
    assert first.json["cost_usd"] is None
    spent = (first.json["input_tokens"] + 10 * first.json["output_tokens"]) / 1e6
    stopped = run(call, remote.paths, out, *remote.flags, *PRICE, "--max-cost", spent)
    assert stopped.code == 3
    assert f"${spent:.4f} spent" in stopped.err
    assert stopped.json["requests"] == first.json["requests"]


def test_a_session_that_asked_nothing_leaves_the_cost_known(
    call: Call, remote: Remote, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    paid = run(call, remote.paths, out, *remote.flags, *PRICE, "--limit", 2)
    assert paid.json["cost_usd"] > 0
    again = run(call, remote.paths, out, *remote.flags, "--limit", 2)
    assert (again.code, again.json) == (0, paid.json)


def test_pending_segments_are_never_left_with_exit_0(call: Call, remote: Remote, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run(call, remote.paths, out, *remote.flags, *PRICE, "--max-cost", 0)
    part = run(call, remote.paths, out, *remote.flags, *PRICE, "--limit", 1)
    assert (part.code, counts(part)["captioned"], counts(part)["pending"]) == (1, 3, 21)
    assert "pending: 21" in part.err


@pytest.mark.parametrize("signals", [["SIGINT"], ["SIGTERM"], ["SIGINT", "SIGINT"]])
def test_an_interrupt_drains_and_the_run_goes_on(
    call: Call, remote: Remote, tmp_path: Path, signals: list[str]
) -> None:
    out = tmp_path / "run"
    arguments = ["annotate", "run", *source(remote.paths), *remote.flags, "--concurrency", 2, "--out", out]
    process = start(*arguments, "--format", "json")
    assert process.stderr is not None
    first = process.stderr.readline()  # Told once the handlers are about to stand and nothing is sent yet.
    assert "gets the pictures" in first
    _wait_for_request(out)
    for name in signals:
        process.send_signal(getattr(signal, name))
        if name != signals[-1]:
            assert "interrupted: waiting" in process.stderr.readline()
    data, talk = process.communicate()
    assert process.returncode == 130, talk
    assert "the same command again goes on" in talk.splitlines()[-1]
    stopped = json.loads(data)["segments"]
    assert 0 < stopped["pending"] <= 24
    assert stopped["captioned"] + stopped["pending"] == 24
    rest = run(call, remote.paths, out, *remote.flags)
    assert (rest.code, counts(rest)["captioned"]) == (0, 24)


def _wait_for_request(out: Path) -> None:
    """Until the journal knows a request: then the run is at work."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.closing(sqlite3.connect(out / "journal.sqlite")) as raw:
            if raw.execute("SELECT count(*) FROM requests").fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("no request was made")


def test_two_processes_on_one_folder(remote: Remote, call: Call, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ["annotate", "run", *source(remote.paths), *remote.flags, "--out", out]
    process = start(*arguments)
    assert process.stderr is not None
    process.stderr.readline()
    call(*arguments).refused("another run", str(process.pid))
    working = call("annotate", "status", out, "--format", "json")
    assert working.code == 0
    assert working.json["segments"]["total"] in (0, 24)
    process.communicate()
    assert process.returncode == 0
