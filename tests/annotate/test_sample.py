"""A sample is drawn by strata, once, and nobody changes it afterwards."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.annotate.decisions import Action, DecisionLog, NewDecision
from pix2cap.annotate.draw_sample import SampleOptions, draw_sample
from pix2cap.annotate.sample import (
    Sample,
    SampleItem,
    queue_of,
    read_sample,
    sample_names,
    sample_path,
    write_sample,
)
from pix2cap.annotate.verdicts import NewVerdict, Verdict
from pix2cap.errors import InputError, UsageError
from tests.builders.bench import journal_sql, scripted_run
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.scripted_model import ScriptedModel, reply_json


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sampled")
    paths = build_coco_panoptic(folder / "data", n_images=4, n_segments=6, crowd=True)
    # The first row of the first requests is not visible, the second comes with the second attempt.
    script = {1: {"id1": ""}, 2: {"id2": None}}

    def reply(request):
        again = "were not accepted" in request.prompt
        return reply_json(request, **({} if again else script.get(request.unit.image.image_id, {})))

    scripted_run(paths, folder / "run", ScriptedModel(reply))
    return folder / "run"


def fresh(run, name):
    """The run without the samples of other tests."""
    for other in sample_names(run):
        sample_path(run, other).unlink()
    return SampleOptions(name=name)


def captioned(run):
    rows = journal_sql(run, "SELECT image_id, segment_id, status, text FROM outcomes ORDER BY seq")
    return {(i, s): text for i, s, status, text in rows if status == "captioned"}


def test_strata_hold_every_caption_and_no_more_than_asked_for_is_drawn(run):
    drawn = draw_sample(run, replace(fresh(run, "a"), per_stratum=2))
    sample = read_sample(run, "a")
    texts = captioned(run)
    assert drawn.captions == sum(sample.population.values()) == len(texts)
    assert drawn.items == len(sample.items) == sum(min(2, n) for n in sample.population.values())
    assert sample.drawn == {key: min(2, n) for key, n in sample.population.items()}
    assert all(texts[item.image_id, item.segment_id] == item.text for item in sample.items)
    assert len({(item.image_id, item.segment_id) for item in sample.items}) == len(sample.items)
    assert [item.item for item in sample.items] == list(range(1, len(sample.items) + 1))
    assert {key[3] for key in sample.population} == {"1", "2"}
    assert all(key[0] == item.class_name for item in sample.items for key in [item.stratum])


def test_same_seed_same_sample_other_seed_another(run):
    options = replace(fresh(run, "a"), per_stratum=1, by=("size",))
    draw_sample(run, options)
    draw_sample(run, replace(options, name="b"))
    draw_sample(run, replace(options, name="c", seed=1, per_stratum=3))
    assert read_sample(run, "a").items == read_sample(run, "b").items
    assert sample_names(run) == ["a", "b", "c"]
    picked = {(i.image_id, i.segment_id) for i in read_sample(run, "c").items}
    assert picked != {(i.image_id, i.segment_id) for i in read_sample(run, "a").items}


def test_a_sample_is_drawn_once(run):
    options = fresh(run, "once")
    draw_sample(run, options)
    before = sample_path(run, "once").read_bytes()
    with pytest.raises(UsageError, match="drawn once"):
        draw_sample(run, replace(options, seed=3))
    with pytest.raises(UsageError, match="drawn once"):
        write_sample(replace(read_sample(run), seed=4), run)
    assert sample_path(run, "once").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda record: record["items"].pop(), "changed since"),
        (lambda record: record["items"][0].update(text="Nicer."), "changed since"),
        (lambda record: record["strata"][0].update(population=1000), "changed since"),
        (lambda record: record.update(format="other"), "expected 'pix2cap sample 1', got 'other'"),
        (lambda record: record.pop("sha256"), "expected a sample"),
    ],
)
def test_a_sample_that_was_changed_is_refused(run, change, told):
    draw_sample(run, fresh(run, "x"))
    path = sample_path(run, "x")
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=told):
        read_sample(run, "x")
    path.write_text("[")
    with pytest.raises(InputError, match="expected a sample"):
        read_sample(run, "x")


def test_reviewed_captions_are_what_is_sampled(tmp_path):
    paths = build_coco_panoptic(tmp_path / "data", n_images=1, n_segments=3)
    scripted_run(paths, tmp_path / "run", ScriptedModel())
    (image, first), (_, second) = list(captioned(tmp_path / "run"))[:2]
    with DecisionLog(tmp_path / "run") as log:
        log.add(NewDecision("ada", image, first, Action.EDIT, "By hand."))
        log.add(NewDecision("ada", image, second, Action.REJECT))
    draw_sample(tmp_path / "run", SampleOptions(by=("class",)))
    items = {item.segment_id: item.text for item in read_sample(tmp_path / "run").items}
    assert items[first] == "By hand."
    assert second not in items
    assert len(items) == 2


def test_naming_samples(run, tmp_path):
    options = fresh(run, "a")
    with pytest.raises(UsageError, match="none yet, draw one"):
        read_sample(run)
    draw_sample(run, options)
    draw_sample(run, replace(options, name="b"))
    with pytest.raises(UsageError, match="there are: a, b"):
        read_sample(run)
    with pytest.raises(UsageError, match="the run has: a, b"):
        read_sample(run, "c")
    for wrong in ("../a", "", "a/b", ".a", "x" * 65):
        with pytest.raises(UsageError, match="expected a sample's name"):
            read_sample(run, wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"per_stratum": 0},
        {"raters": 0},
        {"overlap": 1.5},
        {"by": ()},
        {"by": ("class", "class")},
        {"by": ("colour",)},
    ],
)
def test_what_cannot_be_drawn(wrong):
    with pytest.raises(UsageError, match="expected --"):
        SampleOptions(**wrong)


def test_raters_share_the_work_and_overlap(run):
    drawn = draw_sample(run, replace(fresh(run, "r"), raters=2, overlap=0.25, by=("class",)))
    sample = read_sample(run, "r")
    counts = Counter(item.raters for item in sample.items)
    assert counts[1, 2] == drawn.seen_by_all == round(0.25 * drawn.items)
    assert abs(counts[1,] - counts[2,]) <= 1
    assert sum(drawn.each_rater) == drawn.items + drawn.seen_by_all


def small_sample(n=6, raters=2):
    items = tuple(
        SampleItem(k, 1, k, "car", "A car.", ("car",), (1, 2) if k == 1 else (1 + k % raters,))
        for k in range(1, n + 1)
    )
    return Sample("s", 0, ("class",), n, raters, 0.2, {("car",): n}, items, "now", "run")


def verdict(seq, rater, item):
    return Verdict(seq, "", rater, "s", item, 1, item, "yes", "yes", "yes", "yes", "", None)


def test_the_first_to_rate_takes_the_first_place():
    sample = small_sample()
    assert queue_of(sample, [], "bob").number == 1
    given_so_far = [verdict(1, "bob", 1)]
    bob, ada = queue_of(sample, given_so_far, "bob"), queue_of(sample, given_so_far, " ada ")
    assert (bob.number, ada.number) == (1, 2)
    assert bob.next.item == 2
    assert ada.next.item == 1
    assert queue_of(sample, [*given_so_far, verdict(2, "ada", 1)], "eve").number is None


def test_a_verdict_thought_over_changes_nobodys_place(run):
    options = replace(fresh(run, "s"), raters=2, by=("size",))
    draw_sample(run, options)
    sample = read_sample(run, "s")
    with DecisionLog(run) as log:
        for rater, answer in (("bob", "yes"), ("ada", "yes"), ("bob", "no")):
            item = sample.items[0]
            where = (item.item, item.image_id, item.segment_id)
            log.add_verdict(NewVerdict(rater, "s", *where, answer, "yes", "yes", "yes"))
        verdicts = log.verdicts("s")
    assert [v.object for v in verdicts] == ["no", "yes"]
    assert queue_of(sample, verdicts, "bob").number == 1


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 12))
def test_every_item_is_somebodys_and_queues_end(raters, n):
    sample = small_sample(n, raters) if raters > 1 else small_sample(n, 1)
    sample = replace(
        sample,
        items=tuple(replace(i, raters=tuple(r for r in i.raters if r <= raters)) for i in sample.items),
    )
    given_so_far, seen = [], set()
    for rater in [f"r{k}" for k in range(raters)]:
        while (item := queue_of(sample, given_so_far, rater).next) is not None:
            given_so_far.append(verdict(len(given_so_far) + 1, rater, item.item))
            seen.add(item.item)
        if not any(v.reviewer == rater for v in given_so_far):
            return  # With fewer items than raters somebody has none.
    assert seen == {item.item for item in sample.items}
