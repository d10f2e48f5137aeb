"""Many small byte strings by number, without a Python object for each."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from array import array
from typing import IO


class RowStore:
    """Append rows, read them by number; past a limit they move to a temporary file.

    A source of 118,000 images keeps its JSON entries here, so that memory does not grow with them.
    Reading is safe from several threads.

    Args:
        spill_at: Bytes kept in memory before the file is made.

    Example:
        >>> store = RowStore()
        >>> store.append(b"first"), store.append(b"second")
        (0, 1)
        >>> store[1]
        b'second'
    """

    def __init__(self, *, spill_at: int = 16 * 2**20) -> None:
        self._ends = array("Q")
        self._tail = bytearray()
        self._spilled = 0
        self._spill_at = spill_at
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._ends)

    def append(self, row: bytes) -> int:
        """Keep a row and return its number.

        Raises:
            OSError: The temporary folder is full.
        """
        self._tail += row
        self._ends.append(self._spilled + len(self._tail))
        if len(self._tail) >= self._spill_at:
            self._spill()
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> bytes:
        start = self._ends[number - 1] if number else 0
        end = self._ends[number]
        if start >= self._spilled:
            return bytes(self._tail[start - self._spilled : end - self._spilled])
        assert self._file is not None
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), end - start, start)
        with self._lock:
            self._file.seek(start)
            return self._file.read(end - start)

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="pix2cap-rows-")  # noqa: SIM115 - lives as long as the store
            weakref.finalize(self, self._file.close)
        self._file.seek(0, os.SEEK_END)
        self._file.write(self._tail)
        self._file.flush()
        self._spilled += len(self._tail)
        self._tail = bytearray()
