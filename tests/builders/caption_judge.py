"""A judge of captions: replies that are a pure function of caption and request, sound or spoilt."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pix2cap.dataset.judge_prompt import read_request
from tests.builders.chat_answers import ChatRequest

VERDICTS = ("yes", "yes", "yes", "no", "cannot tell")


def drawn(text: str, salt: str = "") -> int:
    """0..255 from a text, the same in every process."""
    return hashlib.sha256(f"{salt}|{text}".encode()).digest()[0]


def claims_of(caption: str, **verdicts: str) -> list[dict[str, str]]:
    """A sound split: the first half of the caption is the object, the second its place.

    Args:
        caption: Any.
        verdicts: Kind to verdict in place of the one drawn from the caption.
    """
    words = caption.split()
    half = max(1, len(words) // 2)
    kinds = {"object": " ".join(words[:half]), "place": " ".join(words[half:]) or words[0]}
    return [
        {
            "kind": kind,
            "claim": claim,
            "verdict": verdicts.get(kind, VERDICTS[drawn(caption, kind) % len(VERDICTS)]),
            "reason": f"seen in {kind}",
        }
        for kind, claim in kinds.items()
    ]


def sound_reply(prompt: str, **verdicts: str) -> dict[str, Any]:
    """A reply to all captions of a prompt."""
    captions = read_request(prompt)
    return {"captions": [{"id": n, "claims": claims_of(text, **verdicts)} for n, text in captions.items()]}


class JudgeAnswers:
    """Sound replies, but for `garbage` of ten requests: prose, a cut reply, a caption or a reason left out.

    Args:
        garbage: So many of ten requests are answered badly, by the request's key.
    """

    def __init__(self, garbage: int = 0) -> None:
        self._garbage = garbage

    def __call__(self, request: ChatRequest) -> str:
        reply = sound_reply(request.text)
        if drawn(request.key, "garbage") % 10 >= self._garbage:
            return json.dumps(reply)
        kind = drawn(request.key, "kind") % 4
        if kind == 0:
            return "I have looked at all of them, and they seem quite fine to me."
        if kind == 1:
            return json.dumps(reply)[: -len(json.dumps(reply)) // 3]
        if kind == 2:
            reply["captions"].pop()
            return json.dumps(reply)
        reply["captions"][0]["claims"] = [{"kind": "colour", "claim": "It is.", "verdict": "7/10"}]
        return json.dumps(reply)
