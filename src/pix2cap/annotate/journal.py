"""The journal of a run: every request, reply, attempt and outcome in one append-only SQLite file.

The state of a run is a function of this file: a later session computes the same requests again, finds
their replies by key and so pays for nothing twice.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from pix2cap import __version__
from pix2cap.annotate.group_commit import GroupCommitter
from pix2cap.annotate.migrations import MIGRATIONS, migrate, schema_number
from pix2cap.core import CaptionStatus
from pix2cap.errors import InputError, StorageFull
from pix2cap.formats.source import SourceImage

JOURNAL_NAME = "journal.sqlite"


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request as it is sent, without picture bytes."""

    key: str
    image_id: int
    stage: str
    model: str
    segment_ids: tuple[int, ...]
    render: str
    prompt: str
    reserved_usd: float | None


@dataclass(frozen=True, slots=True)
class ReplyRecord:
    """What came back for a key: a text, or the reason why nothing did."""

    key: str
    text: str | None
    error: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    request_id: str | None = None
    model: str | None = None
    tries: int = 1


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """What one request brought for one segment and how the checks judged it."""

    segment_id: int
    key: str
    attempt: int
    stage: str
    verdict: str
    text: str
    findings: tuple[tuple[str, str, bool], ...]
    """`(check, reason, hard)` each."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one segment."""

    segment_id: int
    status: CaptionStatus
    text: str = ""
    reason: str | None = None
    key: str | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class AskedSource:
    """Who answered a request: the model as the user named it, and the provider's id for the request."""

    model: str
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Settled:
    """The last time an image was carried to its end."""

    round: int
    rules: str
    refused: str | None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Journal:
    """Reads a journal and, when opened for writing, adds to it.

    Args:
        path: `journal.sqlite` of a run folder.
        writable: False opens an existing journal for reading, beside a run that may be writing.

    Raises:
        InputError: No journal there, or the file is none.
        StorageFull: No disk space to work with.
    """

    def __init__(self, path: Path, *, writable: bool) -> None:
        if not writable and not path.is_file():
            raise InputError(
                f"{path}: expected the journal of a run, found no such file; put it back, or name another run"
            )
        self._committer: GroupCommitter | None = None
        try:
            if writable:
                writer = connect(path, read_only=False)
                migrate(writer, str(path))
                self._committer = GroupCommitter(writer, reserve=path.with_name("reserve.bin"))
            self._reader = connect(path, read_only=True)
            if not writable:
                require_tables(self._reader, path)
        except sqlite3.DatabaseError as error:
            raise _damage(path, error) from error

    def close(self) -> None:
        """Commit what is queued and release the file."""
        self._reader.close()
        if self._committer is not None:
            self._committer.close()

    def _submit(self, *statements: tuple[str, Sequence[object]]) -> Future[None]:
        if self._committer is None:
            raise TypeError("this journal was opened for reading")

        def write(connection: sqlite3.Connection) -> None:
            for sql, values in statements:
                connection.execute(sql, values)

        return self._committer.submit(write)

    async def start_session(self, *, priced: bool) -> None:
        """Note that a process began to work on the run, and whether it knows what replies cost."""
        sql = "INSERT INTO sessions (at, software, priced) VALUES (?, ?, ?)"
        await asyncio.wrap_future(self._submit((sql, (_now(), f"pix2cap {__version__}", int(priced)))))

    async def add_image(self, entry: SourceImage, position: int) -> None:
        """Bring one image into the scope of the run; `position` is its place in the source."""
        # By id: a damaged JSON may list a segment twice, and it can only be accounted for once.
        is_crowd = {segment.segment_id: segment.is_crowd for segment in entry.segments}
        crowd = sum(is_crowd.values())
        row = (entry.image.image_id, position, entry.image.file_name, len(is_crowd) - crowd, crowd)
        await asyncio.wrap_future(self._submit(("INSERT OR IGNORE INTO images VALUES (?, ?, ?, ?, ?)", row)))

    async def add_request(self, request: RequestRecord) -> None:
        """Note a request before it is sent."""
        row = (
            request.key,
            request.image_id,
            request.stage,
            request.model,
            orjson.dumps(request.segment_ids).decode(),
            request.render,
            request.prompt,
            request.reserved_usd,
            _now(),
        )
        sql = "INSERT OR IGNORE INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        await asyncio.wrap_future(self._submit((sql, row)))

    async def add_reply(self, reply: ReplyRecord) -> None:
        """Commit a reply; only then may anybody use it."""
        row = (
            reply.key,
            reply.text,
            reply.error,
            reply.finish_reason,
            reply.input_tokens,
            reply.output_tokens,
            reply.cost_usd,
            reply.request_id,
            reply.model,
            reply.tries,
            _now(),
        )
        sql = "INSERT INTO replies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        # A reply was paid for: even a cancelled task must see it committed.
        await asyncio.shield(asyncio.wrap_future(self._submit((sql, row))))

    async def settle(
        self,
        image_id: int,
        outcomes: Iterable[Outcome],
        *,
        round_number: int,
        rules: str,
        attempts: Iterable[AttemptRecord] = (),
        refused: str | None = None,
        answered: Iterable[tuple[int, int]] = (),
    ) -> None:
        """Commit the end of one image in one transaction: attempts, outcomes, and that it is settled.

        `answered` names the reviewers' questions that were asked on the way: `(decision, segment id)` each.
        """
        now = _now()
        statements: list[tuple[str, Sequence[object]]] = []
        for a in attempts:
            row = (image_id, a.segment_id, a.key, rules, a.attempt, a.stage, a.verdict, a.text)
            findings = orjson.dumps(a.findings).decode()
            sql = "INSERT OR IGNORE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            statements.append((sql, (*row, findings)))
        statements += [
            (
                "INSERT INTO outcomes (image_id, segment_id, status, text, reason, key, attempt, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (image_id, o.segment_id, str(o.status), o.text, o.reason, o.key, o.attempt, now),
            )
            for o in outcomes
        ]
        statements += [
            (
                "INSERT OR IGNORE INTO answered (decision, image_id, segment_id, round, at)"
                " VALUES (?, ?, ?, ?, ?)",
                (decision, image_id, segment_id, round_number, now),
            )
            for decision, segment_id in answered
        ]
        statements.append(
            (
                "INSERT INTO settled (image_id, round, rules, refused, at) VALUES (?, ?, ?, ?, ?)",
                (image_id, round_number, rules, refused, now),
            )
        )
        await asyncio.wrap_future(self._submit(*statements))

    def reply(self, key: str) -> ReplyRecord | None:
        """The committed reply of a request, if there is one."""
        row = self._reader.execute(
            "SELECT key, text, error, finish_reason, input_tokens, output_tokens, cost_usd, request_id,"
            " model, tries FROM replies WHERE key = ?",
            (key,),
        ).fetchone()
        return None if row is None else ReplyRecord(*row)

    def settled(self, image_id: int) -> Settled | None:
        """The image's last settlement, None while it is pending."""
        row = self._reader.execute(
            "SELECT round, rules, refused FROM settled WHERE image_id = ? ORDER BY seq DESC LIMIT 1",
            (image_id,),
        ).fetchone()
        return None if row is None else Settled(*row)

    def outcomes(self, image_id: int) -> dict[int, Outcome]:
        """The latest outcome of every segment of an image, by segment id."""
        rows = self._reader.execute(
            "SELECT segment_id, status, text, reason, key, attempt FROM outcomes"
            " WHERE image_id = ? ORDER BY seq",
            (image_id,),
        )
        return {
            row[0]: Outcome(row[0], CaptionStatus(row[1]), row[2], row[3], row[4], row[5]) for row in rows
        }

    def image_ids(self) -> list[int]:
        """Images in the scope of the run, in the order of the source."""
        return [r[0] for r in self._reader.execute("SELECT image_id FROM images ORDER BY position, image_id")]

    def sources(self, image_id: int) -> dict[str, AskedSource]:
        """Request key to who was asked, for the replies that an image's outcomes rest on."""
        rows = self._reader.execute(
            "SELECT requests.key, requests.model, replies.request_id FROM requests JOIN replies USING (key)"
            " WHERE requests.key IN (SELECT key FROM outcomes WHERE image_id = ?)",
            (image_id,),
        )
        return {key: AskedSource(model, request_id) for key, model, request_id in rows}

    @contextmanager
    def query(self) -> Iterator[sqlite3.Connection]:
        """A reading connection inside one consistent snapshot."""
        self._reader.execute("BEGIN")
        try:
            yield self._reader
        finally:
            self._reader.execute("COMMIT")


@contextmanager
def told_of_damage(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the journal at `path` into ours.

    Raises:
        InputError: Pages of the journal are damaged.
        StorageFull: No disk space to work with.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _damage(path, error) from error


def _damage(path: Path, error: sqlite3.DatabaseError) -> InputError | StorageFull:
    if "full" in str(error):
        return StorageFull(f"{path}: no disk space for the journal ({error}); free some and go on from here")
    return InputError(
        f"{path}: expected an SQLite journal, got: {error}; put a copy of the run folder in its place,"
        " or give another --out to start anew"
    )


def has_tables(path: Path) -> bool:
    """True for a journal that is more than an empty file.

    Raises:
        InputError: The file is no SQLite database.
    """
    with told_of_damage(path), closing(connect(path, read_only=True)) as connection:
        return schema_number(connection) > 0


def require_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a journal without tables, or one that a newer pix2cap wrote.

    Raises:
        InputError: It is such a file.
    """
    number = schema_number(connection)
    if number == 0:
        raise InputError(
            f"{path}: expected the journal of a run, got a file without its tables;"
            " the run has not begun yet, or its journal was lost"
        )
    if number > len(MIGRATIONS):
        raise InputError(
            f"{path}: expected a journal of schema {len(MIGRATIONS)} or older, got {number}; upgrade pix2cap"
        )


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """A connection in autocommit mode that waits for other writers and makes every commit durable."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    if read_only:
        # WAL is kept in the file: to ask for it again would write to a file that somebody only looks at.
        connection.execute("PRAGMA query_only = ON")
        return connection
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL, not NORMAL: a reply costs money, so it shall outlive a power cut too; group commits pay for it.
    connection.execute("PRAGMA synchronous = FULL")
    return connection
