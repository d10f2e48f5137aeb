"""One writer per run folder, by an advisory lock that dies with its process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pix2cap.errors import RunLocked, UsageError

LOCK_NAME = "run.lock"


@contextmanager
def run_lock(run_dir: Path) -> Iterator[None]:
    """Hold the run folder for this process.

    The lock belongs to the open file, so the kernel frees it however the process ends: a killed run
    leaves nothing to clean up.

    Raises:
        RunLocked: Another process holds it.
        UsageError: The folder cannot be written to.
    """
    path = run_dir / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(
            f"{run_dir}: expected a folder that can be written to, got: {error.strerror};"
            " give another --out, or mend its permissions"
        ) from error
    try:
        if not _try_lock(descriptor):
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise RunLocked(
                f"{run_dir}: another run (process {holder}) is writing here;"
                " wait for it or stop it, or give another --out"
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
