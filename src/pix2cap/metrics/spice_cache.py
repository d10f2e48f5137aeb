"""What SPICE has found out already, in one SQLite file in the user's cache folder.

Two tables: the parse of a text, and the score of a (reference set, candidate). Both are keyed by hashes that
take in the jars' contents, so a run that is killed, repeated, or made with one changed model pays only for
what is new.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pix2cap.errors import InputError
from pix2cap.metrics.cache_folder import CACHE_VARIABLE

_LAYOUT = 1
_AT_ONCE = 500

Tuples = list[list[str]]
"""The parse of a text: objects `[o]`, attributes `[o, a]` and relations `[o, o, r]`."""


class SpiceCache:
    """The cache file; several processes may use it at once.

    Args:
        folder: Where it lies; made where missing.
        fingerprint: What the jars hold (`SpiceTools.fingerprint`).

    Raises:
        InputError: The folder cannot be written, or the file is no cache.
    """

    def __init__(self, folder: Path, *, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self._path = folder / f"spice-{_LAYOUT}.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self._path, timeout=60, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            for table in ("texts", "pairs"):
                columns = "(key BLOB PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
                self._database.execute(f"CREATE TABLE IF NOT EXISTS {table} {columns}")
        except (OSError, sqlite3.Error) as error:
            raise InputError(
                f"{self._path}: expected a cache file that can be written, got {error}; set {CACHE_VARIABLE}"
                " to a folder of yours, or delete the file"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def texts(self, texts: Iterable[str]) -> dict[str, Tuples]:
        """The parses known of these texts."""
        return self._read("texts", {self._key(text): text for text in texts})

    def keep_texts(self, parses: Mapping[str, Tuples]) -> None:
        """Keep parses; they are safe on return."""
        self._write("texts", [(self._key(text), tuples) for text, tuples in parses.items()])

    def pairs(self, pairs: Iterable[tuple[tuple[str, ...], str]]) -> dict[tuple[tuple[str, ...], str], Any]:
        """The scores known of these (reference set, candidate)."""
        return self._read("pairs", {self._key(pair): pair for pair in pairs})

    def keep_pairs(self, scores: Mapping[tuple[tuple[str, ...], str], Any]) -> None:
        """Keep scores; they are safe on return."""
        self._write("pairs", [(self._key(pair), score) for pair, score in scores.items()])

    def _key(self, content: object) -> bytes:
        told = json.dumps([self._fingerprint, content], ensure_ascii=True)
        return hashlib.sha256(told.encode("ascii")).digest()

    def _read(self, table: str, wanted: Mapping[bytes, Any]) -> dict[Any, Any]:
        keys = list(wanted)
        found: dict[Any, Any] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, value FROM {table} WHERE key IN ({marks})"
            for key, value in self._run(query, some):
                found[wanted[key]] = json.loads(value)
        return found

    def _write(self, table: str, rows: Sequence[tuple[bytes, Any]]) -> None:
        values = [(key, json.dumps(value, ensure_ascii=False)) for key, value in rows]
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", values)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise self._broken(error) from error

    def _run(self, query: str, values: Sequence[bytes]) -> list[tuple[bytes, str]]:
        try:
            return list(self._database.execute(query, values))
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def _broken(self, error: sqlite3.Error) -> InputError:
        return InputError(f"{self._path}: cannot use the cache: {error}; delete the file to begin anew")
