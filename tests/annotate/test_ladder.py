"""The ladder of attempts as pure functions: who is asked what, and when it ends."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pix2cap.annotate.journal import Outcome
from pix2cap.annotate.ladder import (
    STAGES,
    Answer,
    Ask,
    ImageFacts,
    ImageState,
    absorb,
    next_asks,
    outcomes,
    start,
)
from pix2cap.annotate.settings import AnnotateSettings
from pix2cap.core import CaptionStatus, PanopticMap
from tests.builders.recorded import caption_of

SETTINGS = AnnotateSettings(model="m", max_marks=3, fewer_marks=2)
STRONG = AnnotateSettings(model="m", strong_model="s", max_marks=3, fewer_marks=2)


def facts(n_segments: int, *, crowd: int = 0) -> ImageFacts:
    """Squares in a row, ids 10, 20, ...; the last ones are crowd."""
    ids = [10 * n for n in range(1, n_segments + crowd + 1)]
    id_map = np.zeros((10, 12 * max(1, len(ids))), np.uint32)
    for n, segment_id in enumerate(ids):
        id_map[2:8, 12 * n + 2 : 12 * n + 10] = segment_id
    infos = {i: (1, True, n >= n_segments) for n, i in enumerate(ids)}
    return ImageFacts(PanopticMap.from_id_map(id_map, infos), dict.fromkeys(ids, "dog"))


def reply(
    of: ImageFacts, ask: Ask, *, without: set[int] = frozenset(), hidden: set[int] = frozenset()
) -> Answer:  # type: ignore[assignment]
    captions = [
        {
            "id": row.number,
            "caption": "" if row.segment_id in hidden else caption_of("dog", row.segment_id),
            "visible": row.segment_id not in hidden,
        }
        for row in of.rows(ask)
        if row.segment_id not in without
    ]
    return Answer(f"{ask.stage}{ask.asked}", json.dumps({"captions": captions}), "stop")


def climb(of: ImageFacts, settings: AnnotateSettings, *, without: set[int] = frozenset(), **more: set[int]):  # type: ignore[assignment, no-untyped-def]
    """To the end; the asks of each rung and the last state."""
    state, rungs = start(of), []
    while True:
        state, asks = next_asks(state, of, settings)
        if not asks:
            return rungs, state
        rungs.append(asks)
        state = absorb(state, of, settings, [(ask, reply(of, ask, without=without, **more)) for ask in asks])


def test_everything_at_once_where_all_goes_well() -> None:
    of = facts(5, crowd=2)
    rungs, state = climb(of, SETTINGS)
    assert len(rungs) == 1
    asked = [i for ask in rungs[0] for i in ask.asked]
    assert sorted(asked) == [10, 20, 30, 40, 50]
    assert max(len(ask.drawn) for ask in rungs[0]) <= 3
    assert {o.segment_id: o.status for o in outcomes(state)} == dict.fromkeys(asked, CaptionStatus.CAPTIONED)


def test_all_rungs_for_one_that_never_comes() -> None:
    of = facts(5)
    rungs, state = climb(of, STRONG, without={30})
    assert [asks[0].stage for asks in rungs] == list(STAGES)
    first_unit = next(ask.drawn for ask in rungs[0] if 30 in ask.drawn)
    for asks in rungs[1:]:
        assert [ask.asked for ask in asks] == [(30,)]
        ((number, reason),) = asks[0].reasons
        assert asks[0].drawn[number - 1] == 30
        assert "no caption" in reason
    assert rungs[1][0].drawn == first_unit
    assert [asks[0].drawn for asks in rungs[2:]] == [(30,)] * 4
    (failed,) = [o for o in outcomes(state) if o.status is CaptionStatus.FAILED]
    assert (failed.segment_id, failed.reason, failed.attempt) == (30, "missing", len(STAGES))
    assert [a.verdict for a in state.attempts if a.segment_id == 30] == ["drop"] * len(STAGES)


def test_without_a_stronger_model_the_crop_is_the_end() -> None:
    rungs, _ = climb(facts(2), SETTINGS, without={10, 20})
    assert [asks[0].stage for asks in rungs] == ["first", "again", "fewer", "alone", "crop"]
    assert [len(asks) for asks in rungs] == [1, 1, 1, 2, 2]


def test_not_visible_is_a_final_word() -> None:
    rungs, state = climb(facts(3), SETTINGS, hidden={20})
    assert len(rungs) == 1
    assert {o.segment_id: o.status.value for o in outcomes(state)}[20] == "not_visible"


def test_no_segment_asks_nothing() -> None:
    for of in (facts(0), facts(0, crowd=2)):
        rungs, state = climb(of, SETTINGS)
        assert rungs == []
        assert outcomes(state) == []


def test_an_earlier_round_keeps_what_was_good() -> None:
    of = facts(3)
    earlier = {
        10: Outcome(10, CaptionStatus.CAPTIONED, "kept"),
        20: Outcome(20, CaptionStatus.FAILED, "lost"),
        30: Outcome(30, CaptionStatus.NOT_VISIBLE),
    }
    state, asks = next_asks(start(of, earlier), of, SETTINGS)
    assert [ask.asked for ask in asks] == [(20,)]
    state = absorb(state, of, SETTINGS, [(ask, reply(of, ask)) for ask in asks])
    assert {o.segment_id: o.text for o in outcomes(state)} == {
        10: "kept", 20: caption_of("dog", 20), 30: "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer("k", None, error="transport: http 500"), "transport: http 500"),
        (Answer("k", "I'm sorry, but I can't help with that.", "stop"), "refusal"),
        (Answer("k", "", "refusal"), "refusal"),
        (Answer("k", "no JSON at all", "stop"), "missing"),
        (Answer("k", '{"captions": [{"id": 1, "cap', "length"), "cut"),
    ],
)
def test_why_a_segment_failed(answer: Answer, reason: str) -> None:
    of, state = facts(1), start(facts(1))
    while True:
        state, asks = next_asks(state, of, SETTINGS)
        if not asks:
            break
        state = absorb(state, of, SETTINGS, [(ask, answer) for ask in asks])
    assert [o.reason for o in outcomes(state)] == [reason]


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.integers(0, 9), st.integers(0, 2), st.data())
def test_every_segment_has_one_final_word_whatever_comes(
    n_segments: int, crowd: int, data: st.DataObject
) -> None:
    of = facts(n_segments, crowd=crowd)
    ids = [10 * n for n in range(1, n_segments + 1)]
    state: ImageState = start(of)
    rungs = 0
    while True:
        state, asks = next_asks(state, of, STRONG)
        if not asks:
            break
        rungs += 1
        replies = []
        for ask in asks:
            assert set(ask.asked) <= set(ask.drawn)
            without = data.draw(st.sets(st.sampled_from(ids)))
            hidden = data.draw(st.sets(st.sampled_from(ids)))
            replies.append((ask, reply(of, ask, without=without, hidden=hidden)))
        assert sorted(i for ask in asks for i in ask.asked) == sorted(state.open)
        state = absorb(state, of, STRONG, replies)
    assert rungs <= len(STAGES)
    assert sorted(o.segment_id for o in outcomes(state)) == ids
