"""Corpus scores of captions on resamples: means, and BLEU and METEOR, which are scores of summed counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from pix2cap.errors import MetricUnavailable
from pix2cap.evaluate.paired import Floats, Metric, Resample, by_unit, mean_of
from pix2cap.evaluate.panoptic_captioning_captions import meteor_of_parts, meteor_parts
from pix2cap.metrics.bleu import NAMES as BLEU_NAMES
from pix2cap.metrics.bleu import BleuItems, bleu_items
from pix2cap.metrics.meteor import Meteor, MeteorLite
from pix2cap.metrics.meteor_data import MeteorData
from pix2cap.metrics.ngrams import index_ngrams
from pix2cap.text.ptb import ptb_tokens

LABELS: dict[str, tuple[str, float, int, float]] = {
    "bleu_1": ("BLEU-1", 100, 1, 100),
    "bleu_2": ("BLEU-2", 100, 1, 100),
    "bleu_3": ("BLEU-3", 100, 1, 100),
    "bleu_4": ("BLEU-4", 100, 1, 100),
    "meteor": ("METEOR", 100, 1, 100),
    "meteor_exact_stem": ("METEOR exact+stem", 100, 1, 100),
    "rouge_l": ("ROUGE-L", 100, 1, 100),
    "cider": ("CIDEr", 1, 2, 10),
    "spice": ("SPICE", 100, 1, 100),
    "spice_sg": ("spice_sg", 100, 1, 100),
}
"""Metric to (label, factor, decimals, end of its axis), in the order shown."""

_MEANS = ("rouge_l", "cider", "spice", "spice_sg")


def caption_metrics(
    captions: Sequence[str],
    references: Sequence[Sequence[str]],
    per_item: Sequence[Mapping[str, float | None]],
    rows: NDArray[np.int64],
    n_units: int,
    *,
    corpus: Mapping[str, float | None],
    missing: Mapping[str, str] | None = None,
) -> dict[str, Metric]:
    """The metrics of N captions.

    Args:
        captions: N texts as written; "" where nothing was said.
        references: One or more texts each.
        per_item: Metric to score, of each.
        rows: `(N,)` unit of each.
        n_units: U.
        corpus: Metric to the score of all.
        missing: Metric to why it is missing.
    """
    corpora = _Corpora(captions, references, rows, n_units)
    found = {}
    for name, (label, factor, digits, top) in LABELS.items():
        if name not in corpus:
            continue
        value, resample = corpus[name], None
        why = (missing or {}).get("bleu" if name in BLEU_NAMES else name, "")
        if value is not None and name in _MEANS:
            scores = [item.get(name) for item in per_item]
            if any(score is None for score in scores):
                why = "not every caption has a score of its own"
            else:
                resample = mean_of(np.array(scores, np.float64), rows, n_units)
        elif value is not None:
            resample, why = corpora.of(name)
        found[name] = Metric(label, value, resample, why, factor, digits, top)
    return found


@cache
def shared_meteor() -> Meteor:
    """One for all: it remembers pairs, and two results have many in common.

    Raises:
        MetricUnavailable: Its data is not there.
    """
    return Meteor(MeteorData.load())


class _Corpora:
    """Counts behind BLEU and METEOR, made when a resample first asks: not every caller draws any."""

    def __init__(
        self,
        captions: Sequence[str],
        references: Sequence[Sequence[str]],
        rows: NDArray[np.int64],
        n_units: int,
    ) -> None:
        self._captions, self._references = captions, references
        self._rows, self._n_units = rows, n_units

    def of(self, name: str) -> tuple[Resample | None, str]:
        """How a metric is resampled, or None and why not."""
        if name in BLEU_NAMES:
            return self._of_bleu(BLEU_NAMES.index(name)), ""
        try:
            scorer = shared_meteor() if name == "meteor" else MeteorLite()
        except MetricUnavailable as error:
            return None, str(error)
        return self._of_meteor(scorer), ""

    @cached_property
    def _tokens(self) -> dict[str, list[str]]:
        texts = [*self._captions, *(text for refs in self._references for text in refs)]
        return {text: ptb_tokens(text) for text in dict.fromkeys(texts)}

    @cached_property
    def _bleu_parts(self) -> Floats:
        told = [self._tokens[text] for text in self._captions]
        true = [[self._tokens[text] for text in refs] for refs in self._references]
        items = bleu_items(index_ngrams(told, true))
        lengths = np.stack((items.candidate_lengths, items.reference_lengths), axis=1)
        counts = np.concatenate((lengths, items.correct, items.guessed), axis=1)
        return by_unit(counts, self._rows, self._n_units)

    def _of_bleu(self, column: int) -> Resample:
        def resample(drawn: Floats) -> Floats:
            whole = np.rint(drawn @ self._bleu_parts).astype(np.int64)
            return BleuItems(whole[:, 0], whole[:, 1], whole[:, 2:6], whole[:, 6:10]).scores()[:, column]

        return resample

    def _meteor_parts(self, scorer: Meteor) -> Floats:
        joined = {text: " ".join(tokens) for text, tokens in self._tokens.items()}
        pairs = zip(self._captions, self._references, strict=True)
        statistics = [scorer.pair(joined[text], [joined[one] for one in refs]) for text, refs in pairs]
        return by_unit(meteor_parts(statistics), self._rows, self._n_units)

    def _of_meteor(self, scorer: Meteor) -> Resample:
        parts: list[Floats] = []

        def resample(drawn: Floats) -> Floats:
            if not parts:
                parts.append(self._meteor_parts(scorer))
            return np.array([meteor_of_parts(row) for row in (drawn @ parts[0]).tolist()])

        return resample
