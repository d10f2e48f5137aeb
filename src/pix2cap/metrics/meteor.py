"""METEOR 1.5 for English captions without a JVM, and what can be had of it without its data.

The score of a pair is a harmonic mean of precision and recall over matched words (the same word, stem, synonym or
paraphrase; function words count a third of content words), lessened for words matched out of order. The score of
a set is computed from the summed statistics of its pairs; it is not the mean of their scores.

Source: Denkowski and Lavie, "Meteor Universal", WMT 2014; parameters of the jar's English ranking task, as
pycocoevalcap runs it (`-l en -norm`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import starmap
from multiprocessing import get_context
from typing import Final

import numpy as np

from pix2cap.metrics.meteor_align import Match, align
from pix2cap.metrics.meteor_data import MeteorData
from pix2cap.metrics.meteor_sides import Side
from pix2cap.metrics.meteor_words import normalised_words
from pix2cap.metrics.ngrams import check_lengths
from pix2cap.metrics.tokens import CaptionScores, Tokens

ALPHA: Final = 0.85
BETA: Final = 0.2
GAMMA: Final = 0.6
DELTA: Final = 0.75
STAGE_WEIGHTS: Final = (1.0, 0.6, 0.8, 0.6)
"""Exact, stem, synonym, paraphrase."""

_SIDES_KEPT: Final = 4096
_PAIRS_KEPT: Final = 100_000
Counts = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class MeteorStats:
    """What METEOR counts in a pair (or, summed by `aggregate`, in a set of pairs).

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
        score: METEOR.
    """

    test_length: int = 0
    reference_length: int = 0
    test_function_words: int = 0
    reference_function_words: int = 0
    test_content: Counts = (0, 0, 0, 0)
    reference_content: Counts = (0, 0, 0, 0)
    test_function: Counts = (0, 0, 0, 0)
    reference_function: Counts = (0, 0, 0, 0)
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


def total(stats: Iterable[MeteorStats]) -> MeteorStats:
    """The statistics of all pairs together, with their score.

    Chunks of a pair that is matched whole do not count, so that perfect captions score 1 together too. Totals of
    parts may be given in place of pairs: the result is the same, but for a part of which one chunk is all that
    counts and which is matched whole otherwise.
    """
    ints = [0, 0, 0, 0]
    counts = [[0, 0, 0, 0] for _ in range(4)]
    chunks = 0
    for one in stats:
        ints[0] += one.test_length
        ints[1] += one.reference_length
        ints[2] += one.test_function_words
        ints[3] += one.reference_function_words
        kinds = (one.test_content, one.reference_content, one.test_function, one.reference_function)
        for have, more in zip(counts, kinds, strict=True):
            for stage in range(4):
                have[stage] += more[stage]
        chunks += 0 if one.is_whole else one.chunks
    tuples = [(a, b, c, d) for a, b, c, d in counts]
    summed = MeteorStats(*ints, *tuples, chunks)
    return replace(summed, score=score_of(summed))


def score_of(stats: MeteorStats) -> float:
    """METEOR from the counts.

    Args:
        stats: Counts of a pair or of a set; their `score` is not read.

    Returns:
        0..1; 0 where nothing matches.
    """
    test_weight = DELTA * (stats.test_length - stats.test_function_words) + (1 - DELTA) * stats.test_function_words
    reference_weight = (
        DELTA * (stats.reference_length - stats.reference_function_words)
        + (1 - DELTA) * stats.reference_function_words
    )
    test_matched = reference_matched = 0.0
    for weight, test, reference in zip(STAGE_WEIGHTS, stats.test_content, stats.reference_content, strict=True):
        test_matched += test * weight * DELTA
        reference_matched += reference * weight * DELTA
    for weight, test, reference in zip(STAGE_WEIGHTS, stats.test_function, stats.reference_function, strict=True):
        test_matched += test * weight * (1 - DELTA)
        reference_matched += reference * weight * (1 - DELTA)
    if not (test_matched and reference_matched):
        return 0.0
    precision, recall = test_matched / test_weight, reference_matched / reference_weight
    mean = 1 / ((1 - ALPHA) / precision + ALPHA / recall)
    fragmentation = 0.0
    if not stats.is_whole:
        fragmentation = stats.chunks / ((stats.test_matches + stats.reference_matches) / 2)
    return max(0.0, mean * (1 - GAMMA * fragmentation**BETA))


class Meteor:
    """METEOR 1.5; remembers captions and pairs that it has seen.

    Args:
        data: METEOR's English data.
    """

    name = "meteor"

    def __init__(self, data: MeteorData | None) -> None:
        if data is None and type(self) is Meteor:
            raise TypeError("Meteor: expected METEOR's data, got None; MeteorLite does without")
        self._data = data
        self._side = lru_cache(maxsize=_SIDES_KEPT)(self._look_up)
        self._scored = lru_cache(maxsize=_PAIRS_KEPT)(self._score_pair)

    def pair(self, candidate: str, references: Sequence[str]) -> MeteorStats:
        """Statistics of a candidate against the reference that suits it best.

        Args:
            candidate: PTB tokens joined by a space.
            references: The same for each reference; the first of the best counts.

        Returns:
            The statistics; all zero without references.
        """
        best: MeteorStats | None = None
        for reference in references:
            stats = self._scored(candidate, reference)
            if best is None or stats.score > best.score:
                best = stats
        return best or MeteorStats()

    def score(self, stats: MeteorStats) -> float:
        """The score of a pair's or a set's statistics, 0..1."""
        return score_of(stats)

    def aggregate(self, stats: Iterable[MeteorStats]) -> float:
        """The score of a set: of its summed statistics, not the mean of its pairs."""
        return total(stats).score

    def _look_up(self, text: str) -> Side:
        data = self._data
        if data is None:
            return Side.of(normalised_words(text), None)
        words = normalised_words(text, data.abbreviations, data.abbreviations_before_numbers)
        return Side.of(words, data)

    def _score_pair(self, candidate: str, reference: str) -> MeteorStats:
        test, against = self._side(candidate), self._side(reference)
        stats = _count(test, against, align(test, against))
        return replace(stats, score=score_of(stats))


class MeteorLite(Meteor):
    """Exact and stem matches only: what can be had without METEOR's data. Not METEOR 1.5, and not named so."""

    name = "meteor_exact_stem"

    def __init__(self) -> None:
        super().__init__(None)


def _count(test: Side, reference: Side, matches: list[Match]) -> MeteorStats:
    counts = [[0, 0, 0, 0] for _ in range(4)]
    chunks = 0
    end, test_end = -1, -1
    for start, length, test_start, test_length, stage in matches:
        for is_function in test.is_function[test_start : test_start + test_length]:
            counts[2 if is_function else 0][stage] += 1
        for is_function in reference.is_function[start : start + length]:
            counts[3 if is_function else 1][stage] += 1
        chunks += start != end or test_start != test_end
        end, test_end = start + length, test_start + test_length
    tuples = [(a, b, c, d) for a, b, c, d in counts]
    return MeteorStats(
        len(test.words), len(reference.words), sum(test.is_function), sum(reference.is_function), *tuples, chunks
    )


def meteor(
    candidates: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    data: MeteorData | Meteor,
    *,
    processes: int = 1,
) -> CaptionScores:
    """METEOR 1.5 of captions against one or more references each.

    Args:
        candidates: One caption an item, as PTB tokens.
        references: The references of each item, in the same order.
        data: METEOR's data, or a scorer made before (which then remembers these pairs; `MeteorLite` gives its
            scores under its own name).
        processes: Work is split over so many processes where there are at least 2000 pairs.

    Returns:
        `corpus["meteor"]`, the score of the summed statistics, and `per_item["meteor"]`.

    Raises:
        InputError: The two sequences differ in length, or an item has no reference.
    """
    check_lengths(candidates, references)
    scorer = data if isinstance(data, Meteor) else Meteor(data)
    pairs = [
        (" ".join(candidate), tuple(" ".join(reference) for reference in of_item))
        for candidate, of_item in zip(candidates, references, strict=True)
    ]
    stats = list(starmap(scorer.pair, pairs))
    scores = np.array([one.score for one in stats], dtype=np.float64)
    return CaptionScores({scorer.name: scorer.aggregate(stats)}, {scorer.name: scores})
