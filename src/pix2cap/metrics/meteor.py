"""METEOR 1.5 for English captions without a JVM, and what can be had of it without its data.

The score of a pair is a harmonic mean of precision and recall over matched words (the same word, stem,
synonym or paraphrase; function words count a third of content words), lessened for words matched out of
order. The score of a set is that of the summed statistics of its pairs; it is not the mean of their scores.

Source: Denkowski and Lavie, "Meteor Universal: Language Specific Translation Evaluation for Any Target
Language", WMT 2014; parameters of the jar's English ranking task, as pycocoevalcap runs it (`-l en -norm`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from itertools import chain, islice, starmap
from multiprocessing import get_context
from typing import Final

import numpy as np

from pix2cap.metrics.meteor_align import Match, align
from pix2cap.metrics.meteor_data import MeteorData
from pix2cap.metrics.meteor_sides import Side
from pix2cap.metrics.meteor_stats import MeteorStats, merge, score_of, scored, total
from pix2cap.metrics.meteor_words import normalised_words
from pix2cap.metrics.ngrams import check_lengths
from pix2cap.metrics.tokens import CaptionScores, Tokens

__all__ = ["Meteor", "MeteorData", "MeteorLite", "MeteorStats", "merge", "meteor", "score_of", "total"]

_SIDES_KEPT: Final = 4096
_PAIRS_KEPT: Final = 100_000
_PAIRS_A_PROCESS: Final = 2000
"""Fewer pairs than this do not repay a process's own loading of the data."""

_Pair = tuple[str, tuple[str, ...]]


class Meteor:
    """METEOR 1.5; remembers captions and pairs that it has seen.

    Args:
        data: METEOR's English data.
    """

    name = "meteor"

    def __init__(self, data: MeteorData | None) -> None:
        if data is None and type(self) is Meteor:
            raise TypeError("Meteor: expected METEOR's data, got None; MeteorLite does without")
        self.data = data
        self._side = lru_cache(maxsize=_SIDES_KEPT)(self._look_up)
        self._known = lru_cache(maxsize=_PAIRS_KEPT)(self._score_pair)

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
            stats = self._known(candidate, reference)
            if best is None or stats.score > best.score:
                best = stats
        return best or MeteorStats()

    def score(self, stats: MeteorStats) -> float:
        """The score of a pair's or a set's statistics, 0..1."""
        return score_of(stats)

    def aggregate(self, stats: Iterable[MeteorStats]) -> float:
        """The score of a set of pairs: of their summed statistics, not the mean of their scores."""
        return total(stats).score

    def _look_up(self, text: str) -> Side:
        data = self.data
        if data is None:
            return Side.of(normalised_words(text), None)
        words = normalised_words(text, data.abbreviations, data.abbreviations_before_numbers)
        return Side.of(words, data)

    def _score_pair(self, candidate: str, reference: str) -> MeteorStats:
        test, against = self._side(candidate), self._side(reference)
        return _count(test, against, align(test, against))


class MeteorLite(Meteor):
    """Exact and stem matches only, all words alike: what can be had without METEOR's data.

    It is not METEOR 1.5, and its scores are not named so.
    """

    name = "meteor_exact_stem"

    def __init__(self) -> None:
        super().__init__(None)


def _count(test: Side, reference: Side, matches: list[Match]) -> MeteorStats:
    test_counts = ([0, 0, 0, 0], [0, 0, 0, 0])
    counts = ([0, 0, 0, 0], [0, 0, 0, 0])
    chunks = 0
    end, test_end = -1, -1
    for start, length, test_start, test_length, stage in matches:
        for is_function in test.is_function[test_start : test_start + test_length]:
            test_counts[is_function][stage] += 1
        for is_function in reference.is_function[start : start + length]:
            counts[is_function][stage] += 1
        chunks += start != end or test_start != test_end
        end, test_end = start + length, test_start + test_length
    return scored(
        MeteorStats(
            test_length=len(test.words),
            reference_length=len(reference.words),
            test_function_words=sum(test.is_function),
            reference_function_words=sum(reference.is_function),
            test_content=tuple(test_counts[0]),
            reference_content=tuple(counts[0]),
            test_function=tuple(test_counts[1]),
            reference_function=tuple(counts[1]),
            chunks=chunks,
        )
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
        data: METEOR's data, or a scorer made before, which then remembers these pairs; `MeteorLite` gives its
            scores under its own name.
        processes: Work is split over so many processes where each gets 2000 distinct pairs; a script that
        asks
            for more than one needs the `if __name__ == "__main__"` of all that start processes.

    Returns:
        `corpus["meteor"]`, the score of the summed statistics, and `per_item["meteor"]`.

    Raises:
        ValueError: The two sequences differ in length, or an item has no reference.
    """
    check_lengths(candidates, references)
    scorer = data if isinstance(data, Meteor) else Meteor(data)
    pairs: list[_Pair] = [
        (" ".join(candidate), tuple(" ".join(reference) for reference in of_item))
        for candidate, of_item in zip(candidates, references, strict=True)
    ]
    distinct = list(dict.fromkeys(pairs))
    shares = min(processes, len(distinct) // _PAIRS_A_PROCESS)
    if shares > 1:
        found = dict(zip(distinct, _score_in_processes(distinct, scorer, shares), strict=True))
        stats = [found[pair] for pair in pairs]
    else:
        stats = list(starmap(scorer.pair, pairs))
    scores = np.array([one.score for one in stats], dtype=np.float64)
    return CaptionScores({scorer.name: scorer.aggregate(stats)}, {scorer.name: scores})


_in_this_process: list[Meteor] = []


def _start_process(data: MeteorData | None) -> None:
    _in_this_process[:] = [MeteorLite() if data is None else Meteor(data)]


def _score_share(pairs: list[_Pair]) -> list[MeteorStats]:
    return list(starmap(_in_this_process[0].pair, pairs))


def _score_in_processes(pairs: list[_Pair], scorer: Meteor, processes: int) -> Iterable[MeteorStats]:
    remaining = iter(pairs)
    shares = iter(lambda: list(islice(remaining, 500)), [])
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_start_process, initargs=(scorer.data,)
    ) as pool:
        return list(chain.from_iterable(pool.map(_score_share, list(shares))))
