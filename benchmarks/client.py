"""Requests a second of our client and of the openai package with 160 KiB pictures, against a 20 ms server.

    python benchmarks/client.py                      # both clients, three rounds each, in turn
    python benchmarks/client.py --requests 3000 --concurrency 32

The server runs in a process of its own on this machine and does next to nothing: it counts the body's bytes
and answers the same reply 20 ms later. So the two clients are what is measured, on one core, with the other
left to the server. Each request carries another picture and pays for its own base64. With C requests at once
no client can do more than C / 20 ms; 32 at once (our default) would cap ours at 1600.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median

from pix2cap.vlm.model import CaptionRequest, PicturePart, Sampling
from pix2cap.vlm.openai_compatible import OpenAICompatible

PICTURE_BYTES = 160 * 1024
LATENCY_S = 0.020
TARGET_PER_S = 600.0
TARGET_RATIO = 6.0
PROMPT = "Describe each marked segment.\n" + "\n".join(
    f"{i} | potted plant | [0.{i:03d}, 0.100, 0.500, 0.9{i:02d}]" for i in range(1, 13)
)
SCHEMA = {
    "type": "object",
    "properties": {
        "captions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer"},
                    "caption": {"type": "string"},
                    "visible": {"type": "boolean"},
                },
                "required": ["id", "caption", "visible"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["captions"],
    "additionalProperties": False,
}
CAPTIONS = [
    {"id": i, "caption": "A tall green plant in a red pot. " * 4, "visible": True} for i in range(1, 13)
]
REPLY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "test",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": json.dumps({"captions": CAPTIONS})},
            }
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 400, "total_tokens": 1400},
    }
).encode()
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(REPLY),
    REPLY,
)


class CheapServer(asyncio.Protocol):
    """Reads `Content-Length` bytes, answers 20 ms later; no HTTP library, so that it costs little."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.head = b""
        self.missing = -1

    def data_received(self, data: bytes) -> None:
        if self.missing < 0:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            found = re.search(rb"(?i)content-length: (\d+)", self.head[:end])
            self.missing = int(found[1]) if found else 0
            data = self.head[end + 4 :]
            self.head = b""
        self.missing -= len(data)
        if self.missing <= 0:
            self.missing = -1
            asyncio.get_running_loop().call_later(LATENCY_S, self.answer)

    def answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(RESPONSE)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(CheapServer, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def timed(ask: Callable[[int], Awaitable[str]], requests: int, concurrency: int) -> float:
    """Requests a second with `concurrency` workers; every reply is checked."""
    numbers = iter(range(requests))

    async def work() -> None:
        for number in numbers:
            if len(await ask(number)) < 100:
                raise RuntimeError("expected the reply's text, got less")

    start = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return requests / (time.perf_counter() - start)


async def ours(base_url: str, pictures: list[bytes], requests: int, concurrency: int) -> float:
    model = OpenAICompatible("test", base_url=base_url, api_key="none", concurrency=concurrency)

    async def ask(number: int) -> str:
        picture = PicturePart(pictures[number % len(pictures)], "image/jpeg", "marked")
        reply = await model.ask(CaptionRequest((picture,), PROMPT, SCHEMA, Sampling(), f"key{number}"))
        return reply.text

    await timed(ask, concurrency, concurrency)  # connections stand before the clock starts
    rate = await timed(ask, requests, concurrency)
    await model.aclose()
    return rate


async def theirs(base_url: str, pictures: list[bytes], requests: int, concurrency: int) -> float:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=base_url, api_key="none")

    async def ask(number: int) -> str:
        data = base64.b64encode(pictures[number % len(pictures)]).decode()
        reply = await client.chat.completions.create(
            model="test",
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Picture marked:"},
                        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}},
                        {"type": "text", "text": PROMPT},
                    ],
                }
            ],
            temperature=0.0,
            max_tokens=2048,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "captions", "strict": True, "schema": SCHEMA},
            },
            extra_headers={"X-Pix2Cap-Key": f"key{number}"},
        )
        return reply.choices[0].message.content or ""

    await timed(ask, concurrency, concurrency)
    rate = await timed(ask, requests, concurrency)
    await client.close()
    return rate


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=2000, help="for our client, a round")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        asyncio.run(serve())
        return 0
    pictures = [os.urandom(PICTURE_BYTES) for _ in range(16)]
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        base_url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        mine, other = [], []
        for _ in range(args.rounds):
            mine.append(asyncio.run(ours(base_url, pictures, args.requests, args.concurrency)))
            other.append(
                asyncio.run(theirs(base_url, pictures, max(100, args.requests // 8), args.concurrency))
            )
    finally:
        server.terminate()
        server.wait()
    ratio = median(mine) / median(other)
    size, load = f"{PICTURE_BYTES // 1024} KiB a picture", f"load {os.getloadavg()[0]:.1f}"
    cap = args.concurrency / LATENCY_S
    print(f"{size}, {args.concurrency} at once (at most {cap:.0f} req/s), {os.cpu_count()} cores, {load}")
    print(f"{'client':<12}{'median req/s':>14}{'rounds':>30}")
    for name, rates in (("pix2cap", mine), ("openai", other)):
        print(f"{name:<12}{median(rates):>14.0f}{', '.join(f'{rate:.0f}' for rate in rates):>30}")
    print(f"ratio {ratio:.1f}x (target {TARGET_RATIO:.0f}x), target {TARGET_PER_S:.0f} req/s")
    return 0 if median(mine) >= TARGET_PER_S and ratio >= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
