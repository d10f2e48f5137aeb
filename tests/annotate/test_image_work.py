"""One image's way: rounds, and replies that are found again when the rules change."""

from __future__ import annotations

from pathlib import Path

import pytest

from pix2cap.annotate.image_work import RunOptions
from pix2cap.errors import UsageError
from tests.builders.bench import journal_sql, scripted_run
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.scripted_model import ScriptedModel, reply_json


def test_changed_rules_find_the_replies_of_every_round(tmp_path: Path) -> None:
    paths, run = build_coco_panoptic(tmp_path / "data", n_images=2, n_segments=4), tmp_path / "run"
    scripted_run(paths, run, ScriptedModel(lambda request: reply_json(request, id1=None)))
    mended = scripted_run(paths, run, ScriptedModel(), retry_failed=True)
    assert mended.is_clean
    journal_sql(run, "UPDATE settled SET rules = 'older'")
    for more in ({}, {"retry_failed": True}):
        model = ScriptedModel()
        assert scripted_run(paths, run, model, **more) == mended
        assert model.requests == []
        journal_sql(run, "UPDATE settled SET rules = 'older'")


def test_every_retry_asks_anew_and_only_about_what_failed(tmp_path: Path) -> None:
    paths, run = build_coco_panoptic(tmp_path / "data", n_images=1, n_segments=4), tmp_path / "run"
    stubborn = ScriptedModel(lambda request: reply_json(request, id1=None))
    keys: set[str] = set()
    for attempt in range(3):
        status = scripted_run(paths, run, stubborn, retry_failed=attempt > 0)
        assert status.segments.failed == 1
        sent = {request.key for request in stubborn.requests} - keys
        assert sent
        keys |= sent
    assert len(keys) == len(stubborn.requests)
    assert scripted_run(paths, run, ScriptedModel(), retry_failed=True).is_clean


def test_a_refused_image_keeps_its_round(tmp_path: Path) -> None:
    paths, run = build_coco_panoptic(tmp_path / "data", n_images=1, n_segments=4), tmp_path / "run"
    scripted_run(paths, run, ScriptedModel(lambda request: reply_json(request, id1=None)))
    mended = scripted_run(paths, run, ScriptedModel(), retry_failed=True)
    picture = paths.picture_path().read_bytes()
    paths.picture_path().unlink()
    journal_sql(run, "UPDATE settled SET rules = 'older'")
    refused = scripted_run(paths, run, ScriptedModel())
    assert (refused.images_refused, refused.segments.failed) == (1, 4)
    paths.picture_path().write_bytes(picture)
    model = ScriptedModel()
    assert scripted_run(paths, run, model) == mended
    assert model.requests == []


@pytest.mark.parametrize(
    "options",
    [{"concurrency": 0}, {"max_cost_usd": -1.0}, {"max_cost_usd": float("nan")}, {"limit": 0}],
)
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected --"):
        RunOptions(**options)  # type: ignore[arg-type]


def test_progress_is_told_after_every_image(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path / "data", n_images=3, n_segments=2)
    told = []
    scripted_run(paths, tmp_path / "run", ScriptedModel(), on_progress=told.append, concurrency=1)
    assert [(p.images_done, p.images, p.captioned, p.requests) for p in told] == [
        (1, 3, 2, 1),
        (2, 3, 4, 2),
        (3, 3, 6, 3),
    ]
    assert {p.spent_usd for p in told} == {0.0}
