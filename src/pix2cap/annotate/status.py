"""What became of every segment of a run, counted from its journal."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pix2cap.annotate.decisions import Action, read_standings
from pix2cap.annotate.journal import JOURNAL_NAME, Journal, told_of_damage
from pix2cap.annotate.settings import RunConfig

_LATEST = """SELECT o.status, o.reason, count(*) FROM outcomes o JOIN
    (SELECT max(seq) AS seq FROM outcomes GROUP BY image_id, segment_id) last ON o.seq = last.seq
    GROUP BY o.status, o.reason"""


@dataclass(frozen=True, slots=True)
class SegmentCounts:
    """`total` = captioned + not_visible + failed + pending; crowd stands outside it."""

    total: int
    captioned: int
    not_visible: int
    failed: int
    pending: int
    crowd: int


@dataclass(frozen=True, slots=True)
class ReviewCounts:
    """What people decided.

    Args:
        decided: Segments that a decision counts for: accepted + edited + rejected + ask_again.
        accepted: As they were.
        edited: With a text of the reviewer's.
        rejected: Not to be published.
        ask_again: Waiting for `annotate run`.
        answered: Questions after which the model was asked.
        conflicts: Segments that two reviewers decided about differently.
        decisions: All decisions ever made.
        reviewers: Who made them.
    """

    decided: int = 0
    accepted: int = 0
    edited: int = 0
    rejected: int = 0
    ask_again: int = 0
    answered: int = 0
    conflicts: int = 0
    decisions: int = 0
    reviewers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The counts of one run.

    Args:
        images: Images in the scope of the run.
        images_refused: Those whose picture or map could not be used.
        segments: What became of their segments.
        failed_reasons: Why segments failed, with how many.
        requests: Requests that got a reply or used up their tries.
        input_tokens: Tokens sent, as the provider counted them.
        output_tokens: Tokens received.
        cost_usd: Spent; None where the price of the model is unknown.
        model: Who was asked.
        review: What people decided.
    """

    images: int
    images_refused: int
    segments: SegmentCounts
    failed_reasons: dict[str, int]
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    model: str
    review: ReviewCounts = field(default_factory=ReviewCounts)

    def to_json(self) -> dict[str, Any]:
        """The record as `annotate status --format json` prints it."""
        return asdict(self)

    @property
    def is_clean(self) -> bool:
        """True where nothing failed and nothing is pending."""
        return self.segments.failed == 0 and self.images_refused == 0 and self.segments.pending == 0


def read_status(run_dir: Path) -> RunStatus:
    """Count a run, also while it is being written.

    Raises:
        InputError: The folder is no run.
    """
    config = RunConfig.read(run_dir)
    path = run_dir / JOURNAL_NAME
    journal = Journal(path, writable=False)
    with told_of_damage(path), contextlib.closing(journal), journal.query() as sql:
        images, total, crowd = sql.execute(
            "SELECT count(*), coalesce(sum(segments), 0), coalesce(sum(crowd), 0) FROM images"
        ).fetchone()
        refused = sql.execute(
            "SELECT count(*) FROM settled WHERE refused IS NOT NULL AND seq IN"
            " (SELECT max(seq) FROM settled GROUP BY image_id)"
        ).fetchone()[0]
        by_status: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for status, reason, count in sql.execute(_LATEST):
            by_status[status] += count
            if status == "failed":
                reasons[reason or "unknown"] += count
        requests, tokens_in, tokens_out, cost, unpriced = sql.execute(
            "SELECT count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), sum(cost_usd),"
            " coalesce(sum(error IS NULL AND cost_usd IS NULL), 0) FROM replies"
        ).fetchone()
        sessions, priced = sql.execute("SELECT count(*), coalesce(sum(priced), 0) FROM sessions").fetchone()
        review = _count_review(sql)
    settled = sum(by_status[name] for name in ("captioned", "not_visible", "failed"))
    counts = SegmentCounts(
        total=total,
        captioned=by_status["captioned"],
        not_visible=by_status["not_visible"],
        failed=by_status["failed"],
        pending=total - settled,
        crowd=crowd,
    )
    # One reply without a price makes the sum unknown: a lower bound must not pass for the cost. Nor must 0,
    # where no session knew a price and no reply came.
    cost_usd = None if unpriced or (sessions and not priced) else (cost or 0.0)
    return RunStatus(
        images,
        refused,
        counts,
        dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        requests,
        tokens_in,
        tokens_out,
        cost_usd,
        config.settings.model,
        review,
    )


def _count_review(sql: sqlite3.Connection) -> ReviewCounts:
    standings = read_standings(sql).values()
    counting = Counter(one.decision.action for one in standings if one.decision is not None)
    made = [decision for one in standings for decision in one.history]
    return ReviewCounts(
        decided=counting.total(),
        accepted=counting[Action.ACCEPT],
        edited=counting[Action.EDIT],
        rejected=counting[Action.REJECT],
        ask_again=counting[Action.ASK_AGAIN],
        answered=sum(len(one.answered) for one in standings),
        conflicts=sum(one.conflict for one in standings),
        decisions=len(made),
        reviewers=sorted({decision.reviewer for decision in made}),
    )
