"""Clients of a local chat server, and what it may do to them."""

from __future__ import annotations

import json
from collections.abc import Callable

from pix2cap.vlm.openai_compatible import OpenAICompatible
from tests.builders.chat_answers import ChatRequest, Fault
from tests.builders.chat_server import ChatServer, Faults

ANSWER = '{"captions": [{"id": 1, "caption": "A cat.", "visible": true}]}'
KEY = "pk-secret-0123456789"


def answer(request: ChatRequest) -> str:
    return ANSWER


def client(server: ChatServer, **options: object) -> OpenAICompatible:
    fast = {"api_key": KEY, "wait_initial_s": 0.001, "timeout_s": 30.0} | options
    return OpenAICompatible("test-model", base_url=server.base_url, **fast)  # type: ignore[arg-type]


def raw(status: int, message: str = "no", headers: dict[str, str] | None = None, **error: object) -> Fault:
    body = json.dumps({"error": {"message": message, **error}}).encode()
    return Fault("raw", status=status, body=body, headers=tuple((headers or {}).items()))


def first(count: int, fault: Fault) -> Faults:
    """The fault for the first deliveries of each key."""
    return lambda request, delivery: fault if delivery < count else None


def always(fault: Fault) -> Faults:
    return lambda request, delivery: fault


def refusing(refuses: Callable[[dict], str | None]) -> Faults:
    """A server that answers 400 with the returned message."""

    def decide(request: ChatRequest, delivery: int) -> Fault | None:
        message = refuses(request.body)
        return raw(400, message) if message else None

    return decide
