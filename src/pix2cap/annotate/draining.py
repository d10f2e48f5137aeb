"""A loop of its own for one session, which an interrupt lets end in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from threading import Thread

from pix2cap.annotate.asker import StopSignal


def call_blocking(work: Callable[[], None]) -> None:
    """Run `work`, in a thread of its own where a loop is running already (notebooks)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        work()
        return
    caught: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            caught.append(error)

    thread = Thread(target=guarded, name="pix2cap-run")
    thread.start()
    thread.join()
    if caught:
        raise caught[0]


@contextmanager
def draining(
    stop: StopSignal, running: Collection[asyncio.Task[None]], tell: Callable[[str], None]
) -> Iterator[None]:
    """First SIGINT or SIGTERM: let requests in flight finish. Second: give them up. Main thread only.

    Args:
        stop: Set by the first signal.
        running: Tasks that the second one cancels; may change meanwhile.
        tell: Told of the first.
    """
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        if stop.is_set:
            for task in running:
                task.cancel()
        else:
            tell("interrupted: waiting for the replies that are on their way; once more gives them up")
        stop.stop(KeyboardInterrupt())

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
