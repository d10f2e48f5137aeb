"""What a judge is told: the packaged words, their hash, and the schema of the reply."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Final

import orjson

from pix2cap.dataset.judge_claims import Axis, Ruling

NAME: Final = "judge v1"
"""Name and version of `prompts/judge-v1.md`; a changed text is a new version."""

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "captions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer"},
                    "claims": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "kind": {"type": "string", "enum": [str(axis) for axis in Axis]},
                                "claim": {"type": "string"},
                                "verdict": {"type": "string", "enum": [str(ruling) for ruling in Ruling]},
                                "reason": {"type": "string"},
                            },
                            "required": ["kind", "claim", "verdict", "reason"],
                            "additionalProperties": False,
                        },
                    },
                },
                "required": ["id", "claims"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["captions"],
    "additionalProperties": False,
}
"""JSON schema of the reply, in the subset that strict structured output accepts."""


@cache
def judge_words() -> str:
    """The packaged text, with `$` places to fill."""
    return files("pix2cap.dataset").joinpath("prompts", "judge-v1.md").read_text("utf-8")


def judge_words_hash() -> str:
    """SHA-256 of the packaged text, for run folders and provenance."""
    return hashlib.sha256(judge_words().encode()).hexdigest()


def word_request(captions: Mapping[int, str], *, objection: str | None = None) -> str:
    """The words that ask for verdicts on some captions of one picture.

    The class that the annotation gives the segment is left out on purpose: it may be as wrong as the caption,
    and a judge that is told "dog" finds one.

    Args:
        captions: Mark number to caption.
        objection: Why the last reply was no use.
    """
    numbers = [str(number) for number in captions]
    # JSON, so that a caption cannot pass for the end of the list, whatever it says.
    lines = [
        orjson.dumps({"id": number, "caption": _sound(text)}).decode() for number, text in captions.items()
    ]
    again = "" if objection is None else f"\nYour last reply was of no use: {objection}.\n"
    return (
        Template(judge_words()).substitute(
            crops=f"segment{'' if len(numbers) == 1 else 's'} {', '.join(numbers)}",
            captions="\n".join(lines),
            ids=", ".join(numbers),
            first_id=numbers[0],
        )
        + again
    )


def read_request(prompt: str) -> dict[int, str]:
    """The captions that a prompt of `word_request` asks about, for judges of our own.

    Example:
        >>> read_request(word_request({1: "A red bus.", 3: "A tree."}))
        {1: 'A red bus.', 3: 'A tree.'}
    """
    rows = (orjson.loads(line) for line in prompt.splitlines() if line.startswith('{"id":'))
    return {int(row["id"]): str(row["caption"]) for row in rows}


def _sound(text: str) -> str:
    """A lone surrogate has no UTF-8: it becomes `?`."""
    return text.encode("utf-8", "replace").decode()
