"""Scores, axes, queue and findings of a judge, and the file that keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.dataset.judge_claims import Axis, Claim, Ruling
from pix2cap.dataset.judge_result import JudgedCaption, JudgeReport, Spend
from pix2cap.errors import InputError

OBJECT, ATTRIBUTES, RELATIONS, PLACE = Axis
YES, NO, OPEN = Ruling


def judged(segment_id: int, *said: tuple[Axis, Ruling], image_id: int = 1) -> JudgedCaption:
    claims = tuple(Claim(axis, f"{axis} {n}", ruling, f"why {n}") for n, (axis, ruling) in enumerate(said))
    return JudgedCaption(image_id, segment_id, f"caption {segment_id}", claims)


def report(*captions: JudgedCaption, **known: object) -> JudgeReport:
    return JudgeReport("panoptic.json", "openai:x", "judge v1", "ab", captions, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "score", "confidence"),
    [
        ([(OBJECT, YES)], 1.0, 0.0),
        ([(OBJECT, OPEN)], 0.5, 0.0),
        ([(OBJECT, NO)], 0.0, 0.9),
        ([(OBJECT, YES), (PLACE, NO)], 0.5, 0.8),
        ([(OBJECT, YES), (PLACE, YES), (RELATIONS, NO), (ATTRIBUTES, OPEN)], 0.625, 0.65),
        ([(OBJECT, NO), (ATTRIBUTES, YES), (PLACE, YES), (RELATIONS, YES)], 0.1875, 0.9),
        ([(OBJECT, YES), (OBJECT, NO)], 0.125, 0.9),
        ([(OBJECT, NO)] * 9, 0.0, 0.97),
    ],
)
def test_the_score_is_the_share_of_truth_and_a_wrong_object_weighs_most(
    said: list[tuple[Axis, Ruling]], score: float, confidence: float
) -> None:
    one = judged(1, *said)
    assert (one.score, one.confidence) == (score, confidence)


claims = st.lists(st.tuples(st.sampled_from(Axis), st.sampled_from(Ruling)), min_size=1, max_size=12)


@given(claims, st.data())
def test_a_claim_that_turns_out_wrong_never_raises_the_score(
    said: list[tuple[Axis, Ruling]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(said) - 1))
    worse = [*said[:at], (said[at][0], NO), *said[at + 1 :]]
    assert 0 <= judged(1, *worse).score <= judged(1, *said).score <= 1
    assert judged(1, *worse).axes[said[at][0]] is NO


def test_an_axis_is_as_right_as_its_worst_claim() -> None:
    one = judged(1, (OBJECT, YES), (ATTRIBUTES, YES), (ATTRIBUTES, OPEN), (PLACE, NO), (PLACE, OPEN))
    assert one.axes == {OBJECT: YES, ATTRIBUTES: OPEN, PLACE: NO}


def test_findings_are_rows_worst_first_and_the_queue_has_the_doubtful_too() -> None:
    whole = report(
        judged(1, (OBJECT, YES)),
        judged(2, (OBJECT, YES), (PLACE, NO), (RELATIONS, NO)),
        judged(3, (OBJECT, OPEN), (PLACE, YES)),
        judged(4, (OBJECT, NO)),
        failed={(1, 9): "no reply"},
        pending=2,
    )
    assert whole.findings() == [
        {
            "image_id": 1,
            "segment_id": 4,
            "check": "judge",
            "reason": 'object: "object 0" is not so: why 0',
            "confidence": 0.9,
        },
        {
            "image_id": 1,
            "segment_id": 2,
            "check": "judge",
            "reason": 'place: "place 1" is not so: why 1; relations: "relations 2" is not so: why 2',
            "confidence": 0.83,
        },
    ]
    assert [(row["segment_id"], row["score"]) for row in whole.queue()] == [
        (4, 0.0),
        (2, 0.3333),
        (9, 0.5),
        (3, 0.875),
    ]
    assert whole.queue()[2]["reason"] == "no verdict: no reply"
    assert whole.queue()[3]["reason"] == 'cannot tell: "object 0"'
    counts = whole.counts()
    assert (counts["captions"], counts["judged"], counts["failed"], counts["pending"]) == (7, 4, 1, 2)
    assert counts["wrong"] == 2
    assert counts["claims"]["object"] == {"yes": 2, "no": 1, "cannot tell": 1}
    assert not whole.is_clean
    assert report(judged(1, (OBJECT, OPEN))).is_clean


@given(st.lists(claims, max_size=5), st.booleans())
def test_the_file_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, captions: list[list[tuple[Axis, Ruling]]], priced: bool
) -> None:
    folder = tmp_path_factory.mktemp("judged")
    whole = report(
        *(judged(n, *said, image_id=n % 2) for n, said in enumerate(captions)),
        failed={(7, 8): "cut"},
        pending=3,
        spend=Spend(5, 100, 20, 0.25 if priced else None),
    )
    whole.write(folder / "judge.json")
    assert JudgeReport.read(folder) == JudgeReport.read(folder / "judge.json") == whole


@pytest.mark.parametrize("content", [None, "[]", "{", '{"captions": []}', '{"source": 1, "judge": "x"}'])
def test_another_file_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "judge.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match="dataset check --judge"):
        JudgeReport.read(path)
