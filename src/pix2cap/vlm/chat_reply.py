"""What a chat-completions endpoint sent back: replies and refusals, read without trusting their shape."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pix2cap.vlm.model import FinishReason, Reply, Usage

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "refusal",
    "refusal": "refusal",
    "safety": "refusal",
    "recitation": "refusal",
}
_FILTER_CODES = {"content_filter", "content_policy_violation", "moderation_blocked", "data_inspection_failed"}
_QUOTA_CODES = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "access_terminated"}
_MAX_MESSAGE = 600


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error as the endpoint worded it.

    Args:
        message: Its text, cut to a few lines.
        code: Its short name (`insufficient_quota`), where it gave one.
        param: The field at fault, where it named one.
    """

    message: str
    code: str | None = None
    param: str | None = None

    @property
    def is_filtered(self) -> bool:
        """True where a content filter stopped this one request: a refusal, not a broken set-up."""
        return self.code in _FILTER_CODES

    @property
    def is_out_of_quota(self) -> bool:
        """True where the account is empty, which no waiting mends."""
        return self.code in _QUOTA_CODES


def read_reply(body: bytes, *, request_id: str | None = None, tries: int = 1) -> Reply:
    """The reply inside a complete HTTP 200, whatever its shape.

    Never raises: such a reply is paid for, so it must reach the journal even where it is useless.

    Args:
        body: The whole body.
        request_id: The provider's name for the request, from a header.
        tries: HTTP requests that it took.

    Returns:
        The reply; for an unreadable envelope its text as it came, with finish reason `other`.
    """
    envelope = _loads(body)
    if not isinstance(envelope, dict):
        return Reply(_clean(body.decode("utf-8", "replace")), Usage(), "other", request_id, None, tries)
    usage = _read_usage(envelope.get("usage"))
    identity = request_id or _text_or_none(envelope.get("id"))
    model = _text_or_none(envelope.get("model"))
    choices = envelope.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return Reply(_clean(body.decode("utf-8", "replace")), usage, "other", identity, model, tries)
    text, finish = _read_choice(choice)
    return Reply(_clean(text), usage, finish, identity, model, tries)


def _read_choice(choice: dict[str, Any]) -> tuple[str, FinishReason]:
    raw = choice.get("message")
    message: dict[str, Any] = raw if isinstance(raw, dict) else {}
    said = choice.get("finish_reason")
    content, refusal = _read_content(message.get("content", choice.get("text")))
    refusal = _text_or_none(message.get("refusal")) or refusal
    if refusal:
        return content or refusal, "refusal"
    if not content and said in ("stop", None):
        # Servers that split off the reasoning of a model under a grammar put the whole answer there.
        reasoning = message.get("reasoning_content") or message.get("reasoning")
        if isinstance(reasoning, str) and reasoning.lstrip().startswith("{"):
            content = reasoning
    if said is None:
        return content, "stop" if content else "other"
    finish = _FINISH.get(said.lower(), "other") if isinstance(said, str) else "other"
    return content, "other" if finish == "stop" and not content else finish


def _read_content(content: object) -> tuple[str, str]:
    """`(text, refusal)` of a message's content: a string, a list of parts, or something else."""
    if isinstance(content, str):
        return content, ""
    if not isinstance(content, list):
        return "", ""
    texts: list[str] = []
    refusals: list[str] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            kind = part.get("type")
            if kind in (None, "text", "output_text") and isinstance(part.get("text"), str):
                texts.append(part["text"])
            elif kind == "refusal" and isinstance(part.get("refusal"), str):
                refusals.append(part["refusal"])
    return "".join(texts), "".join(refusals)


def read_error(body: bytes, status: int) -> ApiError:
    """The error in a body with a status of 300 or more: JSON of any known shape, a page, or nothing.

    Example:
        >>> read_error(b'{"error": {"message": "no such model", "code": "model_not_found"}}', 404)
        ApiError(message='no such model', code='model_not_found', param=None)
        >>> read_error(b"", 503).message
        'HTTP 503 without a message'
    """
    found = _loads(body)
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, dict):
        inner = found.get("error", found)
        if isinstance(inner, str) and inner.strip():
            return ApiError(_shorten(inner), _code(found.get("code")))
        if isinstance(inner, dict):
            message = inner.get("message") or inner.get("msg") or inner.get("detail") or found.get("detail")
            text, param = _read_message(message)
            if text:
                code = _code(inner.get("code")) or _code(inner.get("type"))
                return ApiError(text, code, _text_or_none(inner.get("param")) or param)
    text = body.decode("utf-8", "replace").strip()
    if re.match(r"(?is)<!doctype|<html", text):
        title = re.search(r"(?is)<title[^>]*>(.*?)</title>", text)
        text = f"a web page{f' titled {title[1].strip()!r}' if title else ''}"
    return ApiError(_shorten(text) or f"HTTP {status} without a message")


def _read_message(message: object) -> tuple[str, str | None]:
    """`(text, field)`; validation errors in FastAPI's list form echo the whole input, which is left out."""
    if isinstance(message, str):
        return _shorten(message), None
    if not isinstance(message, list):
        return "", None
    texts: list[str] = []
    field = None
    for entry in message:
        if isinstance(entry, Mapping):
            where = entry.get("loc")
            names = [str(step) for step in where] if isinstance(where, list) else []
            field = field or next((name for name in names if name != "body"), None)
            texts.append(f"{'.'.join(names)}: {entry.get('msg', '')}")
    return _shorten("; ".join(texts)), field


def _code(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _shorten(text: str) -> str:
    text = " ".join(_clean(text).split())
    return text if len(text) <= _MAX_MESSAGE else text[: _MAX_MESSAGE - 1] + "…"


def _read_usage(usage: object) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    return Usage(
        _count(usage.get("prompt_tokens", usage.get("input_tokens"))),
        _count(usage.get("completion_tokens", usage.get("output_tokens"))),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text_or_none(value: object) -> str | None:
    return _clean(value) if isinstance(value, str) and value else None


def _clean(text: str) -> str:
    """Without lone surrogates, which neither SQLite nor a UTF-8 file takes."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def _loads(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:  # what orjson refuses and the standard library reads: NaN, lone surrogates
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
