"""A terminal for a process to talk to."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable


def watch_terminal(start: Callable[[int], subprocess.Popen[str]]) -> tuple[subprocess.Popen[str], str, str]:
    """Start a process and wait for its end.

    Args:
        start: Starts it, with a pipe for its stdout; takes the terminal's file descriptor for its stderr.

    Returns:
        The process, its stdout, and what the terminal showed.
    """
    control, terminal = pty.openpty()
    process = start(terminal)
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(control, 65536):
            shown += chunk
    except OSError:
        pass  # The other end of a terminal is closed: how Linux says end of file.
    os.close(control)
    out, _ = process.communicate()
    return process, out, shown.decode()
