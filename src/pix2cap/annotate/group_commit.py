"""One thread that owns the writing connection and commits what has gathered meanwhile as one transaction."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from pix2cap.errors import StorageFull

Write = Callable[[sqlite3.Connection], None]

RESERVE_BYTES = 8 << 20
"""Disk space held back: given free when the disk is full, so that replies in flight can still be kept."""

_FULL_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


class GroupCommitter:
    """Runs writes in order; a future resolves once its write is on disk.

    Args:
        connection: In autocommit mode and used by nobody else.
        reserve: File that holds disk space back, None for none.
    """

    def __init__(self, connection: sqlite3.Connection, *, reserve: Path | None = None) -> None:
        self._connection = connection
        self._reserve = reserve
        self._queue: queue.SimpleQueue[tuple[Write, Future[None]] | None] = queue.SimpleQueue()
        if reserve is not None:
            _hold_back(reserve)
        self._thread = threading.Thread(target=self._work, name="pix2cap-journal", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> Future[None]:
        """Queue one write; the future raises StorageFull where the disk took no more."""
        future: Future[None] = Future()
        self._queue.put((write, future))
        return future

    def close(self) -> None:
        """Commit what is queued and stop."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()
        if self._reserve is not None:
            self._reserve.unlink(missing_ok=True)

    def _work(self) -> None:
        open_for_more = True
        while open_for_more:
            gathered = [self._queue.get()]
            with suppress(queue.Empty):
                while True:
                    gathered.append(self._queue.get_nowait())
            open_for_more = None not in gathered
            batch = [item for item in gathered if item is not None]
            if batch:
                self._commit(batch)

    def _commit(self, batch: list[tuple[Write, Future[None]]]) -> None:
        error = self._try(batch)
        if error is not None and _is_full(error) and self._free_reserve():
            # What these writes hold was paid for: keep it in the space held back, then tell of the full disk.
            error = self._try(batch) or sqlite3.OperationalError("database or disk is full")
        failure = None if error is None else _as_storage_error(error)
        for _, future in batch:
            if failure is None:
                future.set_result(None)
            else:
                future.set_exception(failure)

    def _try(self, batch: list[tuple[Write, Future[None]]]) -> Exception | None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for write, _ in batch:
                write(self._connection)
            self._connection.execute("COMMIT")
        except Exception as error:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            return error
        return None

    def _free_reserve(self) -> bool:
        if self._reserve is None or not self._reserve.exists():
            return False
        self._reserve.unlink()
        return True


def _hold_back(path: Path) -> None:
    try:
        with path.open("wb") as stream:
            # Real zeros, since a sparse file would hold no space back.
            stream.write(bytes(RESERVE_BYTES))
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StorageFull(
            f"{path.parent}: expected at least 8 MiB of free disk space, got: {error}"
        ) from error


def _is_full(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in _FULL_CODES


def _as_storage_error(error: Exception) -> Exception:
    if _is_full(error) or "full" in str(error):
        return StorageFull(
            f"the disk is full ({error}); what was paid for is kept:"
            " free some space and run the same command again"
        )
    return error
