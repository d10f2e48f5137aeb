"""Ctrl-C between two steps: what is learnt is saved before the program ends."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType


class Interrupt:
    """Whether somebody asked to stop."""

    def __init__(self) -> None:
        self.is_set = False

    def check(self) -> None:
        """End what is under way, where nothing would be lost by it.

        Raises:
            KeyboardInterrupt: Somebody asked to stop.
        """
        if self.is_set:
            raise KeyboardInterrupt


@contextmanager
def interruptible(tell: Callable[[str], None], *, handle_signals: bool) -> Iterator[Interrupt]:
    """Let the first SIGINT or SIGTERM set a flag; a second one ends at once.

    Args:
        tell: Told that the step under way is being finished.
        handle_signals: Off, or in a thread, signals do what they did before.
    """
    interrupt = Interrupt()
    if not handle_signals or current_thread() is not main_thread():
        yield interrupt
        return

    def asked(number: int, frame: FrameType | None) -> None:
        if interrupt.is_set:
            raise KeyboardInterrupt
        interrupt.is_set = True
        tell("interrupted: finishing this step and saving; once more ends at once")

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
