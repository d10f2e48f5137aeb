"""`annotate export`: what it writes, where it refuses to, and sources that changed meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.builders.panoptic import CATEGORIES, CocoPaths, png_bytes
from tests.builders.recorded import write_recorded
from tests.cli.conftest import Call, source


@pytest.fixture
def finished(call: Call, small: CocoPaths, tmp_path: Path) -> Path:
    out = tmp_path / "run"
    replay = f"replay:{write_recorded(small)}"
    assert call("annotate", "run", *source(small), "--out", out, "--model", replay).code == 0
    return out


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_dataset_folder(call: Call, small: CocoPaths, finished: Path, tmp_path: Path) -> None:
    called = call("annotate", "export", finished, "--out", tmp_path / "dataset", "--format", "json")
    assert called.code == 0
    assert (called.json["images"], called.json["segments"]) == (3, {"captioned": 12})
    document = json.loads((tmp_path / "dataset" / "panoptic.json").read_text())
    told = {s["id"]: s for a in document["annotations"] for s in a["segments_info"]}
    for annotation in small.document["annotations"]:
        for segment in annotation["segments_info"]:
            assert told[segment["id"]]["area"] == segment["area"]
            assert told[segment["id"]]["caption_status"] == "captioned"
            assert len(told[segment["id"]]["description"].split()) > 9
    for number in range(3):
        mask = tmp_path / "dataset" / "panoptic" / small.annotation(number)["file_name"]
        assert mask.read_bytes() == small.mask_path(number).read_bytes()
    assert str(tmp_path) not in (tmp_path / "dataset" / "manifest.json").read_text()


def test_twice_gives_the_same_bytes(call: Call, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    assert call("annotate", "export", finished, "--out", out).code == 0
    before = files(out)
    assert call("annotate", "export", finished, "--out", out).code == 0
    after = files(out)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} <= {"manifest.json"}


def test_pictures_may_be_copied(call: Call, small: CocoPaths, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    assert call("annotate", "export", finished, "--out", out, "--copy-images").code == 0
    for path in small.images.iterdir():
        assert (out / "images" / path.name).read_bytes() == path.read_bytes()


def test_pictures_that_a_source_knows_itself_are_known_to_the_dataset(
    call: Call, tmp_path: Path, demo_folder: Path
) -> None:
    sample = tmp_path / "sample"
    sample.symlink_to(demo_folder / "demo" / "sample")
    assert call("annotate", "run", sample, "--limit", 1, "--out", tmp_path / "run").code == 0
    assert call("annotate", "export", tmp_path / "run", "--out", tmp_path / "dataset").code == 0
    assert call("report", tmp_path / "dataset", "--out", tmp_path / "page.html").code == 0


def test_an_unfinished_run_has_pending_segments(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    down = ["--model", "openai:x", "--base-url", "http://127.0.0.1:9/v1", "--max-tries", 1]
    call("annotate", "run", *source(small), "--out", tmp_path / "run", *down)
    called = call("annotate", "export", tmp_path / "run", "--out", tmp_path / "dataset", "--format", "json")
    assert called.json["segments"] == {"pending": 12}
    checked = call("dataset", "validate", tmp_path / "dataset", "--format", "json")
    assert (checked.code, checked.json) == (0, [])


def test_refused_images_are_accounted_for(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    small.picture_path(0).unlink()
    small.mask_path(1).unlink()
    assert call("annotate", "run", *source(small), "--out", tmp_path / "run").code == 1
    called = call("annotate", "export", tmp_path / "run", "--out", tmp_path / "dataset", "--format", "json")
    record = called.json
    assert (record["images"], record["refused"], record["segments_refused"]) == (2, 1, 4)
    assert record["segments"] == {"captioned": 4, "failed": 4}


@pytest.mark.parametrize("kind", ["a file", "below a file", "foreign folder"])
def test_places_that_cannot_hold_a_dataset(call: Call, finished: Path, tmp_path: Path, kind: str) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    out, words = {
        "a file": (foreign / "thesis.txt", "got the file"),
        "below a file": (foreign / "thesis.txt" / "dataset", "got the file"),
        "foreign folder": (foreign, "--overwrite"),
    }[kind]
    call("annotate", "export", finished, "--out", out).refused(words)
    assert files(foreign) == {"thesis.txt": b"mine"}


def test_overwrite_leaves_other_files(call: Call, finished: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    assert call("annotate", "export", finished, "--out", foreign, "--overwrite").code == 0
    assert (foreign / "thesis.txt").read_text() == "mine"
    assert (foreign / "panoptic.json").exists()


def test_never_over_what_the_run_is_made_of(call: Call, small: CocoPaths, finished: Path) -> None:
    before, journal = files(small.folder), (finished / "run.toml").read_bytes()
    for out in (small.folder, small.masks, small.images, finished):
        call("annotate", "export", finished, "--out", out, "--overwrite").refused("does not read from")
    assert files(small.folder) == before
    assert (finished / "run.toml").read_bytes() == journal
    assert not (finished / "panoptic.json").exists()


def test_a_source_that_lost_an_image(call: Call, small: CocoPaths, finished: Path, tmp_path: Path) -> None:
    del small.document["images"][1], small.document["annotations"][1]
    small.save()
    call("annotate", "export", finished, "--out", tmp_path / "dataset").refused("expected image 2")
    assert not (tmp_path / "dataset" / "manifest.json").exists()


def polygons(document: dict[str, Any]) -> list[dict[str, Any]]:
    boxes = [(2, 2, 40, 30), (10, 8, 20, 16), (44, 4, 60, 44)]
    return [
        {
            "id": n, "image_id": 1, "category_id": category, "iscrowd": 0, "area": (x1 - x0) * (y1 - y0),
            "bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]],
        }
        for n, ((x0, y0, x1, y1), category) in enumerate(zip(boxes, (1, 3, 18), strict=True), start=11)
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["instances", "id-maps"])
def test_other_formats_go_all_the_way(call: Call, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "source"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(2)
    Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).save(folder / "images" / "one.png")
    image: dict[str, Any] = {"id": 1, "file_name": "one.png", "width": 64, "height": 48}
    document: dict[str, Any] = {"images": [image], "categories": CATEGORIES}
    flags: list[object] = ["--images", folder / "images"]
    if kind == "instances":
        document["annotations"] = polygons(document)
        ids = [11, 12, 13]
    else:
        (folder / "masks").mkdir()
        id_map = np.zeros((48, 64), np.uint8)
        id_map[4:20, 4:30], id_map[24:40, 10:60] = 1, 2
        (folder / "masks" / "one.png").write_bytes(png_bytes(id_map))
        image["segments"] = [{"id": 1, "category_id": 1}, {"id": 2, "category": "dog"}]
        flags += ["--masks", folder / "masks"]
        ids = [1, 2]
    (folder / "any name.json").write_text(json.dumps(document))
    assert call("dataset", "validate", folder / "any name.json", *flags).code == 0
    ran = call(
        "annotate", "run", folder / "any name.json", *flags, "--out", tmp_path / "run", "--format", "json"
    )
    assert (ran.code, ran.json["segments"]["captioned"]) == (0, len(ids)), ran
    assert call("annotate", "export", tmp_path / "run", "--out", tmp_path / "dataset").code == 0
    checked = call(
        "dataset", "validate", tmp_path / "dataset", "--images", folder / "images", "--format", "json"
    )
    assert (checked.code, checked.json) == (0, [])
    published = json.loads((tmp_path / "dataset" / "panoptic.json").read_text())
    assert [s["id"] for s in published["annotations"][0]["segments_info"]] == ids
