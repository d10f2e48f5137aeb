"""ROUGE-L as COCO's caption evaluation computes it: beta 1.2, best precision and best recall of all.

Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", ACL workshop 2004; several references
as in PyPI's pycocoevalcap 1.2. The longest common subsequence is found bit-parallel (Hyyro, "Bit-parallel
LCS-length computation revisited", 2004): one addition of long integers a word instead of a table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pix2cap.metrics.ngrams import check_lengths
from pix2cap.metrics.tokens import CaptionScores, Tokens

BETA = 1.2

_NO_WORDS = ("",)


def rouge_l(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> CaptionScores:
    """ROUGE-L of N captions; the corpus score is their mean.

    Args:
        candidates: N captions as PTB tokens.
        references: N reference sets of one or more captions.

    Returns:
        Corpus (NaN where N is 0) and per-item `rouge_l`. Nothing said where nothing was to be said scores 1,
        as in the released scorer.

    Raises:
        ValueError: Lists of different lengths, or a set without references.

    Example:
        >>> rouge_l([["a", "car"]], [[["a", "red", "car"]]]).corpus["rouge_l"] > 0.75
        True
    """
    check_lengths(candidates, references)
    items = np.array(
        [rouge_l_pair(candidate, refs) for candidate, refs in zip(candidates, references, strict=True)],
        dtype=np.float64,
    )
    return CaptionScores({"rouge_l": float(items.mean()) if len(items) else float("nan")}, {"rouge_l": items})


def rouge_l_pair(candidate: Tokens, references: Sequence[Tokens]) -> float:
    """ROUGE-L of one caption against its references."""
    said = candidate or _NO_WORDS
    places: dict[str, int] = {}
    for place, word in enumerate(said):
        places[word] = places.get(word, 0) | (1 << place)
    precision = recall = 0.0
    for reference in references:
        expected = reference or _NO_WORDS
        common = _common_length(places, len(said), expected)
        precision = max(precision, common / len(said))
        recall = max(recall, common / len(expected))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _common_length(places: dict[str, int], length: int, other: Tokens) -> int:
    """Longest common subsequence; `places` has a bit for each place of a word in the first text."""
    everything = (1 << length) - 1
    row = everything
    for word in other:
        at = places.get(word)
        if at is not None:
            kept = row & at
            row = ((row + kept) | (row - kept)) & everything
    return length - row.bit_count()
