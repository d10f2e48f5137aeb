"""Claims of a caption with a verdict each: what they are, and how they are read out of a judge's reply.

The judge itself splits the caption. A splitter by rule would read English only, and would break "a man in
a red shirt and jeans holding a kite" at the wrong places; but a judge that splits might leave out what it
does not want to answer for, or add what nobody said. So a split is held against the caption: every claim
must share words with it, and together they must cover it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from pix2cap.annotate.ladder import Answer
from pix2cap.annotate.lenient_json import lenient_values
from pix2cap.annotate.parse import clean_caption, read_id
from pix2cap.evaluate.judge import UnreadableError, told_text


class Axis(StrEnum):
    """What a claim is about; the same four questions that people are asked."""

    OBJECT = "object"
    ATTRIBUTES = "attributes"
    RELATIONS = "relations"
    PLACE = "place"


class Ruling(StrEnum):
    """What was said of a claim."""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of a caption, judged.

    Args:
        kind: What it is about.
        claim: The statement, in the caption's words.
        verdict: True, false, or not to be told from the pictures.
        reason: What the judge saw.
    """

    kind: Axis
    claim: str
    verdict: Ruling
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read out of a reply.

    Args:
        claims: Number to claims, for captions that were judged as asked.
        objections: Number to why what the reply says of it is no use, for all others.
    """

    claims: Mapping[int, tuple[Claim, ...]]
    objections: Mapping[int, str]


MOST_CLAIMS: Final = 40
_LONGEST: Final = 400
_LEAST_COVERED: Final = 0.5
_PREFIX: Final = 4
_FEWEST_WORDS: Final = 3
_WORD: Final = re.compile(r"[^\W_]+")
_KINDS: Final[dict[str, Axis]] = {
    **dict.fromkeys(("object", "objects", "subject", "class", "identity"), Axis.OBJECT),
    **dict.fromkeys(("attributes", "attribute", "appearance", "look", "looks"), Axis.ATTRIBUTES),
    **dict.fromkeys(("relations", "relation", "relationship", "relationships", "action"), Axis.RELATIONS),
    **dict.fromkeys(("place", "position", "location", "places"), Axis.PLACE),
}
_RULINGS: Final[dict[str, Ruling]] = {
    **dict.fromkeys(("yes", "true", "correct", "supported", "right"), Ruling.YES),
    **dict.fromkeys(("no", "false", "incorrect", "contradicted", "wrong"), Ruling.NO),
    **dict.fromkeys(
        ("cannot tell", "can't tell", "cant tell", "can not tell", "unknown", "unsure", "not sure"),
        Ruling.CANNOT_TELL,
    ),
    **dict.fromkeys(("unclear", "uncertain", "not visible", "undecidable"), Ruling.CANNOT_TELL),
}


def read_judgements(answer: Answer, captions: Mapping[int, str]) -> Reading:
    """Read a reply about one or more captions.

    Args:
        answer: The reply.
        captions: Number to caption, as they were asked about.

    Raises:
        UnreadableError: There is no text to read: the request failed, was refused or cut at once.
    """
    text = told_text(answer)
    try:
        values, is_cut = [orjson.loads(text)], False
    except orjson.JSONDecodeError:
        values, is_cut = lenient_values(text)
    is_cut = is_cut or answer.finish_reason == "length"
    entries = list(_entries(values, next(iter(captions)) if len(captions) == 1 else None))
    given: dict[int, list[Any]] = {}
    for number, claims in entries:
        given.setdefault(number, []).append(claims)
    last = entries[-1][0] if entries and is_cut else None
    found: dict[int, tuple[Claim, ...]] = {}
    objections: dict[int, str] = {}
    for number, caption in captions.items():
        try:
            if number == last:
                raise UnreadableError("the reply was cut before its end; use fewer words")
            found[number] = _read_one(given.get(number, []), caption)
        except UnreadableError as error:
            objections[number] = str(error)
    return Reading(found, objections)


def read_one_judgement(answer: Answer, number: int, caption: str) -> tuple[Claim, ...]:
    """Read a reply about a single caption.

    Raises:
        UnreadableError: It is no use; the text tells the judge why.
    """
    reading = read_judgements(answer, {number: caption})
    if number in reading.objections:
        raise UnreadableError(reading.objections[number])
    return reading.claims[number]


def _entries(values: Sequence[Any], only: int | None) -> Iterator[tuple[int, Any]]:
    """`(number, claims)` of everything in a reply that has claims; without a number it is for `only`."""
    stack = list(reversed(values))
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, dict):
            claims = node.get("claims")
            if claims is None:
                stack.extend(reversed(list(node.values())))
                continue
            number = read_id(node.get("id", only))
            if number is not None:
                yield number, claims


def _read_one(given: Sequence[Any], caption: str) -> tuple[Claim, ...]:
    if not given:
        raise UnreadableError('expected an entry {"id": ..., "claims": [...]} for this caption, got none')
    if any(other != given[0] for other in given[1:]):
        raise UnreadableError("expected one entry for this caption, got several that differ")
    rows = given[0]
    if not isinstance(rows, list) or not rows:
        raise UnreadableError("expected a list of at least one claim, got none")
    if len(rows) > MOST_CLAIMS:
        raise UnreadableError(f"expected at most {MOST_CLAIMS} claims, got {len(rows)}")
    claims = tuple(_claim(row) for row in rows)
    require_faithful(claims, caption)
    return claims


def _claim(row: Any) -> Claim:
    if not isinstance(row, dict):
        raise UnreadableError("expected every claim as an object with kind, claim, verdict and reason")
    kind, text, said, why = (row.get(key) for key in ("kind", "claim", "verdict", "reason"))
    if not isinstance(text, str) or not clean_caption(text):
        raise UnreadableError("expected the statement of every claim under `claim`, got none")
    words = clean_caption(text)[:_LONGEST]
    axis = _KINDS.get(kind.strip().lower()) if isinstance(kind, str) else None
    if axis is None:
        raise UnreadableError(f"expected a kind out of {', '.join(Axis)} for {words!r}, got {_shown(kind)}")
    ruling = _ruling(said)
    if ruling is None:
        raise UnreadableError(
            f"expected a verdict out of {', '.join(Ruling)} for {words!r}, got {_shown(said)}"
        )
    reason = clean_caption(why)[:_LONGEST] if isinstance(why, str) else ""
    if ruling is Ruling.NO and not reason:
        raise UnreadableError(f"expected a reason why {words!r} is not so, got none")
    return Claim(axis, words, ruling, reason)


def _ruling(said: Any) -> Ruling | None:
    if isinstance(said, bool):
        return Ruling.YES if said else Ruling.NO
    if not isinstance(said, str):
        return None
    return _RULINGS.get(said.replace("_", " ").replace("-", " ").replace("’", "'").strip(" .*\"'").lower())


def require_faithful(claims: Sequence[Claim], caption: str) -> None:
    """Refuse a split that leaves out what the caption says, or adds to it.

    Words count as the same where they begin alike, so that "standing" may become "stands". Only words of four
    letters and more count, which are the telling ones in most languages; where a caption has hardly any, as
    in scripts without spaces, nothing can be held against a split but that it says what the segment is.

    Raises:
        UnreadableError: Says what is missing or too much.
    """
    if not any(claim.kind is Axis.OBJECT for claim in claims):
        raise UnreadableError("expected at least one claim of kind object, what the segment is, got none")
    said = _stems(caption)
    if len(said) < _FEWEST_WORDS:
        return
    everything = {word[:_PREFIX] for word in _WORD.findall(caption.casefold())}
    covered: set[str] = set()
    for claim in claims:
        words = {word[:_PREFIX] for word in _WORD.findall(claim.claim.casefold())}
        if words.isdisjoint(everything):
            raise UnreadableError(f"expected claims in the caption's own words, got {claim.claim!r}")
        covered |= words
    missing = [word for stem, word in said.items() if stem not in covered]
    if len(missing) > (1 - _LEAST_COVERED) * len(said):
        raise UnreadableError(
            "expected claims that together say all that the caption says, got none about "
            + ", ".join(repr(word) for word in missing[:6])
        )


def _stems(text: str) -> dict[str, str]:
    """First letters of each longer word, with the word."""
    words = (word for word in _WORD.findall(text.casefold()) if len(word) >= _PREFIX)
    return {word[:_PREFIX]: word for word in words}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
