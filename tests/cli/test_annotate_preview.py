"""`annotate preview`: files to look at, a price, and nothing sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.builders.panoptic import CocoPaths
from tests.cli.conftest import Call, source


def test_pictures_prompt_and_price_of_one_image(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    out = tmp_path / "a preview"
    arguments = [*source(small), "--image-id", 2, "--out", out, "--model", "openai:gpt-4o"]
    called = call("annotate", "preview", *arguments, "--format", "json")
    assert called.code == 0
    (request,) = called.json["requests"]
    assert (called.json["image_id"], request["segments"]) == (2, 4)
    assert sorted(request["files"]) == sorted(path.name for path in out.iterdir())
    assert 0 < called.json["cost_usd"]["low"] <= called.json["cost_usd"]["high"]
    (prompt,) = [name for name in request["files"] if name.endswith(".txt")]
    assert " | [" in (out / prompt).read_text()
    pictures = [name for name in request["files"] if not name.endswith(".txt")]
    assert {"clean", "marked"} <= {name.split("-")[2].split(".")[0] for name in pictures}
    for name in pictures:
        with Image.open(out / name) as picture:
            picture.load()
    clean = next(name for name in pictures if "clean" in name)
    assert (out / clean).read_bytes() == small.picture_path(1).read_bytes()


def test_one_set_of_files_a_request(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    arguments = [*source(small), "--image-id", 1, "--out", tmp_path / "out", "--max-marks", 2]
    called = call("annotate", "preview", *arguments, "--format", "json")
    names = [set(request["files"]) for request in called.json["requests"]]
    assert len(names) == 2
    assert names[0].isdisjoint(names[1])
    assert len({request["key"] for request in called.json["requests"]}) == 2


def test_same_input_same_bytes(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    for name in ("one", "two"):
        call("annotate", "preview", *source(small), "--image-id", 3, "--out", tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize("image_id", [0, 99, -1])
def test_an_unknown_image(call: Call, small: CocoPaths, tmp_path: Path, image_id: int) -> None:
    arguments = [*source(small), "--image-id", image_id, "--out", tmp_path / "out"]
    call("annotate", "preview", *arguments).refused(str(image_id), "1, 2, 3")
    assert not (tmp_path / "out").exists()


def test_a_bad_image_and_a_bad_place(call: Call, small: CocoPaths, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    call("annotate", "preview", *source(small), "--image-id", 1, "--out", tmp_path / "file").refused(
        "got the file"
    )
    small.picture_path(0).write_text("no picture")
    call("annotate", "preview", *source(small), "--image-id", 1, "--out", tmp_path / "out").refused("image 1")
