"""How a judge is asked about a description, how its choice is read, and what choices are worth."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import ascii_uppercase

import orjson

from pix2cap.annotate.ladder import Answer
from pix2cap.evaluate.dlcbench_files import CORRECT, INCORRECT, DLCQuestion
from pix2cap.evaluate.judge import UnreadableError, told_text

_RUBRIC_FILE = "choice.v1.txt"
_LETTER = re.compile(r"(?:answer|choice|option)?[\s:*]*\(?([A-Za-z])(?:[).:*]|\s|$)", re.IGNORECASE)
_SAID = re.compile(r"\b(?:is|are) (?:mentioned|described|stated)", re.IGNORECASE)
_LAST_CLAUSE = re.compile(r"\b(?:is|are) ", re.IGNORECASE)
_ALTERNATIVES = re.compile(r"\band/or\b|\bor\b|\band\b|[,/]", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_SMALL = frozenset({"a", "an", "the", "of", "in", "description"})


@dataclass(frozen=True, slots=True)
class RegionScore:
    """What the choices of one region are worth.

    Args:
        recognised: Whether the description is of the right thing; None where it was not asked.
        positive: Mean over the positive questions, -1..1; None where there is none.
        negative: Mean over the negative questions.
        score: Mean over both together.
    """

    recognised: bool | None
    positive: float | None
    negative: float | None
    score: float | None


@cache
def rubric() -> str:
    """The instructions before every question; `rubrics/choice.v1.txt`."""
    return files("pix2cap.evaluate").joinpath("rubrics", _RUBRIC_FILE).read_text("utf-8")


def rubric_hash() -> str:
    """SHA-256 of the instructions, for run folders and provenance."""
    return hashlib.sha256(rubric().encode()).hexdigest()


def choice_prompt(description: str, question: DLCQuestion, *, objection: str | None = None) -> str:
    """The words that ask a judge for one choice.

    Args:
        description: To be judged.
        question: With its options.
        objection: Why the last reply was no use.
    """
    # JSON, so that a description cannot pass for an option.
    task = {
        "description": description,
        "question": question.text,
        "options": {ascii_uppercase[n]: choice.text for n, choice in enumerate(question.choices)},
    }
    again = "" if objection is None else f"\n\nYour last reply was of no use: {objection}."
    return f"{rubric()}\n{orjson.dumps(task).decode()}{again}"


def read_choice(answer: Answer, question: DLCQuestion) -> int:
    """Which option a judge chose, from 0.

    A reply begins with the letter, by itself or before the option's text.

    Raises:
        UnreadableError: No letter, or one that is no option.

    Example:
        >>> from pix2cap.evaluate.dlcbench_files import recognition_question
        >>> read_choice(Answer("k", "B. No"), recognition_question("a cup"))
        1
    """
    text = told_text(answer).strip()
    found = _LETTER.match(text.lstrip("*`\"' \n"))
    last = ascii_uppercase[len(question.choices) - 1]
    at = None if found is None else ascii_uppercase.index(found[1].upper())
    # "A bird is ..." begins with a word, not with a choice.
    names_option = at is not None and at < len(question.choices) and not re.match(r"[Aa] [a-z]", text)
    if at is None or not names_option:
        raise UnreadableError(f"expected the letter of an option, A to {last}, got {text[:80]!r}")
    return at


def score_region(questions: Sequence[DLCQuestion], chosen: Sequence[int]) -> RegionScore:
    """Points of one region.

    Where the thing was not recognised, nothing said of it can count for the description: points above 0 are
    struck out, those below stay.

    Args:
        questions: Of the region.
        chosen: One index a question.
    """
    recognised: bool | None = None
    points: dict[str, list[float]] = {"positive": [], "negative": []}
    for question, index in zip(questions, chosen, strict=True):
        value = question.choices[index].value
        if isinstance(value, str):
            recognised = value == CORRECT
        else:
            points[question.kind].append(value)
    if recognised is False:
        points = {kind: [min(value, 0.0) for value in values] for kind, values in points.items()}
    return RegionScore(
        recognised,
        mean(points["positive"]),
        mean(points["negative"]),
        mean([*points["positive"], *points["negative"]]),
    )


def mean(values: Sequence[float]) -> float | None:
    """The mean; None of nothing."""
    total = 0.0
    for value in values:
        total += value
    return total / len(values) if values else None


def exact_choice(description: str, question: DLCQuestion) -> int:
    """A choice by words alone: a judge for dry runs.

    An option without "not" holds where what it says last stands in the description; where none holds, the
    first option that says "not mentioned" is taken. Recognition is always granted. It shows that a set-up
    works, not how good a description is.
    """
    if question.kind == "recognition":
        values = [choice.value for choice in question.choices]
        return values.index(CORRECT) if CORRECT in values else values.index(INCORRECT)
    said = _words(description)
    for index, choice in enumerate(question.choices):
        if not re.search(r"\bnot\b", choice.text) and _holds(choice.text, said):
            return index
    absent = (n for n, choice in enumerate(question.choices) if "not mentioned" in choice.text)
    return next(absent, 0)


def _holds(option: str, said: list[str]) -> bool:
    before = _SAID.split(option)[0]
    after = _LAST_CLAUSE.split(option)[-1]
    clause = before if after.startswith(("mentioned", "described", "stated")) else after
    alternatives = [words for words in map(_words, _ALTERNATIVES.split(clause)) if words]
    return any(
        said[at : at + len(words)] == words
        for words in alternatives
        for at in range(len(said) - len(words) + 1)
    )


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _SMALL]
