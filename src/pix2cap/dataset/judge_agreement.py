"""How far a judge and people agree on the captions that both have looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pix2cap.dataset.judge_claims import Axis, Ruling
from pix2cap.dataset.judge_result import JudgedCaption, JudgeReport
from pix2cap.evaluate.result_files import plain
from pix2cap.metrics.raters import krippendorff_alpha

NOT_SAID = "not said"
"""Of an axis that a caption does not speak of."""

ANSWERS = (*(str(ruling) for ruling in Ruling), NOT_SAID)
"""Rows and columns of the confusion counts."""


class PersonsVerdict(Protocol):
    """What is read of a person's verdict; `annotate.verdicts.Verdict` has it."""

    @property
    def image_id(self) -> int:
        """The picture."""
        ...

    @property
    def segment_id(self) -> int:
        """The segment."""
        ...

    def answer(self, axis: str) -> str:
        """`yes`, `no`, `cannot tell` or `not applicable`, for one of the four axes."""
        ...


@dataclass(frozen=True, slots=True)
class AxisAgreement:
    """One axis.

    Args:
        confusion: What people say to what the judge says to how many captions.
        captions: Captions that both looked at and on which people do not contradict each other.
        split: Captions on which as many people say one thing as another; they count nowhere else.
        decided: Captions on which both say yes or no.
        accuracy: Share of the decided on which they say the same; None for none.
        alpha: Krippendorff's alpha (nominal) over the decided, the people's majority as one coder and the
            judge as the other; None where there are none, or where all say the same of all.
        caught: Of the decided that people call wrong, the share that the judge calls wrong.
        false_alarms: Of the decided that people call right, the share that the judge calls wrong.
    """

    confusion: Mapping[str, Mapping[str, int]]
    captions: int
    split: int
    decided: int
    accuracy: float | None
    alpha: float | None
    caught: float | None
    false_alarms: float | None


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """All axes.

    Args:
        axes: By name.
        captions: Captions that both looked at.
        unjudged: Captions that people looked at and the judge did not, or whose text has changed since.
    """

    axes: Mapping[str, AxisAgreement]
    captions: int
    unjudged: int

    def to_json(self) -> dict[str, Any]:
        """The record as `dataset agreement --format json` prints it."""
        record: dict[str, Any] = plain(self)
        return record


def judge_against_people(
    verdicts: Iterable[PersonsVerdict],
    judged: JudgeReport,
    *,
    texts: Mapping[tuple[int, int], str] | None = None,
) -> JudgeAgreement:
    """Compare a judge with people, axis by axis.

    Where several people rated a caption, the majority speaks; "not applicable" of a person and an axis on
    which the judge found no claim both count as "not said".

    Args:
        verdicts: One a person and caption, of any samples.
        judged: What the judge said.
        texts: `(image_id, segment_id)` to the caption that people saw, where it is known: a judge that saw
            another one is not compared.

    Example:
        >>> judge_against_people([], JudgeReport("d", "rules", "judge v1", "")).captions
        0
    """
    by_key = {(one.image_id, one.segment_id): one for one in judged.judged}
    people: dict[tuple[int, int], list[PersonsVerdict]] = {}
    for verdict in verdicts:
        people.setdefault((verdict.image_id, verdict.segment_id), []).append(verdict)
    both = [key for key in sorted(people) if key in by_key and _same_text(key, by_key[key], texts)]
    axes = {
        str(axis): _compare([(_majority(people[key], axis), _of_judge(by_key[key], axis)) for key in both])
        for axis in Axis
    }
    return JudgeAgreement(axes, len(both), len(people) - len(both))


def _same_text(
    key: tuple[int, int], judged: JudgedCaption, texts: Mapping[tuple[int, int], str] | None
) -> bool:
    return texts is None or key not in texts or texts[key].strip() == judged.caption.strip()


def _of_judge(judged: JudgedCaption, axis: Axis) -> str:
    said = judged.axes.get(axis)
    return NOT_SAID if said is None else str(said)


def _majority(verdicts: Iterable[PersonsVerdict], axis: Axis) -> str | None:
    """What most people say; None where two answers are as frequent."""
    told = (verdict.answer(axis) for verdict in verdicts)
    answers = Counter(answer if answer in ANSWERS else NOT_SAID for answer in told).most_common(2)
    if len(answers) == 2 and answers[0][1] == answers[1][1]:
        return None
    return answers[0][0]


def _compare(pairs: list[tuple[str | None, str]]) -> AxisAgreement:
    confusion = {person: dict.fromkeys(ANSWERS, 0) for person in ANSWERS}
    for person, judge in pairs:
        if person is not None:
            confusion[person][judge] += 1
    yes, no = str(Ruling.YES), str(Ruling.NO)
    both_yes, both_no = confusion[yes][yes], confusion[no][no]
    alarms, missed = confusion[yes][no], confusion[no][yes]
    decided = both_yes + both_no + alarms + missed
    split = sum(person is None for person, _ in pairs)
    return AxisAgreement(
        confusion,
        len(pairs) - split,
        split,
        decided,
        _share(both_yes + both_no, decided),
        krippendorff_alpha([pair for pair in pairs if set(pair) <= {yes, no}]),
        _share(both_no, both_no + missed),
        _share(alarms, alarms + both_yes),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
