"""Grades by a language model: our rubric, how its reply is read, and a local judge for dry runs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Generic, TypeVar

import orjson

from pix2cap.annotate.ladder import Answer
from pix2cap.evaluate.asking import Question

ATTEMPTS = 4
"""Times one grade is asked for at most, each with the reason why the reply before it was no use."""

_RUBRIC_FILE = "grade.v1.txt"

_SPACED = re.compile(r"\s*<(AND|OR)>\s*", re.IGNORECASE)
_GRADE = re.compile(
    r"(?:(?:the )?(?:grade|score)\W{0,3}(?:is|[:=]) *\**)? *(0|1|[01]?\.\d{1,6})\.?", re.IGNORECASE
)
_DECORATION = " \t\r\n*`'\"_"
_THOUGHTS = re.compile(r"\A\s*<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_WORD = re.compile(r"(?<![\w.])-\d(?:[\w.,/%-]*\w)?|\w[\w.,/'%-]*\w|[\w%]")
_ARTICLES = frozenset({"a", "an", "the"})

T = TypeVar("T")


class UnreadableError(ValueError):
    """A judge's reply says nothing that can be used; the text tells the judge why."""


@dataclass(frozen=True, slots=True)
class JudgeReply:
    """One reply of a judge, as it came."""

    text: str | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict(Generic[T]):
    """What a judge said in the end.

    Args:
        value: The grade or choice; None where no reply was of any use.
        reason: Why there is none.
        replies: Every reply to it, in order.
    """

    value: T | None
    reason: str | None
    replies: tuple[JudgeReply, ...]


@cache
def rubric() -> str:
    """The instructions and examples before every task; `rubrics/grade.v1.txt`."""
    return files("pix2cap.evaluate").joinpath("rubrics", _RUBRIC_FILE).read_text("utf-8")


def rubric_hash() -> str:
    """SHA-256 of the rubric, for run folders and provenance."""
    return hashlib.sha256(rubric().encode()).hexdigest()


def grade_prompt(question: str, reference: str, answer: str, *, objection: str | None = None) -> str:
    """The words that ask a judge for one grade.

    Args:
        question: As the answerer had it.
        reference: With `<AND>` and `<OR>` as the meta data have them.
        answer: To be graded.
        objection: Why the last reply was no use.
    """
    spaced = _SPACED.sub(lambda found: f" <{found[1].upper()}> ", reference)
    # JSON, so that an answer cannot pass for the end of its own task.
    task = orjson.dumps({"question": question, "reference": spaced, "answer": answer}).decode()
    again = "" if objection is None else f"\n\nYour last reply was of no use: {objection}."
    return f"{rubric()}\n{task}{again}"


def read_grade(answer: Answer) -> float:
    """The grade in a judge's reply.

    Strict: one number from 0 to 1, alone or after `Grade:`; all else is asked for again, not guessed at.

    Raises:
        UnreadableError: Anything else.

    Example:
        >>> read_grade(Answer("k", "0.7")), read_grade(Answer("k", "Grade: **1**"))
        (0.7, 1.0)
    """
    text = told_text(answer)
    found = _GRADE.fullmatch(text.strip(_DECORATION))
    value = None if found is None else float(found[1])
    if value is None or not 0 <= value <= 1:
        raise UnreadableError(f"expected one number from 0.0 to 1.0 and nothing else, got {_short(text)}")
    return value


def told_text(answer: Answer) -> str:
    """The text of a reply, without thoughts that a model tells before it.

    Raises:
        UnreadableError: There is none: the request failed, or it was refused or cut before it began.
    """
    if answer.text is None:
        raise UnreadableError(answer.error or "no reply")
    if answer.finish_reason == "refusal":
        raise UnreadableError(f"the endpoint refused: {_short(answer.text)}")
    text = without_thoughts(answer.text)
    if not text:
        cut = ", cut by the token limit" if answer.finish_reason == "length" else ""
        raise UnreadableError(f"expected an answer, got an empty reply{cut}")
    return text


def without_thoughts(text: str) -> str:
    """What a model says after thinking aloud; "" where it was cut while it still thought.

    Example:
        >>> without_thoughts("<think>7 or 8?</think> 0.8"), without_thoughts("<think>7 or")
        ('0.8', '')
    """
    return _THOUGHTS.sub("", text, count=1).strip()


async def ask_until_readable(
    ask: Callable[[Question], Awaitable[Answer]],
    question: Callable[[int, str | None], Question],
    read: Callable[[Answer], T],
    *,
    first: int = 0,
) -> Verdict[T]:
    """Ask a judge until its reply can be read, `ATTEMPTS` times at most.

    Args:
        ask: Sends a question, or recalls its reply.
        question: Words attempt n, given the objection to the reply before it.
        read: Reads a reply, or raises UnreadableError.
        first: Number of the first attempt; a later round goes on where the one before it ended.

    Raises:
        StoppedError: The run is ending.
    """
    replies: list[JudgeReply] = []
    objection: str | None = None
    reason = "not asked"
    for attempt in range(first, first + ATTEMPTS):
        answer = await ask(question(attempt, objection))
        replies.append(JudgeReply(answer.text, answer.error))
        try:
            return Verdict(read(answer), None, tuple(replies))
        except UnreadableError as error:
            reason = str(error)
            # Of a fault of transport the judge knows nothing.
            objection = None if answer.text is None else reason
    return Verdict(None, reason, tuple(replies))


def exact_grade(reference: str, answer: str) -> float:
    """The share of the reference's parts whose words stand in the answer, in order: a judge for dry runs.

    Parts are split at `<AND>` first; each is met by any of its `<OR>` alternatives. Case, punctuation and
    articles do not count. It knows no synonyms and no contradictions: its numbers say that a set-up works,
    not how good a model is.

    Example:
        >>> exact_grade("-1 <AND> -5", "x = -5 or 5"), exact_grade("3/4<OR>0.75", "It is 0.75.")
        (0.5, 1.0)
    """
    said = _words(answer)
    parts = [[_words(one) for one in part.split("<OR>")] for part in reference.split("<AND>")]
    met = sum(any(one and _stands_in(one, said) for one in part) for part in parts)
    return met / len(parts)


def _words(text: str) -> list[str]:
    found = [
        word.strip(".,'/-") if not word.startswith("-") else word for word in _WORD.findall(text.lower())
    ]
    return [word for word in found if word and word not in _ARTICLES]


def _stands_in(words: list[str], text: list[str]) -> bool:
    length = len(words)
    return any(text[at : at + length] == words for at in range(len(text) - length + 1))


def _short(text: str, most: int = 80) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= most else f"{line[:most]}...")
