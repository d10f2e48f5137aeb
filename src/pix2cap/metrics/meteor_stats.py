"""What METEOR 1.5 counts in a pair of captions, how sets of pairs add up, and the score of either."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

ALPHA: Final = 0.85
BETA: Final = 0.2
GAMMA: Final = 0.6
DELTA: Final = 0.75
STAGE_WEIGHTS: Final = (1.0, 0.6, 0.8, 0.6)
"""Exact, stem, synonym, paraphrase."""

Counts = tuple[int, ...]
"""One number a stage."""

_NONE: Final[Counts] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class MeteorStats:
    """What METEOR counts in a pair, or in a set of pairs (`total`).

    Args:
        test_length: Words of the candidate.
        reference_length: Words of the reference that scores best.
        test_function_words: Function words among them.
        reference_function_words: The same in the reference.
        test_content: Content words of the candidate matched by each stage.
        reference_content: The same in the reference.
        test_function: Function words of the candidate matched by each stage.
        reference_function: The same in the reference.
        chunks: Runs of matched words in the same order on both sides.
        score: METEOR, 0..1.
    """

    test_length: int = 0
    reference_length: int = 0
    test_function_words: int = 0
    reference_function_words: int = 0
    test_content: Counts = _NONE
    reference_content: Counts = _NONE
    test_function: Counts = _NONE
    reference_function: Counts = _NONE
    chunks: int = 0
    score: float = 0.0

    @property
    def test_matches(self) -> int:
        """Matched words of the candidate."""
        return sum(self.test_content) + sum(self.test_function)

    @property
    def reference_matches(self) -> int:
        """Matched words of the reference."""
        return sum(self.reference_content) + sum(self.reference_function)

    @property
    def is_whole(self) -> bool:
        """Every word on both sides is matched, in one run."""
        return (
            self.chunks == 1
            and self.test_matches == self.test_length
            and self.reference_matches == self.reference_length
        )

    def vector(self) -> tuple[int, ...]:
        """The 23 numbers that the jar prints for a pair, in its order."""
        by_stage = zip(
            self.test_content,
            self.reference_content,
            self.test_function,
            self.reference_function,
            strict=True,
        )
        return (
            self.test_length,
            self.reference_length,
            self.test_function_words,
            self.reference_function_words,
            *(count for stage in by_stage for count in stage),
            self.chunks,
            self.test_matches,
            self.reference_matches,
        )


def total(pairs: Iterable[MeteorStats]) -> MeteorStats:
    """The statistics of all pairs together, with their score.

    The chunk of a pair that is matched whole does not count, so that perfect captions score 1 together as
    well.
    """
    return merge(replace(one, chunks=0) if one.is_whole else one for one in pairs)


def merge(parts: Iterable[MeteorStats]) -> MeteorStats:
    """The sum of totals of parts of a set: the same as the total of the whole."""
    lengths = [0, 0, 0, 0]
    counts = [[0, 0, 0, 0] for _ in range(4)]
    chunks = 0
    for one in parts:
        lengths[0] += one.test_length
        lengths[1] += one.reference_length
        lengths[2] += one.test_function_words
        lengths[3] += one.reference_function_words
        kinds = (one.test_content, one.reference_content, one.test_function, one.reference_function)
        for have, more in zip(counts, kinds, strict=True):
            for stage, count in enumerate(more):
                have[stage] += count
        chunks += one.chunks
    return scored(
        MeteorStats(
            test_length=lengths[0],
            reference_length=lengths[1],
            test_function_words=lengths[2],
            reference_function_words=lengths[3],
            test_content=tuple(counts[0]),
            reference_content=tuple(counts[1]),
            test_function=tuple(counts[2]),
            reference_function=tuple(counts[3]),
            chunks=chunks,
        )
    )


def scored(stats: MeteorStats) -> MeteorStats:
    """The same statistics with their score."""
    return replace(stats, score=score_of(stats))


def score_of(stats: MeteorStats) -> float:
    """METEOR from the counts.

    Args:
        stats: Counts of a pair or of a set; their `score` is not read.

    Returns:
        0..1; 0 where nothing matches.
    """
    tested = _weighted(stats.test_content, stats.test_function)
    referred = _weighted(stats.reference_content, stats.reference_function)
    if not (tested and referred):
        return 0.0
    precision = tested / _weighted_length(stats.test_length, stats.test_function_words)
    recall = referred / _weighted_length(stats.reference_length, stats.reference_function_words)
    mean = 1 / ((1 - ALPHA) / precision + ALPHA / recall)
    fragmentation = 0.0
    if not stats.is_whole:
        fragmentation = stats.chunks / ((stats.test_matches + stats.reference_matches) / 2)
    penalty: float = GAMMA * fragmentation**BETA
    return max(0.0, mean * (1 - penalty))


def _weighted(content: Counts, function: Counts) -> float:
    matched = 0.0
    for weight, count in zip(STAGE_WEIGHTS, content, strict=True):
        matched += count * weight * DELTA
    for weight, count in zip(STAGE_WEIGHTS, function, strict=True):
        matched += count * weight * (1 - DELTA)
    return matched


def _weighted_length(words: int, function_words: int) -> float:
    return DELTA * (words - function_words) + (1 - DELTA) * function_words
