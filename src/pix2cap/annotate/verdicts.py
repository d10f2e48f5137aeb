"""What a rater found when verifying a caption of a frozen sample: one answer for each question."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from pix2cap.errors import InputError

AXES: Final = ("object", "attributes", "relations", "place")
"""What is asked of every caption, in order: is this right?"""

_COLUMNS = (
    "seq, at, reviewer, sample, item, image_id, segment_id, object, attributes, relations, place, note, token"
)


class AxisAnswer(StrEnum):
    """An answer to one question."""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot tell"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class NewVerdict:
    """A verdict on its way into the journal.

    Args:
        reviewer: Who rates.
        sample: Name of the sample.
        item: The item's number in it, from 1.
        image_id: The item's image.
        segment_id: The item's segment.
        object: Is the thing named right?
        attributes: Are colour, material, shape, state and the like right?
        relations: Is what it does with its neighbours right?
        place: Is where it is right?
        note: Free words.
        token: Made by the client; a verdict sent twice under one token is kept once.

    Raises:
        InputError: No rater or sample, or an answer that is none.
    """

    reviewer: str
    sample: str
    item: int
    image_id: int
    segment_id: int
    object: str
    attributes: str
    relations: str
    place: str
    note: str = ""
    token: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no journal should hold."""
        where = f"sample {self.sample}, item {self.item}"
        if not self.reviewer.strip() or len(self.reviewer) > 200:
            raise InputError(f"{where}: expected the rater's name, got {self.reviewer[:40]!r}")
        known = {str(answer) for answer in AxisAnswer}
        for axis in AXES:
            got = getattr(self, axis)
            if got not in known:
                raise InputError(f"{where}: expected {axis} out of {', '.join(sorted(known))}, got {got!r}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict as the journal has it; see `NewVerdict`."""

    seq: int
    at: str
    reviewer: str
    sample: str
    item: int
    image_id: int
    segment_id: int
    object: str
    attributes: str
    relations: str
    place: str
    note: str
    token: str | None

    def answer(self, axis: str) -> str:
        """The answer to one of `AXES`."""
        return str(getattr(self, axis))


def insert_verdict(sql: sqlite3.Connection, verdict: NewVerdict) -> Verdict:
    """Add a verdict inside a transaction of the caller's, unless its token was used already."""
    row = sql.execute(f"SELECT {_COLUMNS} FROM verdicts WHERE token = ?", (verdict.token,)).fetchone()
    if row is None:
        values = (
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            verdict.reviewer.strip(),
            verdict.sample,
            verdict.item,
            verdict.image_id,
            verdict.segment_id,
            *(str(getattr(verdict, axis)) for axis in AXES),
            verdict.note,
            verdict.token,
        )
        places = ", ".join("?" * len(values))
        done = sql.execute(f"INSERT INTO verdicts ({_COLUMNS[5:]}) VALUES ({places})", values)
        row = sql.execute(f"SELECT {_COLUMNS} FROM verdicts WHERE seq = ?", (done.lastrowid,)).fetchone()
    return Verdict(*row)


def read_verdicts(sql: sqlite3.Connection, sample: str | None, reviewer: str | None) -> list[Verdict]:
    """The latest verdict of each rater on each item, in the order in which they first gave one."""
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM verdicts JOIN (SELECT max(seq) AS last, min(seq) AS first FROM verdicts"
        " WHERE (?1 IS NULL OR sample = ?1) AND (?2 IS NULL OR reviewer = ?2)"
        " GROUP BY sample, reviewer, item) ON seq = last ORDER BY first",
        (sample, reviewer),
    )
    return [Verdict(*row) for row in rows]
