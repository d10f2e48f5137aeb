"""Captions of matched pairs: corpus scores, pair by pair, and what a bootstrap needs to add them up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pix2cap.errors import MetricUnavailable
from pix2cap.evaluate.caption_suite import SuiteProgress, score_captions
from pix2cap.evaluate.result import CaptionScores, MatchedPair
from pix2cap.metrics.bleu import NAMES as BLEU_NAMES
from pix2cap.metrics.cider import DocumentFrequencies, cider_d
from pix2cap.metrics.meteor import Meteor, MeteorStats, score_of
from pix2cap.metrics.meteor_data import MeteorData
from pix2cap.metrics.rouge import rouge_l
from pix2cap.text.ptb import ptb_tokens

SHOWN = (*BLEU_NAMES, "rouge_l", "cider", "meteor", "spice", "spice_sg")
"""The caption metrics of a result."""

Told = Callable[[SuiteProgress], None]


@dataclass(frozen=True)
class PairCaptions:
    """Caption scores of N matched pairs.

    Args:
        corpus: Metric to its score over all of them; None where it is missing.
        per_pair: Metric to `(N,)` scores.
        missing: Metric to why it is missing.
        tokens: Distinct text to its PTB tokens.
    """

    corpus: dict[str, float | None]
    per_pair: dict[str, NDArray[np.float64]]
    missing: dict[str, str]
    tokens: dict[str, list[str]] = field(repr=False)

    def scores(self, factor: float = 1.0) -> CaptionScores:
        """As a result holds them, times a factor."""
        values = {name: self.corpus.get(name) for name in SHOWN}
        return CaptionScores(**{name: None if v is None else v * factor for name, v in values.items()})


def score_pairs(
    pairs: Sequence[MatchedPair],
    metrics: Sequence[str],
    *,
    idf_captions: Sequence[str] | None = None,
    on_progress: Told | None = None,
    processes: int | None = None,
) -> PairCaptions:
    """Score the captions of matched pairs, METEOR aside.

    Args:
        pairs: N pairs.
        metrics: Names as `caption_suite` has them; `meteor` is skipped.
        idf_captions: The captions that CIDEr's document frequencies are taken from; those of the pairs where
            none are given.
        on_progress: Told as slow metrics go on.
        processes: Processes that slow metrics may use.
    """
    names = [name for metric in metrics for name in (BLEU_NAMES if metric == "bleu" else (metric,))]
    missing = {name: _not_asked(name) for name in SHOWN if name not in names}
    if not pairs:
        return PairCaptions(dict.fromkeys(names), {}, missing | dict.fromkeys(names, "no pair matched"), {})
    asked = [m for m in metrics if m != "meteor" and not (m == "cider" and idf_captions is not None)]
    candidates = {str(row): pair.pred_caption for row, pair in enumerate(pairs)}
    references = {str(row): [pair.gt_caption] for row, pair in enumerate(pairs)}
    corpus: dict[str, float | None] = {}
    per_pair: dict[str, NDArray[np.float64]] = {}
    if asked:
        suite = score_captions(
            candidates, references, metrics=asked, on_progress=on_progress, processes=processes
        )
        missing |= _by_shown_name(suite.missing)
        corpus |= suite.corpus
        items = list(suite.per_item.values())
        per_pair |= {n: np.array([i[n] for i in items]) for n in suite.corpus if all(n in i for i in items)}
    tokens = _tokens(pairs, idf_captions or ())
    told = [tokens[pair.pred_caption] for pair in pairs]
    true = [[tokens[pair.gt_caption]] for pair in pairs]
    if "rouge_l" not in metrics:  # Caption-PQ wants it all the same.
        per_pair["rouge_l"] = rouge_l(told, true).per_item["rouge_l"]
    if "cider" in metrics and idf_captions is not None:
        frequencies = DocumentFrequencies.of([tokens[text]] for text in idf_captions)
        if frequencies.n_documents:
            cider = cider_d(told, true, document_frequencies=frequencies)
            corpus["cider"], per_pair["cider"] = cider.corpus["cider"], cider.per_item["cider"]
        else:
            missing["cider"] = "no ground-truth segment has a caption"
    return PairCaptions(corpus, per_pair, missing, tokens)


def _by_shown_name(missing: Mapping[str, str]) -> dict[str, str]:
    return {n: why for m, why in missing.items() for n in (BLEU_NAMES if m == "bleu" else (m,))}


def _not_asked(name: str) -> str:
    metric = "bleu" if name in BLEU_NAMES else name
    return f"not asked for; name {metric} in --metrics"


def _tokens(pairs: Sequence[MatchedPair], more: Sequence[str]) -> dict[str, list[str]]:
    texts = [*(p.pred_caption for p in pairs), *(p.gt_caption for p in pairs), *more]
    return {text: ptb_tokens(text) for text in dict.fromkeys(texts)}


class PairMeteor:
    """METEOR 1.5 of pairs of texts, each distinct text and pair looked at once.

    Raises:
        MetricUnavailable: Its data is not there.
    """

    def __init__(self) -> None:
        self._meteor = Meteor(MeteorData.load())
        self._words: dict[str, str] = {}
        self._known: dict[tuple[str, str], MeteorStats] = {}

    def statistics(self, candidate: str, reference: str) -> MeteorStats:
        """What METEOR counts of a pair."""
        key = candidate, reference
        if key not in self._known:
            self._known[key] = self._meteor.pair(self._joined(candidate), [self._joined(reference)])
        return self._known[key]

    def score(self, candidate: str, reference: str) -> float:
        """Of one pair, 0..1; 0 where either text has no token."""
        if not self._joined(candidate) or not self._joined(reference):
            return 0.0
        return self.statistics(candidate, reference).score

    def _joined(self, text: str) -> str:
        if text not in self._words:
            self._words[text] = " ".join(ptb_tokens(text))
        return self._words[text]


def meteor_parts(statistics: Sequence[MeteorStats]) -> NDArray[np.int64]:
    """`(N, 21)` parts of N pairs whose sums tell the score of any set of them; see `meteor_of_parts`."""
    rows = [
        [
            one.test_length,
            one.reference_length,
            one.test_function_words,
            one.reference_function_words,
            *one.test_content,
            *one.reference_content,
            *one.test_function,
            *one.reference_function,
            0 if one.is_whole else one.chunks,
        ]
        for one in statistics
    ]
    return np.array(rows, np.int64).reshape(len(rows), 21)


def meteor_of_parts(parts: Sequence[float]) -> float:
    """METEOR 1.5 of a set from its summed parts."""
    whole = [round(part) for part in parts]
    content, reference_content, function, reference_function = (
        (whole[k], whole[k + 1], whole[k + 2], whole[k + 3]) for k in (4, 8, 12, 16)
    )
    return score_of(
        MeteorStats(
            whole[0],
            whole[1],
            whole[2],
            whole[3],
            content,
            reference_content,
            function,
            reference_function,
            whole[20],
        )
    )


def open_meteor() -> PairMeteor | str:
    """METEOR 1.5, or why it cannot be had."""
    try:
        return PairMeteor()
    except MetricUnavailable as error:
        return str(error)
