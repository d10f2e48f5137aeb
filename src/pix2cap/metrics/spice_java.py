"""SPICE's JVMs: each runs our worker script, which answers one JSON request a line."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pix2cap.errors import MetricUnavailable
from pix2cap.metrics.spice_tools import SpiceTools

HEAP_MIB = 2048
# The heap, and what the JVM needs beside it.
_MEMORY_MIB = HEAP_MIB + 512

_MARK = "@@ "

Request = dict[str, Any]
Answer = dict[str, Any]


class SpiceWorker:
    """One JVM, started with its first request.

    Args:
        tools: What to start.
        timeout_s: Longest wait for one answer; the first takes some seconds more, for CoreNLP's models to
        load.
    """

    def __init__(self, tools: SpiceTools, *, timeout_s: float) -> None:
        self._tools = tools
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[str] | None = None
        self._stderr: IO[bytes] | None = None
        self._late = threading.Event()

    def ask(self, request: Request) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            MetricUnavailable: The JVM cannot be started, died, answered nonsense or an error, or took too
                long.
        """
        if self._process is None:
            self._start()
        line = self._next_line(json.dumps(request) + "\n")
        if not line:
            raise self._failure("ended without an answer")
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise self._failure(f"answered what is no JSON ({error}): {line[:80]!r}") from error
        if not isinstance(answer, dict) or "error" in answer:
            told = answer.get("error") if isinstance(answer, dict) else line[:80]
            raise self._failure(f"answered: {told}")
        return answer

    def kill(self) -> None:
        """End the JVM; who waits for it in another thread is told. Safe to call at any time."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the JVM and close its pipes; nobody may wait for it any more."""
        self.kill()
        if self._process is not None:
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout, self._stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # A request that the dead JVM did not read.
                        pipe.close()

    def _start(self) -> None:
        script = resources.files("pix2cap.metrics") / "spice_worker.js"
        stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the JVM
        class_path = os.pathsep.join(str(jar) for jar in self._tools.class_path)
        with resources.as_file(script) as path:
            try:
                self._process = subprocess.Popen(
                    [
                        *(self._tools.java, f"-Xmx{HEAP_MIB}m", "-XX:+UseSerialGC", "-cp", class_path),
                        *(self._tools.main_class, path),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    encoding="utf-8",
                )
            except OSError as error:
                stderr.close()
                told = f"{self._tools.java}: SPICE's JVM does not start: {error}"
                raise MetricUnavailable(told) from error
            self._stderr = stderr
            # The script file must stay until Java has read it: until it says that it is ready.
            if not self._next_line():
                raise self._failure("ended at its start")

    def _next_line(self, request: str = "") -> str:
        """The next line meant for us, "" where the JVM ended or took too long; CoreNLP may print others."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        watchdog = threading.Timer(self._timeout_s, self._give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            process.stdin.write(request)
            process.stdin.flush()
            for line in process.stdout:
                if line.startswith(_MARK):
                    return line[len(_MARK) :]
        except (OSError, ValueError):
            pass  # The pipe broke, or what came is no text: the caller tells with what the JVM said.
        finally:
            watchdog.cancel()
        return ""

    def _give_up(self) -> None:
        self._late.set()
        self.kill()

    def _failure(self, what: str) -> MetricUnavailable:
        process, stderr = self._process, self._stderr
        assert process is not None
        assert stderr is not None
        self.kill()
        code = process.wait()
        if self._late.is_set():
            what = f"gave no answer within {self._timeout_s:g} s"
        stderr.seek(0)
        lines = stderr.read().decode("utf-8", "replace").strip().splitlines()
        told = "; it said: " + " | ".join(line.strip() for line in lines[-6:]) if lines else ""
        return MetricUnavailable(
            f"SPICE's JVM {what} (exit code {code}{told[:1500]}). What was scored is kept: the same command"
            " goes on from there; `pix2cap doctor` checks the installation"
        )


class SpicePool:
    """Several JVMs that share requests.

    Args:
        tools: What to start.
        processes: How many at most; those that are not needed are not started.
        timeout_s: Longest wait for one answer.
    """

    def __init__(self, tools: SpiceTools, *, processes: int, timeout_s: float) -> None:
        self._workers = [SpiceWorker(tools, timeout_s=timeout_s) for _ in range(processes)]
        self._idle: queue.LifoQueue[SpiceWorker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._executor = ThreadPoolExecutor(max_workers=processes, thread_name_prefix="spice")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # First the queue, then the JVMs: who waits for one then ends, and starts no other.
        self._executor.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.kill()
        self._executor.shutdown(wait=True)
        for worker in self._workers:
            worker.close()

    def ask_all(self, requests: Sequence[Request]) -> Iterator[tuple[int, Answer]]:
        """Answers as they come, each with the number of its request.

        Raises:
            MetricUnavailable: See `SpiceWorker.ask`; answers that came before have been given.
        """
        numbers: dict[Future[Answer], int] = {
            self._executor.submit(self._ask, request): number for number, request in enumerate(requests)
        }
        for future in as_completed(numbers):
            yield numbers[future], future.result()

    def _ask(self, request: Request) -> Answer:
        worker = self._idle.get()
        try:
            return worker.ask(request)
        finally:
            self._idle.put(worker)


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_processes() -> int:
    """As many JVMs as this process has cores, fewer where memory is short."""
    cores, free_mib = available_cores(), _free_memory_mib()
    return cores if free_mib is None else max(1, min(cores, int(free_mib // _MEMORY_MIB)))


def _free_memory_mib() -> float | None:
    """Memory that a new process may take: of the machine, and of our control group where it has a limit."""
    found: list[float] = []
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) / 1024)
        limit = Path("/sys/fs/cgroup/memory.max").read_text("ascii").strip()
        if limit != "max":
            used = Path("/sys/fs/cgroup/memory.current").read_text("ascii")
            found.append((int(limit) - int(used)) / 2**20)
    except (OSError, ValueError):
        pass  # Another system, or no control group: what was found counts.
    return min(found, default=None)
