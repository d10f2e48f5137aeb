"""Questions of reviewers: a segment whose caption a person did not accept is asked about once more, alone.

Each question has a climb of its own over the last rungs of the ladder, with a key of its own, so that it is
paid once however often the run is stopped, and whatever else is asked beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from pix2cap.annotate.checks import Finding
from pix2cap.annotate.decisions import Action, Decision, read_standings
from pix2cap.annotate.journal import Outcome
from pix2cap.annotate.ladder import STAGES, ImageFacts, ImageState


def open_questions(sql: sqlite3.Connection, image_id: int) -> tuple[Decision, ...]:
    """The `ask_again` decisions of an image that still wait for the model, oldest first."""
    if not _any_question(sql, image_id):
        return ()
    standings = read_standings(sql, image_id).values()
    waiting = [s.decision for s in standings if s.asks_again and s.decision is not None]
    return tuple(sorted(waiting, key=lambda decision: decision.seq))


def answered_questions(sql: sqlite3.Connection, image_id: int) -> dict[int, tuple[Decision, ...]]:
    """Round to the questions that were answered after it, in the order in which they were."""
    if not _any_question(sql, image_id):
        return {}
    by_seq = {
        decision.seq: decision
        for standing in read_standings(sql, image_id).values()
        for decision in standing.history
    }
    found: dict[int, tuple[Decision, ...]] = {}
    rows = sql.execute(
        "SELECT round, decision FROM answered WHERE image_id = ? ORDER BY decision", (image_id,)
    )
    for round_number, seq in rows:
        found[round_number] = (*found.get(round_number, ()), by_seq[seq])
    return found


def _any_question(sql: sqlite3.Connection, image_id: int) -> bool:
    # Asked for every image of a run, most of which nobody has a question about.
    row = sql.execute(
        "SELECT EXISTS (SELECT 1 FROM decisions WHERE image_id = ? AND action = ?)",
        (image_id, str(Action.ASK_AGAIN)),
    ).fetchone()
    return bool(row[0])


def start_again(facts: ImageFacts, question: Decision, done: Mapping[int, Outcome]) -> ImageState | None:
    """The state from which a question is asked; None where the map does not show the segment."""
    segment_id = question.segment_id
    if segment_id not in {segment.id for segment in facts.panoptic.captionable()}:
        return None
    others = {i: outcome for i, outcome in done.items() if i != segment_id}
    told = "A reviewer did not accept"
    old = " ".join(question.text.split())
    reason = f'{told} "{old}"' if old else f"{told} the last caption"
    reason += f": {' '.join(question.reason.split())}" if question.reason else "."
    return ImageState(STAGES.index("alone"), {segment_id: (Finding("reviewer", reason),)}, others)


def round_key(question: Decision) -> str:
    """What stands for the round in the keys of a question's requests."""
    return f"decision {question.seq}"
