"""A local server that speaks the OpenAI chat API, answers from recorded captions and breaks on demand.

In a test::

    async with ChatServer(answers) as server:
        model = OpenAICompatible("test", base_url=server.base_url)

As a process, for end-to-end runs (prints its base URL, then serves until it is ended)::

    python -m tests.builders.chat_server --captions FILE --panoptic FILE --fault-rate 0.3 --log FILE
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
from aiohttp import web

from tests.builders.chat_answers import (
    CONTENT_KINDS,
    TRANSPORT_KINDS,
    ChatRequest,
    Fault,
    RecordedAnswers,
    Storm,
    spoil,
)

Answers = Callable[[ChatRequest], str]
Faults = Callable[[ChatRequest, int], Fault | None]


def no_faults(request: ChatRequest, delivery: int) -> Fault | None:
    """A server in good health."""
    return None


class ChatServer:
    """An OpenAI-compatible server on a loopback port, as an async context manager.

    Args:
        answers: The content of the reply to a request.
        faults: What goes wrong with the n-th delivery (from 0) of a request.
        latency_s: Seconds before each answer.
        log: Gets one JSON line per HTTP 200 that was written to its end.
        port: 0 for any free one.
        keeps_requests: True to have them in `requests`.

    Attributes:
        requests: Every request, in the order they came.
        arrivals: Requests per key.
        delivered: Complete HTTP 200 replies per key.
        in_flight_peak: Most requests at one time.
    """

    def __init__(
        self,
        answers: Answers,
        *,
        faults: Faults = no_faults,
        latency_s: float = 0.0,
        log: Path | None = None,
        port: int = 0,
        keeps_requests: bool = True,
    ) -> None:
        self._answers, self._faults, self._latency_s = answers, faults, latency_s
        self._log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if log else None
        self._port = port
        self._keeps = keeps_requests
        self._in_flight = 0
        self.requests: list[ChatRequest] = []
        self.arrivals: Counter[str] = Counter()
        self.delivered: Counter[str] = Counter()
        self.in_flight_peak = 0
        self.connections: set[object] = set()

    async def __aenter__(self) -> ChatServer:
        self._closing = asyncio.Event()
        app = web.Application(client_max_size=1 << 28)
        app.router.add_post("/v1/chat/completions", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=512)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        await self._runner.cleanup()
        if self._log_fd is not None:
            os.close(self._log_fd)

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        self._in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self._in_flight)
        self.connections.add(id(http.transport))
        try:
            request = read_request(await http.read(), dict(http.headers))
            if self._keeps:
                self.requests.append(request)
            delivery = self.arrivals[request.key]
            self.arrivals[request.key] += 1
            if self._latency_s:
                await asyncio.sleep(self._latency_s)
            return await self._answer(http, request, self._faults(request, delivery))
        finally:
            self._in_flight -= 1

    async def _answer(
        self, http: web.Request, request: ChatRequest, fault: Fault | None
    ) -> web.StreamResponse:
        kind = fault.kind if fault else None
        if fault and kind in ("429", "500"):
            headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
            message = {"error": {"message": f"injected {kind}", "type": "server_error"}}
            return web.json_response(message, status=int(kind), headers=headers)
        if kind == "time-out":
            await self._closing.wait()
            return web.Response(status=503)
        if fault and kind == "raw":
            return await self._send(http, request, fault.body, fault.status, dict(fault.headers))
        if kind == "bad-envelope":
            return await self._send(http, request, b"<html>upstream sent no JSON</html>", 200, {})
        content, finish = self._answers(request), "stop"
        if fault and kind in CONTENT_KINDS:
            class_names = {row.number: row.class_name for row in request.rows}
            content, finish = spoil(content, fault.kind, fault.draw, class_names)
        body = orjson.dumps(envelope(request, content, finish))
        if kind == "reset":
            return await _send_half(http, body)
        return await self._send(http, request, body, 200, {"Content-Type": "application/json"})

    async def _send(
        self, http: web.Request, request: ChatRequest, body: bytes, status: int, headers: dict[str, str]
    ) -> web.StreamResponse:
        named = {"x-request-id": f"req-{request.key[:12]}"} | headers
        response = web.Response(body=body, status=status, headers=named)
        await response.prepare(http)
        await response.write_eof()
        if status == 200 and http.transport is not None and not http.transport.is_closing():
            self.delivered[request.key] += 1
            if self._log_fd is not None:
                line = json.dumps({"key": request.key, "time": time.time()}) + "\n"
                os.write(self._log_fd, line.encode())
        return response


async def _send_half(http: web.Request, body: bytes) -> web.StreamResponse:
    """Half of the body, then a reset instead of the rest."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(http)
    await response.write(body[: len(body) // 2])
    assert http.transport is not None
    http.transport.abort()
    return response


def read_request(raw: bytes, headers: dict[str, str]) -> ChatRequest:
    """Text, pictures and key of a request body; without a key header the body's hash is the key."""
    body = orjson.loads(raw)
    texts: list[str] = []
    hashes: list[str] = []
    for message in body["messages"]:
        content = message["content"]
        if isinstance(content, str):
            texts.append(content)
            continue
        for part in content:
            if part["type"] == "text":
                texts.append(part["text"])
            else:
                data = part["image_url"]["url"].partition(";base64,")[2]
                hashes.append(hashlib.sha256(base64.b64decode(data, validate=True)).hexdigest())
    key = headers.get("X-Pix2Cap-Key") or hashlib.sha256(raw).hexdigest()
    return ChatRequest(key, "\n".join(texts), body["model"], body, headers, tuple(hashes))


def envelope(request: ChatRequest, content: str, finish_reason: str) -> dict[str, Any]:
    """A chat completion around the content; token counts are a function of the request."""
    tokens_in = len(request.text) // 4 + 425 * len(request.picture_sha256)
    tokens_out = len(content) // 4
    return {
        "id": f"chatcmpl-{request.key[:12]}",
        "object": "chat.completion",
        "model": request.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
        },
    }


async def serve(server: ChatServer) -> None:
    """Print the base URL, then serve until the process is ended."""
    async with server:
        print(server.base_url, flush=True)
        await asyncio.Event().wait()


def _server(args: argparse.Namespace) -> ChatServer:
    answers = RecordedAnswers.read(args.captions, args.panoptic, args.images)
    kinds = tuple(args.fault_kinds.split(",")) if args.fault_kinds else TRANSPORT_KINDS + CONTENT_KINDS
    unknown = set(kinds) - set(TRANSPORT_KINDS + CONTENT_KINDS)
    if unknown:
        raise SystemExit(f"expected fault kinds of {TRANSPORT_KINDS + CONTENT_KINDS}, got {sorted(unknown)}")
    storm = Storm(args.fault_rate, args.seed, kinds, args.persistent_transport)
    return ChatServer(
        answers,
        faults=storm,
        latency_s=args.latency_s,
        log=args.log,
        port=args.port,
        keeps_requests=False,
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.builders.chat_server", description=__doc__)
    parser.add_argument("--captions", type=Path, nargs="+", required=True, help="recorded captions, JSON")
    parser.add_argument("--panoptic", type=Path, nargs="+", required=True, help="COCO panoptic JSON")
    parser.add_argument("--images", type=Path, nargs="*", default=[], help="folders of the clean pictures")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fault-rate", type=float, default=0.0)
    parser.add_argument("--fault-kinds", default="", help="comma-separated; all by default")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--persistent-transport", action="store_true")
    parser.add_argument("--latency-s", type=float, default=0.0)
    parser.add_argument("--log", type=Path, default=None)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(_server(parser.parse_args())))


if __name__ == "__main__":
    main()
