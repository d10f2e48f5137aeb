"""A reviewer's question is put to the model once, with its reason, and its answer counts."""

from __future__ import annotations

import pytest

from pix2cap.annotate.decisions import Action, DecisionLog, NewDecision
from pix2cap.annotate.export import export_run
from pix2cap.annotate.status import read_status
from pix2cap.errors import BudgetReached, ModelUnavailable
from pix2cap.formats.dataset_folder import read_dataset
from pix2cap.vlm.pricing import Price
from tests.builders.bench import journal_sql, scripted_run
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.scripted_model import ScriptedModel, reply_json

PAID = Price(1.0, 10.0, "test")


@pytest.fixture
def paths(tmp_path):
    return build_coco_panoptic(tmp_path / "data", n_images=2, n_segments=3)


@pytest.fixture
def run(paths, tmp_path):
    scripted_run(paths, tmp_path / "run", ScriptedModel(), price=PAID)
    return tmp_path / "run"


def ids(run):
    return journal_sql(run, "SELECT DISTINCT image_id, segment_id FROM outcomes ORDER BY 1, 2")


def latest(run, image_id, segment_id):
    return journal_sql(
        run,
        "SELECT status, text, attempt FROM outcomes"
        f" WHERE image_id = {image_id} AND segment_id = {segment_id} ORDER BY seq DESC LIMIT 1",
    )[0]


def ask(run, where, reason, *, by="ada"):
    text = latest(run, *where)[1]
    with DecisionLog(run) as log:
        return log.add(NewDecision(by, *where, Action.ASK_AGAIN, text, reason))


def second_look(words="with a long silver spoon beside an open window and two green bottles"):
    """A model that on its second look says something else."""

    def reply(request):
        row = request.unit.rows[0]
        name = row.class_name.replace("-merged", "").replace("-other", "")
        return reply_json(request, **{f"id{row.number}": f"A {name} seen again, {words}."})

    return ScriptedModel(reply)


def exported(run, tmp_path):
    export_run(run, tmp_path / "dataset", overwrite=True)
    return {
        (item.image.image_id, caption.segment_id): caption
        for item in read_dataset(tmp_path / "dataset")
        for caption in item.captions
    }


def test_the_segment_alone_is_asked_about_with_the_reason(paths, run):
    where = ids(run)[1]
    old = latest(run, *where)[1]
    ask(run, where, "it is on the right")
    assert read_status(run).review.ask_again == 1
    model = second_look()
    status = scripted_run(paths, run, model, price=PAID)
    assert len(model.requests) == 1
    assert f'1: A reviewer did not accept "{old}": it is on the right' in model.requests[0].prompt
    assert [row.segment_id for row in model.requests[0].unit.rows] == [where[1]]
    assert "seen again" in latest(run, *where)[1]
    assert (status.review.ask_again, status.review.answered, status.review.decided) == (0, 1, 0)
    assert status.segments.captioned == 6
    again = second_look()
    scripted_run(paths, run, again, price=PAID)
    assert again.requests == []


def test_until_the_run_goes_on_the_segment_is_pending_and_then_the_answer_counts(paths, run, tmp_path):
    where, other = ids(run)[0], ids(run)[1]
    ask(run, where, None)
    before = exported(run, tmp_path)
    assert before[where].status == "pending"
    assert before[other].status == "captioned"
    scripted_run(paths, run, second_look())
    after = exported(run, tmp_path)
    assert after[where].status == "captioned"
    assert "seen again" in after[where].text
    assert after[where].source.reviewer is None
    with DecisionLog(run) as log:
        log.add(NewDecision("bob", *where, Action.REJECT, reason="still wrong"))
    rejected = exported(run, tmp_path)[where]
    assert (rejected.status, rejected.source.reviewer) == ("rejected", "bob")


def test_an_undone_question_is_not_asked(paths, run):
    where = ids(run)[0]
    ask(run, where, "why?")
    with DecisionLog(run) as log:
        log.add(NewDecision("ada", *where, Action.UNDO))
    model = second_look()
    scripted_run(paths, run, model)
    assert model.requests == []


def test_a_question_stopped_half_way_is_paid_once(paths, run):
    first, second = ids(run)[0], ids(run)[1]
    ask(run, first, "one")
    ask(run, second, "two")
    spent = read_status(run).cost_usd

    down = [False]

    def reply(request):
        if down[0]:
            return ModelUnavailable("down", unreachable=True)
        down[0] = True
        return reply_json(request)

    with pytest.raises(ModelUnavailable):
        scripted_run(paths, run, ScriptedModel(reply), price=PAID)
    assert read_status(run).review.ask_again == 2
    model = second_look()
    scripted_run(paths, run, model, price=PAID)
    assert [request.unit.rows[0].segment_id for request in model.requests] == [second[1]]
    assert read_status(run).review.answered == 2
    assert read_status(run).cost_usd == pytest.approx(spent + 2 * 0.002)


def test_a_question_heeds_the_budget(paths, run):
    ask(run, ids(run)[0], "again")
    with pytest.raises(BudgetReached):
        scripted_run(paths, run, second_look(), price=PAID, max_cost_usd=read_status(run).cost_usd)
    assert read_status(run).review.ask_again == 1


def test_the_same_question_asked_twice_is_sent_twice(paths, run):
    where = ids(run)[0]
    for number in range(2):
        ask(run, where, "look closer")
        model = ScriptedModel(lambda request: reply_json(request))
        scripted_run(paths, run, model)
        assert len(model.requests) == 1, number


def test_an_answer_that_fails_every_check_leaves_the_segment_failed(paths, run):
    where = ids(run)[0]
    ask(run, where, "again")
    model = ScriptedModel(lambda request: reply_json(request, id1="I'm sorry, I can't help with that."))
    scripted_run(paths, run, model)
    assert latest(run, *where)[0] == "failed"
    assert [len(r.unit.rows) for r in model.requests] == [1, 1]  # alone, then in a crop


def test_judged_anew_under_other_rules_the_answers_stay(paths, run):
    first, second = ids(run)[0], ids(run)[4]
    ask(run, first, "one")
    ask(run, second, "two")
    scripted_run(paths, run, second_look())
    texts = [latest(run, *where)[1] for where in ids(run)]
    assert sum("seen again" in text for text in texts) == 2
    journal_sql(run, "UPDATE settled SET rules = 'older'")
    model = ScriptedModel()
    scripted_run(paths, run, model)
    assert model.requests == []
    assert [latest(run, *where)[1] for where in ids(run)] == texts


def test_a_question_about_an_image_that_is_gone_waits(paths, run):
    where = ids(run)[0]
    ask(run, where, "one")
    paths.picture_path(0).rename(paths.picture_path(0).with_suffix(".away"))
    scripted_run(paths, run, second_look())
    assert read_status(run).review.ask_again == 1
    paths.picture_path(0).with_suffix(".away").rename(paths.picture_path(0))
    scripted_run(paths, run, second_look())
    assert read_status(run).review.answered == 1
    assert "seen again" in latest(run, *where)[1]
