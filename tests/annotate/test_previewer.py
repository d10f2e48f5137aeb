"""A preview shows what a run would send, byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.previewer import Preview, preview_image
from pix2cap.annotate.prompt import load_prompt
from pix2cap.errors import ImageRefused, UsageError
from pix2cap.formats.open_source import open_source
from pix2cap.vlm.pricing import Price
from tests.builders.bench import scripted_config, scripted_run
from tests.builders.panoptic import CocoPaths, build_coco_panoptic
from tests.builders.scripted_model import ScriptedModel

PAID = Price(1.0, 10.0, "test")


def shown(
    paths: CocoPaths, out: Path, image_id: int = 1, *, price: Price | None = PAID, **settings: int
) -> Preview:
    source = open_source(paths.json_path, masks=paths.masks, images=paths.images)
    model = ScriptedModel()
    preview = preview_image(
        source,
        image_id,
        out,
        model=PricedModel(model, price),
        settings=scripted_config(paths, **settings).settings,
        template=load_prompt(),
    )
    assert model.requests == []
    return preview


@pytest.mark.parametrize("max_marks", [2, 12])
def test_the_files_are_what_the_run_sends(tmp_path: Path, max_marks: int) -> None:
    paths = build_coco_panoptic(tmp_path / "data", n_images=1, n_segments=5)
    preview = shown(paths, tmp_path / "out", max_marks=max_marks)
    model = ScriptedModel()
    scripted_run(paths, tmp_path / "run", model, settings={"max_marks": max_marks}, concurrency=1)
    sent = {request.key: request for request in model.requests}
    assert {request.key for request in preview.requests} == set(sent)
    for request in preview.requests:
        files = [(tmp_path / "out" / name).read_bytes() for name in request.files]
        assert files[0].decode() == sent[request.key].prompt
        assert files[1:] == [part.data for part in sent[request.key].pictures]
        assert request.picture_bytes == sum(map(len, files[1:]))


def test_costs_add_up(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path / "data", n_images=1, n_segments=5)
    preview = shown(paths, tmp_path / "out", max_marks=2)
    assert len(preview.requests) == 3
    assert preview.cost_usd.low == pytest.approx(sum(r.cost_usd.low or 0 for r in preview.requests))
    assert preview.cost_usd.high == pytest.approx(sum(r.cost_usd.high or 0 for r in preview.requests))
    unknown = shown(paths, tmp_path / "out", price=None)
    assert (unknown.cost_usd.low, unknown.cost_usd.high) == (None, None)


def test_what_cannot_be_shown_leaves_nothing(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path / "data", n_images=2)
    with pytest.raises(UsageError, match=r"got no image \[9\]"):
        shown(paths, tmp_path / "out", 9)
    paths.mask_path(1).unlink()
    with pytest.raises(ImageRefused, match="image 2"):
        shown(paths, tmp_path / "out", 2)
    assert not (tmp_path / "out").exists()
