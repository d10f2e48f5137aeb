"""The chat server as answerer and judge of a small ViP-Bench, with faults and garbage grades.

As a process (prints its base URL, then serves until it is ended)::

    python -m tests.builders.judge_server --fault-rate 0.2 --garbage 2 --latency-s 0.02 --log FILE
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from pathlib import Path

from tests.builders.chat_answers import ChatRequest, Storm
from tests.builders.chat_server import ChatServer
from tests.builders.judged_benches import COLORS, is_judging, tenth

FAULTS = ("429", "500", "time-out", "reset")
GARBAGE = "I would call that a fair answer: 7 out of 10."


class JudgeAnswers:
    """Answers name a colour; grades are tenths. Both are drawn from the request's key alone.

    Args:
        garbage: So many of ten replies of the judge are no grade.
    """

    def __init__(self, garbage: int) -> None:
        self._garbage = garbage

    def __call__(self, request: ChatRequest) -> str:
        if not is_judging(request.text):
            return f"It is {list(COLORS)[tenth(request.key) % 4]}."
        if tenth(request.key, "garbage") < self._garbage:
            return GARBAGE
        return f"0.{tenth(request.key)}"


async def _serve(args: argparse.Namespace) -> None:
    server = ChatServer(
        JudgeAnswers(args.garbage),
        faults=Storm(args.fault_rate, args.seed, FAULTS),
        latency_s=args.latency_s,
        log=args.log,
        keeps_requests=False,
    )
    async with server:
        print(server.base_url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.builders.judge_server", description=__doc__)
    parser.add_argument("--fault-rate", type=float, default=0.0)
    parser.add_argument("--garbage", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--latency-s", type=float, default=0.0)
    parser.add_argument("--log", type=Path, default=None)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
