"""`spice_sg`: F-score over the scene graphs of captions, without a JVM.

Like SPICE it compares what captions say (objects, their attributes, relations) and not how they say it.
It is not SPICE: parser, rules and merging are our own, and its numbers stand beside SPICE's, never in their
place.

Source of the idea: Anderson, Fernando, Johnson, Gould, "SPICE: Semantic Propositional Image Caption
Evaluation", ECCV 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pix2cap.metrics.spice_sg_match import Proposition, Synonyms, match_propositions, merge_graphs
from pix2cap.metrics.spice_sg_synonyms import load_synonyms
from pix2cap.metrics.tokens import CaptionScores
from pix2cap.text.scene_graph import SceneGraph, SceneGraphParser
from pix2cap.text.scene_graph_words import is_color, is_number, is_size

_KINDS: Final[dict[str, Callable[[Proposition], bool]]] = {
    "spice_sg": lambda _: True,
    "spice_sg_object": lambda said: len(said) == 1,
    "spice_sg_relation": lambda said: len(said) == 3,
    "spice_sg_attribute": lambda said: len(said) == 2,
    "spice_sg_color": lambda said: len(said) == 2 and any(map(is_color, said[1])),
    "spice_sg_size": lambda said: len(said) == 2 and any(map(is_size, said[1])),
    "spice_sg_cardinality": lambda said: len(said) == 2 and any(map(is_number, said[1])),
}

NAMES: Final = tuple(_KINDS)
"""Scores that `spice_sg` gives: over all propositions, and over those of each kind."""


def spice_sg(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    parser: SceneGraphParser | None = None,
    synonyms: Synonyms | None = None,
    processes: int = 1,
) -> CaptionScores:
    """F-score of what N captions say against what their references say together; the corpus has the mean.

    Args:
        candidates: N captions; one that names no thing scores 0.
        references: N reference sets of one or more captions.
        parser: What makes scene graphs of captions; loaded (about a second) where not given.
        synonyms: Senses of lemmas; WordNet's (`load_synonyms`) where not given. With `{}` only equal lemmas
            match.
        processes: How many processes may parse, for sets of many thousand captions.

    Returns:
        Corpus and per-item F: `spice_sg`, and `spice_sg_object`, `_relation`, `_attribute`, `_color`,
        `_size`, `_cardinality`, which are NaN for an item whose references have nothing of the kind; a corpus
        score is the mean over the items that have one, NaN where none has.

    Raises:
        MetricUnavailable: spaCy, its model or the synonyms are missing; the message says what to type.
        ValueError: Lists of different lengths, a set without references, or one that is a plain string.
    """
    _check_captions(candidates, references)
    parser = SceneGraphParser.load() if parser is None else parser
    synonyms = load_synonyms() if synonyms is None else synonyms
    texts = [text for pair in zip(candidates, references, strict=True) for text in (pair[0], *pair[1])]
    graphs = iter(parser.parse_many(texts, processes=processes))
    rows = np.empty((len(candidates), len(NAMES)))
    for row, own_references in zip(rows, references, strict=True):
        candidate = next(graphs)
        row[:] = score_graphs(candidate, [next(graphs) for _ in own_references], synonyms=synonyms)
    per_item = {name: rows[:, column].copy() for column, name in enumerate(NAMES)}
    return CaptionScores({name: _mean(values) for name, values in per_item.items()}, per_item)


def score_graphs(
    candidate: SceneGraph, references: Sequence[SceneGraph], *, synonyms: Synonyms
) -> list[float]:
    """F-scores of one graph against the union of others, in the order of `NAMES`.

    Precision is the share of the candidate's propositions that match, recall that of the references'.
    """
    said = merge_graphs([candidate], synonyms)
    true = merge_graphs(references, synonyms)
    said_matched, true_matched = match_propositions(said, true, synonyms)
    scores = []
    for name, is_of_kind in _KINDS.items():
        n_said, n_true, hits_said, hits_true = (
            sum(map(is_of_kind, group)) for group in (said, true, said_matched, true_matched)
        )
        if not n_true and name != "spice_sg":
            scores.append(float("nan"))
        else:
            scores.append(_f_score(hits_said, n_said, hits_true, n_true))
    return scores


def _check_captions(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if len(candidates) != len(references):
        raise ValueError(
            f"expected a reference set for each of {len(candidates)} candidates, got {len(references)}"
        )
    for number, own in enumerate(references):
        if isinstance(own, str) or not own:
            raise ValueError(
                f"expected a list of one or more captions as references of item {number}, got {own!r}"
            )


def _f_score(hits_said: int, n_said: int, hits_true: int, n_true: int) -> float:
    if not hits_said or not hits_true:
        return 0.0
    precision, recall = hits_said / n_said, hits_true / n_true
    return 2 * precision * recall / (precision + recall)


def _mean(values: NDArray[np.float64]) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
