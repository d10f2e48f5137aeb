"""The journal's schema as a list of numbered steps; an older journal is brought forward on opening."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime

from pix2cap.errors import InputError


def m001_first_tables(connection: sqlite3.Connection) -> None:
    """Images in scope, requests, replies, attempts, outcomes; every table only ever grows."""
    for statement in (
        """CREATE TABLE sessions (
            id INTEGER PRIMARY KEY, at TEXT NOT NULL, software TEXT NOT NULL, priced INTEGER NOT NULL)""",
        """CREATE TABLE images (
            image_id INTEGER PRIMARY KEY, position INTEGER NOT NULL, file_name TEXT NOT NULL,
            segments INTEGER NOT NULL, crowd INTEGER NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE requests (
            key TEXT PRIMARY KEY, image_id INTEGER NOT NULL, stage TEXT NOT NULL, model TEXT NOT NULL,
            segment_ids TEXT NOT NULL, render TEXT NOT NULL, prompt TEXT NOT NULL,
            reserved_usd REAL, at TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE replies (
            key TEXT PRIMARY KEY REFERENCES requests(key), text TEXT, error TEXT, finish_reason TEXT,
            input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL, request_id TEXT, model TEXT,
            tries INTEGER, at TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE attempts (
            image_id INTEGER NOT NULL, segment_id INTEGER NOT NULL, key TEXT NOT NULL, rules TEXT NOT NULL,
            attempt INTEGER NOT NULL, stage TEXT NOT NULL, verdict TEXT NOT NULL, text TEXT NOT NULL,
            findings TEXT NOT NULL, PRIMARY KEY (image_id, segment_id, key, rules)) WITHOUT ROWID""",
        """CREATE TABLE outcomes (
            seq INTEGER PRIMARY KEY, image_id INTEGER NOT NULL, segment_id INTEGER NOT NULL,
            status TEXT NOT NULL, text TEXT NOT NULL, reason TEXT, key TEXT, attempt INTEGER,
            at TEXT NOT NULL)""",
        "CREATE INDEX outcomes_of_segment ON outcomes (image_id, segment_id, seq)",
        """CREATE TABLE settled (
            seq INTEGER PRIMARY KEY, image_id INTEGER NOT NULL, round INTEGER NOT NULL,
            rules TEXT NOT NULL, refused TEXT, at TEXT NOT NULL)""",
        "CREATE INDEX settled_of_image ON settled (image_id, seq)",
    ):
        connection.execute(statement)


def m002_decisions(connection: sqlite3.Connection) -> None:
    """What people decided about captions, which of it a run has answered, and what they verified."""
    for statement in (
        """CREATE TABLE decisions (
            seq INTEGER PRIMARY KEY, at TEXT NOT NULL, reviewer TEXT NOT NULL, image_id INTEGER NOT NULL,
            segment_id INTEGER NOT NULL, action TEXT NOT NULL, text TEXT NOT NULL, reason TEXT,
            based_on INTEGER NOT NULL, token TEXT UNIQUE)""",
        "CREATE INDEX decisions_of_segment ON decisions (image_id, segment_id, seq)",
        """CREATE TABLE answered (
            decision INTEGER PRIMARY KEY REFERENCES decisions(seq), image_id INTEGER NOT NULL,
            segment_id INTEGER NOT NULL, round INTEGER NOT NULL, at TEXT NOT NULL)""",
        "CREATE INDEX answered_of_image ON answered (image_id)",
        """CREATE TABLE verdicts (
            seq INTEGER PRIMARY KEY, at TEXT NOT NULL, reviewer TEXT NOT NULL, sample TEXT NOT NULL,
            item INTEGER NOT NULL, image_id INTEGER NOT NULL, segment_id INTEGER NOT NULL,
            object TEXT NOT NULL, attributes TEXT NOT NULL, relations TEXT NOT NULL, place TEXT NOT NULL,
            note TEXT NOT NULL, token TEXT UNIQUE)""",
        "CREATE INDEX verdicts_of_sample ON verdicts (sample, reviewer, item, seq)",
    ):
        connection.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (m001_first_tables, m002_decisions)


def schema_number(connection: sqlite3.Connection) -> int:
    """The last step that a journal has seen, 0 for a file without tables."""
    sql = "SELECT count(*) FROM sqlite_master WHERE name = 'migrations'"
    if connection.execute(sql).fetchone()[0] == 0:
        return 0
    number: int = connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0]
    return number


def migrate(connection: sqlite3.Connection, name: str) -> None:
    """Apply the steps that this journal has not seen, each in a transaction of its own.

    Raises:
        InputError: The journal was written by a newer pix2cap.
    """
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations"
        " (number INTEGER PRIMARY KEY, name TEXT NOT NULL, at TEXT NOT NULL)"
    )
    done = schema_number(connection)
    if done > len(MIGRATIONS):
        raise InputError(
            f"{name}: expected a journal of schema {len(MIGRATIONS)} or older, got {done}; upgrade pix2cap"
        )
    for number, step in enumerate(MIGRATIONS[done:], start=done + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # A run and a review may both bring the same journal forward; the second finds it done.
            if schema_number(connection) >= number:
                connection.execute("ROLLBACK")
                continue
            step(connection)
            connection.execute(
                "INSERT INTO migrations VALUES (?, ?, ?)",
                (number, step.__name__, datetime.now(UTC).isoformat()),
            )
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
