"""Lengths, vocabulary and variety of captions, counted in memory that grows with the vocabulary only."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import numpy as np

from pix2cap.text.words import FUNCTION_WORDS, count_words, normalise, words_of

_BUFFER: Final = 1 << 14


class DistinctKeys:
    """How many different 64-bit numbers were added, eight bytes each.

    Example:
        >>> keys = DistinctKeys()
        >>> keys.add([1, 2, 2])
        >>> len(keys)
        2
    """

    def __init__(self) -> None:
        self._known = np.empty(0, np.uint64)
        self._new = array("Q")

    def add(self, keys: Iterable[int]) -> None:
        """Take numbers from 0 to 2**64 - 1."""
        self._new.extend(keys)
        if len(self._new) >= max(_BUFFER, len(self._known)):
            self._settle()

    def update(self, other: DistinctKeys) -> None:
        """Take all numbers of another."""
        other._settle()
        self._settle()
        self._known = np.union1d(self._known, other._known)

    def __len__(self) -> int:
        self._settle()
        return len(self._known)

    def _settle(self) -> None:
        if self._new:
            self._known = np.union1d(self._known, np.frombuffer(self._new, np.uint64))
            self._new = array("Q")


class Numbering:
    """A number for each word, shared by all that is to be counted together."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __getitem__(self, word: str) -> int:
        return self._numbers.setdefault(word, len(self._numbers))


@lru_cache(maxsize=1024)
def text_key(text: str) -> int:
    """64 bits of a caption, the same for texts that differ by case and marks only."""
    return int.from_bytes(hashlib.blake2b(normalise(text).encode("utf-8", "replace"), digest_size=8).digest())


@dataclass
class WordTally:
    """Words of captions.

    Args:
        numbering: Shared by tallies that will be added up.
        language: Code; captions in scripts without spaces are as long as their English would be.
    """

    numbering: Numbering
    language: str = "en"
    lengths: Counter[int] = field(default_factory=Counter)
    vocabulary: Counter[str] = field(default_factory=Counter)
    pairs: int = 0
    different_pairs: DistinctKeys = field(default_factory=DistinctKeys)
    texts: DistinctKeys = field(default_factory=DistinctKeys)

    def add(self, text: str) -> int:
        """Count a caption and return its length in words."""
        words = words_of(text)
        length = round(count_words(text, language=self.language))
        self.lengths[length] += 1
        self.vocabulary.update(words)
        numbers = [self.numbering[word] for word in words]
        self.pairs += max(0, len(words) - 1)
        self.different_pairs.add(first << 32 | second for first, second in pairwise(numbers))
        self.texts.add((text_key(text),))
        return length

    def update(self, other: WordTally) -> None:
        """Add another's counts; both must share their numbering."""
        self.lengths.update(other.lengths)
        self.vocabulary.update(other.vocabulary)
        self.pairs += other.pairs
        self.different_pairs.update(other.different_pairs)
        self.texts.update(other.texts)

    @property
    def captions(self) -> int:
        """Captions counted."""
        return self.lengths.total()

    def to_json(self) -> dict[str, Any]:
        """Lengths, vocabulary and variety; distinct-n is different n-grams by all n-grams, or None."""
        words = self.vocabulary.total()
        return {
            "words": spread(self.lengths),
            "vocabulary": len(self.vocabulary),
            "distinct_1": _share(len(self.vocabulary), words),
            "distinct_2": _share(len(self.different_pairs), self.pairs),
            "different_captions": len(self.texts),
        }

    def frequent(self, limit: int = 60) -> list[tuple[str, int]]:
        """The most frequent words that carry content, ties by alphabet."""
        content = (
            (word, count)
            for word, count in self.vocabulary.items()
            if word not in FUNCTION_WORDS and not word.isdigit() and len(word) > 1
        )
        return sorted(content, key=lambda pair: (-pair[1], pair[0]))[:limit]


def spread(counts: Mapping[int, int]) -> dict[str, Any]:
    """Mean, median, percentiles and histogram of whole numbers; None for each where there is none.

    Args:
        counts: Value to how often it came.

    Example:
        >>> spread({10: 1, 20: 1})["median"]
        15.0
    """
    values = sorted(value for value, count in counts.items() if count)
    times = [counts[value] for value in values]
    total = sum(times)
    p5, median, p95 = (percentile(values, times, share) for share in (0.05, 0.5, 0.95))
    return {
        "total": sum(value * count for value, count in zip(values, times, strict=True)),
        "mean": sum(v * n for v, n in zip(values, times, strict=True)) / total if total else None,
        "median": median,
        "p5": p5,
        "p95": p95,
        "least": values[0] if values else None,
        "most": values[-1] if values else None,
        "histogram": {str(value): count for value, count in zip(values, times, strict=True)},
    }


def percentile(values: Sequence[int], times: Sequence[int], share: float) -> float | None:
    """The value below which a share of all lie, linearly interpolated as numpy does.

    Args:
        values: Rising.
        times: How often each came.
        share: 0..1.
    """
    if not values:
        return None
    ends = np.cumsum(times)
    place = share * (int(ends[-1]) - 1)
    low, high = (
        values[int(np.searchsorted(ends, rank, side="right"))] for rank in (int(place), -int(-place // 1))
    )
    return float(low + (high - low) * (place - int(place)))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
