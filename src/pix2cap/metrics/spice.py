"""SPICE, the original: its own jars, run in JVMs that stay open, with every result kept.

Source: Anderson, Fernando, Johnson, Gould, "SPICE: Semantic Propositional Image Caption Evaluation", ECCV
2016. The released program parses each text as often as it occurs and writes nothing before its end; a worker
script calls the same classes, so scores are the same, each distinct text is parsed once, and a killed run
goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pix2cap.errors import MetricUnavailable
from pix2cap.metrics.cache_folder import cache_folder
from pix2cap.metrics.ngrams import check_lengths
from pix2cap.metrics.spice_cache import SpiceCache, Tuples
from pix2cap.metrics.spice_java import SpicePool, default_processes
from pix2cap.metrics.spice_tools import SpiceTools, find_spice_tools
from pix2cap.metrics.tokens import CaptionScores, Tokens

CATEGORIES = ("Object", "Relation", "Attribute", "Color", "Size", "Cardinality")

_T = TypeVar("_T")

_TEXTS_AT_ONCE = 8
_PAIRS_AT_ONCE = 50
# Below this a further JVM costs more time to start than it saves.
_TEXTS_A_JVM = 40

Pair = tuple[tuple[str, ...], str]
"""A reference set and a candidate, as texts."""


@dataclass(frozen=True)
class SpiceProgress:
    """How far SPICE is.

    Args:
        done: Texts parsed in this run.
        total: Texts to parse in this run; those known from the cache do not count.
        seconds_left: Estimate at the rate so far; None before the first answer.
    """

    done: int
    total: int
    seconds_left: float | None


def spice(
    candidates: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    *,
    tools: SpiceTools | None = None,
    cache: Path | None = None,
    processes: int | None = None,
    on_progress: Callable[[SpiceProgress], None] | None = None,
    timeout_s: float = 600.0,
) -> CaptionScores:
    """SPICE of N captions, as `spice-1.0.jar` computes it; the corpus score is their mean.

    Args:
        candidates: N captions as PTB tokens.
        references: N reference sets of one or more captions.
        tools: What to run; looked for where not given.
        cache: Folder of the cache; the user's cache folder (or PIX2CAP_CACHE) by default.
        processes: How many JVMs at most; as many as cores, fewer where memory is short, by default.
        on_progress: Called as texts are parsed.
        timeout_s: Longest wait for one answer of a JVM (eight texts at most).

    Returns:
        Corpus and per-item F: `spice`, and `spice_object`, `spice_relation`, `spice_attribute`,
        `spice_color`, `spice_size`, `spice_cardinality`, which are NaN for an item whose references have
        nothing of the kind; a corpus score is the mean over the items that have one, NaN where none has.

    Raises:
        MetricUnavailable: Java, jars or models are missing, or a JVM failed; what was scored before is kept.
        InputError: The cache cannot be written.
        ValueError: Lists of different lengths, or a set without references.
    """
    check_lengths(candidates, references)
    pairs: list[Pair] = [
        (tuple(" ".join(ref) for ref in refs), " ".join(candidate))
        for candidate, refs in zip(candidates, references, strict=True)
    ]
    tools = find_spice_tools() if tools is None else tools
    folder = cache_folder() if cache is None else cache
    with SpiceCache(folder, fingerprint=tools.fingerprint()) as known:
        scores = known.pairs(dict.fromkeys(pairs))
        wanted = [pair for pair in dict.fromkeys(pairs) if pair not in scores]
        if wanted:
            at_most = default_processes() if processes is None else max(1, processes)
            scores.update(_score(wanted, known, _Run(tools, at_most, timeout_s, on_progress)))
    return _to_scores([scores[pair] for pair in pairs])


@dataclass(frozen=True)
class _Run:
    tools: SpiceTools
    processes: int
    timeout_s: float
    on_progress: Callable[[SpiceProgress], None] | None


def _score(wanted: Sequence[Pair], known: SpiceCache, run: _Run) -> dict[Pair, Any]:
    texts = dict.fromkeys(text for refs, candidate in wanted for text in (*refs, candidate))
    parses = known.texts(texts)
    unparsed = [text for text in texts if text not in parses]
    needed = -(-len(unparsed) // _TEXTS_A_JVM) or 1
    with SpicePool(run.tools, processes=min(run.processes, needed), timeout_s=run.timeout_s) as pool:
        parses.update(_parse(unparsed, pool, known, run.on_progress))
        scores: dict[Pair, Any] = {}
        groups = _groups(wanted, _PAIRS_AT_ONCE)
        requests = [
            {"score": [[[parses[ref] for ref in refs], parses[candidate]] for refs, candidate in group]}
            for group in groups
        ]
        for number, answer in pool.ask_all(requests):
            found = dict(zip(groups[number], _list_of(answer, "scores", len(groups[number])), strict=True))
            for score in found.values():
                _check_score(score)
            known.keep_pairs(found)
            scores.update(found)
    return scores


def _parse(
    texts: Sequence[str],
    pool: SpicePool,
    known: SpiceCache,
    on_progress: Callable[[SpiceProgress], None] | None,
) -> dict[str, Tuples]:
    parses: dict[str, Tuples] = {}
    began = time.monotonic()
    if texts and on_progress is not None:
        on_progress(SpiceProgress(0, len(texts), None))
    groups = _groups(texts, _TEXTS_AT_ONCE)
    for number, answer in pool.ask_all([{"parse": group} for group in groups]):
        found = dict(zip(groups[number], _list_of(answer, "tuples", len(groups[number])), strict=True))
        known.keep_texts(found)
        parses.update(found)
        if on_progress is not None:
            seconds = time.monotonic() - began
            left = seconds / len(parses) * (len(texts) - len(parses))
            on_progress(SpiceProgress(len(parses), len(texts), left))
    return parses


def _groups(items: Sequence[_T], size: int) -> list[list[_T]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def _list_of(answer: dict[str, Any], key: str, length: int) -> list[Any]:
    found = answer.get(key)
    if not isinstance(found, list) or len(found) != length:
        raise MetricUnavailable(
            f"SPICE's JVM: expected {length} {key}, got {str(answer)[:200]};"
            " `pix2cap doctor` checks the installation"
        )
    return found


def _check_score(score: Any) -> None:
    for category in ("All", *CATEGORIES):
        value = score.get(category, {}).get("f", "nothing") if isinstance(score, dict) else "nothing"
        is_defined = isinstance(value, int | float) and 0 <= value <= 1
        if not is_defined and (value is not None or category == "All"):
            raise MetricUnavailable(f"SPICE's JVM: expected an F of 0 to 1 for {category}, got {value!r}")


def _to_scores(found: Sequence[Any]) -> CaptionScores:
    per_item = {"spice": _column(found, "All")}
    per_item |= {f"spice_{category.lower()}": _column(found, category) for category in CATEGORIES}
    return CaptionScores({name: _mean(values) for name, values in per_item.items()}, per_item)


def _column(found: Sequence[Any], category: str) -> NDArray[np.float64]:
    values = (score[category]["f"] for score in found)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _mean(values: NDArray[np.float64]) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
