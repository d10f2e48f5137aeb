"""A plan says beforehand what a run then does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pix2cap.annotate import planner
from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.planner import Plan, plan_source
from pix2cap.annotate.prompt import load_prompt
from pix2cap.annotate.settings import AnnotateSettings
from pix2cap.formats.open_source import open_source
from pix2cap.vlm.pricing import Price
from tests.builders.bench import scripted_run
from tests.builders.panoptic import CocoPaths, build_coco_panoptic
from tests.builders.scripted_model import ScriptedModel

PAID = Price(1.0, 10.0, "test")


def planned(
    paths: CocoPaths, *, price: Price | None = PAID, host: str | None = None, **settings: int
) -> Plan:
    source = open_source(paths.json_path, masks=paths.masks, images=paths.images)
    return plan_source(
        source,
        PricedModel(ScriptedModel(host=host), price),
        settings=AnnotateSettings(model="scripted", **settings),  # type: ignore[arg-type]
        template=load_prompt(),
        image_ids=source.image_ids,
    )


@pytest.mark.parametrize("max_marks", [1, 3, 12])
def test_the_run_makes_the_requests_that_were_planned(tmp_path: Path, max_marks: int) -> None:
    paths = build_coco_panoptic(tmp_path / "data", n_images=3, n_segments=7, crowd=True, size_wh=(96, 72))
    plan = planned(paths, max_marks=max_marks)
    model = ScriptedModel()
    status = scripted_run(paths, tmp_path / "run", model, settings={"max_marks": max_marks})
    assert plan.requests == len(model.requests)
    assert plan.segments == status.segments.total == sum(len(r.unit.rows) for r in model.requests if r.unit)
    assert (plan.crowd, plan.images, plan.refused) == (3, 3, 0)


def test_costs_come_from_the_tokens(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path, n_segments=3)
    plan = planned(paths)
    ends = plan.tokens
    assert (plan.input_tokens, plan.output_tokens) == (ends["input"].high, ends["output"].high)
    for name in ("input", "output"):
        low, high = ends[name].low, ends[name].high
        assert low is not None and high is not None
        assert 0 < low < high
    low = (ends["input"].low + 10 * ends["output"].low) / 1e6
    high = (ends["input"].high + 10 * ends["output"].high) / 1e6
    assert plan.cost_usd.low == pytest.approx(low)
    assert plan.cost_usd.high == pytest.approx(high * (1 + planner.ASKED_AGAIN_SHARE))


def test_more_segments_make_longer_replies(tmp_path: Path) -> None:
    few = planned(build_coco_panoptic(tmp_path / "few", n_segments=2))
    many = planned(build_coco_panoptic(tmp_path / "many", n_segments=6))
    assert few.output_tokens < many.output_tokens


def test_an_unknown_price(tmp_path: Path) -> None:
    plan = planned(build_coco_panoptic(tmp_path), price=None)
    assert (plan.cost_usd.low, plan.cost_usd.high) == (None, None)
    assert any("--price-in" in note for note in plan.notes)
    assert plan.input_tokens > 0


def test_long_sources_are_sampled_and_scaled(tmp_path: Path) -> None:
    n_images = 2 * planner.SAMPLE_IMAGES + 1
    paths = build_coco_panoptic(tmp_path / "one", n_images=1, n_segments=2, size_wh=(16, 12))
    image, annotation = paths.document["images"][0], paths.document["annotations"][0]
    paths.document["images"] = [image | {"id": n} for n in range(n_images)]
    paths.document["annotations"] = [annotation | {"image_id": n} for n in range(n_images)]
    plan = planned(paths.save())
    assert plan.sampled
    assert (plan.images, plan.segments, plan.requests) == (n_images, 2 * n_images, n_images)
    assert any(f"of {n_images} images" in note for note in plan.notes)


def test_refused_images_are_left_out_of_the_numbers(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path, n_images=3, n_segments=2)
    paths.picture_path(1).unlink()
    plan = planned(paths)
    assert (plan.images, plan.refused, plan.segments) == (2, 1, 4)
    assert any("image 2" in note for note in plan.notes)


def test_no_image_at_all(tmp_path: Path) -> None:
    plan = planned(build_coco_panoptic(tmp_path, n_images=0))
    assert (plan.images, plan.requests, plan.cost_usd.high) == (0, 0, 0.0)


def test_the_record(tmp_path: Path) -> None:
    record = planned(build_coco_panoptic(tmp_path), host="example.org").to_json()
    assert json.loads(json.dumps(record))["host"] == "example.org"
    assert record["cost_usd"].keys() == {"low", "high"}
