"""A judge against people: counts, accuracy and alpha by hand and against the definition."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.annotate.verdicts import Verdict
from pix2cap.dataset.judge_agreement import ANSWERS, NOT_SAID, judge_against_people
from pix2cap.dataset.judge_claims import Axis, Claim, Ruling
from pix2cap.dataset.judge_result import JudgedCaption, JudgeReport


def person(segment_id: int, answers: str, reviewer: str = "ann") -> Verdict:
    """`answers`: one letter an axis, y n c (cannot tell) - (not applicable)."""
    words = {"y": "yes", "n": "no", "c": "cannot tell", "-": "not applicable"}
    object_, attributes, relations, place = (words[letter] for letter in answers)
    return Verdict(
        1, "", reviewer, "s", segment_id, 1, segment_id, object_, attributes, relations, place, "", None
    )


def judged(**answers: str) -> JudgeReport:
    """`s7="yn-c"`: segment 7, one letter an axis, - for no claim."""
    words = {"y": Ruling.YES, "n": Ruling.NO, "c": Ruling.CANNOT_TELL}
    captions = []
    for name, letters in answers.items():
        claims = tuple(
            Claim(axis, "x", words[letter], "y")
            for axis, letter in zip(Axis, letters, strict=True)
            if letter != "-"
        )
        captions.append(JudgedCaption(1, int(name[1:]), "A caption.", claims))
    return JudgeReport("d", "openai:x", "judge v1", "", tuple(captions))


def test_counts_by_hand() -> None:
    verdicts = [person(1, "yyyy"), person(2, "yn-y"), person(3, "nncy"), person(4, "yyyy"), person(5, "yyyy")]
    found = judge_against_people(verdicts, judged(s1="yycy", s2="yn-n", s3="yny-", s4="nyyc", s9="nnnn"))
    assert (found.captions, found.unjudged) == (4, 1)
    objects = found.axes["object"]
    assert objects.confusion["yes"] == {"yes": 2, "no": 1, "cannot tell": 0, NOT_SAID: 0}
    assert objects.confusion["no"]["yes"] == 1
    assert (objects.decided, objects.accuracy) == (4, 0.5)
    assert objects.caught == 0.0
    assert objects.false_alarms == pytest.approx(1 / 3)
    attributes = found.axes["attributes"]
    assert (attributes.accuracy, attributes.alpha, attributes.caught) == (1.0, 1.0, 1.0)
    relations = found.axes["relations"]
    assert relations.confusion[NOT_SAID][NOT_SAID] == 1
    assert relations.confusion["cannot tell"]["yes"] == 1
    assert (relations.decided, relations.accuracy) == (1, 1.0)
    assert relations.alpha is None
    assert found.axes["place"].confusion["yes"] == {"yes": 1, "no": 1, "cannot tell": 1, NOT_SAID: 1}
    assert found.to_json()["axes"]["object"]["accuracy"] == 0.5


def test_the_majority_of_people_speaks_and_a_tie_is_told_apart() -> None:
    verdicts = [person(1, "yyyy", "ann"), person(1, "nyyn", "bo"), person(1, "nyyc", "cy")]
    found = judge_against_people(verdicts, judged(s1="nyyy"))
    assert found.captions == 1
    assert found.axes["object"].confusion["no"]["no"] == 1
    assert found.axes["attributes"].confusion["yes"]["yes"] == 1
    assert (found.axes["place"].split, found.axes["place"].captions) == (1, 0)


def test_a_judge_that_saw_another_text_is_not_compared() -> None:
    verdicts = [person(1, "yyyy"), person(2, "yyyy")]
    texts = {(1, 1): "A caption. ", (1, 2): "Another caption."}
    found = judge_against_people(verdicts, judged(s1="yyyy", s2="yyyy"), texts=texts)
    assert (found.captions, found.unjudged) == (1, 1)


def by_definition(pairs: list[tuple[str, str]]) -> float | None:
    """Alpha from its definition: pairs within units against pairs of any two values of the whole."""
    values = [value for pair in pairs for value in pair]
    chance = [a != b for a, b in permutations(values, 2)]
    if not any(chance):
        return None
    observed = sum(a != b for a, b in pairs) / len(pairs)
    return 1 - observed / (sum(chance) / len(chance))


@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, 4), st.integers(0, 4))
def test_alpha_is_krippendorffs(both_yes: int, both_no: int, alarms: int, missed: int) -> None:
    pairs = [("y", "y")] * both_yes + [("n", "n")] * both_no + [("y", "n")] * alarms + [("n", "y")] * missed
    # What either cannot tell or does not speak of is no part of it.
    pairs += [("c", "y"), ("n", "-"), ("c", "c")]
    said = judged(**{f"s{n}": f"y{judge}yy" for n, (_, judge) in enumerate(pairs)})
    verdicts = [person(n, f"y{they}yy") for n, (they, _) in enumerate(pairs)]
    found = judge_against_people(verdicts, said).axes["attributes"].alpha
    expected = by_definition([(a, b) for a, b in pairs if {a, b} <= set("yn")])
    assert (found is None) == (expected is None)
    if found is not None:
        assert found == pytest.approx(expected)


letters = st.lists(
    st.tuples(st.text("ync-", min_size=4, max_size=4), st.text("ync-", min_size=4, max_size=4))
)


@given(letters)
def test_every_caption_is_counted_once_an_axis(said: list[tuple[str, str]]) -> None:
    verdicts = [person(n, person_says) for n, (person_says, _) in enumerate(said)]
    kept = {f"s{n}": judge_says for n, (_, judge_says) in enumerate(said) if set(judge_says) != {"-"}}
    found = judge_against_people(verdicts, judged(**kept))
    assert found.captions == len(kept)
    assert found.unjudged == len(said) - len(kept)
    for axis in found.axes.values():
        assert sum(axis.confusion[a][b] for a in ANSWERS for b in ANSWERS) == axis.captions == len(kept)
        assert axis.accuracy is None or 0 <= axis.accuracy <= 1
        assert axis.alpha is None or axis.alpha <= 1
