"""Draw a stratified sample from the captions of a run."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

from pix2cap.annotate.bounds import require_range
from pix2cap.annotate.decisions import read_standings
from pix2cap.annotate.export import open_run_source, reviewed_captions
from pix2cap.annotate.journal import JOURNAL_NAME, Journal, told_of_damage
from pix2cap.annotate.sample import Sample, SampleItem, Stratum, sample_path, write_sample
from pix2cap.annotate.settings import RunConfig
from pix2cap.core import CaptionStatus
from pix2cap.errors import ImageRefused, UsageError

DIMENSIONS: Final = ("class", "size", "marks", "attempt")
"""What strata can be made of."""

_SMALL, _MEDIUM = 32 * 32, 96 * 96
_MARKS: Final = ((1, "1"), (4, "2-4"), (8, "5-8"), (12, "9-12"))
_MOST_ATTEMPT = 4


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """How to draw.

    Args:
        name: The sample's name.
        per_stratum: Most captions of each stratum; a stratum with fewer is taken whole.
        by: What strata are made of, out of `DIMENSIONS`.
        raters: How many people share the work.
        overlap: Share of the items that all of them see, 0..1.
        seed: Same run, same options, same seed: same sample.

    Raises:
        UsageError: A number is out of its range, or a dimension unknown.
    """

    name: str = "verify"
    per_stratum: int = 5
    by: tuple[str, ...] = DIMENSIONS
    raters: int = 1
    overlap: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        require_range("--per-stratum", self.per_stratum, least=1)
        require_range("--raters", self.raters, least=1, most=20)
        require_range("--overlap", self.overlap, least=0, most=1)
        unknown = [name for name in self.by if name not in DIMENSIONS]
        if unknown or not self.by or len(set(self.by)) < len(self.by):
            raise UsageError(
                f"expected --by as a list without repeats out of {','.join(DIMENSIONS)},"
                f" got {','.join(self.by) or 'nothing'}"
            )


@dataclass(frozen=True, slots=True)
class DrawnSample:
    """What was drawn, counted.

    Args:
        path: The file.
        name: The sample's name.
        captions: Captions of the run to draw from.
        strata: Strata that have any.
        items: Captions drawn.
        seen_by_all: Those of them that every rater sees.
        each_rater: Items of each rater.
    """

    path: str
    name: str
    captions: int
    strata: int
    items: int
    seen_by_all: int
    each_rater: list[int]


@dataclass(frozen=True, slots=True)
class _Candidate:
    image_id: int
    segment_id: int
    class_name: str
    text: str
    stratum: Stratum


def draw_sample(run_dir: str | Path, options: SampleOptions) -> DrawnSample:
    """Draw a sample of the captions as they stand, and freeze it in the run folder.

    Within each stratum, captions are drawn at random without replacement; a stratum's draw depends on the
    seed and its own captions alone.

    Args:
        run_dir: The run folder.
        options: How to draw.

    Raises:
        InputError: The run or its source cannot be read.
        UsageError: There is a sample of this name, or no caption to draw.

    Example:
        >>> draw_sample("run", SampleOptions(name="first", per_stratum=3))  # doctest: +SKIP
    """
    run_path = Path(run_dir)
    if sample_path(run_path, options.name).exists():
        raise UsageError(
            f"{sample_path(run_path, options.name)}: expected a new name, found a sample, and a sample is"
            " drawn once; give another --name"
        )
    groups: dict[Stratum, list[_Candidate]] = {}
    for candidate in _candidates(run_path, options.by):
        groups.setdefault(candidate.stratum, []).append(candidate)
    if not groups:
        raise UsageError(f"{run_path}: expected captions to draw from, found none; run more of it first")
    chosen: list[_Candidate] = []
    for stratum in sorted(groups):
        some = sorted(groups[stratum], key=lambda one: (one.image_id, one.segment_id))
        rng = random.Random(f"{options.seed}/{'/'.join(stratum)}")
        chosen += rng.sample(some, min(options.per_stratum, len(some)))
    sample = Sample(
        options.name,
        options.seed,
        options.by,
        options.per_stratum,
        options.raters,
        options.overlap,
        {stratum: len(group) for stratum, group in groups.items()},
        _items(chosen, options),
        datetime.now(UTC).isoformat(timespec="seconds"),
        run_path.resolve().name,
    )
    path = write_sample(sample, run_path)
    shares = [sum(n in item.raters for item in sample.items) for n in range(1, options.raters + 1)]
    by_all = sum(len(item.raters) == options.raters for item in sample.items)
    captions = sum(sample.population.values())
    return DrawnSample(str(path), sample.name, captions, len(groups), len(sample.items), by_all, shares)


def _items(chosen: Sequence[_Candidate], options: SampleOptions) -> tuple[SampleItem, ...]:
    """Number the items in random order and share them out among the raters."""
    rng = random.Random(f"{options.seed}/order")
    order = list(chosen)
    rng.shuffle(order)
    everyone = tuple(range(1, options.raters + 1))
    shared = set(rng.sample(range(len(order)), round(options.overlap * len(order))))
    items, turn = [], 0
    for index, one in enumerate(order):
        raters = everyone
        if index not in shared:
            raters = (everyone[turn % options.raters],)
            turn += 1
        items.append(
            SampleItem(index + 1, one.image_id, one.segment_id, one.class_name, one.text, one.stratum, raters)
        )
    return tuple(items)


def _candidates(run_dir: Path, by: Sequence[str]) -> Iterator[_Candidate]:
    """Every caption of the run that would be exported, with its stratum."""
    config = RunConfig.read(run_dir)
    source = open_run_source(config.paths, run_dir)
    path = run_dir / JOURNAL_NAME
    journal = Journal(path, writable=False)
    with told_of_damage(path), contextlib.closing(journal):
        for image_id in journal.image_ids():
            try:
                panoptic = source.panoptic(image_id)
            except ImageRefused:
                continue
            with journal.query() as sql:
                standings = {segment: one for (_, segment), one in read_standings(sql, image_id).items()}
                marks = _marks(sql, image_id) if "marks" in by else {}
            for caption in reviewed_captions(journal, config, image_id, panoptic, standings):
                if caption.status is not CaptionStatus.CAPTIONED:
                    continue
                segment = panoptic.by_id[caption.segment_id]
                name = source.categories[segment.category_id].name
                asked = caption.source
                values = {
                    "class": name,
                    "size": size_band(segment.area),
                    "marks": marks_band(marks.get((asked.request_key if asked else None) or "")),
                    "attempt": attempt_band(None if asked is None else asked.attempt),
                }
                yield _Candidate(
                    image_id, caption.segment_id, name, caption.text, tuple(values[one] for one in by)
                )


def _marks(sql: sqlite3.Connection, image_id: int) -> dict[str, int]:
    """Request key to how many segments the request asked about."""
    rows = sql.execute(
        "SELECT key, segment_ids FROM requests WHERE key IN (SELECT key FROM outcomes WHERE image_id = ?)",
        (image_id,),
    )
    return {key: len(orjson.loads(segment_ids)) for key, segment_ids in rows}


def size_band(area: int) -> str:
    """COCO's word for an area in pixels.

    Example:
        >>> size_band(1023), size_band(1024), size_band(9216)
        ('small', 'medium', 'large')
    """
    return "small" if area < _SMALL else "medium" if area < _MEDIUM else "large"


def marks_band(marks: int | None) -> str:
    """How many segments were asked about together, in bands; `none` for a text that no request brought.

    Example:
        >>> [marks_band(n) for n in (None, 1, 3, 8, 12, 40)]
        ['none', '1', '2-4', '5-8', '9-12', '13+']
    """
    if marks is None:
        return "none"
    return next((name for most, name in _MARKS if marks <= most), "13+")


def attempt_band(attempt: int | None) -> str:
    """Which attempt brought the text, from the fourth on together.

    Example:
        >>> [attempt_band(n) for n in (None, 1, 4, 6)]
        ['none', '1', '4+', '4+']
    """
    if attempt is None:
        return "none"
    return str(attempt) if attempt < _MOST_ATTEMPT else f"{_MOST_ATTEMPT}+"
