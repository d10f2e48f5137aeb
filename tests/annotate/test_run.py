"""The pipeline with a scripted model: what is asked, asked again, paid, kept and counted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections import Counter

import pytest

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.image_work import RunOptions
from pix2cap.annotate.journal import JOURNAL_NAME, Journal
from pix2cap.annotate.lock import run_lock
from pix2cap.annotate.prompt import load_prompt
from pix2cap.annotate.run import run_annotation
from pix2cap.annotate.settings import AnnotateSettings, RunConfig, SourcePaths
from pix2cap.annotate.status import read_status
from pix2cap.errors import BudgetReached, ModelRejected, ModelUnavailable, RunLocked, RunMismatch, UsageError
from pix2cap.formats.open_source import open_source
from pix2cap.vlm.model import Reply, Usage
from pix2cap.vlm.pricing import Price
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.scripted_model import ScriptedModel, reply_json

FREE = Price(0.0, 0.0, "test")
# 1000 tokens in and 100 out, as the scripted model counts them, are $0.002 at this price.
PAID = Price(1.0, 10.0, "test")


class Bench:
    """A small dataset and a run folder."""

    def __init__(self, folder, **dataset):
        self.paths = build_coco_panoptic(folder / "data", **{"n_images": 3, "n_segments": 4, **dataset})
        self.run_dir = folder / "run"

    def run(self, model, *, strong=None, price=FREE, settings=None, **options):
        models = {"scripted": PricedModel(model, price)}
        extra = {}
        if strong is not None:
            models["strong"] = PricedModel(strong, price)
            extra["strong_model"] = "strong"
        paths = self.paths
        template = load_prompt()
        chosen = AnnotateSettings(
            model="scripted", prompt_sha256=template.sha256, **extra, **(settings or {})
        )
        config = RunConfig(SourcePaths(paths.json_path, paths.masks, paths.images), chosen)
        source = open_source(paths.json_path, masks=paths.masks, images=paths.images)
        return run_annotation(
            source, models, self.run_dir, config=config, template=template, options=RunOptions(**options)
        )

    def sql(self, query):
        with contextlib.closing(sqlite3.connect(self.run_dir / JOURNAL_NAME)) as raw:
            return raw.execute(query).fetchall()


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def rows_of(request):
    return [row.number for row in request.unit.rows]


def test_every_segment_is_captioned_and_a_second_run_sends_nothing(bench):
    model = ScriptedModel()
    status = bench.run(model)
    assert status.segments.captioned == status.segments.total > 0
    assert status.segments.pending == status.segments.failed == 0
    assert status.is_clean
    assert len(model.requests) == status.requests == 3
    assert model.closed
    again = ScriptedModel()
    assert bench.run(again) == status
    assert again.requests == []


def test_a_request_carries_both_pictures_the_rows_and_its_key(bench):
    model = ScriptedModel()
    bench.run(model, limit=1)
    (request,) = model.requests
    assert [part.label for part in request.pictures][:2] == ["clean", "marked"]
    assert request.pictures[0].data == bench.paths.picture_path(0).read_bytes()
    for row in request.unit.rows:
        assert row.text in request.prompt.splitlines()
    assert bench.sql("SELECT key FROM requests") == [(request.key,)]


def test_crowded_pictures_are_split(tmp_path):
    bench = Bench(tmp_path, n_images=1, n_segments=20, size_wh=(160, 120))
    model = ScriptedModel()
    status = bench.run(model, settings={"max_marks": 6})
    assert max(len(rows_of(request)) for request in model.requests) <= 6
    assert sum(len(rows_of(request)) for request in model.requests) == status.segments.total
    for request in model.requests:
        assert sorted(rows_of(request)) == list(range(1, len(request.unit.rows) + 1))


def test_what_fails_is_asked_again_alone_with_its_reason(bench):
    def script(request):
        return reply_json(request, id2=None) if len(request.unit.rows) > 1 else reply_json(request)

    model = ScriptedModel(script)
    status = bench.run(model, limit=1)
    assert status.is_clean
    first, again = model.requests
    assert rows_of(again) == [2]
    assert "2: The reply had no caption for it" in again.prompt
    assert again.pictures[1].data == first.pictures[1].data
    kept = bench.sql("SELECT attempt, stage, verdict FROM attempts ORDER BY attempt, segment_id")
    assert Counter(kept) == Counter(
        {(1, "first", "keep"): 3, (1, "first", "drop"): 1, (2, "again", "keep"): 1}
    )


def test_the_ladder_ends_in_a_crop_and_then_in_failure(bench):
    model = ScriptedModel(lambda request: reply_json(request, **{f"id{n}": None for n in rows_of(request)}))
    status = bench.run(model, limit=1)
    assert status.segments.failed == status.segments.total == 4
    assert status.failed_reasons == {"missing": 4}
    stages = [stage for (stage,) in bench.sql("SELECT stage FROM requests ORDER BY at")]
    assert Counter(stages) == Counter({"first": 1, "again": 1, "fewer": 1, "alone": 4, "crop": 4})
    crop = model.requests[-1]
    assert [part.label for part in crop.pictures] == ["crop 1"]


def test_a_stronger_model_is_asked_last(bench):
    weak = ScriptedModel(lambda request: "I'm sorry, but I can't help with that.")
    strong = ScriptedModel(name="strong")
    status = bench.run(weak, strong=strong, limit=1)
    assert status.is_clean
    assert len(strong.requests) == 1
    assert {name for (name,) in bench.sql("SELECT model FROM requests WHERE stage = 'stronger'")} == {
        "strong"
    }


def test_refusals_are_counted_as_such(bench):
    status = bench.run(ScriptedModel(lambda request: "I'm sorry, but I can't help with that."), limit=1)
    assert status.failed_reasons == {"refusal": 4}


def test_not_visible_is_no_failure(bench):
    status = bench.run(ScriptedModel(lambda request: reply_json(request, id1="")), limit=1)
    assert (status.segments.not_visible, status.segments.captioned, status.segments.failed) == (1, 3, 0)
    assert status.is_clean


def test_a_model_that_stands_by_another_class_is_believed(bench):
    insists = "A brown wooden bench with a straight back stands empty beside a low wall, its seat worn pale."
    status = bench.run(ScriptedModel(lambda request: reply_json(request, id1=insists)), limit=1)
    assert status.is_clean
    first, second = bench.sql(
        f"SELECT verdict, findings FROM attempts WHERE text = '{insists}' ORDER BY attempt"
    )
    assert first[0] == "drop"
    assert second[0] == "keep"
    assert [(check, hard) for check, _, hard in json.loads(second[1])] == [("class", False)]


def test_retry_failed_asks_anew_and_keeps_what_was_good(bench):
    bench.run(ScriptedModel(lambda request: reply_json(request, id1=None)), limit=1)
    assert read_status(bench.run_dir).segments.failed == 1
    untouched = ScriptedModel()
    bench.run(untouched, limit=1)
    assert untouched.requests == []
    model = ScriptedModel()
    status = bench.run(model, limit=1, retry_failed=True)
    assert status.is_clean
    assert [len(request.unit.rows) for request in model.requests] == [1]


def test_a_transport_failure_moves_to_the_next_rung(bench):
    def script(request):
        if "first" not in seen:
            seen.append("first")
            return ModelUnavailable("gave up", reason="http 500")
        return reply_json(request)

    seen: list[str] = []
    status = bench.run(ScriptedModel(script), limit=1)
    assert status.is_clean
    assert bench.sql("SELECT error FROM replies WHERE error IS NOT NULL") == [("transport: http 500",)]


def test_an_unreachable_endpoint_stops_and_leaves_segments_pending(bench):
    down = ScriptedModel(lambda request: ModelUnavailable("refused", reason="connection", unreachable=True))
    with pytest.raises(ModelUnavailable):
        bench.run(down)
    status = read_status(bench.run_dir)
    assert (status.segments.pending, status.segments.failed) == (status.segments.total, 0)
    assert bench.run(ScriptedModel()).is_clean


def test_a_rejection_stops_at_once(bench):
    with pytest.raises(ModelRejected):
        bench.run(ScriptedModel(lambda request: ModelRejected("401 bad key")), concurrency=1)
    assert bench.sql("SELECT count(*) FROM replies") == [(0,)]


def test_one_request_too_large_fails_its_segments_not_the_run(bench):
    def script(request):
        is_second = request.unit.image.image_id == 2
        return ModelRejected("413 too large", status=413) if is_second else reply_json(request)

    status = bench.run(ScriptedModel(script), concurrency=1)
    assert status.failed_reasons == {"rejected: http 413": 4}
    assert (status.segments.captioned, status.segments.pending) == (8, 0)


def test_the_budget_stops_before_it_is_exceeded_and_more_money_goes_on(tmp_path):
    bench = Bench(tmp_path, n_images=8)
    # One request can cost at most about $0.03 here (2048 tokens out), and does cost $0.002.
    first = ScriptedModel()
    with pytest.raises(BudgetReached, match="raise --max-cost"):
        bench.run(first, price=PAID, max_cost_usd=0.03)
    status = read_status(bench.run_dir)
    assert 0 < status.cost_usd <= 0.03
    assert status.segments.pending > 0
    second = ScriptedModel()
    status = bench.run(second, price=PAID, max_cost_usd=10)
    assert status.is_clean
    assert status.cost_usd == pytest.approx(0.002 * 8)
    assert {r.key for r in first.requests}.isdisjoint(r.key for r in second.requests)


def test_a_reply_without_usage_is_booked_at_the_most_it_can_have_cost(bench):
    model = ScriptedModel(lambda request: Reply(reply_json(request), Usage()))
    status = bench.run(model, price=PAID, limit=1)
    assert status.cost_usd > 2048 * 10 / 1e6


def test_an_unknown_price_is_null_and_refuses_a_budget(bench):
    with pytest.raises(UsageError, match="--price-in"):
        bench.run(ScriptedModel(), price=None, max_cost_usd=1.0)
    assert not bench.run_dir.exists()
    assert bench.run(ScriptedModel(), price=None).cost_usd is None


def test_a_bad_image_is_refused_and_the_others_go_on(bench):
    good = bench.paths.picture_path(1).read_bytes()
    bench.paths.picture_path(1).write_bytes(good[: len(good) // 2])
    status = bench.run(ScriptedModel())
    assert status.images_refused == 1
    assert status.segments.failed == 4
    (reason,) = status.failed_reasons
    assert reason.startswith("image: ")
    assert not status.is_clean
    bench.paths.picture_path(1).write_bytes(good)
    model = ScriptedModel()
    mended = bench.run(model)
    assert mended.is_clean
    assert len(model.requests) == 1


def test_two_runs_on_one_folder(bench):
    bench.run(ScriptedModel(), limit=1)
    with run_lock(bench.run_dir), pytest.raises(RunLocked, match="another run"):
        bench.run(ScriptedModel())


def test_other_settings_are_refused_by_name(bench):
    bench.run(ScriptedModel(), limit=1)
    with pytest.raises(RunMismatch, match="max_marks: 12 then, 6 now"):
        bench.run(ScriptedModel(), settings={"max_marks": 6})


def test_a_folder_of_other_files_is_left_alone(bench):
    bench.run_dir.mkdir()
    (bench.run_dir / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="expected an empty folder or a run"):
        bench.run(ScriptedModel())
    assert sorted(p.name for p in bench.run_dir.iterdir()) == ["thesis.txt"]


def test_changed_rules_judge_the_recorded_replies_again_without_asking(bench):
    status = bench.run(ScriptedModel())
    with contextlib.closing(sqlite3.connect(bench.run_dir / JOURNAL_NAME)) as raw, raw:
        raw.execute("UPDATE settled SET rules = 'older'")
        raw.execute("UPDATE outcomes SET text = 'as older rules had it'")
    model = ScriptedModel()
    assert bench.run(model) == status
    assert model.requests == []
    with contextlib.closing(Journal(bench.run_dir / JOURNAL_NAME, writable=False)) as journal:
        texts = [outcome.text for outcome in journal.outcomes(1).values()]
    assert all(text.startswith("A ") for text in texts)


def test_ids_limit_and_unknown_ids(bench):
    model = ScriptedModel()
    assert bench.run(model, image_ids=[3, 1]).images == 2
    assert sorted(request.unit.image.image_id for request in model.requests) == [1, 3]
    with pytest.raises(UsageError, match=r"no image \[99\]"):
        bench.run(ScriptedModel(), image_ids=[99])


def test_two_equal_captions_in_one_picture_are_not_both_kept(bench):
    same = "A quiet thing with plain even tones rests here beside nothing in particular today."
    model = ScriptedModel(
        lambda r: reply_json(r, id1=same, id2=same) if len(r.unit.rows) > 2 else reply_json(r)
    )
    status = bench.run(model, limit=1)
    assert status.is_clean
    texts = [text for (text,) in bench.sql("SELECT text FROM outcomes")]
    assert texts.count(same) <= 1


async def test_it_runs_inside_a_running_loop_as_in_a_notebook(bench):
    asyncio.get_running_loop()
    assert bench.run(ScriptedModel(), limit=1).is_clean


def test_the_run_folder_holds_no_absolute_path(bench, tmp_path):
    bench.run(ScriptedModel(), limit=1)
    text = (bench.run_dir / "run.toml").read_text()
    assert str(tmp_path) not in text
    assert RunConfig.read(bench.run_dir).paths.source.resolve() == bench.paths.json_path.resolve()
    events = [json.loads(line) for line in (bench.run_dir / "events.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["session", "image", "end"]
