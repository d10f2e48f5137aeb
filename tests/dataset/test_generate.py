"""Generated datasets are whole, true, the same on any number of workers, and never look whole half-done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from pix2cap.dataset.generate import GenerateProgress, generate_dataset
from pix2cap.dataset.validate import validate_source
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.dataset_read import read_dataset
from pix2cap.formats.facts_parquet import read_facts
from pix2cap.formats.manifest import read_manifest
from pix2cap.formats.open_source import open_source
from pix2cap.formats.staged_folder import PARTIAL
from pix2cap.report import report_dataset
from pix2cap.scenes.scene import render_scene


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated") / "set"
    generate_dataset(folder, images=12, size_wh=(96, 80), seed=5)
    return folder


def test_it_is_a_sound_dataset_with_its_pictures(made: Path) -> None:
    assert validate_source(made) == []
    manifest = read_manifest(made)
    assert manifest is not None
    assert manifest["image_root"] == "images"
    assert manifest["counts"]["images"] == 12
    assert manifest["source"] == {"scenes": {"images": 12, "size_wh": [96, 80], "seed": 5}}
    assert "facts.parquet" in manifest["files"]
    assert report_dataset(made, made.parent / "report.html").stat().st_size > 10_000


def test_pictures_maps_and_captions_are_the_scene_s_own(made: Path) -> None:
    source = open_source(made)
    for item in read_dataset(made):
        scene = render_scene((5, item.image.image_id), size_wh=(96, 80))
        assert {c.segment_id: c.text for c in item.captions} == scene.captions
        assert (item.panoptic.id_map == scene.panoptic.id_map).all()
        assert (source.picture(item.image.image_id).rgb == scene.rgb).all()


def test_facts_tell_what_the_captions_say(made: Path) -> None:
    facts = {(row["image_id"], row["segment_id"]): row for row in read_facts(made)}
    texts = {(i.image.image_id, c.segment_id): c.text for i in read_dataset(made) for c in i.captions}
    assert facts.keys() == texts.keys()
    things = [key for key, row in facts.items() if row["is_thing"]]
    assert len(things) >= 36
    for key in things:
        fact, text = facts[key], texts[key].lower()
        assert fact["class_name"] in text and fact["color"] in text and fact["size"].split("-")[0] in text
        assert fact["is_partly_hidden"] == bool(fact["cut_by"] or fact["hidden_by"])
        assert {key[1]} & set(fact["hidden_by"]) == set()
        if fact["horizontal"] != "center":
            assert fact["horizontal"] in text
    assert 0.2 < sum(facts[k]["is_partly_hidden"] for k in things) / len(things) < 0.55


@pytest.mark.parametrize("workers", [1, 3])
def test_bytes_depend_on_the_seed_alone(workers: int, tmp_path: Path) -> None:
    told: list[GenerateProgress] = []
    counts = generate_dataset(
        tmp_path / "a", images=50, size_wh=(64, 64), seed=3, workers=workers, on_progress=told.append
    )
    generate_dataset(tmp_path / "b", images=50, size_wh=(64, 64), seed=3, workers=2)
    assert _files(tmp_path / "a") == _files(tmp_path / "b")
    assert [p.done for p in told] == list(range(1, 51)) and {p.total for p in told} == {50}
    rows = list(read_facts(tmp_path / "a"))
    kinds = Counter(row["is_thing"] for row in rows)
    assert (counts.images, counts.segments, counts.objects) == (50, len(rows), kinds[True])
    assert counts.partly_hidden == sum(bool(row["is_partly_hidden"]) for row in rows)


def test_a_longer_set_begins_like_a_shorter_one_and_another_seed_differs(made: Path, tmp_path: Path) -> None:
    generate_dataset(tmp_path / "more", images=14, size_wh=(96, 80), seed=5)
    generate_dataset(tmp_path / "other", images=12, size_wh=(96, 80), seed=6)
    assert (tmp_path / "more" / "images" / "000012.png").read_bytes() == (
        made / "images" / "000012.png"
    ).read_bytes()
    pictures = {p.name: p.read_bytes() for p in (made / "images").iterdir()}
    others = {p.name: p.read_bytes() for p in (tmp_path / "other" / "images").iterdir()}
    assert pictures.keys() == others.keys()
    assert all(pictures[name] != others[name] for name in pictures)


def _wait_for(path: Path, process: subprocess.Popen[bytes], n_files: int) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        if path.is_dir() and sum(1 for _ in path.iterdir()) >= n_files:
            return
    raise AssertionError(f"the program ended ({process.poll()}) before {path} had {n_files} files")


def test_killed_in_the_middle_nothing_looks_whole_and_the_next_run_mends_it(tmp_path: Path) -> None:
    out = tmp_path / "set"
    program = (
        "from pix2cap.dataset.generate import generate_dataset\n"
        f"if __name__ == '__main__': generate_dataset({str(out)!r}, images=5000, size_wh=(64, 64), workers=1)"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    _wait_for(out / PARTIAL / "panoptic", process, 20)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert {path.name for path in out.iterdir()} == {PARTIAL}
    assert validate_source(out) != []
    generate_dataset(out, images=3, size_wh=(64, 64))
    generate_dataset(tmp_path / "fresh", images=3, size_wh=(64, 64))
    assert _files(out) == _files(tmp_path / "fresh")


def test_an_older_set_goes_with_its_facts_and_strangers_stay(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    generate_dataset(out, images=4, size_wh=(64, 64), seed=1)
    (out / "notes.txt").write_text("mine")
    generate_dataset(out, images=2, size_wh=(64, 64), seed=1)
    assert {row["image_id"] for row in read_facts(out)} == {1, 2}
    assert {path.name for path in (out / "images").iterdir()} == {"000001.png", "000002.png"}
    assert (out / "notes.txt").read_text() == "mine"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.pdf").write_text("mine")
    with pytest.raises(UsageError, match=r"thesis\.pdf"):
        generate_dataset(foreign, images=2, size_wh=(64, 64))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"images": 0}, "at least 1 image"),
        ({"size_wh": (640, 20)}, "640x20"),
        ({"size_wh": (9000, 64)}, "9000x64"),
        ({"seed": -1}, "seed"),
        ({"workers": 0}, "worker"),
    ],
)
def test_numbers_that_make_no_sense(options: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        generate_dataset(tmp_path / "set", **{"images": 2, **options})  # type: ignore[arg-type]
    assert not (tmp_path / "set").exists()


def test_facts_of_a_folder_that_has_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dataset generate"):
        list(read_facts(tmp_path))
    (tmp_path / "facts.parquet").write_bytes(b"text")
    with pytest.raises(InputError, match="dataset generate"):
        list(read_facts(tmp_path))
