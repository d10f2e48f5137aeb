"""BLEU-1..4 as COCO's caption evaluation computes it: closest reference length, tiny constants and all.

Source: Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", ACL 2002; the
constants and the rule for the reference length are those of PyPI's pycocoevalcap 1.2, so that scores agree
with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pix2cap.metrics.ngrams import MAX_ORDER, GramOrder, NgramIndex, index_ngrams, lookup
from pix2cap.metrics.tokens import CaptionScores, Tokens

_SMALL = 1e-9
_TINY = 1e-15

NAMES = tuple(f"bleu_{n}" for n in range(1, MAX_ORDER + 1))


@dataclass(frozen=True)
class BleuCounts:
    """What BLEU needs to know about a set of captions; sets add up with `+`.

    Args:
        n_captions: How many there are.
        candidate_length: Words of the candidates.
        reference_length: Words of the references, the one closest in length counting for each candidate.
        correct: Clipped matches of 1- to 4-grams.
        guessed: 1- to 4-grams of the candidates.
    """

    n_captions: int = 0
    candidate_length: int = 0
    reference_length: int = 0
    correct: tuple[int, ...] = (0,) * MAX_ORDER
    guessed: tuple[int, ...] = (0,) * MAX_ORDER

    def __add__(self, other: BleuCounts) -> BleuCounts:
        """The counts of both sets together."""
        return BleuCounts(
            self.n_captions + other.n_captions,
            self.candidate_length + other.candidate_length,
            self.reference_length + other.reference_length,
            tuple(a + b for a, b in zip(self.correct, other.correct, strict=True)),
            tuple(a + b for a, b in zip(self.guessed, other.guessed, strict=True)),
        )

    def scores(self) -> dict[str, float]:
        """`bleu_1` .. `bleu_4` of the whole set; NaN for a set of nothing."""
        if not self.n_captions:
            return dict.fromkeys(NAMES, float("nan"))
        values = _bleu(
            np.array([self.candidate_length]),
            np.array([self.reference_length]),
            np.array([self.correct]),
            np.array([self.guessed]),
        )
        return {name: float(value) for name, value in zip(NAMES, values[0], strict=True)}


@dataclass(frozen=True)
class BleuItems:
    """The counts of N captions, one row each: `(N,)` lengths, `(N, 4)` correct and guessed n-grams."""

    candidate_lengths: NDArray[np.int64]
    reference_lengths: NDArray[np.int64]
    correct: NDArray[np.int64]
    guessed: NDArray[np.int64]

    def total(self) -> BleuCounts:
        """The counts of all of them together."""
        return BleuCounts(
            len(self.candidate_lengths),
            int(self.candidate_lengths.sum()),
            int(self.reference_lengths.sum()),
            tuple(int(n) for n in self.correct.sum(axis=0)),
            tuple(int(n) for n in self.guessed.sum(axis=0)),
        )

    def scores(self) -> NDArray[np.float64]:
        """`(N, 4)`: BLEU-1..4 of each caption by itself."""
        return _bleu(self.candidate_lengths, self.reference_lengths, self.correct, self.guessed)


def bleu(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> CaptionScores:
    """BLEU-1..4 of N captions.

    The corpus score is of the summed counts with the brevity penalty over the whole set, not a mean of the
    items.

    Args:
        candidates: N captions as PTB tokens; an empty one counts as nothing said.
        references: N reference sets of one or more captions.

    Returns:
        Corpus and per-item `bleu_1` .. `bleu_4`; the corpus is NaN where N is 0.

    Raises:
        ValueError: Lists of different lengths, or a set without references.

    Example:
        >>> scores = bleu([["a", "red", "car"]], [[["a", "red", "car"], ["the", "car"]]])
        >>> round(scores.corpus["bleu_3"], 6)
        1.0
    """
    return bleu_of(index_ngrams(candidates, references))


def bleu_of(index: NgramIndex) -> CaptionScores:
    """BLEU-1..4 from n-grams counted already."""
    items = bleu_items(index)
    values = items.scores()
    corpus = items.total().scores()
    return CaptionScores(corpus, {name: values[:, k].copy() for k, name in enumerate(NAMES)})


def bleu_items(index: NgramIndex) -> BleuItems:
    """The counts behind BLEU, a row a caption; any rows' sums are the counts of that subset."""
    n_items = index.n_items
    distances = np.abs(index.reference_lengths - index.candidate_lengths[index.reference_items])
    # By item, then nearest, then shortest: the first of each item is the reference length that counts.
    best = np.lexsort((index.reference_lengths, distances, index.reference_items))
    _, first = np.unique(index.reference_items[best], return_index=True)
    correct = np.zeros((n_items, MAX_ORDER), dtype=np.int64)
    guessed = np.zeros((n_items, MAX_ORDER), dtype=np.int64)
    for k, order in enumerate(index.orders):
        correct[:, k] = _clipped_matches(order, index)
        guessed[:, k] = np.maximum(0, index.candidate_lengths - k)
    return BleuItems(index.candidate_lengths, index.reference_lengths[best[first]], correct, guessed)


def _clipped_matches(order: GramOrder, index: NgramIndex) -> NDArray[np.int64]:
    width = max(1, order.n_grams)
    keys = index.reference_items[order.references.text] * width + order.references.gram
    by_key = np.argsort(keys, kind="stable")
    distinct, first = np.unique(keys[by_key], return_index=True)
    counts = order.references.count[by_key]
    most = np.maximum.reduceat(counts, first) if len(first) else counts
    rows = order.candidates
    matches = np.minimum(rows.count, lookup(distinct, most, rows.text * width + rows.gram))
    return np.bincount(rows.text, weights=matches, minlength=index.n_items).astype(np.int64)


def _bleu(
    candidate_lengths: NDArray[np.int64],
    reference_lengths: NDArray[np.int64],
    correct: NDArray[np.int64],
    guessed: NDArray[np.int64],
) -> NDArray[np.float64]:
    """`(N, 4)` scores of `(N,)` lengths and `(N, 4)` counts."""
    precisions = (correct + _TINY) / (guessed + _SMALL)
    scores = np.cumprod(precisions, axis=1) ** (1.0 / np.arange(1, MAX_ORDER + 1))
    ratio = (candidate_lengths + _TINY) / (reference_lengths + _SMALL)
    penalty = np.exp(np.minimum(0.0, 1.0 - 1.0 / ratio))
    return np.asarray(scores * penalty[:, None], dtype=np.float64)
