"""The public functions as a notebook calls them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pix2cap.annotate import JobOptions, annotate, export_run, plan, preview, read_status
from pix2cap.annotate.job import model_label
from pix2cap.errors import InputError, UsageError
from tests.builders.panoptic import CocoPaths, build_coco_panoptic
from tests.builders.recorded import write_recorded


@pytest.fixture
def paths(tmp_path: Path) -> CocoPaths:
    return build_coco_panoptic(tmp_path / "data", n_images=3, n_segments=4)


def options(paths: CocoPaths, **more: Any) -> JobOptions:
    return JobOptions(images=str(paths.images), masks=paths.masks, **more)


def test_the_whole_way_in_python(paths: CocoPaths, tmp_path: Path) -> None:
    chosen = options(paths, model=f"replay:{write_recorded(paths)}")
    planned = plan(str(paths.json_path), chosen)
    status = annotate(str(paths.json_path), str(tmp_path / "run"), chosen)
    assert (planned.segments, planned.requests) == (status.segments.captioned, status.requests)
    assert read_status(tmp_path / "run") == status
    assert export_run(str(tmp_path / "run"), str(tmp_path / "dataset")).segments == {"captioned": 12}


async def test_inside_a_running_loop(paths: CocoPaths, tmp_path: Path) -> None:
    asyncio.get_running_loop()
    chosen = options(paths, model=f"replay:{write_recorded(paths)}")
    assert plan(paths.json_path, chosen).images == 3
    assert preview(paths.json_path, 1, tmp_path / "preview", chosen).image_id == 1
    assert annotate(paths.json_path, tmp_path / "run", chosen).is_clean


def test_limit_and_ids_mean_the_same_to_plan_and_run(paths: CocoPaths, tmp_path: Path) -> None:
    chosen = options(paths)
    for number, scope in enumerate(({"limit": 2}, {"image_ids": [3, 1]}, {"image_ids": {2}, "limit": 1})):
        planned = plan(paths.json_path, chosen, **scope)
        assert planned.images == annotate(paths.json_path, tmp_path / str(number), chosen, **scope).images
    for call in (plan, lambda source, opts, **scope: annotate(source, tmp_path / "x", opts, **scope)):
        with pytest.raises(UsageError, match="got no image"):
            call(paths.json_path, chosen, image_ids=[7])
        with pytest.raises(UsageError, match="--limit"):
            call(paths.json_path, chosen, limit=0)
    assert not (tmp_path / "x").exists()


def test_who_gets_what_is_told_before_anything_else(paths: CocoPaths, tmp_path: Path) -> None:
    told: list[str] = []
    annotate(paths.json_path, tmp_path / "run", options(paths), on_start=told.append, limit=1)
    annotate(paths.json_path, tmp_path / "run", options(paths), on_start=told.append, limit=1)
    assert told == [
        "describe runs on this machine, no picture leaves it",
        "nothing is left to ask: every image in scope is settled",
    ]


def test_pictures_must_be_known(paths: CocoPaths) -> None:
    with pytest.raises(UsageError, match="name it with --images"):
        plan(paths.json_path, JobOptions(masks=paths.masks))
    with pytest.raises(UsageError, match=r"--images, found nothing at .*nowhere"):
        plan(paths.json_path, JobOptions(images=paths.folder / "nowhere", masks=paths.masks))
    with pytest.raises(InputError):
        plan(paths.folder / "nowhere.json", options(paths))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_marks": 0},
        {"max_tokens": 0},
        {"temperature": 3},
        {"concurrency": 0},
        {"timeout": 0},
        {"max_tries": 0},
        {"requests_per_minute": 0},
        {"tokens_per_minute": float("inf")},
        {"language": "zz"},
        {"language": "de"},
        {"model": "openai:a", "strong_model": "openai:a"},
        {"model": "replay:a/captions.json", "strong_model": "replay:b/captions.json"},
        {"model": "openai:a", "strong_model": "describe", "language": "fr"},
    ],
)
def test_settings_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected --"):
        JobOptions(**wrong)


def test_no_record_holds_a_home_path(paths: CocoPaths, tmp_path: Path) -> None:
    assert model_label("replay:/home/ann/captions.json") == "replay:captions.json"
    assert model_label("openai:org/model:free") == "openai:org/model:free"
    chosen = options(paths, model=f"replay:{write_recorded(paths)}")
    annotate(paths.json_path, tmp_path / "run", chosen, limit=1)
    for path in (tmp_path / "run").iterdir():
        assert str(tmp_path).encode() not in path.read_bytes(), path.name
