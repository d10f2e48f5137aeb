"""What people decided about the captions of a run: append only, in the run's journal, by name and time.

Nobody's decision is overwritten. Where two reviewers disagree without the one having seen the other's
decision, both stand in the journal, the later one counts, and the segment is marked as in conflict.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pix2cap.annotate.journal import JOURNAL_NAME, connect, require_tables, told_of_damage
from pix2cap.annotate.migrations import migrate, schema_number
from pix2cap.annotate.verdicts import NewVerdict, Verdict, insert_verdict, read_verdicts
from pix2cap.core import CaptionSource, CaptionStatus, SegmentCaption
from pix2cap.errors import DecisionConflict, InputError, UsageError

MOST_CHARACTERS = 5000
"""Of a caption or reason that a person types."""

_COLUMNS = "seq, at, reviewer, image_id, segment_id, action, text, reason, based_on, token"


class Action(StrEnum):
    """What a reviewer does with one segment's caption."""

    ACCEPT = "accept"
    EDIT = "edit"
    REJECT = "reject"
    ASK_AGAIN = "ask_again"
    UNDO = "undo"


_ACTIONS = {str(action): action for action in Action}


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision on its way into the journal.

    Args:
        reviewer: Who decides.
        image_id: The image.
        segment_id: The segment.
        action: What is done; `undo` takes back the reviewer's own latest decision that still counts.
        text: The caption on the screen (accept, reject, ask_again), or the new one (edit).
        reason: Why; a model that is asked again is told.
        based_on: `seq` of the latest decision on the segment that was on the screen, 0 for none.
        token: Made by the client; a decision sent twice under one token is made once.

    Raises:
        InputError: No reviewer, an edit without a text, or a text that is too long.
    """

    reviewer: str
    image_id: int
    segment_id: int
    action: Action
    text: str = ""
    reason: str | None = None
    based_on: int = 0
    token: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no journal should hold."""
        where = f"image {self.image_id}, segment {self.segment_id}"
        if not self.reviewer.strip() or len(self.reviewer) > 200:
            raise InputError(f"{where}: expected the reviewer's name, got {self.reviewer[:40]!r}")
        if self.action is Action.EDIT and not self.text.strip():
            raise InputError(f"{where}: expected the new caption, got an empty text; reject it instead")
        for text in (self.text, self.reason or ""):
            if len(text) > MOST_CHARACTERS:
                raise InputError(f"{where}: expected at most {MOST_CHARACTERS} characters, got {len(text)}")


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as the journal has it; see `NewDecision` for the fields it shares.

    Args:
        seq: Its number; later decisions have higher ones.
        at: When, as ISO 8601 in UTC.
    """

    seq: int
    at: str
    reviewer: str
    image_id: int
    segment_id: int
    action: Action
    text: str
    reason: str | None
    based_on: int
    token: str | None

    @property
    def result(self) -> tuple[str, str]:
        """What it makes of the segment: two decisions with equal results do not contradict each other."""
        if self.action in (Action.ACCEPT, Action.EDIT):
            return "caption", " ".join(self.text.split())
        return str(self.action), ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the decisions make of one segment.

    Args:
        decision: The one that counts: the latest that was neither undone nor answered; None for none.
        history: All of them, oldest first, undoings included.
        conflict: Another reviewer's decision stands against it, and was not on the screen when it was made.
        answered: `ask_again` decisions after which the model was asked.
    """

    decision: Decision | None = None
    history: tuple[Decision, ...] = ()
    conflict: bool = False
    answered: frozenset[int] = field(default_factory=frozenset)

    @property
    def latest_seq(self) -> int:
        """What a decision made on this standing is `based_on`."""
        return self.history[-1].seq if self.history else 0

    @property
    def asks_again(self) -> bool:
        """True while the model shall be asked again and was not yet."""
        return self.decision is not None and self.decision.action is Action.ASK_AGAIN


def standing_of(history: Sequence[Decision], answered: Iterable[int] = ()) -> Standing:
    """Work out what a segment's decisions, oldest first, come to.

    A question that was answered brought a new caption, so that what was decided before it, about the old
    one, counts no more.
    """
    told = frozenset(answered)
    if len(history) == 1 and not told and history[0].action is not Action.UNDO:
        # What nearly every segment has, of which a large run has a hundred thousand.
        return Standing(history[0], tuple(history))
    counting = _counting(history, told)
    if not counting:
        return Standing(None, tuple(history), False, told)
    latest = counting[-1]
    rivals = (_latest_of(name, counting) for name in {d.reviewer for d in counting} - {latest.reviewer})
    conflict = any(
        rival is not None and rival.seq > latest.based_on and rival.result != latest.result
        for rival in rivals
    )
    return Standing(latest, tuple(history), conflict, told)


def _counting(history: Sequence[Decision], answered: frozenset[int]) -> list[Decision]:
    """The decisions that were neither undone nor answered, oldest first."""
    counting: list[Decision] = []
    for decision in history:
        if decision.action is not Action.UNDO:
            counting.append(decision)
        elif (own := _latest_of(decision.reviewer, counting)) is not None:
            counting.remove(own)
    settled_up_to = max(answered, default=0)
    return [decision for decision in counting if decision.seq > settled_up_to]


def _latest_of(reviewer: str, decisions: Sequence[Decision]) -> Decision | None:
    return next((d for d in reversed(decisions) if d.reviewer == reviewer), None)


def apply(caption: SegmentCaption, standing: Standing) -> SegmentCaption:
    """The caption as the decisions leave it.

    Args:
        caption: What the model brought; status `pending` where it brought nothing yet.
        standing: What was decided about the segment.

    Returns:
        Accepted: the text that was on the screen, captioned (a segment accepted as not visible stays so).
        Edited: the new text, captioned. Rejected: status rejected with the reason, the text kept.
        To be asked again: pending, the text kept. `source.reviewer` says who decided.
    """
    decision = standing.decision
    if decision is None:
        return caption
    source = replace(caption.source or CaptionSource(), reviewer=decision.reviewer)
    text, status, reason = caption.text, caption.status, caption.reason
    if decision.action is Action.EDIT or (
        decision.action is Action.ACCEPT and decision.text and status is not CaptionStatus.NOT_VISIBLE
    ):
        text, status, reason = decision.text.strip(), CaptionStatus.CAPTIONED, decision.reason
    elif decision.action is Action.REJECT:
        status, reason = CaptionStatus.REJECTED, decision.reason or "rejected by a reviewer"
    elif decision.action is Action.ASK_AGAIN:
        status, reason = CaptionStatus.PENDING, decision.reason or "to be asked again"
    return replace(caption, text=text, status=status, reason=reason, source=source)


def read_standings(
    connection: sqlite3.Connection, image_id: int | None = None
) -> dict[tuple[int, int], Standing]:
    """`(image id, segment id)` to standing, for all segments that somebody decided about.

    Args:
        connection: To a journal; one made before there were decisions has none.
        image_id: Only this image's.
    """
    if schema_number(connection) < 2:
        return {}
    where, values = ("", ()) if image_id is None else (" WHERE image_id = ?", (image_id,))
    histories: dict[tuple[int, int], list[Decision]] = {}
    for row in connection.execute(f"SELECT {_COLUMNS} FROM decisions{where} ORDER BY seq", values):
        decision = _decision(row)
        histories.setdefault((decision.image_id, decision.segment_id), []).append(decision)
    answered: dict[tuple[int, int], list[int]] = {}
    if histories:
        sql = f"SELECT image_id, segment_id, decision FROM answered{where}"
        for image, segment, seq in connection.execute(sql, values):
            answered.setdefault((image, segment), []).append(seq)
    return {key: standing_of(history, answered.get(key, ())) for key, history in histories.items()}


def _decision(row: tuple[Any, ...]) -> Decision:
    seq, at, reviewer, image_id, segment_id, action, text, reason, based_on, token = row
    return Decision(seq, at, reviewer, image_id, segment_id, _ACTIONS[action], text, reason, based_on, token)


class DecisionLog:
    """The decisions in the journal of a run, also while `annotate run` works on it.

    A decision is on disk when `add` returns. One log may be shared by several threads, and several processes
    may each have one.

    Args:
        run_dir: The run folder.
        writable: False for looking only; a journal made before there were decisions then has none. True
            brings such a journal forward.

    Raises:
        InputError: No journal of a run there.
        StorageFull: No disk space to work with.

    Example:
        >>> with DecisionLog(Path("run")) as log:  # doctest: +SKIP
        ...     log.add(NewDecision("ada", 7, 3, Action.ACCEPT, "A red car.", token="1"))
    """

    def __init__(self, run_dir: Path, *, writable: bool = True) -> None:
        self.path = run_dir / JOURNAL_NAME
        self.writable = writable
        self._lock = threading.RLock()
        if not self.path.is_file():
            raise InputError(f"{self.path}: expected the journal of a run, found no such file")
        with told_of_damage(self.path):
            self._connection = connect(self.path, read_only=not writable)
            try:
                require_tables(self._connection, self.path)
                if writable:
                    migrate(self._connection, str(self.path))
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> DecisionLog:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._connection.close()

    def add(self, decision: NewDecision, *, anyway: bool = True) -> Decision:
        """Commit one decision; what was committed under its token earlier is returned instead.

        Args:
            decision: What was decided.
            anyway: False refuses it where another reviewer decided after `based_on`.

        Raises:
            DecisionConflict: Another reviewer was faster, and `anyway` is off.
            UsageError: Nothing to undo, or the log was opened for looking.
            StorageFull: No disk space.
        """
        with self._transaction() as sql:
            if (stored := _by_token(sql, decision.token)) is not None:
                return stored
            reviewer = decision.reviewer.strip()
            standing = _standing(sql, decision.image_id, decision.segment_id)
            where = f"image {decision.image_id}, segment {decision.segment_id}"
            newer = [d for d in standing.history if d.seq > decision.based_on and d.reviewer != reviewer]
            if newer and not anyway:
                raise DecisionConflict(
                    f"{where}: expected no decision after {decision.based_on}, got {newer[-1].action} by"
                    f" {newer[-1].reviewer}; look at it and decide again"
                )
            if decision.action is Action.UNDO:
                counting = _counting(standing.history, standing.answered)
                if _latest_of(reviewer, counting) is None:
                    raise UsageError(f"{where}: expected a decision of {reviewer} to undo, found none")
            row = (
                datetime.now(UTC).isoformat(timespec="milliseconds"),
                reviewer,
                decision.image_id,
                decision.segment_id,
                str(decision.action),
                decision.text,
                decision.reason,
                decision.based_on,
                decision.token,
            )
            places = ", ".join("?" * len(row))
            done = sql.execute(f"INSERT INTO decisions ({_COLUMNS[5:]}) VALUES ({places})", row)
            found = sql.execute(f"SELECT {_COLUMNS} FROM decisions WHERE seq = ?", (done.lastrowid,))
            return _decision(found.fetchone())

    def standing(self, image_id: int, segment_id: int) -> Standing:
        """What was decided about one segment; an empty standing where nothing was."""
        with self._reading() as sql:
            return _standing(sql, image_id, segment_id)

    def standings(self, image_id: int | None = None) -> dict[tuple[int, int], Standing]:
        """`(image id, segment id)` to standing, of one image or of all."""
        with self._reading() as sql:
            return read_standings(sql, image_id)

    def since(self, seq: int) -> list[Decision]:
        """The decisions after number `seq`, oldest first."""
        with self._reading() as sql:
            if schema_number(sql) < 2:
                return []
            rows = sql.execute(f"SELECT {_COLUMNS} FROM decisions WHERE seq > ? ORDER BY seq", (seq,))
            return [_decision(row) for row in rows]

    def add_verdict(self, verdict: NewVerdict) -> Verdict:
        """Commit what a rater found; what was committed under its token earlier is returned instead.

        Raises:
            UsageError: The log was opened for looking.
            StorageFull: No disk space.
        """
        with self._transaction() as sql:
            return insert_verdict(sql, verdict)

    def verdicts(self, sample: str | None = None, *, reviewer: str | None = None) -> list[Verdict]:
        """The latest verdict of each rater on each item, in the order in which they first gave one."""
        with self._reading() as sql:
            return [] if schema_number(sql) < 2 else read_verdicts(sql, sample, reviewer)

    def has_verdict(self, token: str) -> bool:
        """Whether a verdict was committed under this token."""
        with self._reading() as sql:
            row = sql.execute("SELECT EXISTS (SELECT 1 FROM verdicts WHERE token = ?)", (token,)).fetchone()
            return bool(row[0])

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, told_of_damage(self.path):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("COMMIT")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if not self.writable:
            raise UsageError(f"{self.path}: expected a log opened for writing, got one for looking only")
        with self._lock, told_of_damage(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise


def _by_token(sql: sqlite3.Connection, token: str | None) -> Decision | None:
    row = sql.execute(f"SELECT {_COLUMNS} FROM decisions WHERE token = ?", (token,)).fetchone()
    return None if row is None else _decision(row)


def _standing(sql: sqlite3.Connection, image_id: int, segment_id: int) -> Standing:
    # An image has at most some hundred segments, and fewer decisions: one way to read them is enough.
    return read_standings(sql, image_id).get((image_id, segment_id), Standing())
