"""Every fault of an endpoint, against a real server on the loopback."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import socket
import traceback

import pytest

from pix2cap.errors import ModelRejected, ModelUnavailable, UsageError
from pix2cap.vlm.model import CaptionModel, PicturePart, Usage
from pix2cap.vlm.openai_compatible import OpenAICompatible
from pix2cap.vlm.rate_limit import RateLimit
from tests.builders.chat_answers import Fault
from tests.builders.chat_server import ChatServer
from tests.vlm.clients import ANSWER, KEY, always, answer, client, first, raw
from tests.vlm.requests import make_request


async def test_a_reply_and_what_was_sent_for_it():
    async with ChatServer(answer) as server:
        model = client(server)
        reply = await model.ask(make_request("key-1"))
        await model.aclose()
    sent = server.requests[0]
    assert isinstance(model, CaptionModel)
    assert reply.text == ANSWER and reply.finish_reason == "stop" and reply.tries == 1
    assert reply.request_id == "req-key-1" and reply.model == "test-model"
    assert reply.usage.input_tokens and reply.usage.output_tokens
    assert sent.headers["X-Pix2Cap-Key"] == "key-1"
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert sent.headers["Content-Type"] == "application/json"
    assert len(sent.picture_sha256) == 2
    assert model.name == "openai:test-model" and model.host == f"127.0.0.1:{server.base_url[17:-3]}"


@pytest.mark.parametrize("kind", ["429", "500", "reset"])
async def test_passing_faults_are_tried_again_at_once(kind):
    async with ChatServer(answer, faults=first(2, Fault(kind, retry_after="0"))) as server:
        model = client(server)
        reply = await model.ask(make_request("k"))
        await model.aclose()
    assert (reply.text, reply.tries) == (ANSWER, 3)
    assert server.delivered == {"k": 1}


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 529])
async def test_statuses_that_pass(status):
    async with ChatServer(answer, faults=first(1, raw(status))) as server:
        model = client(server)
        assert (await model.ask(make_request())).tries == 2
        await model.aclose()


async def test_a_time_out_is_tried_again_at_most_twice():
    async with ChatServer(answer, faults=always(Fault("time-out"))) as server:
        model = client(server, timeout_s=0.05)
        with pytest.raises(ModelUnavailable, match=r"3 times.*did not answer within 0.05 s") as caught:
            await model.ask(make_request("k"))
        await model.aclose()
    assert caught.value.reason == "time-out" and not caught.value.unreachable
    assert server.arrivals == {"k": 3}


async def test_a_time_out_that_passes():
    async with ChatServer(answer, faults=first(1, Fault("time-out"))) as server:
        model = client(server, timeout_s=0.2)
        assert (await model.ask(make_request())).tries == 2
        await model.aclose()


async def test_all_tries_used():
    async with ChatServer(answer, faults=always(raw(503, "overloaded"))) as server:
        model = client(server, max_tries=4)
        with pytest.raises(ModelUnavailable, match=r"asked 4 times.*HTTP 503.*overloaded") as caught:
            await model.ask(make_request("k"))
        await model.aclose()
    assert caught.value.reason == "http 503" and not caught.value.unreachable
    assert server.arrivals == {"k": 4}


async def test_retry_after_is_waited_for_and_capped():
    async def waited(header: str, cap_s: float) -> float:
        async with ChatServer(answer, faults=first(1, Fault("429", retry_after=header))) as server:
            model = client(server, retry_after_cap_s=cap_s)
            start = asyncio.get_running_loop().time()
            await model.ask(make_request())
            await model.aclose()
            return asyncio.get_running_loop().time() - start

    assert await waited("0.15", 60) >= 0.15
    assert 0.1 <= await waited("3600", 0.1) < 5
    assert 0.1 <= await waited("Fri, 01 Jan 2100 00:00:00 GMT", 0.1) < 5


async def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        model = OpenAICompatible(
            "m", base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY, max_tries=2, wait_initial_s=0.001
        )
        with pytest.raises(ModelUnavailable, match=rf"2 times.*cannot reach 127.0.0.1:{port}") as caught:
            await model.ask(make_request())
        await model.aclose()
    assert caught.value.unreachable and caught.value.reason == "connection"


PAID = [
    (Fault("bad-envelope"), "<html>upstream sent no JSON</html>", "other"),
    (Fault("raw", body=b'{"choices": []}'), '{"choices": []}', "other"),
    (Fault("raw", body=b'{"choices": [{"message": {"content": null}}]}'), "", "other"),
    (Fault("raw", body=b""), "", "other"),
    (raw(200, "overloaded"), json.dumps({"error": {"message": "overloaded"}}), "other"),
    (Fault("raw", body=b'{"choices": [{"finish_reason": "content_filter", "message": {}}]}'), "", "refusal"),
    (Fault("raw", body=b'{"choices": [{"message": {"refusal": "I cannot."}}]}'), "I cannot.", "refusal"),
    (
        Fault("raw", body=b'{"choices": [{"finish_reason": "length", "message": {"content": "{"}}]}'),
        "{",
        "length",
    ),
]


@pytest.mark.parametrize(("fault", "text", "finish"), PAID)
async def test_a_complete_200_is_never_asked_for_again(fault, text, finish):
    async with ChatServer(answer, faults=always(fault)) as server:
        model = client(server)
        reply = await model.ask(make_request("k"))
        await model.aclose()
    assert (reply.text, reply.finish_reason, reply.tries) == (text, finish, 1)
    assert server.arrivals == {"k": 1}


@pytest.mark.parametrize("kind", ["broken-json", "cut", "refusal", "swapped", "missing", "extra"])
async def test_faults_of_the_content_are_not_the_clients_business(kind):
    async with ChatServer(answer, faults=always(Fault(kind, draw=1))) as server:
        model = client(server)
        reply = await model.ask(make_request("k"))
        await model.aclose()
    assert reply.finish_reason == ("length" if kind == "cut" else "stop")
    assert server.arrivals == {"k": 1}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (raw(401, "bad key"), r"HTTP 401.*bad key\. Set PIX2CAP_API_KEY"),
        (raw(403, "not yours"), r"HTTP 403.*not yours\. The key in PIX2CAP_API_KEY"),
        (
            raw(404, "no such model"),
            r"HTTP 404 for model 'test-model': no such model\. Check the model's name",
        ),
        (raw(400, "image input is not supported"), r"HTTP 400.*Does this model take pictures\?"),
        (raw(402, "pay"), r"HTTP 402.*no credit left"),
        (raw(413, "too big"), r"HTTP 413.*pictures are too large"),
        (raw(429, "quota", code="insufficient_quota"), r"HTTP 429.*quota.*no credit left"),
        (raw(501, "not implemented"), r"HTTP 501"),
        (raw(302, "moved", {"Location": "http://127.0.0.1:1/"}), r"HTTP 302.*Redirects are not followed"),
    ],
)
async def test_refusals_for_good(fault, said):
    async with ChatServer(answer, faults=always(fault)) as server:
        model = client(server)
        with pytest.raises(ModelRejected, match=said):
            await model.ask(make_request("k"))
        await model.aclose()
    assert server.arrivals == {"k": 1}


async def test_a_filtered_picture_is_a_refusal_not_a_broken_set_up():
    async with ChatServer(answer, faults=always(raw(400, "flagged", code="content_filter"))) as server:
        model = client(server)
        reply = await model.ask(make_request())
        await model.aclose()
    assert (reply.text, reply.finish_reason, reply.usage) == ("flagged", "refusal", Usage())


async def test_no_key_for_openai_is_found_out_before_anything_is_sent():
    model = OpenAICompatible("gpt-4o", api_key="")
    with pytest.raises(ModelRejected, match="OPENAI_API_KEY or PIX2CAP_API_KEY"):
        await model.ask(make_request())
    assert model.dialect.limit_field == "max_completion_tokens"


def test_settings_out_of_range():
    for options in ({"concurrency": 0}, {"max_tries": 0}, {"timeout_s": 0}):
        with pytest.raises(UsageError, match="at least 1"):
            OpenAICompatible("m", api_key="", **options)


async def test_concurrency_is_kept_and_connections_are_used_again():
    async with ChatServer(answer, latency_s=0.005) as server:
        model = client(server, concurrency=3)
        await asyncio.gather(*(model.ask(make_request(f"k{i}")) for i in range(24)))
        await model.aclose()
    assert server.in_flight_peak == 3
    assert len(server.connections) <= 3


async def test_quotas_are_taken_for_every_try_and_settled_by_the_reply():
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds, 6))

    limit = RateLimit(60, None, clock=lambda: 0.0, sleep=sleep)
    async with ChatServer(answer, faults=first(1, Fault("500"))) as server:
        model = client(server, rate_limit=limit)
        await model.ask(make_request("a"))
        await model.ask(make_request("b"))
        await model.aclose()
    assert waits == [1.0, 2.0, 3.0]


async def test_token_quota_is_settled_by_what_was_counted():
    limit = RateLimit(None, 60.0, clock=lambda: 0.0)
    async with ChatServer(answer) as server:
        model = client(server, rate_limit=limit)
        reply = await model.ask(make_request("a"))
        await model.aclose()
    assert limit._tokens is not None
    used = (reply.usage.input_tokens or 0) + (reply.usage.output_tokens or 0)
    assert limit._tokens.reserve(0) == pytest.approx(used)


async def test_a_cancelled_request_frees_its_place():
    async with ChatServer(answer, faults=first(1, Fault("time-out"))) as server:
        model = client(server, concurrency=1)
        task = asyncio.create_task(model.ask(make_request("k")))
        while not server.requests:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await model.ask(make_request("k"))).text == ANSWER
        await model.aclose()


def test_one_client_serves_one_loop_after_another():
    async def once() -> str:
        async with ChatServer(answer) as server:
            model._endpoint = client(server)._endpoint
            reply = await model.ask(make_request())
            await model.aclose()
            return reply.text

    model = OpenAICompatible("m", base_url="http://127.0.0.1:9/v1", api_key=KEY)
    assert [asyncio.run(once()) for _ in range(2)] == [ANSWER, ANSWER]


@pytest.mark.parametrize(
    "fault",
    [
        raw(401, f"Incorrect API key provided: {KEY}"),
        raw(500, f"you sent {KEY}"),
        raw(400, f"Bearer {KEY} has no access"),
        Fault("reset"),
        Fault("time-out"),
    ],
)
async def test_the_key_is_in_no_error_no_trace_and_no_log(fault, caplog):
    caplog.set_level(logging.DEBUG)
    async with ChatServer(answer, faults=always(fault)) as server:
        model = client(server, max_tries=2, timeout_s=0.1)
        with pytest.raises((ModelRejected, ModelUnavailable)) as caught:
            await model.ask(make_request())
        await model.aclose()
    error: BaseException | None = caught.value
    assert KEY not in "".join(traceback.format_exception(error))
    while error is not None:  # what a debugger or a crash reporter could still reach
        assert KEY not in repr(error) + repr(vars(error))
        error = error.__cause__ or error.__context__
    assert KEY not in repr(model)
    assert KEY not in "".join(repr(vars(record)) for record in caplog.records)


async def test_requests_go_through_a_proxy_with_its_password():
    async with ChatServer(answer) as server:
        proxy = server.base_url.removesuffix("/v1").replace("//", "//me:hunter2@")
        model = OpenAICompatible(
            "m", base_url="http://outer.example/v1", api_key=KEY, proxies={"http": proxy}
        )
        assert (await model.ask(make_request())).text == ANSWER
        await model.aclose()
    assert server.requests[0].headers["Host"] == "outer.example"
    assert server.requests[0].headers["Proxy-Authorization"].startswith("Basic ")


async def test_the_machine_itself_is_reached_without_a_proxy():
    async with ChatServer(answer) as server:
        model = client(server, proxies={"http": "http://127.0.0.1:1"})
        assert (await model.ask(make_request())).text == ANSWER
        await model.aclose()


async def test_a_large_body_arrives_whole():
    picture = PicturePart(bytes(range(256)) * 12_000, "image/png", "marked")
    async with ChatServer(answer) as server:
        model = client(server)
        await model.ask(make_request(pictures=(picture, picture)))
        await model.aclose()
    assert server.requests[0].picture_sha256 == (hashlib.sha256(picture.data).hexdigest(),) * 2
