"""A judge in bad health, as a process that a kill of the client does not reach.

The process prints its base URL, then serves until it is ended::

    python -m tests.builders.judge_server captions --garbage 3 --latency-s 0.02 --log FILE
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.builders.chat_answers import TRANSPORT_KINDS, ChatRequest, Fault
from tests.builders.chat_server import Answers, ChatServer, serve

PROJECT = Path(__file__).resolve().parents[2]
EVERY = 3


@dataclass
class Rota:
    """The first delivery of every third key fails, each time in the next way: few keys meet every fault.

    Args:
        log: Gets a line with the kind of each fault.
    """

    log: Path
    _kinds: Iterator[str] = field(default_factory=lambda: itertools.cycle(TRANSPORT_KINDS))
    _keys: int = 0

    def __call__(self, request: ChatRequest, delivery: int) -> Fault | None:
        if delivery:
            return None
        self._keys += 1
        if self._keys % EVERY:
            return None
        kind = next(self._kinds)
        with self.log.open("a") as log:
            log.write(f"{kind}\n")
        return Fault(kind, retry_after="0" if kind == "429" else None)


def _answers(role: str, garbage: int) -> Answers:
    if role == "captions":
        from tests.builders.caption_judge import JudgeAnswers

        return JudgeAnswers(garbage)
    from tests.builders.judged_benches import GradeAnswers

    return GradeAnswers(garbage)


def fault_log(log: Path) -> Path:
    """Where the faults beside a log of deliveries stand."""
    return log.with_suffix(".faults")


@contextlib.contextmanager
def judge_server(role: str, log: Path, *, garbage: int, latency_s: float = 0.0) -> Iterator[str]:
    """A running server's base URL.

    Args:
        role: `captions` or `vipbench`: what is judged.
        log: Gets one line per complete reply; see `deliveries` and `faults`.
        garbage: So many of ten replies of the judge are of no use.
        latency_s: Seconds before each answer.
    """
    command = [sys.executable, "-m", "tests.builders.judge_server", role, "--garbage", str(garbage)]
    command += ["--latency-s", str(latency_s), "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def deliveries(log: Path) -> Counter[str]:
    """Complete replies by key, as the server counted them."""
    lines = log.read_text().splitlines() if log.exists() else []
    return Counter(json.loads(line)["key"] for line in lines)


def faults(log: Path) -> Counter[str]:
    """Faults by kind, as the server counted them."""
    return Counter(fault_log(log).read_text().splitlines())


def kill_midway(command: Sequence[str], log: Path, *, kills: int, every: int) -> None:
    """Run the same command again and again, and end it with kill -9 after every so many replies."""
    for kill in range(1, kills + 1):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and sum(deliveries(log).values()) < kill * every:
                time.sleep(0.01)
            assert process.poll() is None, "it was to be killed in the middle of its work"
            process.send_signal(signal.SIGKILL)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.builders.judge_server", description=__doc__)
    parser.add_argument("role", choices=("captions", "vipbench"))
    parser.add_argument("--garbage", type=int, required=True)
    parser.add_argument("--latency-s", type=float, required=True)
    parser.add_argument("--log", type=Path, required=True)
    args = parser.parse_args()
    server = ChatServer(
        _answers(args.role, args.garbage),
        faults=Rota(fault_log(args.log)),
        latency_s=args.latency_s,
        log=args.log,
        keeps_requests=False,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(server))


if __name__ == "__main__":
    main()
