"""A run as the review app sees it: its source, its journal, and the decisions in that."""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from pix2cap.annotate.decisions import Decision, DecisionLog, NewDecision, Standing, apply, read_standings
from pix2cap.annotate.journal import JOURNAL_NAME, Journal, told_of_damage
from pix2cap.annotate.migrations import schema_number
from pix2cap.annotate.render import RenderStyle
from pix2cap.annotate.settings import AnnotateSettings, RunConfig
from pix2cap.core import CaptionSource, CaptionStatus, SegmentCaption
from pix2cap.errors import InputError
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.open_source import open_source
from pix2cap.formats.source import SourceImage
from pix2cap.web.collection import Attempt, ReviewedImage, ReviewedSegment

_AT_ONCE = 400
"""Images read with one query: their ids are parameters of it, and SQLite takes some thousand."""

_OUTCOMES = """SELECT o.image_id, o.segment_id, o.status, o.text, o.reason, o.key, o.attempt,
    (SELECT r.model FROM requests r WHERE r.key = o.key)
    FROM outcomes o WHERE o.image_id IN ({}) ORDER BY o.seq"""
_REFUSED = """SELECT image_id, refused, rules FROM settled WHERE seq IN
    (SELECT max(seq) FROM settled WHERE image_id IN ({}) GROUP BY image_id)"""
_CHECKS = """SELECT image_id, segment_id, rules, findings FROM attempts
    WHERE image_id IN ({}) AND findings <> '[]'"""
_ATTEMPTS = """SELECT a.segment_id, a.attempt, a.stage, r.model, a.text, a.verdict, a.findings
    FROM attempts a LEFT JOIN requests r ON r.key = a.key
    WHERE a.image_id = ?1 AND a.rules =
        (SELECT rules FROM settled WHERE image_id = ?1 ORDER BY seq DESC LIMIT 1)
    ORDER BY a.segment_id, r.at, a.attempt"""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the journal knows of some images."""

    captions: Mapping[tuple[int, int], SegmentCaption]
    checks: Mapping[tuple[int, int], tuple[str, ...]]
    standings: Mapping[tuple[int, int], Standing]
    refused: Mapping[int, str]


class RunCollection:
    """Implements `Collection` for a run folder, also one that is being worked on.

    Args:
        run_dir: The run folder.
        images: Where the pictures lie now, if they were moved.
        masks: Where the masks lie now.

    Raises:
        InputError: No run, or a damaged one, or its source is gone.
    """

    kind = "run"
    read_only = False

    def __init__(self, run_dir: Path, *, images: Path | None = None, masks: Path | None = None) -> None:
        self.name = run_dir.resolve().name
        config = RunConfig.read(run_dir)
        self.settings: AnnotateSettings = config.settings
        self.style = RenderStyle.of(config.settings)
        self.language = config.settings.language
        self._path = run_dir / JOURNAL_NAME
        paths = config.paths
        self.source = _open_source(run_dir, paths.source, masks or paths.masks, images or paths.images)
        self._log = DecisionLog(run_dir)
        try:
            self._journal = Journal(self._path, writable=False)
        except BaseException:
            self._log.close()
            raise
        self._lock = threading.RLock()
        self._seen = (-1, 0, 0, 0)
        self._scope: set[int] = set()
        self._prompt = config.settings.prompt_version
        self.identity = self._identity()

    def close(self) -> None:
        """Release the journal."""
        with self._lock:
            self._journal.close()
        self._log.close()

    def _identity(self) -> str:
        with self._reading() as sql:
            first = sql.execute("SELECT at FROM sessions ORDER BY id LIMIT 1").fetchone()
        return f"{self.name} {first[0]}" if first else self.name

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, told_of_damage(self._path), self._journal.query() as sql:
            yield sql

    def images(self, image_ids: Sequence[int] | None = None) -> Iterator[ReviewedImage]:
        """See `Collection.images`; only images in the scope of the run."""
        with self._reading() as sql:
            positions = _positions(sql, image_ids)
            wanted = list(positions) if image_ids is None else [i for i in image_ids if i in positions]
            standings = _standings(sql, wanted)
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            known = self._known(some, standings)
            for image_id in some:
                yield self._image(image_id, positions[image_id], known)

    def _image(self, image_id: int, position: int, known: _Known) -> ReviewedImage:
        entry = self._entry(image_id)
        seen: set[int] = set()
        segments = []
        for info in entry.segments:
            if info.segment_id in seen:
                continue  # A damaged JSON may list a segment twice.
            seen.add(info.segment_id)
            key = (image_id, info.segment_id)
            status = CaptionStatus.CROWD if info.is_crowd else CaptionStatus.PENDING
            original = known.captions.get(key) or SegmentCaption(info.segment_id, "", status)
            standing = known.standings.get(key, Standing())
            category = self.source.categories.get(info.category_id)
            segments.append(
                ReviewedSegment(
                    info.segment_id,
                    f"category {info.category_id}" if category is None else category.name,
                    category is None or category.is_thing,
                    original,
                    original if info.is_crowd else apply(original, standing),
                    standing,
                    known.checks.get(key, ()),
                )
            )
        image = entry.image
        return ReviewedImage(
            image_id,
            position,
            image.file_name,
            image.width,
            image.height,
            tuple(segments),
            known.refused.get(image_id),
        )

    def _entry(self, image_id: int) -> SourceImage:
        try:
            return self.source.entry(image_id)
        except KeyError:
            raise InputError(
                f"{self.source.name}: expected image {image_id}, which the run worked on, found no such"
                " image; put the source back as it was"
            ) from None

    def _known(self, image_ids: Sequence[int], standings: Mapping[tuple[int, int], Standing]) -> _Known:
        marks = ", ".join("?" * len(image_ids))
        captions: dict[tuple[int, int], SegmentCaption] = {}
        checks: defaultdict[tuple[int, int], dict[str, None]] = defaultdict(dict)
        with self._reading() as sql:
            for image_id, segment_id, status, text, reason, key, attempt, model in sql.execute(
                _OUTCOMES.format(marks), image_ids
            ):
                source = None if model is None else CaptionSource(model, self._prompt, attempt, key)
                captions[image_id, segment_id] = SegmentCaption(
                    segment_id, text, CaptionStatus(status), reason, source
                )
            settled = {row[0]: row[1:] for row in sql.execute(_REFUSED.format(marks), image_ids)}
            for image_id, segment_id, rules, findings in sql.execute(_CHECKS.format(marks), image_ids):
                if settled.get(image_id, (None, None))[1] == rules:
                    checks[image_id, segment_id].update((check, None) for check, *_ in orjson.loads(findings))
        return _Known(
            captions,
            {key: tuple(names) for key, names in checks.items()},
            standings,
            {i: refused for i, (refused, _) in settled.items() if refused is not None},
        )

    def changed(self) -> Sequence[int]:
        """See `Collection.changed`; SQLite tells by a number whether anybody wrote to the journal."""
        with self._reading() as sql:
            version = sql.execute("PRAGMA data_version").fetchone()[0]
            before = self._seen
            if version == before[0]:
                return ()
            tables = ["outcomes", "settled", *(["decisions"] if schema_number(sql) >= 2 else [])]
            tops = [sql.execute(f"SELECT coalesce(max(seq), 0) FROM {name}").fetchone()[0] for name in tables]
            ids = {
                row[0]
                for name, since in zip(tables, before[1:], strict=False)
                for row in sql.execute(f"SELECT image_id FROM {name} WHERE seq > ?", (since,))
            }
            if sql.execute("SELECT count(*) FROM images").fetchone()[0] != len(self._scope):
                scope = {row[0] for row in sql.execute("SELECT image_id FROM images")}
                ids |= scope - self._scope
                self._scope = scope
            self._seen = (version, tops[0], tops[1], tops[2] if len(tops) > 2 else 0)
        return sorted(ids)

    def attempts(self, image_id: int) -> Mapping[int, Sequence[Attempt]]:
        """See `Collection.attempts`: those that the rules of the last settlement judged."""
        found: defaultdict[int, list[Attempt]] = defaultdict(list)
        with self._reading() as sql:
            for segment_id, attempt, stage, model, text, verdict, findings in sql.execute(
                _ATTEMPTS, (image_id,)
            ):
                told = tuple((str(c), str(reason), bool(hard)) for c, reason, hard in orjson.loads(findings))
                found[segment_id].append(Attempt(attempt, stage, model, text, verdict, told))
        return found

    def drawn_with(self, image_id: int) -> Mapping[int, tuple[str, tuple[int, ...]]]:
        """See `Collection.drawn_with`."""
        sql_text = """SELECT o.segment_id, r.stage, r.segment_ids FROM outcomes o
            JOIN requests r ON r.key = o.key WHERE o.image_id = ? ORDER BY o.seq"""
        with self._reading() as sql:
            rows = sql.execute(sql_text, (image_id,)).fetchall()
        return {segment_id: (stage, tuple(orjson.loads(ids))) for segment_id, stage, ids in rows}

    def decide(self, decision: NewDecision, *, anyway: bool) -> Decision:
        """See `Collection.decide`; on disk when it returns."""
        return self._log.add(decision, anyway=anyway)

    @property
    def log(self) -> DecisionLog:
        """The journal's decisions and verdicts."""
        return self._log


def _positions(sql: sqlite3.Connection, image_ids: Sequence[int] | None) -> dict[int, int]:
    """Image id to its place in the source, in that order."""
    everything = "SELECT image_id, position FROM images"
    if image_ids is None or len(image_ids) > _AT_ONCE:
        return dict(sql.execute(f"{everything} ORDER BY position, image_id"))
    marks = ", ".join("?" * len(image_ids))
    return dict(sql.execute(f"{everything} WHERE image_id IN ({marks})", tuple(image_ids)))


def _standings(sql: sqlite3.Connection, image_ids: Sequence[int]) -> dict[tuple[int, int], Standing]:
    """Of a few images one by one; of many, all at once."""
    if len(image_ids) > 8:
        return read_standings(sql)
    found: dict[tuple[int, int], Standing] = {}
    for image_id in image_ids:
        found |= read_standings(sql, image_id)
    return found


def _open_source(run_dir: Path, path: Path, masks: Path | None, images: Path | None) -> FileSource:
    try:
        return open_source(path, masks=masks, images=images)
    except InputError as error:
        gone = [p for p in (path, masks, images) if p is not None and not p.exists()]
        if not gone:
            raise
        raise InputError(
            f"{run_dir}: expected what the run was made of at {gone[0]}, found nothing there; put it back,"
            " or name the new places with --images and --masks"
        ) from error
