"""CIDEr-D as COCO's caption evaluation computes it (sigma 6, n-grams of 1 to 4 words, times 10).

Source: Vedantam, Zitnick, Parikh, "CIDEr: Consensus-based Image Description Evaluation", CVPR 2015; the D
variant with clipping, length penalty and its count of bigrams as length as in PyPI's pycocoevalcap 1.2.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pix2cap.metrics.ngrams import MAX_ORDER, GramOrder, GramRows, NgramIndex, index_ngrams, lookup, words_of
from pix2cap.metrics.tokens import CaptionScores, Tokens

SIGMA = 6.0
SCALE = 10.0

Gram = tuple[str, ...]


@dataclass(frozen=True)
class DocumentFrequencies:
    """In how many documents (reference sets) each n-gram of 1 to 4 words occurs; corpora add up with `+`.

    Args:
        n_documents: How many documents were counted.
        counts: n-gram to the number of documents that have it.
    """

    n_documents: int = 0
    counts: Mapping[Gram, int] = field(default_factory=dict)

    @staticmethod
    def of(references: Iterable[Sequence[Tokens]]) -> DocumentFrequencies:
        """Count a corpus of reference sets.

        Example:
            >>> DocumentFrequencies.of([[["a", "car"], ["a", "bus"]], [["a", "tree"]]]).counts[("a",)]
            2
        """
        counts: Counter[Gram] = Counter()
        n_documents = 0
        for refs in references:
            grams: set[Gram] = set()
            for ref in refs:
                words = words_of(ref)
                for n in range(1, MAX_ORDER + 1):
                    grams.update(zip(*(words[k:] for k in range(n)), strict=False))
            counts.update(grams)
            n_documents += 1
        return DocumentFrequencies(n_documents, counts)

    def __add__(self, other: DocumentFrequencies) -> DocumentFrequencies:
        """The frequencies over both corpora; a document in both counts twice."""
        counts = Counter(self.counts)
        counts.update(other.counts)
        return DocumentFrequencies(self.n_documents + other.n_documents, counts)


def cider_d(
    candidates: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    *,
    document_frequencies: DocumentFrequencies | None = None,
) -> CaptionScores:
    """CIDEr-D of N captions; the corpus score is their mean.

    Args:
        candidates: N captions as PTB tokens.
        references: N reference sets of one or more captions.
        document_frequencies: The corpus that says how telling an n-gram is; the references given, by default.
            Models scored on different subsets are comparable only with the same corpus.

    Returns:
        Corpus (NaN where N is 0) and per-item `cider`, 0 to 10. One item against its own references alone
        scores 0: every n-gram occurs in every document then.

    Raises:
        ValueError: Lists of different lengths, a set without references, or a corpus without documents.
    """
    return cider_d_of(index_ngrams(candidates, references), document_frequencies=document_frequencies)


def cider_d_of(
    index: NgramIndex, *, document_frequencies: DocumentFrequencies | None = None
) -> CaptionScores:
    """CIDEr-D from n-grams counted already."""
    if document_frequencies is not None and document_frequencies.n_documents < 1:
        raise ValueError("expected document frequencies of at least one document, got none")
    n_items = index.n_items
    if not n_items:
        return CaptionScores({"cider": float("nan")}, {"cider": np.zeros(0)})
    n_documents = n_items if document_frequencies is None else document_frequencies.n_documents
    similarity = np.zeros(len(index.reference_items))
    for order in index.orders:
        if document_frequencies is None:
            frequency = _own_frequency(order, index)
        else:
            counts = document_frequencies.counts
            frequency = np.array([counts.get(gram, 0) for gram in index.grams(order)], dtype=np.int64)
        rarity = math.log(n_documents) - np.log(np.maximum(1, frequency))
        similarity += _cosines(order, rarity, index)
    # The released scorer takes a caption's number of bigrams for its length.
    lengths = np.maximum(0, index.candidate_lengths - 1)[index.reference_items]
    delta = lengths - np.maximum(0, index.reference_lengths - 1)
    similarity *= np.exp(-(delta.astype(np.float64) ** 2) / (2 * SIGMA**2))
    sums = np.bincount(index.reference_items, weights=similarity, minlength=n_items)
    items = SCALE / MAX_ORDER * sums / np.bincount(index.reference_items, minlength=n_items)
    return CaptionScores({"cider": float(items.mean())}, {"cider": items})


def _own_frequency(order: GramOrder, index: NgramIndex) -> NDArray[np.int64]:
    rows = order.references
    width = max(1, order.n_grams)
    # Sorted by hand: numpy's own unique takes ten times as long for these keys.
    documents = np.sort(index.reference_items[rows.text] * width + rows.gram)
    is_new = np.ones(len(documents), dtype=bool)
    is_new[1:] = documents[1:] != documents[:-1]
    return np.bincount(documents[is_new] % width, minlength=order.n_grams).astype(np.int64)


def _cosines(order: GramOrder, rarity: NDArray[np.float64], index: NgramIndex) -> NDArray[np.float64]:
    """`(R,)`: clipped cosine of each reference and its candidate."""
    n_references = len(index.reference_items)
    candidates, references = order.candidates, order.references
    width = max(1, order.n_grams)
    items = index.reference_items[references.text]
    said = lookup(
        candidates.text * width + candidates.gram, candidates.count, items * width + references.gram
    )
    weight = rarity[references.gram]
    products = np.minimum(said, references.count) * weight * references.count * weight
    dots = np.bincount(references.text, weights=products, minlength=n_references)
    norms = _norms(candidates, rarity, index.n_items)[index.reference_items]
    norms *= _norms(references, rarity, n_references)
    return np.divide(dots, norms, out=np.zeros(n_references), where=norms > 0)


def _norms(rows: GramRows, rarity: NDArray[np.float64], n_texts: int) -> NDArray[np.float64]:
    squares = (rows.count * rarity[rows.gram]) ** 2
    return np.asarray(np.sqrt(np.bincount(rows.text, weights=squares, minlength=n_texts)))
