"""A frozen sample of captions for people to verify: drawn once, by strata, before anyone looks.

The file says how many captions each stratum has in the run, so that rates found on the sample can be
weighted to the whole, and carries its own hash, so that nobody swaps an item afterwards unnoticed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import orjson

from pix2cap.annotate.verdicts import Verdict
from pix2cap.errors import InputError, UsageError

FORMAT: Final = "pix2cap sample 1"

Stratum = tuple[str, ...]
"""One value for each of the sample's `by`, in its order."""


@dataclass(frozen=True, slots=True)
class SampleItem:
    """One caption to verify.

    Args:
        item: Its number, from 1; the order is random, so that a sample half done is a fair one.
        image_id: The image.
        segment_id: The segment.
        class_name: As the source names it.
        text: The caption as it was when the sample was drawn.
        stratum: Where it was drawn from.
        raters: Which raters are to see it, numbered from 1.
    """

    item: int
    image_id: int
    segment_id: int
    class_name: str
    text: str
    stratum: Stratum
    raters: tuple[int, ...]


@dataclass(frozen=True)
class Sample:
    """A frozen sample.

    Args:
        name: Its name.
        seed: Of the draw.
        by: What the strata are made of.
        per_stratum: Most items of a stratum.
        raters: How many people share the work.
        overlap: Share of the items that all of them see.
        population: Captions of the run in each stratum, sampled or not.
        items: In the order of their numbers.
        created_at: When it was drawn (ISO 8601, UTC).
        run: Name of the run folder.
    """

    name: str
    seed: int
    by: tuple[str, ...]
    per_stratum: int
    raters: int
    overlap: float
    population: Mapping[Stratum, int]
    items: tuple[SampleItem, ...]
    created_at: str
    run: str

    @cached_property
    def by_number(self) -> dict[int, SampleItem]:
        """The items by number."""
        return {item.item: item for item in self.items}

    @cached_property
    def drawn(self) -> dict[Stratum, int]:
        """Items of each stratum."""
        counts = dict.fromkeys(self.population, 0)
        for item in self.items:
            counts[item.stratum] += 1
        return counts

    def to_json(self) -> dict[str, Any]:
        """The file's content without its hash."""
        strata = [
            {
                "stratum": dict(zip(self.by, key, strict=True)),
                "population": count,
                "drawn": self.drawn[key],
            }
            for key, count in sorted(self.population.items())
        ]
        items = [
            {**asdict(item), "stratum": dict(zip(self.by, item.stratum, strict=True))} for item in self.items
        ]
        return {
            "format": FORMAT,
            "name": self.name,
            "run": self.run,
            "created_at": self.created_at,
            "seed": self.seed,
            "by": list(self.by),
            "per_stratum": self.per_stratum,
            "raters": self.raters,
            "overlap": self.overlap,
            "strata": strata,
            "items": items,
        }


def sample_path(run_dir: Path, name: str) -> Path:
    """Where a sample lies.

    Raises:
        UsageError: No name for a sample: letters, digits, `.`, `_` and `-` only.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise UsageError(
            f"expected a sample's name of up to 64 letters, digits, '.', '_' and '-', got {name!r}"
        )
    return run_dir / f"sample-{name}.json"


def sample_names(run_dir: Path) -> list[str]:
    """The samples of a run."""
    return sorted(path.stem.removeprefix("sample-") for path in run_dir.glob("sample-*.json"))


def write_sample(sample: Sample, run_dir: Path) -> Path:
    """Freeze a sample.

    Raises:
        UsageError: There is one of this name.
    """
    path = sample_path(run_dir, sample.name)
    content = sample.to_json()
    whole = {**content, "sha256": _hash(content)}
    try:
        # Exclusive: of two people who draw at once, one is refused.
        with path.open("xb") as stream:
            stream.write(orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    except FileExistsError:
        raise UsageError(
            f"{path}: expected a new name, found a sample, and a sample is drawn once: to draw again after"
            " looking would favour what one likes; give another --name"
        ) from None
    return path


def read_sample(run_dir: Path, name: str | None = None) -> Sample:
    """Read a frozen sample.

    Args:
        run_dir: The run folder.
        name: None for the only one there is.

    Raises:
        UsageError: No such sample, or several and no name.
        InputError: The file was changed since it was drawn, or is none.
    """
    if name is None:
        names = sample_names(run_dir)
        if len(names) != 1:
            raise UsageError(
                f"{run_dir}: expected --sample NAME out of its samples, got none;"
                f" there are: {', '.join(names) or 'none yet, draw one with `pix2cap annotate sample`'}"
            )
        name = names[0]
    path = sample_path(run_dir, name)
    if not path.is_file():
        raise UsageError(
            f"{path}: expected a sample, found no such file; the run has:"
            f" {', '.join(sample_names(run_dir)) or 'none'}"
        )
    try:
        record = orjson.loads(path.read_bytes())
        told = record.pop("sha256")
        if record.get("format") != FORMAT:
            raise InputError(f"{path}: expected {FORMAT!r}, got {record.get('format')!r}")
        if told != _hash(record):
            raise InputError(
                f"{path}: expected the sample as it was drawn, got one that was changed since;"
                " put the old file back, or draw a new sample under another name"
            )
        return _read(record)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: expected a sample that `annotate sample` drew, got: {error}") from error


def _read(record: dict[str, Any]) -> Sample:
    by = tuple(record["by"])

    def stratum(row: Mapping[str, Any]) -> Stratum:
        return tuple(row["stratum"][name] for name in by)

    items = tuple(
        SampleItem(
            row["item"],
            row["image_id"],
            row["segment_id"],
            row["class_name"],
            row["text"],
            stratum(row),
            tuple(row["raters"]),
        )
        for row in record["items"]
    )
    return Sample(
        record["name"],
        record["seed"],
        by,
        record["per_stratum"],
        record["raters"],
        record["overlap"],
        {stratum(row): row["population"] for row in record["strata"]},
        items,
        record["created_at"],
        record["run"],
    )


def _hash(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class RaterQueue:
    """What one person has to do.

    Args:
        number: Which of the sample's raters this is, from 1; None where all places are taken by others.
        items: The person's items, in order.
        done: Numbers of those that have a verdict of this person's.
    """

    number: int | None
    items: tuple[SampleItem, ...]
    done: frozenset[int]

    @property
    def next(self) -> SampleItem | None:
        """The first item without a verdict; None when all is done."""
        return next((item for item in self.items if item.item not in self.done), None)


def queue_of(sample: Sample, verdicts: Sequence[Verdict], rater: str) -> RaterQueue:
    """The queue of one person, who takes the next free place among the raters with the first verdict.

    Args:
        sample: The sample.
        verdicts: As `DecisionLog.verdicts` orders them: one thought over keeps its place.
        rater: The person's name.
    """
    names = list(dict.fromkeys(verdict.reviewer for verdict in verdicts))
    rater = rater.strip()
    number = names.index(rater) + 1 if rater in names else len(names) + 1
    if number > sample.raters:
        return RaterQueue(None, (), frozenset())
    items = tuple(item for item in sample.items if number in item.raters)
    return RaterQueue(number, items, frozenset(v.item for v in verdicts if v.reviewer == rater))
