"""An index of all segments in memory: filters, text search, counts and the order of the pictures.

Filled from the collection when the server starts and brought up to date image by image, so that a page
costs a query over compact rows whatever the journal has grown to.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from pix2cap.core import CaptionStatus
from pix2cap.text.words import count_words
from pix2cap.web.collection import ReviewedImage, ReviewedSegment
from pix2cap.web.filters import FACETS, Filters
from pix2cap.web.open_collection import Findings

_TABLES = (
    """CREATE TABLE images (
        image_id INTEGER PRIMARY KEY, position INTEGER, file_name TEXT, width INTEGER, height INTEGER,
        refused TEXT, statuses TEXT, segments INTEGER, captioned INTEGER, failed INTEGER, open INTEGER,
        decided INTEGER, conflicts INTEGER, by_failed INTEGER, by_findings INTEGER, by_short INTEGER,
        by_long INTEGER)""",
    """CREATE TABLE segments (
        row INTEGER PRIMARY KEY, image_id INTEGER, segment_id INTEGER, status TEXT, class TEXT,
        decision TEXT, attempt TEXT, model TEXT, reviewer TEXT, conflict INTEGER, words INTEGER,
        text TEXT)""",
    "CREATE INDEX segments_of_image ON segments (image_id)",
    "CREATE TABLE names (kind TEXT, name TEXT, row INTEGER, PRIMARY KEY (kind, name, row)) WITHOUT ROWID",
    "CREATE INDEX names_of_row ON names (row)",
    """CREATE VIRTUAL TABLE texts USING fts5(
        text, content='segments', content_rowid='row', tokenize='unicode61 remove_diacritics 2')""",
)
_ORDERS: Final = {
    "source": "position",
    "failed": "by_failed DESC, position",
    "findings": "by_findings DESC, position",
    "short": "by_short, position",
    "long": "by_long DESC, position",
}
_COLUMNS: Final = ("status", "class", "decision", "attempt", "model", "reviewer")
_COUNTED: Final = ("segments", "captioned", "failed", "open", "decided", "conflicts")
_NO_WORDS = 1 << 30
_KEPT_SELECTIONS = 16
_ROWS_AT_ONCE = 5_000
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Scripts without spaces between words, in which a search looks for the letters themselves."""


@dataclass(frozen=True)
class Selection:
    """The images that filters keep, in their order.

    Args:
        image_ids: In the order asked for.
        ranks: Their places in that order of all images, ascending.
        matching: Image id to the number of segments kept; None where all are.
        segments: Segments kept in all.
    """

    image_ids: Sequence[int]
    ranks: Sequence[int]
    matching: Mapping[int, int] | None
    segments: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image stands in a selection: `number` from 1, None for an image that the filters leave out."""

    previous: int | None
    next: int | None
    number: int | None
    total: int


@dataclass
class _Unwritten:
    """Rows on their way into the tables: together they cost a third of what they cost one by one."""

    segments: list[tuple[object, ...]] = field(default_factory=list)
    texts: list[tuple[int, str]] = field(default_factory=list)
    names: list[tuple[str, str, int]] = field(default_factory=list)


@dataclass
class _Order:
    """All images in one order."""

    version: int
    image_ids: list[int]
    rank: dict[int, int] = field(default_factory=dict)


class ReviewIndex:
    """All segments of a collection, to be searched from several threads.

    Args:
        language: Of the captions, for counting words.
        findings: What `dataset check` found.
    """

    def __init__(self, *, language: str = "en", findings: Findings | None = None) -> None:
        self._language = language
        self._findings: Findings = findings or {}
        self._lock = threading.RLock()
        self._sql = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for statement in _TABLES:
            self._sql.execute(statement)
        self._version = self._order_version = self._last_row = 0
        self._unwritten = _Unwritten()
        self._orders: dict[str, _Order] = {}
        self._selections: OrderedDict[tuple[Filters, int], Selection] = OrderedDict()
        self._facets: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
        self._totals: Counter[str] = Counter()

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._sql.close()

    def put(self, images: Iterable[ReviewedImage]) -> int:
        """Take images in, each in place of what was known of it; returns how many."""
        count = 0
        with self._lock:
            self._sql.execute("BEGIN")
            for image in images:
                self._put_one(image)
                count += 1
                if len(self._unwritten.segments) > _ROWS_AT_ONCE:
                    self._write()
            self._write()
            self._sql.execute("COMMIT")
            self._version += bool(count)
        return count

    def _put_one(self, image: ReviewedImage) -> None:
        before = self._remove(image.image_id)
        order = [0, 0, _NO_WORDS, 0]
        counts, statuses = Counter[str](), Counter[str]()
        for segment in image.segments:
            words = self._add_segment(image.image_id, segment, counts)
            statuses[str(segment.current.status)] += 1
            order[0] += segment.original.status is CaptionStatus.FAILED
            order[1] += len(self._findings.get((image.image_id, segment.segment_id), ()))
            if words:
                order[2], order[3] = min(order[2], words), max(order[3], words)
        row = (
            image.image_id, image.position, image.file_name, image.width, image.height, image.refused,
            orjson.dumps(statuses), *(counts[name] for name in _COUNTED), *order,
        )  # fmt: skip
        self._sql.execute(f"INSERT INTO images VALUES ({', '.join('?' * len(row))})", row)
        self._totals.update({"images": 1, **{name: counts[name] for name in _COUNTED}})
        if before != (image.position, *order):
            self._order_version += 1

    def _add_segment(self, image_id: int, segment: ReviewedSegment, counts: Counter[str]) -> int:
        """Add one segment; returns the words of the model's caption, which orders go by."""
        current, original = segment.current, segment.original
        words = round(count_words(current.text, language=self._language))
        source = current.source
        decision = segment.standing.decision
        told = "" if segment.is_crowd else "open" if decision is None else str(decision.action)
        values = (
            str(current.status),
            segment.class_name,
            told,
            "" if source is None or source.attempt is None else str(source.attempt),
            (source and source.model) or "",
            (source and source.reviewer) or "",
        )
        conflict = segment.standing.conflict
        self._last_row += 1
        row, new = self._last_row, self._unwritten
        new.segments.append((row, image_id, segment.segment_id, *values, int(conflict), words, current.text))
        if current.text:
            new.texts.append((row, current.text))
        found = self._findings.get((image_id, segment.segment_id), ())
        names = {("check", name) for name in segment.checks} | {("finding", f.check) for f in found}
        new.names += [(*pair, row) for pair in names]
        self._count(values, names, bool(conflict), 1)
        counts["segments"] += 1
        counts["captioned"] += current.status is CaptionStatus.CAPTIONED
        counts["failed"] += current.status is CaptionStatus.FAILED
        counts["open"] += told == "open"
        counts["decided"] += decision is not None
        counts["conflicts"] += conflict
        return (
            words
            if current.text == original.text
            else round(count_words(original.text, language=self._language))
        )

    def _write(self) -> None:
        new, self._unwritten = self._unwritten, _Unwritten()
        marks = ", ".join("?" * 12)
        self._sql.executemany(f"INSERT INTO segments VALUES ({marks})", new.segments)
        self._sql.executemany("INSERT INTO texts (rowid, text) VALUES (?, ?)", new.texts)
        self._sql.executemany("INSERT INTO names VALUES (?, ?, ?)", new.names)

    def _count(
        self, values: Sequence[str], names: Iterable[tuple[str, str]], conflict: bool, change: int
    ) -> None:
        pairs = [*zip(_COLUMNS, values, strict=True), *names]
        if conflict:
            pairs.append(("decision", "conflict"))
        for name, value in pairs:
            if value:
                counter = self._facets[name]
                counter[value] += change
                if not counter[value]:
                    del counter[value]

    def _remove(self, image_id: int) -> tuple[int, ...] | None:
        """Forget an image; returns what its place in the orders was."""
        old = self._sql.execute("SELECT * FROM images WHERE image_id = ?", (image_id,)).fetchone()
        if old is None:
            return None
        self._write()
        names: dict[int, list[tuple[str, str]]] = {}
        for kind, name, row in self._sql.execute(
            "SELECT kind, name, row FROM names WHERE row IN (SELECT row FROM segments WHERE image_id = ?)",
            (image_id,),
        ).fetchall():
            names.setdefault(row, []).append((kind, name))
        rows = self._sql.execute(
            f"SELECT row, text, conflict, {', '.join(_COLUMNS)} FROM segments WHERE image_id = ?", (image_id,)
        ).fetchall()
        for row, text, conflict, *values in rows:
            if text:
                self._sql.execute(
                    "INSERT INTO texts (texts, rowid, text) VALUES ('delete', ?, ?)", (row, text)
                )
            self._sql.execute("DELETE FROM names WHERE row = ?", (row,))
            self._count(values, names.get(row, ()), bool(conflict), -1)
        self._sql.execute("DELETE FROM segments WHERE image_id = ?", (image_id,))
        self._sql.execute("DELETE FROM images WHERE image_id = ?", (image_id,))
        self._totals.subtract({"images": 1, **dict(zip(_COUNTED, old[7:13], strict=True))})
        return (old[1], *old[13:])

    def facets(self) -> dict[str, list[tuple[str, int]]]:
        """Facet to `(value, segments)`, most frequent first, over everything."""
        with self._lock:
            return {
                name: sorted(counter.items(), key=lambda item: (-item[1], item[0]))
                for name, counter in self._facets.items()
            }

    def totals(self) -> dict[str, int]:
        """`images segments captioned failed open decided conflicts` over everything."""
        with self._lock:
            return {name: self._totals[name] for name in ("images", *_COUNTED)}

    def select(self, filters: Filters) -> Selection:
        """The images with a segment that passes the filters, in the order asked for."""
        with self._lock:
            key = (filters, self._version)
            found = self._selections.get(key)
            if found is None:
                found = self._selections[key] = self._select(filters)
                while len(self._selections) > _KEPT_SELECTIONS:
                    self._selections.popitem(last=False)
            self._selections.move_to_end(key)
            return found

    def _select(self, filters: Filters) -> Selection:
        order = self._order(filters.sort)
        if filters.keep_all:
            return Selection(order.image_ids, range(len(order.image_ids)), None, self._totals["segments"])
        where, values = _where(filters)
        rows = self._sql.execute(
            f"SELECT image_id, count(*) FROM segments WHERE {where} GROUP BY image_id", values
        ).fetchall()
        matching = dict(rows)
        ranks = sorted(order.rank[image_id] for image_id in matching)
        return Selection([order.image_ids[r] for r in ranks], ranks, matching, sum(matching.values()))

    def _order(self, sort: str) -> _Order:
        order = self._orders.get(sort)
        if order is None or order.version != self._order_version:
            ids = [r[0] for r in self._sql.execute(f"SELECT image_id FROM images ORDER BY {_ORDERS[sort]}")]
            order = _Order(self._order_version, ids, {image_id: rank for rank, image_id in enumerate(ids)})
            self._orders[sort] = order
        return order

    def place(self, image_id: int, filters: Filters) -> Place:
        """Neighbours of an image among those that the filters keep, also where it is not one of them.

        Raises:
            KeyError: No such image.
        """
        with self._lock:
            rank = self._order(filters.sort).rank[image_id]
            chosen = self.select(filters)
        low, high = bisect_left(chosen.ranks, rank), bisect_right(chosen.ranks, rank)
        return Place(
            chosen.image_ids[low - 1] if low else None,
            chosen.image_ids[high] if high < len(chosen.image_ids) else None,
            low + 1 if high > low else None,
            len(chosen.image_ids),
        )

    def matching_segments(self, image_id: int, filters: Filters) -> set[int]:
        """Ids of an image's segments that pass the filters."""
        where, values = _where(filters)
        with self._lock:
            rows = self._sql.execute(
                f"SELECT segment_id FROM segments WHERE image_id = ? AND {where}", (image_id, *values)
            )
            return {row[0] for row in rows}

    def cards(self, image_ids: Sequence[int]) -> list[dict[str, Any]]:
        """What a grid shows of images, in the order given."""
        marks = ", ".join("?" * len(image_ids))
        names = ("image_id", "file_name", "width", "height", "refused", "statuses", *_COUNTED)
        with self._lock:
            rows = self._sql.execute(
                f"SELECT {', '.join(names)} FROM images WHERE image_id IN ({marks})", tuple(image_ids)
            ).fetchall()
        by_id = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
        for card in by_id.values():
            card["statuses"] = orjson.loads(card["statuses"])
        return [by_id[image_id] for image_id in image_ids if image_id in by_id]

    def __contains__(self, image_id: int) -> bool:
        with self._lock:
            sql = "SELECT EXISTS (SELECT 1 FROM images WHERE image_id = ?)"
            return bool(self._sql.execute(sql, (image_id,)).fetchone()[0])


def _where(filters: Filters) -> tuple[str, list[object]]:
    terms: list[str] = []
    values: list[object] = []
    for name, value in filters.equal:
        if name in ("check", "finding"):
            terms.append("row IN (SELECT row FROM names WHERE kind = ? AND name = ?)")
            values += [name, value]
        elif (name, value) == ("decision", "conflict"):
            terms.append("conflict = 1")
        else:
            terms.append(f"{name} = ?")
            values.append(value)
    for term, bound in (("words >= ?", filters.words_min), ("words <= ?", filters.words_max)):
        if bound is not None:
            # A segment without a caption has no words to count, however few are asked for.
            terms.append(f"text <> '' AND {term}")
            values.append(bound)
    if filters.q:
        term, sought = _text_term(filters.q)
        terms.append(term)
        values += [] if sought is None else [sought]
    return " AND ".join(terms) or "1", values


def _text_term(q: str) -> tuple[str, str | None]:
    """A condition for a search: all words, the last as the beginning of one, `"..."` as a phrase."""
    if _UNSPACED.search(q):
        letters = q.strip('"').replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return "text LIKE ? ESCAPE '\\'", f"%{letters}%"
    parts = [phrase or word for phrase, word in re.findall(r'"([^"]*)"|([^\s"]+)', q)]
    parts = [part for part in parts if any(letter.isalnum() for letter in part)]
    if not parts:
        return "0", None
    quoted = [f'"{part}"' for part in parts]
    if not q.rstrip().endswith('"'):
        quoted[-1] += " *"
    return "row IN (SELECT rowid FROM texts WHERE texts MATCH ?)", " AND ".join(quoted)
