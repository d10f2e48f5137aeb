"""Judging a dataset: what is sent, what is asked again, what is kept, and what it costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.journal import Journal
from pix2cap.dataset.judge import judge_dataset, open_for_judge
from pix2cap.dataset.judge_options import JudgeOptions
from pix2cap.dataset.judge_plan import plan_judging
from pix2cap.dataset.judge_prompt import read_request
from pix2cap.dataset.judge_result import JudgeReport
from pix2cap.errors import BudgetReached, InputError, ModelUnavailable, RunMismatch, UsageError
from pix2cap.vlm.model import CaptionRequest
from pix2cap.vlm.pricing import Price
from tests.builders.caption_judge import claims_of, sound_reply
from tests.builders.panoptic import CocoPaths, build_coco_panoptic
from tests.builders.scripted_model import ScriptedModel

IMAGES, SEGMENTS = 3, 5
CAPTIONS = IMAGES * (SEGMENTS - 1)
"""The first segment of every image is a crowd."""


@pytest.fixture
def coco_paths(tmp_path: Path) -> CocoPaths:
    return build_coco_panoptic(
        tmp_path / "coco", n_images=IMAGES, n_segments=SEGMENTS, captions=True, crowd=True
    )


def honest(request: CaptionRequest) -> str:
    return json.dumps(sound_reply(request.prompt))


def judge(
    paths: CocoPaths, out: Path, script: Callable[[CaptionRequest], Any] = honest, **options: Any
) -> tuple[JudgeReport, ScriptedModel]:
    """Judge with a scripted model that costs 1 USD per million input tokens, 10 per million output tokens."""
    model = ScriptedModel(script, name="openai:scripted", host="judge.example")
    given = JudgeOptions(judge="openai:scripted", out=out, **options)
    report = judge_dataset(
        paths.json_path,
        given,
        images=paths.images,
        masks=paths.masks,
        model=PricedModel(model, Price(1.0, 10.0, "test")),
    )
    return report, model


def test_every_caption_is_judged_on_clean_marked_and_cropped_pictures(
    coco_paths: CocoPaths, tmp_path: Path
) -> None:
    report, model = judge(coco_paths, tmp_path / "out", per_request=3)
    assert len(report.judged) == CAPTIONS
    assert (report.failed, report.pending) == ({}, 0)
    assert [one.image_id for one in report.judged] == sorted(one.image_id for one in report.judged)
    for one in report.judged:
        assert [c.claim for c in one.claims] == [row["claim"] for row in claims_of(one.caption)]
    assert len(model.requests) == IMAGES * 2
    for request in model.requests:
        asked = read_request(request.prompt)
        assert len(asked) in (1, 2, 3)
        assert [part.label for part in request.pictures] == ["clean", "marked", *(f"crop {n}" for n in asked)]
        assert request.schema is not None
        assert request.unit is not None
        names = {row.class_name for row in request.unit.rows}
        # A caption may say a class; the judge's own words must not.
        words = request.prompt.split("The captions, one a line")[0]
        assert not any(name in words for name in names)
    assert report.spend.requests == len(model.requests)
    assert report.spend.cost_usd == pytest.approx(len(model.requests) * (1000 + 10 * 100) / 1e6)


def test_the_folder_holds_the_result_and_findings_for_review(coco_paths: CocoPaths, tmp_path: Path) -> None:
    report, _ = judge(coco_paths, tmp_path / "out")
    assert JudgeReport.read(tmp_path / "out") == report
    rows = json.loads((tmp_path / "out" / "findings.json").read_text())
    assert rows == report.findings()
    assert rows
    assert [row["confidence"] for row in rows] == sorted((row["confidence"] for row in rows), reverse=True)
    text = (tmp_path / "out" / "judge.json").read_text() + (tmp_path / "out/judge/run.toml").read_text()
    assert str(tmp_path) not in text


def test_the_same_call_sends_nothing_and_an_edited_caption_is_asked_about(
    coco_paths: CocoPaths, tmp_path: Path
) -> None:
    first, _ = judge(coco_paths, tmp_path / "out", per_request=1)
    again, model = judge(coco_paths, tmp_path / "out", per_request=1)
    assert again == first
    assert model.requests == []
    coco_paths.segment(1)["description"] = "A tall wooden fence with a gate, half in the shade of a tree."
    coco_paths.save()
    edited, model = judge(coco_paths, tmp_path / "out", per_request=1)
    assert [list(read_request(r.prompt).values()) for r in model.requests] == [
        [coco_paths.segment(1)["description"]]
    ]
    assert edited.judged[0].caption == coco_paths.segment(1)["description"]
    assert edited.judged[1:] == first.judged[1:]


def test_what_is_no_use_is_asked_again_alone_with_the_reason(coco_paths: CocoPaths, tmp_path: Path) -> None:
    seen: dict[str, int] = {}

    def careless(request: CaptionRequest) -> str:
        """Leaves the last caption of a group out, and gives each lonely caption prose first."""
        asked = read_request(request.prompt)
        reply = sound_reply(request.prompt)
        if len(asked) > 1:
            reply["captions"].pop()
            return json.dumps(reply)
        caption = asked[1]
        seen[caption] = seen.get(caption, 0) + 1
        return "They look fine." if seen[caption] == 1 else json.dumps(reply)

    report, model = judge(coco_paths, tmp_path / "out", careless)
    assert len(report.judged) == CAPTIONS
    alone = [r for r in model.requests if len(read_request(r.prompt)) == 1]
    assert len(model.requests) == IMAGES * 3
    assert len(alone) == IMAGES * 2
    assert sum("Your last reply was of no use: expected an entry" in r.prompt for r in alone) == IMAGES
    again, model = judge(coco_paths, tmp_path / "out", careless)
    assert (again, model.requests) == (report, [])


def test_a_judge_that_never_answers_well_fails_the_caption_and_a_later_round_mends_it(
    coco_paths: CocoPaths, tmp_path: Path
) -> None:
    report, model = judge(coco_paths, tmp_path / "out", lambda request: "Lovely!")
    assert len(report.failed) == CAPTIONS
    assert all("expected an entry" in reason for reason in report.failed.values())
    assert len(model.requests) == IMAGES + CAPTIONS * 4
    assert len(report.queue()) == CAPTIONS
    still, model = judge(coco_paths, tmp_path / "out")
    assert (len(still.failed), model.requests) == (CAPTIONS, [])
    mended, model = judge(coco_paths, tmp_path / "out", retry_failed=True)
    assert (len(mended.judged), mended.failed) == (CAPTIONS, {})
    assert len(model.requests) == CAPTIONS
    kept, model = judge(coco_paths, tmp_path / "out")
    assert (kept.judged, model.requests) == (mended.judged, [])


def test_one_request_that_fails_in_passing_is_no_lost_caption(coco_paths: CocoPaths, tmp_path: Path) -> None:
    failing = iter([True])

    def flaky(request: CaptionRequest) -> Any:
        if next(failing, False):
            return ModelUnavailable("time-out")
        return honest(request)

    report, model = judge(coco_paths, tmp_path / "out", flaky)
    assert len(report.judged) == CAPTIONS
    # The group of which the first request failed is asked about caption by caption.
    assert len(model.requests) == IMAGES + SEGMENTS - 1


def test_the_budget_stops_it_and_what_was_paid_for_can_be_read(coco_paths: CocoPaths, tmp_path: Path) -> None:
    with pytest.raises(BudgetReached):
        judge(coco_paths, tmp_path / "out", max_cost=0.06, concurrency=1, per_request=1)
    partial = JudgeReport.read(tmp_path / "out")
    assert 0 < len(partial.judged) < CAPTIONS
    assert partial.pending == CAPTIONS - len(partial.judged)
    assert partial.spend.cost_usd is not None
    assert 0 < partial.spend.cost_usd <= 0.06
    whole, model = judge(coco_paths, tmp_path / "out", max_cost=5.0, per_request=1)
    assert (len(whole.judged), whole.pending) == (CAPTIONS, 0)
    assert len(model.requests) == CAPTIONS - partial.spend.requests


def test_a_picture_that_cannot_be_read_fails_its_captions_alone(
    coco_paths: CocoPaths, tmp_path: Path
) -> None:
    coco_paths.picture_path(1).write_bytes(b"no picture")
    report, _ = judge(coco_paths, tmp_path / "out")
    assert len(report.judged) == CAPTIONS - (SEGMENTS - 1)
    assert {image_id for image_id, _ in report.failed} == {2}
    assert all(reason.startswith("image: ") for reason in report.failed.values())


def test_another_judge_needs_another_folder(coco_paths: CocoPaths, tmp_path: Path) -> None:
    judge(coco_paths, tmp_path / "out")
    for other in ({"per_request": 2}, {"temperature": 0.5}):
        with pytest.raises(RunMismatch):
            judge(coco_paths, tmp_path / "out", **other)


def test_the_journal_names_the_segments_and_keeps_no_picture(coco_paths: CocoPaths, tmp_path: Path) -> None:
    report, _ = judge(coco_paths, tmp_path / "out", per_request=12)
    journal = Journal(tmp_path / "out" / "judge" / "journal.sqlite", writable=False)
    with journal.query() as sql:
        rows = sql.execute("SELECT image_id, segment_ids, model FROM requests").fetchall()
    journal.close()
    asked = {(image_id, i) for image_id, ids, _ in rows for i in json.loads(ids)}
    assert asked == {(one.image_id, one.segment_id) for one in report.judged}
    assert {model for *_, model in rows} == {"openai:scripted"}


def test_only_published_captions_are_judged(coco_paths: CocoPaths) -> None:
    rows = coco_paths.annotation()["segments_info"]
    rows[1] |= {"caption_status": "rejected", "description": "Turned down."}
    rows[2] |= {"caption_status": "captioned"}
    rows[3]["description"] = "  "
    rows[4]["caption"] = rows[4].pop("description")
    captioned = open_for_judge(coco_paths.save().json_path, images=coco_paths.images, masks=coco_paths.masks)
    assert captioned.captions(1) == {
        rows[2]["id"]: rows[2]["description"],
        rows[4]["id"]: rows[4]["caption"],
    }


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"judge": None}, "with --judge"),
        ({"judge": "describe"}, "cannot judge"),
        ({"judge": "replay:x.json"}, "cannot judge"),
        ({"out": None}, "--out FOLDER"),
    ],
)
def test_wrong_use_is_told_before_anything_is_sent(
    coco_paths: CocoPaths, tmp_path: Path, given: dict[str, Any], why: str
) -> None:
    options = JudgeOptions(**{"judge": "rules", "out": tmp_path / "out", **given})
    with pytest.raises(UsageError, match=why):
        judge_dataset(coco_paths.json_path, options, images=coco_paths.images, masks=coco_paths.masks)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", [{"plan": True}, {"out": Path("x")}])
def test_a_plan_or_folder_without_a_judge_is_a_slip(given: dict[str, Any]) -> None:
    assert not JudgeOptions().is_asked
    with pytest.raises(UsageError, match="--judge MODEL"):
        assert JudgeOptions(**given).is_asked


def test_without_pictures_or_captions_there_is_nothing_to_judge(
    coco_paths: CocoPaths, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--images"):
        open_for_judge(coco_paths.json_path, masks=coco_paths.masks)
    bare = build_coco_panoptic(tmp_path / "bare")
    with pytest.raises(InputError, match="found none to judge"):
        open_for_judge(bare.json_path, masks=bare.masks, images=bare.images)


def test_the_plan_counts_what_is_sent_and_its_range_holds_the_cost(
    coco_paths: CocoPaths, tmp_path: Path
) -> None:
    options = JudgeOptions(judge="rules", per_request=3)
    free = plan_judging(coco_paths.json_path, options, images=coco_paths.images, masks=coco_paths.masks)
    assert (free.images, free.segments, free.requests, free.input_tokens) == (IMAGES, CAPTIONS, IMAGES * 2, 0)
    _, model = judge(coco_paths, tmp_path / "out", per_request=3)
    assert len(model.requests) == free.requests
    paid = plan_judging(
        coco_paths.json_path,
        JudgeOptions(
            judge="openai:x", base_url="http://127.0.0.1:9/v1", price_in=1.0, price_out=10.0, limit=2
        ),
        images=coco_paths.images,
        masks=coco_paths.masks,
    )
    assert (paid.images, paid.host) == (2, "127.0.0.1:9")
    assert paid.cost_usd.low is not None
    assert paid.cost_usd.high is not None
    assert 0 < paid.cost_usd.low < paid.cost_usd.high
    assert 0 < paid.tokens["output"].low < paid.tokens["output"].high  # type: ignore[operator]
