"""Counts of a whole report, gathered picture by picture so that memory stays flat."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files

import numpy as np

from pix2cap.core import CaptionStatus
from pix2cap.report.item import Row

_WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")

FUNCTION_WORDS = frozenset(
    (files("pix2cap.report") / "assets" / "function_words.txt").read_text(encoding="utf-8").split()
)
"""English words that carry no content; left out of the list of frequent words."""


@dataclass
class WordTally:
    """Lengths and words of captions."""

    lengths: Counter[int] = field(default_factory=Counter)
    vocabulary: Counter[str] = field(default_factory=Counter)

    def add(self, text: str) -> int:
        """Count one caption and return its words."""
        words = _WORD.findall(text.lower())
        self.lengths[len(words)] += 1
        self.vocabulary.update(words)
        return len(words)

    @property
    def captions(self) -> int:
        """Captions counted."""
        return self.lengths.total()

    @property
    def mean(self) -> float | None:
        """Words a caption on average; None without captions."""
        if not self.lengths:
            return None
        return sum(length * count for length, count in self.lengths.items()) / self.captions

    def percentile(self, percent: float) -> float | None:
        """Length below which `percent` of the captions lie, linearly interpolated; None without captions.

        Example:
            >>> WordTally(Counter({10: 1, 20: 1})).percentile(50)
            15.0
        """
        if not self.lengths:
            return None
        values, counts = zip(*sorted(self.lengths.items()), strict=True)
        return float(np.percentile(np.repeat(values, counts), percent))

    def frequent(self, limit: int) -> list[tuple[str, int]]:
        """The most frequent words that are neither `FUNCTION_WORDS` nor plain numbers, ties by alphabet."""
        content = [
            (word, count)
            for word, count in self.vocabulary.items()
            if word not in FUNCTION_WORDS and not word.isdigit()
        ]
        return sorted(content, key=lambda pair: (-pair[1], pair[0]))[:limit]


@dataclass
class ClassTally:
    """What became of the segments of one class."""

    name: str
    statuses: Counter[CaptionStatus] = field(default_factory=Counter)
    words: int = 0

    @property
    def segments(self) -> int:
        """Segments that should have a caption: all but crowd."""
        return self.statuses.total() - self.statuses[CaptionStatus.CROWD]

    @property
    def mean_words(self) -> float | None:
        """Words a caption; None without captions."""
        captioned = self.statuses[CaptionStatus.CAPTIONED]
        return self.words / captioned if captioned else None


@dataclass
class Tally:
    """Everything that the head of a report counts."""

    pictures: int = 0
    statuses: Counter[CaptionStatus] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    classes: dict[str, ClassTally] = field(default_factory=dict)
    words: WordTally = field(default_factory=WordTally)

    def add(self, rows: Iterable[Row]) -> None:
        """Count one picture."""
        self.pictures += 1
        for row in rows:
            self.statuses[row.status] += 1
            of_class = self.classes.setdefault(row.class_name, ClassTally(row.class_name))
            of_class.statuses[row.status] += 1
            if row.status is CaptionStatus.FAILED:
                self.reasons[row.reason or "no reason given"] += 1
            if row.status is CaptionStatus.CAPTIONED:
                of_class.words += self.words.add(row.text)

    @property
    def segments(self) -> int:
        """Segments that should have a caption: all but crowd."""
        return self.statuses.total() - self.statuses[CaptionStatus.CROWD]

    def by_size(self) -> list[ClassTally]:
        """Classes, most segments first, ties by name."""
        return sorted(self.classes.values(), key=lambda c: (-c.segments, c.name))
