"""What an endpoint refuses is found out once and remembered."""

from __future__ import annotations

import asyncio

import pytest

from pix2cap.errors import ModelRejected
from tests.builders.chat_answers import ChatRequest, Fault
from tests.builders.chat_server import ChatServer
from tests.vlm.clients import answer, client, refusing
from tests.vlm.requests import make_request


async def test_strict_schema_falls_back_to_json_mode_and_to_text_and_is_remembered():
    def refuses(body: dict) -> str | None:
        wanted = body.get("response_format", {}).get("type")
        return f"response_format type {wanted} is not supported" if wanted else None

    async with ChatServer(answer, faults=refusing(refuses)) as server:
        model = client(server)
        replies = [await model.ask(make_request(f"k{i}")) for i in range(3)]
        await model.aclose()
    assert [reply.tries for reply in replies] == [3, 1, 1]
    formats = [request.body.get("response_format", {}).get("type") for request in server.requests]
    assert formats == ["json_schema", "json_object", None, None, None]
    assert "JSON schema" not in server.requests[0].text and "JSON schema" in server.requests[1].text
    assert model.dialect.reply_format == "text"


async def test_a_fixed_json_mode_is_kept():
    async with ChatServer(answer, faults=refusing(lambda body: "response_format?")) as server:
        model = client(server, json_mode="object")
        with pytest.raises(ModelRejected, match="response_format"):
            await model.ask(make_request())
        await model.aclose()
    assert [request.body["response_format"]["type"] for request in server.requests] == ["json_object"]


async def test_optional_fields_are_given_up_one_by_one():
    def refuses(body: dict) -> str | None:
        if "max_tokens" in body:
            return "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        for field in ("seed", "temperature", "response_format"):
            if field in body:
                return f"unknown field {field}"
        return None

    async with ChatServer(answer, faults=refusing(refuses)) as server:
        model = client(server)
        assert (await model.ask(make_request("a"))).tries == 6
        assert (await model.ask(make_request("b"))).tries == 1
        await model.aclose()
    last = server.requests[-1].body
    assert last["max_completion_tokens"] == 2048
    assert not {"max_tokens", "seed", "temperature", "response_format"} & set(last)


async def test_one_request_finds_out_while_the_others_wait():
    def refuses(body: dict) -> str | None:
        return "unknown field seed" if "seed" in body else None

    async with ChatServer(answer, faults=refusing(refuses), latency_s=0.02) as server:
        model = client(server, concurrency=16)
        replies = await asyncio.gather(*(model.ask(make_request(f"k{i}")) for i in range(16)))
        await model.aclose()
    assert len(server.requests) == 17
    assert sorted(reply.tries for reply in replies) == [1] * 15 + [2]


async def test_a_later_refusal_is_learnt_once_under_concurrency():
    def refuses(body: dict) -> str | None:
        return "response_format is not supported" if "response_format" in body else None

    async with ChatServer(answer, faults=refusing(refuses), latency_s=0.02) as server:
        model = client(server, json_mode="auto")
        await model.ask(make_request("free", schema=None))
        await asyncio.gather(*(model.ask(make_request(f"k{i}")) for i in range(4)))
        await model.ask(make_request("late"))
        await model.aclose()
    assert model.dialect.reply_format == "text"
    assert server.arrivals["late"] == 1


async def test_a_faulty_first_request_does_not_hold_up_the_others():
    def faults(request: ChatRequest, delivery: int) -> Fault | None:
        return Fault("500") if request.key == "k0" and delivery < 2 else None

    async with ChatServer(answer, faults=faults) as server:
        model = client(server)
        replies = await asyncio.gather(*(model.ask(make_request(f"k{i}")) for i in range(4)))
        await model.aclose()
    assert [reply.tries for reply in replies] == [3, 1, 1, 1]
