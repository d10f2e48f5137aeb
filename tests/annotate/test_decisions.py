"""What people decide is kept, by name, and nobody overwrites anybody."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.annotate.decisions import (
    Action,
    Decision,
    DecisionLog,
    NewDecision,
    Standing,
    apply,
    standing_of,
)
from pix2cap.annotate.journal import JOURNAL_NAME, Journal
from pix2cap.annotate.migrations import migrate
from pix2cap.annotate.verdicts import NewVerdict
from pix2cap.core import CaptionSource, CaptionStatus, SegmentCaption
from pix2cap.errors import DecisionConflict, InputError, UsageError
from tests.builders.reviewed import make_journal


@pytest.fixture
def run(tmp_path):
    return make_journal(tmp_path / "run")


def new(action, text="", *, by="ada", segment=1, **more):
    return NewDecision(by, 1, segment, action, text, **more)


def old_journal(run_dir: Path) -> None:
    """Take the decisions' tables out again: a journal of the version before them."""
    with contextlib.closing(sqlite3.connect(run_dir / JOURNAL_NAME)) as raw, raw:
        for table in ("decisions", "answered", "verdicts"):
            raw.execute(f"DROP TABLE {table}")
        raw.execute("DELETE FROM migrations WHERE number >= 2")


def test_a_decision_is_there_for_the_next_process(run):
    with DecisionLog(run) as log:
        made = log.add(new(Action.EDIT, " A red car. ", reason="the colour", token="t1"))
    with DecisionLog(run, writable=False) as log:
        standing = log.standing(1, 1)
        assert standing.decision == made == log.since(0)[0]
        assert log.since(made.seq) == []
        assert (made.reviewer, made.reason, made.based_on) == ("ada", "the colour", 0)
        assert log.standing(1, 2) == Standing()
        assert list(log.standings()) == [(1, 1)] == list(log.standings(1))
        assert log.standings(2) == {}


def test_a_decision_sent_twice_is_made_once(run):
    with DecisionLog(run) as log:
        first = log.add(new(Action.ACCEPT, "A car.", token="t1"))
        assert log.add(new(Action.ACCEPT, "A car.", token="t1")) == first
        assert len(log.since(0)) == 1
        log.add(new(Action.ACCEPT, "A car."))
        log.add(new(Action.ACCEPT, "A car."))
        assert len(log.since(0)) == 3  # Without a token nothing can be told apart.


def test_undo_takes_back_the_reviewers_own_latest(run):
    with DecisionLog(run) as log:
        mine = log.add(new(Action.ACCEPT, "A car."))
        log.add(new(Action.REJECT, based_on=mine.seq))
        theirs = log.add(new(Action.EDIT, "A bus.", by="bob", based_on=mine.seq + 1))
        log.add(new(Action.UNDO, based_on=theirs.seq))
        assert log.standing(1, 1).decision == theirs
        log.add(new(Action.UNDO, by="bob"))
        assert log.standing(1, 1).decision == mine
        log.add(new(Action.UNDO))
        assert log.standing(1, 1).decision is None
        assert len(log.standing(1, 1).history) == 6
        with pytest.raises(UsageError, match="of ada to undo, found none"):
            log.add(new(Action.UNDO))


def test_who_did_not_see_the_others_decision_is_in_conflict(run):
    with DecisionLog(run) as log:
        first = log.add(new(Action.ACCEPT, "A car."))
        with pytest.raises(DecisionConflict, match="accept by ada"):
            log.add(new(Action.REJECT, by="bob"), anyway=False)
        assert len(log.since(0)) == 1
        second = log.add(new(Action.REJECT, by="bob"))
        assert log.standing(1, 1).conflict
        assert log.standing(1, 1).decision == second
        assert log.standing(1, 1).history == (first, second)
        log.add(new(Action.REJECT, based_on=second.seq), anyway=False)
        assert not log.standing(1, 1).conflict


def test_two_of_one_mind_are_in_no_conflict_and_a_later_look_resolves(run):
    with DecisionLog(run) as log:
        log.add(new(Action.ACCEPT, "A car."))
        log.add(new(Action.EDIT, "A  car. ", by="bob"))
        assert not log.standing(1, 1).conflict
        log.add(new(Action.EDIT, "A van.", segment=2))
        seen = log.add(new(Action.EDIT, "A bus.", segment=2, by="bob"))
        assert log.standing(1, 2).conflict
        log.add(new(Action.ACCEPT, "A bus.", segment=2, by="eve", based_on=seen.seq))
        assert not log.standing(1, 2).conflict


def test_ones_own_later_decision_is_never_refused(run):
    with DecisionLog(run) as log:
        log.add(new(Action.ACCEPT, "A car."), anyway=False)
        log.add(new(Action.REJECT), anyway=False)
        assert log.standing(1, 1).decision.action is Action.REJECT
        assert not log.standing(1, 1).conflict


def test_a_question_that_was_answered_clears_what_was_decided_before():
    def made(seq, action, based_on=0, by="ada"):
        return Decision(seq, "", by, 1, 1, action, "old", None, based_on, None)

    history = [made(1, Action.ACCEPT), made(2, Action.ASK_AGAIN, 1)]
    assert standing_of(history).asks_again
    answered = standing_of(history, [2])
    assert answered.decision is None
    assert not answered.asks_again
    assert answered.latest_seq == 2
    later = standing_of([*history, made(3, Action.REJECT, 2, "bob")], [2])
    assert later.decision.seq == 3
    assert not later.conflict


@pytest.mark.parametrize(
    ("status", "decision", "expected"),
    [
        ("captioned", new(Action.ACCEPT, "On screen."), ("captioned", "On screen.", None)),
        ("failed", new(Action.ACCEPT, "On screen."), ("captioned", "On screen.", None)),
        ("failed", new(Action.ACCEPT), ("failed", "By model.", "why")),
        ("not_visible", new(Action.ACCEPT, "By model."), ("not_visible", "By model.", "why")),
        ("not_visible", new(Action.EDIT, " New. "), ("captioned", "New.", None)),
        ("pending", new(Action.EDIT, "New.", reason="r"), ("captioned", "New.", "r")),
        ("captioned", new(Action.REJECT), ("rejected", "By model.", "rejected by a reviewer")),
        ("captioned", new(Action.REJECT, reason="two cars"), ("rejected", "By model.", "two cars")),
        ("captioned", new(Action.ASK_AGAIN, reason="which?"), ("pending", "By model.", "which?")),
    ],
)
def test_what_a_decision_makes_of_a_caption(run, status, decision, expected):
    with DecisionLog(run) as log:
        log.add(decision)
        standing = log.standing(1, 1)
    caption = SegmentCaption(1, "By model.", CaptionStatus(status), "why", CaptionSource("m", attempt=2))
    done = apply(caption, standing)
    assert (done.status, done.text, done.reason) == expected
    assert done.source == CaptionSource("m", attempt=2, reviewer="ada")
    assert apply(caption, Standing()) is caption


@pytest.mark.parametrize(
    "wrong",
    [
        {"reviewer": " "},
        {"reviewer": "x" * 201},
        {"action": Action.EDIT, "text": " "},
        {"text": "x" * 5001},
        {"reason": "x" * 5001},
    ],
)
def test_what_no_journal_should_hold(wrong):
    with pytest.raises(InputError, match=r"image 1, segment 1: expected"):
        NewDecision(**{"reviewer": "ada", "image_id": 1, "segment_id": 1, "action": Action.REJECT, **wrong})


def test_an_old_journal_can_be_looked_at_and_is_brought_forward_by_the_first_decision(run):
    old_journal(run)
    before = (run / JOURNAL_NAME).read_bytes()
    with DecisionLog(run, writable=False) as log:
        assert log.standings() == {}
        assert log.since(0) == []
        assert log.verdicts() == []
        assert log.standing(1, 1) == Standing()
        with pytest.raises(UsageError, match="looking only"):
            log.add(new(Action.REJECT))
    assert (run / JOURNAL_NAME).read_bytes() == before
    with DecisionLog(run) as log:
        assert log.add(new(Action.REJECT)).seq == 1
    with contextlib.closing(Journal(run / JOURNAL_NAME, writable=False)) as journal:
        assert journal.outcomes(1)[1].text == "Caption 1.1."


def test_two_processes_may_bring_one_journal_forward(run):
    old_journal(run)
    connections = [sqlite3.connect(run / JOURNAL_NAME, isolation_level=None) for _ in range(2)]
    other = connections[1]

    class Late:
        """Reads the schema's number, then lets the other process do the step first."""

        def execute(self, sql, *values):
            if sql == "BEGIN IMMEDIATE":
                migrate(other, "other")
            return connections[0].execute(sql, *values)

    migrate(Late(), "late")
    assert other.execute("SELECT count(*) FROM migrations").fetchone() == (2,)
    for connection in connections:
        connection.close()


def test_no_journal_is_made_where_there_is_none(tmp_path):
    with pytest.raises(InputError, match="found no such file"):
        DecisionLog(tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_decisions_come_in_while_a_run_writes(run):
    with contextlib.closing(Journal(run / JOURNAL_NAME, writable=True)) as journal, DecisionLog(run) as log:
        for number in range(20):
            await journal.settle(2, [], round_number=number, rules="r")
            log.add(new(Action.EDIT, f"Text {number}.", based_on=number))
        assert journal.settled(2).round == 19
        assert log.standing(1, 1).decision.text == "Text 19."


def test_threads_share_a_log(run):
    with DecisionLog(run) as log:
        threads = [
            threading.Thread(
                target=lambda name=name: [log.add(new(Action.EDIT, f"{n}.", by=name)) for n in range(25)]
            )
            for name in ("a", "b", "c", "d")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        made = log.since(0)
    assert len(made) == 100
    for name in ("a", "b", "c", "d"):
        assert [d.text for d in made if d.reviewer == name] == [f"{n}." for n in range(25)]


steps = st.tuples(
    st.sampled_from(["ada", "bob"]),
    st.sampled_from(list(Action)),
    st.sampled_from(["A.", "B."]),
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=12))
def test_undoing_everything_leaves_nothing_and_seeing_everything_leaves_no_conflict(taken):
    history = []
    for seq, (who, action, text, saw) in enumerate(taken, start=1):
        history.append(Decision(seq, "", who, 1, 1, action, text, None, seq - 1 if saw else 0, None))
    standing = standing_of(history)
    assert standing.history == tuple(history)
    if standing.decision is not None:
        assert standing.decision.action is not Action.UNDO
    elif history:
        assert any(decision.action is Action.UNDO for decision in history)
    if all(saw for *_, saw in taken) and not any(d.action is Action.UNDO for d in history):
        assert not standing.conflict
    undone = [
        Decision(len(history) + n, "", who, 1, 1, Action.UNDO, "", None, 0, None)
        for n, who in enumerate([d.reviewer for d in history], start=1)
    ]
    assert standing_of([*history, *undone]).decision is None


def test_the_latest_verdict_of_a_rater_on_an_item_counts(run):
    def verdict(by, item, object_="yes", **more):
        return NewVerdict(by, "s", item, 1, item, object_, "no", "not applicable", "cannot tell", **more)

    with DecisionLog(run) as log:
        log.add_verdict(verdict("ada", 1))
        log.add_verdict(verdict("bob", 1))
        last = log.add_verdict(verdict("ada", 1, "no", token="t"))
        assert log.add_verdict(verdict("ada", 1, "no", token="t")) == last
        assert [(v.reviewer, v.object) for v in log.verdicts("s")] == [("ada", "no"), ("bob", "yes")]
        assert log.verdicts("s", reviewer="ada") == [last] == log.verdicts(reviewer="ada")
        assert log.verdicts("other") == []
        assert last.answer("place") == "cannot tell"
    with pytest.raises(InputError, match="expected object out of"):
        verdict("ada", 1, "maybe")
    with pytest.raises(InputError, match="rater's name"):
        verdict(" ", 1)
