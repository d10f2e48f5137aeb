"""From choices to DLC-Bench's numbers, region by region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pix2cap.evaluate.dlcbench_files import DLCQuestion
from pix2cap.evaluate.dlcbench_judge import RegionScore, mean, score_region
from pix2cap.evaluate.dlcbench_result import DLCRegionResult, DLCResult, JudgedQuestion
from pix2cap.evaluate.judge import Verdict


@dataclass
class DLCState:
    """What is known of the regions so far.

    Args:
        questions: By region id, in the order of the file.
        descriptions: By region id.
        failed: Region id to why it has no description.
        missing: Regions that a file of descriptions lacks.
        verdicts: Region id to question number to the choice.
    """

    questions: Mapping[str, tuple[DLCQuestion, ...]]
    descriptions: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    verdicts: dict[str, dict[int, Verdict[int]]] = field(default_factory=dict)

    @cached_property
    def index(self) -> dict[str, int]:
        """Region id to its place in the file."""
        return {region_id: number for number, region_id in enumerate(self.questions)}


def summarise(state: DLCState, **known: Any) -> DLCResult:
    """The result over all regions: means of regions' means, each region weighing the same.

    Args:
        state: What is known of them.
        known: Fields of the result that do not come from the regions.
    """
    items = tuple(_region(state, key, questions) for key, questions in state.questions.items())
    scored = [item for item in items if item.status == "judged"]
    averages = {
        name: mean([item.scores[name] for item in scored if name in item.scores])
        for name in ("positive", "negative")
    }
    known_averages = [value for value in averages.values() if value is not None]
    return DLCResult(
        regions=len(items),
        judged=len(scored),
        avg_pos=averages["positive"],
        avg_neg=averages["negative"],
        score=mean(known_averages) if len(known_averages) == len(averages) else None,
        not_recognised=sum(item.recognised is False for item in scored),
        failed={item.region_id: item.reason or "" for item in items if item.status == "failed"},
        missing=state.missing,
        items=items,
        **known,
    )


def _region(state: DLCState, key: str, questions: tuple[DLCQuestion, ...]) -> DLCRegionResult:
    description = None if key in state.missing else state.descriptions.get(key)
    verdicts = state.verdicts.get(key, {})
    bad = [f"question {n + 1}: {v.reason}" for n, v in sorted(verdicts.items()) if v.value is None]
    judged = tuple(_judged(question, verdicts.get(n)) for n, question in enumerate(questions))
    chosen = [verdicts[n].value for n in range(len(questions)) if n in verdicts]
    indices = [index for index in chosen if index is not None]
    if key in state.failed:
        return DLCRegionResult(key, None, "failed", None, judged, state.failed[key])
    if bad:
        return DLCRegionResult(key, description, "failed", None, judged, f"no choice: {'; '.join(bad)}")
    if len(indices) == len(questions):
        score = score_region(questions, indices)
        return DLCRegionResult(key, description, "judged", score.recognised, judged, None, _scores(score))
    if key in state.descriptions and not state.descriptions[key].strip():
        kinds = {question.kind for question in questions}
        nothing = {kind: 0.0 for kind in ("positive", "negative") if kind in kinds}
        score = RegionScore(False, nothing.get("positive"), nothing.get("negative"), 0.0)
        reason = "no description in the file" if key in state.missing else "an empty description"
        return DLCRegionResult(
            key, description, "judged", False, judged, f"{reason}, worth 0", _scores(score)
        )
    return DLCRegionResult(key, description, "pending", None, judged, None)


def _judged(question: DLCQuestion, verdict: Verdict[int] | None) -> JudgedQuestion:
    if verdict is None or verdict.value is None:
        return JudgedQuestion(question.kind, question.text, None, None)
    choice = question.choices[verdict.value]
    return JudgedQuestion(question.kind, question.text, choice.text, choice.value)


def _scores(score: RegionScore) -> dict[str, float]:
    scores = {"positive": score.positive, "negative": score.negative}
    if score.positive is not None and score.negative is not None:
        scores["mean"] = (score.positive + score.negative) / 2
    return {name: value for name, value in scores.items() if value is not None}
