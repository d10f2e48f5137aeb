"""All caption metrics on one set of captions; a metric that cannot be computed here is missing, never 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pix2cap.errors import InputError, MetricUnavailable, UsageError
from pix2cap.metrics.bleu import NAMES as BLEU_NAMES
from pix2cap.metrics.bleu import bleu_of
from pix2cap.metrics.cider import cider_d_of
from pix2cap.metrics.ngrams import NgramIndex, index_ngrams
from pix2cap.metrics.rouge import rouge_l
from pix2cap.metrics.spice_java import available_cores
from pix2cap.metrics.tokens import CaptionScores
from pix2cap.text.ptb import ptb_tokens

DEFAULT_METRICS = ("bleu", "rouge_l", "cider", "meteor")
METRICS = (*DEFAULT_METRICS, "meteor_exact_stem", "spice", "spice_sg")


@dataclass(frozen=True)
class SuiteProgress:
    """How far one metric is.

    Args:
        metric: Its name.
        done: Texts done.
        total: Texts to do.
        seconds_left: Estimate for this metric; None where nothing is known yet.
    """

    metric: str
    done: int
    total: int
    seconds_left: float | None


@dataclass(frozen=True)
class CaptionSuiteResult:
    """Scores of a set of captions.

    Args:
        corpus: Metric to its corpus score; None where the metric is missing.
        per_item: Id of a caption to its scores by metric.
        missing: Metric that was asked for and cannot be computed here, to the reason.
    """

    corpus: dict[str, float | None]
    per_item: dict[str, dict[str, float]]
    missing: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """A record of JSON types."""
        return {"corpus": self.corpus, "per_item": self.per_item, "missing": self.missing}


def score_captions(
    candidates: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    on_progress: Callable[[SuiteProgress], None] | None = None,
    processes: int | None = None,
) -> CaptionSuiteResult:
    """Score captions against their references.

    Args:
        candidates: Id to caption, as written; it is PTB-tokenised here.
        references: Id to one or more reference captions; the same ids.
        metrics: Names out of `METRICS`. Where `meteor` cannot be computed, `meteor_exact_stem` is beside it.
        on_progress: Called as the slow metrics go on.
        processes: Processes that METEOR, SPICE and `spice_sg` may use; as many as cores by default.

    Returns:
        Scores in the order of `candidates`.

    Raises:
        UsageError: An unknown metric.
        InputError: No captions, an id on one side only, or an id without references.

    Example:
        >>> result = score_captions({"a": "A red car."}, {"a": ["a red car"]}, metrics=["rouge_l"])
        >>> result.corpus
        {'rouge_l': 1.0}
    """
    wanted = check_metrics(metrics)
    _check_ids(candidates, references)
    captions = _Captions(candidates, references, on_progress, processes)
    scores: dict[str, CaptionScores] = {}
    missing: dict[str, str] = {}
    for name in wanted:
        try:
            scores[name] = _SCORERS[name](captions)
        except MetricUnavailable as error:
            missing[name] = str(error)
            if name == "meteor" and "meteor_exact_stem" not in wanted:
                scores["meteor_exact_stem"] = _score_meteor_exact_stem(captions)
    return _gather(list(candidates), wanted, scores, missing)


def check_metrics(metrics: Iterable[str]) -> list[str]:
    """The distinct names, in order.

    Raises:
        UsageError: None are given, or one is unknown.
    """
    wanted = list(dict.fromkeys(metrics))
    unknown = [name for name in wanted if name not in METRICS]
    if unknown or not wanted:
        got = ", ".join(repr(name) for name in unknown) or "none"
        raise UsageError(f"expected metrics out of {', '.join(METRICS)}; got {got}")
    return wanted


@dataclass(frozen=True)
class _Captions:
    """The captions, tokenised when a metric first asks."""

    candidates: Mapping[str, str]
    references: Mapping[str, Sequence[str]]
    on_progress: Callable[[SuiteProgress], None] | None
    processes: int | None

    @cached_property
    def candidate_texts(self) -> list[str]:
        return list(self.candidates.values())

    @cached_property
    def reference_texts(self) -> list[Sequence[str]]:
        return [self.references[key] for key in self.candidates]

    @cached_property
    def _tokens(self) -> dict[str, list[str]]:
        """Tokens of each distinct text."""
        texts = [*self.candidate_texts, *(ref for refs in self.reference_texts for ref in refs)]
        return {text: ptb_tokens(text) for text in dict.fromkeys(texts)}

    @cached_property
    def candidate_tokens(self) -> list[list[str]]:
        return [self._tokens[text] for text in self.candidate_texts]

    @cached_property
    def reference_tokens(self) -> list[list[list[str]]]:
        return [[self._tokens[ref] for ref in refs] for refs in self.reference_texts]

    @property
    def n_processes(self) -> int:
        return available_cores() if self.processes is None else max(1, self.processes)

    @cached_property
    def ngrams(self) -> NgramIndex:
        return index_ngrams(self.candidate_tokens, self.reference_tokens)

    def tell(self, metric: str, done: int, total: int, seconds_left: float | None) -> None:
        if self.on_progress is not None:
            self.on_progress(SuiteProgress(metric, done, total, seconds_left))


def _score_bleu(captions: _Captions) -> CaptionScores:
    return bleu_of(captions.ngrams)


def _score_rouge_l(captions: _Captions) -> CaptionScores:
    return rouge_l(captions.candidate_tokens, captions.reference_tokens)


def _score_cider(captions: _Captions) -> CaptionScores:
    return cider_d_of(captions.ngrams)


def _score_meteor(captions: _Captions) -> CaptionScores:
    from pix2cap.metrics.meteor import meteor
    from pix2cap.metrics.meteor_data import MeteorData

    return meteor(
        captions.candidate_tokens,
        captions.reference_tokens,
        MeteorData.load(),
        processes=captions.n_processes,
    )


def _score_meteor_exact_stem(captions: _Captions) -> CaptionScores:
    from pix2cap.metrics.meteor import MeteorLite, meteor

    scorer, processes = MeteorLite(), captions.n_processes
    return meteor(captions.candidate_tokens, captions.reference_tokens, scorer, processes=processes)


def _score_spice(captions: _Captions) -> CaptionScores:
    from pix2cap.metrics.spice import spice

    return spice(
        captions.candidate_tokens,
        captions.reference_tokens,
        processes=captions.processes,
        on_progress=lambda told: captions.tell("spice", told.done, told.total, told.seconds_left),
    )


def _score_spice_sg(captions: _Captions) -> CaptionScores:
    from pix2cap.metrics.spice_sg import spice_sg

    processes = captions.n_processes
    return spice_sg(captions.candidate_texts, captions.reference_texts, processes=processes)


_SCORERS: dict[str, Callable[[_Captions], CaptionScores]] = {
    "bleu": _score_bleu,
    "rouge_l": _score_rouge_l,
    "cider": _score_cider,
    "meteor": _score_meteor,
    "meteor_exact_stem": _score_meteor_exact_stem,
    "spice": _score_spice,
    "spice_sg": _score_spice_sg,
}


def _shown(metric: str) -> tuple[str, ...]:
    """The scores of a metric that a result shows; SPICE's categories are left to `metrics.spice`."""
    return BLEU_NAMES if metric == "bleu" else (metric,)


def _gather(
    ids: Sequence[str],
    wanted: Sequence[str],
    scores: Mapping[str, CaptionScores],
    missing: Mapping[str, str],
) -> CaptionSuiteResult:
    corpus: dict[str, float | None] = {}
    per_item: dict[str, dict[str, float]] = {key: {} for key in ids}
    for metric in dict.fromkeys([*wanted, *scores]):
        for name in _shown(metric):
            if metric in missing:
                corpus[name] = None
                continue
            value = float(scores[metric].corpus[name])
            corpus[name] = None if math.isnan(value) else value
            for key, item in zip(ids, scores[metric].per_item[name].tolist(), strict=True):
                per_item[key][name] = item
    return CaptionSuiteResult(corpus, per_item, dict(missing))


def _check_ids(candidates: Mapping[str, str], references: Mapping[str, Sequence[str]]) -> None:
    if not candidates and not references:
        raise InputError("expected at least one caption, got none")
    faults = [
        f"{what}: {_listed(found)}"
        for what, found in (
            ("without references", [key for key in candidates if key not in references]),
            ("without a caption", [key for key in references if key not in candidates]),
            ("with an empty list of references", [key for key, refs in references.items() if not refs]),
        )
        if found
    ]
    if faults:
        raise InputError(f"expected the same ids on both sides; ids {'; ids '.join(faults)}")


def _listed(names: Sequence[str], at_most: int = 20) -> str:
    told = ", ".join(repr(name) for name in names[:at_most])
    return told if len(names) <= at_most else f"{told} and {len(names) - at_most} more"
