"""Which segments are meant: the conditions of `dataset filter`, in the words of the review grid."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from pix2cap.core import Category, Segment
from pix2cap.core.caption import CaptionStatus
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.published import PublishedCaption

Flagged = Mapping[tuple[int, int], frozenset[str]]
"""Checks that object to a segment, by `(image_id, segment_id)`."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Conditions on a segment; all that are given must hold.

    Args:
        status: One of these statuses.
        class_names: One of these classes.
        min_words: At least so many words; segments without a published caption have no words to count
            and never fit a condition on words.
        max_words: At most so many words.
        min_area: At least so many pixels.
        max_area: At most so many pixels.
        attempt: Captioned at one of these attempts.
        model: Captioned by one of these models.
        reviewer: Decided by one of these people.
        q: The caption has this text, whatever the case.
        image_ids: In one of these images.
        flagged: Findings of `pix2cap dataset check`.
        drop_flagged: Keep the segments without a finding instead of those with one.
    """

    status: frozenset[CaptionStatus] = frozenset()
    class_names: frozenset[str] = frozenset()
    min_words: int | None = None
    max_words: int | None = None
    min_area: int | None = None
    max_area: int | None = None
    attempt: frozenset[int] = frozenset()
    model: frozenset[str] = frozenset()
    reviewer: frozenset[str] = frozenset()
    q: str | None = None
    image_ids: frozenset[int] | None = None
    flagged: Flagged | None = None
    drop_flagged: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (
            ("words", self.min_words, self.max_words),
            ("area", self.min_area, self.max_area),
        ):
            if low is not None and high is not None and low > high:
                raise UsageError(f"expected --min-{name} of at most --max-{name}, got {low} and {high}")
        if self.drop_flagged and self.flagged is None:
            raise UsageError("expected --findings FILE beside --drop-findings, got no file")

    def told(self) -> dict[str, Any]:
        """The conditions given, for a manifest."""
        told: dict[str, Any] = {}
        for name in ("status", "class_names", "attempt", "model", "reviewer"):
            if value := getattr(self, name):
                told[name] = sorted(value)
        for name in ("min_words", "max_words", "min_area", "max_area", "q"):
            if (value := getattr(self, name)) is not None:
                told[name] = value
        if self.image_ids is not None:
            told["images"] = len(self.image_ids)
        if self.flagged is not None:
            told["findings"] = len(self.flagged)
            told["drop_findings"] = self.drop_flagged
        return told

    def check_classes(self, categories: Iterable[Category]) -> None:
        """Refuse a class that the dataset does not know, rather than find nothing.

        Raises:
            UsageError: Such a class.
        """
        known = {category.name for category in categories}
        for name in sorted(self.class_names - known):
            near = difflib.get_close_matches(name, known, n=3) or sorted(known)[:5]
            raise UsageError(
                f"--class: expected classes of the dataset, got {name!r}; near: {', '.join(near)}"
            )

    def fit(self, image_id: int, segment: Segment, class_name: str, published: PublishedCaption) -> bool:
        """Whether a segment is meant."""
        return (
            (self.image_ids is None or image_id in self.image_ids)
            and (not self.status or published.status in self.status)
            and (not self.class_names or class_name in self.class_names)
            and _between(segment.area, self.min_area, self.max_area)
            and self._words_fit(published)
            and self._source_fits(published)
            and self._findings_fit(image_id, segment.id)
        )

    def _words_fit(self, published: PublishedCaption) -> bool:
        text = published.description
        if self.q is not None and self.q.casefold() not in text.casefold():
            return False
        if self.min_words is None and self.max_words is None:
            return True
        return published.status is CaptionStatus.CAPTIONED and _between(
            len(text.split()), self.min_words, self.max_words
        )

    def _source_fits(self, published: PublishedCaption) -> bool:
        source = None if published.caption is None else published.caption.source
        wanted = (("attempt", self.attempt), ("model", self.model), ("reviewer", self.reviewer))
        return all(not values or getattr(source, name, None) in values for name, values in wanted)

    def _findings_fit(self, image_id: int, segment_id: int) -> bool:
        if self.flagged is None:
            return True
        return ((image_id, segment_id) in self.flagged) != self.drop_flagged


def _between(value: int, low: int | None, high: int | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def read_flagged(path: Path, checks: Iterable[str] = ()) -> Flagged:
    """Read findings as `pix2cap dataset check --format json` writes them.

    Args:
        path: A JSON list of `{"image_id", "segment_id", "check", ...}`.
        checks: Only findings of these; all where none is named.

    Raises:
        InputError: The file is missing or of another shape.
        UsageError: A check was named that found nothing in it and that no finding names.
    """
    try:
        rows = orjson.loads(path.read_bytes())
        keys = [(row["image_id"], row["segment_id"], row["check"]) for row in rows]
    except (OSError, orjson.JSONDecodeError, TypeError, KeyError) as error:
        raise InputError(
            f"{path}: expected the findings that `pix2cap dataset check --format json` prints, a list of"
            f" objects with image_id, segment_id and check; got {type(error).__name__}: {error}"
        ) from error
    wanted = frozenset(checks)
    if unknown := wanted - {check for *_, check in keys}:
        raise UsageError(
            f"--finding: expected checks that {path.name} has findings of, got {', '.join(sorted(unknown))}"
        )
    found: dict[tuple[int, int], set[str]] = {}
    for image_id, segment_id, check in keys:
        if not wanted or check in wanted:
            found.setdefault((image_id, segment_id), set()).add(check)
    return {key: frozenset(names) for key, names in found.items()}
