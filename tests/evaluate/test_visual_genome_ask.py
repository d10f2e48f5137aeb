"""Regions captioned by a model: what is sent, what is kept, what is asked again."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.image_work import Progress
from pix2cap.errors import BudgetReached, InputError, ModelUnavailable, RunMismatch
from pix2cap.evaluate.asking import AskOptions
from pix2cap.evaluate.visual_genome import Answers, ScoreOptions, score_regions
from pix2cap.evaluate.visual_genome_ask import (
    RegionAskOptions,
    View,
    ask_regions,
    find_pictures,
    read_caption,
)
from pix2cap.evaluate.visual_genome_split import SplitName, SplitOptions, choose_regions
from pix2cap.vlm.model import CaptionRequest, Reply, Usage
from pix2cap.vlm.pricing import Price
from tests.builders.scripted_model import Script, ScriptedModel
from tests.builders.visual_genome import VgPaths, build_vg, region

Ask = Callable[..., Answers]


def phrase(request: CaptionRequest) -> str:
    """A caption that tells which region was asked about."""
    assert request.unit is not None
    return f'"a thing called {request.unit.segment_ids[0]}."\n'


@pytest.fixture
def paths(tmp_path: Path) -> VgPaths:
    return build_vg(tmp_path / "vg").draw()


def ask(
    paths: VgPaths,
    script: Script = phrase,
    *,
    split: SplitName = "all-regions",
    view: View = "marked",
    price: Price | None = None,
    model: ScriptedModel | None = None,
    **options: object,
) -> tuple[Answers, ScriptedModel]:
    asked = model or ScriptedModel(script)
    chosen = choose_regions(paths.descriptions, SplitOptions(split=split))
    how = RegionAskOptions(
        images=paths.images,
        run_dir=paths.folder / "run",
        view=view,
        ask=AskOptions(**options),  # type: ignore[arg-type]
    )
    return ask_regions(paths.descriptions, chosen, PricedModel(asked, price), how), asked


def test_every_region_gets_a_request_of_its_own(paths: VgPaths) -> None:
    answers, model = ask(paths)
    assert answers.captions == {key: f"a thing called {key}." for key in paths.phrases()}
    assert not answers.failed and len(model.requests) == 12 and model.closed
    first = min(model.requests, key=lambda r: r.unit.segment_ids if r.unit else ())
    assert [part.label for part in first.pictures] == ["marked"]
    assert "(4, 6)" in first.prompt and "(20, 46)" in first.prompt and "96 wide and 64 high" in first.prompt
    assert first.schema is None and first.unit is not None
    assert first.unit.panoptic.segments[0].box_xyxy == (4, 6, 20, 46)


def test_the_box_is_drawn(paths: VgPaths) -> None:
    _, model = ask(paths, view="both")
    (marked, crop) = model.requests[0].pictures
    assert (marked.label, crop.label) == ("marked", "crop")
    unit = model.requests[0].unit
    assert unit is not None and unit.rgb is not None
    with Image.open(io.BytesIO(marked.data)) as opened:
        drawn = np.asarray(opened.convert("RGB").resize((96, 64)), np.int16)
    # A coloured line runs along the box; far from it the picture is as it was, but for scaling and JPEG.
    apart = np.abs(drawn - unit.rgb.astype(np.int16)).sum(axis=2)
    x0, y0, x1, y1 = unit.panoptic.segments[0].box_xyxy
    edge = np.zeros((64, 96), bool)
    edge[y0:y1, max(0, x0 - 1) : x0 + 1] = edge[y0:y1, x1 - 1 : x1 + 1] = True
    assert np.median(apart[edge]) > 1.5 * np.median(apart[:, 80:] if x1 < 70 else apart[:, :10])
    with Image.open(io.BytesIO(crop.data)) as opened:
        assert max(opened.size) > 96


def test_nothing_is_paid_twice_and_another_split_pays_only_for_the_rest(paths: VgPaths) -> None:
    first, model = ask(paths, split="one-per-image")
    assert len(model.requests) == 4 and set(first.captions) == {101, 104, 107, 110}
    second, again = ask(paths)
    assert len(again.requests) == 8 and len(second.captions) == 12
    third, none = ask(paths)
    assert len(none.requests) == 0 and third == second


def test_settings_of_an_earlier_session_must_be_kept(paths: VgPaths) -> None:
    ask(paths)
    with pytest.raises(RunMismatch, match="region-crop v1 now"):
        ask(paths, view="crop")


def test_the_budget_stops_and_is_gone_on_from(paths: VgPaths) -> None:
    price = Price(1000.0, 1000.0, "given")  # 1,000 tokens in and 100 out: 1.10 USD a reply
    model = ScriptedModel(phrase)
    with pytest.raises(BudgetReached):
        ask(paths, price=price, model=model, max_cost_usd=8.0, concurrency=1)
    paid = len(model.requests)
    assert 0 < paid < 12
    answers, rest = ask(paths, price=price)
    assert len(rest.requests) == 12 - paid and len(answers.captions) == 12


def test_a_region_without_a_caption_is_named_and_asked_again_on_request(paths: VgPaths) -> None:
    def lame(request: CaptionRequest) -> Reply | ModelUnavailable | str:
        assert request.unit is not None
        match request.unit.segment_ids[0]:
            case 101:
                return ModelUnavailable("slow", reason="time-out")
            case 102:
                return Reply("", Usage(10, 0), finish_reason="refusal")
            case _:
                return phrase(request)

    answers, _ = ask(paths, lame)
    assert answers.failed == {101: "transport: time-out", 102: "refusal"}
    assert len(answers.captions) == 10 and any("time-out" in text for text in answers.warnings)
    same, none = ask(paths)
    assert len(none.requests) == 0 and same.failed == answers.failed
    mended, again = ask(paths, retry_failed=True)
    assert len(again.requests) == 2 and not mended.failed
    kept, none = ask(paths)
    assert len(none.requests) == 0 and kept.captions == mended.captions

    chosen = choose_regions(paths.descriptions, SplitOptions(split="all-regions"))
    options = ScoreOptions(metrics=("rouge_l",), bootstrap=0)
    result = score_regions(paths.descriptions, chosen, answers, SplitOptions(split="all-regions"), options)
    assert result.missing_regions == (101, 102) and result.failed == answers.failed
    assert result.provenance is not None and result.provenance.arguments["model"] == "scripted"
    assert "region-marked v1 sha256:" in str(result.provenance.arguments["prompt"])


def test_a_model_that_reads_no_pictures_gets_pixels_and_no_picture(paths: VgPaths) -> None:
    class Blind(ScriptedModel):
        reads_pictures = False

    answers, model = ask(paths, model=Blind(phrase))
    assert all(not r.pictures and r.unit is not None and r.unit.rgb is not None for r in model.requests)
    assert len(answers.captions) == 12


def test_boxes_are_cut_at_the_edge_and_nothing_is_asked_beyond_it(paths: VgPaths) -> None:
    paths.regions[11] += [region(800, 11, (90, -4, 50, 20), "edge"), region(801, 11, (97, 0, 9, 9), "out")]
    paths.save()  # image_data is not given, so only the picture itself tells that 801 lies outside
    answers, model = ask(paths)
    assert answers.failed == {801: "outside the picture as it is"}
    boxes = {r.unit.segment_ids[0]: r.unit.panoptic.segments[0].box_xyxy for r in model.requests if r.unit}
    assert boxes[800] == (90, 0, 96, 16)


def test_progress_counts_images(paths: VgPaths) -> None:
    told: list[Progress] = []
    chosen = choose_regions(paths.descriptions, SplitOptions(split="all-regions"))
    options = RegionAskOptions(images=paths.images, run_dir=paths.folder / "run", on_progress=told.append)
    ask_regions(paths.descriptions, chosen, PricedModel(ScriptedModel(phrase), None), options)
    assert [one.images_done for one in told] == [1, 2, 3, 4]
    assert told[-1].images == 4 and told[-1].captioned == 12 and told[-1].spent_usd is None


def test_missing_pictures_are_refused_before_anything_is_sent(paths: VgPaths) -> None:
    next(paths.images.rglob("12.jpg")).unlink()
    model = ScriptedModel(phrase)
    with pytest.raises(InputError, match="none for 1: 12"):
        ask(paths, model=model)
    assert not model.requests and not (paths.folder / "run").exists()
    with pytest.raises(InputError, match="folder of pictures"):
        find_pictures(paths.folder / "nowhere", {1})


def test_a_damaged_picture_costs_its_own_regions_only(paths: VgPaths) -> None:
    next(paths.images.rglob("12.jpg")).write_bytes(b"\xff\xd8\xff no picture")
    answers, model = ask(paths)
    assert set(answers.failed) == {104, 105, 106} and len(model.requests) == 9


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("a red bus", "a red bus"),
        ('  "a red bus"\n', "a red bus"),
        ("\u201ca red bus\u201d", "a red bus"),
        ("<think>hm, it is\nbig</think>\na red bus", "a red bus"),
        (json.dumps({"captions": [{"id": 1, "caption": "a red bus", "visible": True}]}), "a red bus"),
        ("", ""),
        ('""', ""),
        ("dogs' bowl", "dogs' bowl"),
    ],
)
def test_the_phrase_in_a_reply(text: str, caption: str) -> None:
    assert read_caption(text) == caption
