"""CIDEr-D: golden numbers, a plain re-implementation, and corpora that add up."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.metrics.cider import DocumentFrequencies, cider_d
from tests.builders.captions import EMPTY_CASE, pairs, real, reference_sets, synthetic

Item = tuple[list[str], list[list[str]]]


@pytest.mark.parametrize("kind", ["single_ref", "multi_ref", "image", "region"])
def test_equals_the_released_scorer(golden: Path, kind: str) -> None:
    known = (synthetic if "ref" in kind else real)(golden, kind)
    scores = cider_d(known.candidates, known.references)
    assert scores.corpus["cider"] == pytest.approx(known.corpus["cider"], abs=1e-9)
    np.testing.assert_allclose(scores.per_item["cider"], known.per_item["cider"], atol=1e-9)


def test_an_empty_candidate_as_in_the_released_scorer(golden: Path) -> None:
    corpus, items = json.loads((golden / "captions_synthetic.json").read_text())["empty_hyp"]["cider_d"]
    scores = cider_d(*EMPTY_CASE)
    assert scores.corpus["cider"] == pytest.approx(corpus)
    assert scores.per_item["cider"].tolist() == pytest.approx(items)


def _grams(words: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[k : k + n]) for k in range(len(words) - n + 1))


def _naive_item(item: Item, corpus: list[list[list[str]]]) -> float:
    candidate, references = item
    total = 0.0
    for reference in references:
        for n in range(1, 5):
            said, expected = _grams(candidate, n), _grams(reference, n)
            rarity = {
                gram: math.log(len(corpus))
                - math.log(max(1, sum(any(gram in _grams(ref, n) for ref in refs) for refs in corpus)))
                for gram in said | expected
            }
            dot = sum(min(said[g], expected[g]) * expected[g] * rarity[g] ** 2 for g in said)
            norm = math.prod(
                math.sqrt(sum((k * rarity[g]) ** 2 for g, k in counts.items())) for counts in (said, expected)
            )
            delta = max(0, len(candidate) - 1) - max(0, len(reference) - 1)
            total += (dot / norm if norm else 0.0) * math.exp(-(delta**2) / 72)
    return 10 * total / 4 / len(references)


@given(pairs)
def test_equals_a_plain_count(items: list[Item]) -> None:
    corpus = [references for _, references in items]
    expected = [_naive_item(item, corpus) for item in items]
    scores = cider_d([c for c, _ in items], corpus)
    assert scores.per_item["cider"].tolist() == pytest.approx(expected, abs=1e-9)
    assert scores.corpus["cider"] == pytest.approx(sum(expected) / len(expected), abs=1e-9)


@given(pairs, st.lists(reference_sets, min_size=1, max_size=5))
def test_rarity_can_come_from_another_corpus(items: list[Item], corpus: list[list[list[str]]]) -> None:
    scores = cider_d(
        [c for c, _ in items],
        [r for _, r in items],
        document_frequencies=DocumentFrequencies.of(corpus),
    )
    expected = [_naive_item(item, corpus) for item in items]
    assert scores.per_item["cider"].tolist() == pytest.approx(expected, abs=1e-9)


@given(pairs, st.data())
def test_shards_with_the_whole_corpus_give_the_whole(items: list[Item], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(items)))
    references = [r for _, r in items]
    frequencies = DocumentFrequencies.of(references[:cut]) + DocumentFrequencies.of(references[cut:])
    assert frequencies == DocumentFrequencies.of(references)
    whole = cider_d([c for c, _ in items], references).per_item["cider"]
    parts = [
        cider_d([c for c, _ in part], [r for _, r in part], document_frequencies=frequencies)
        for part in (items[:cut], items[cut:])
    ]
    np.testing.assert_allclose(np.concatenate([part.per_item["cider"] for part in parts]), whole, atol=1e-9)


@given(pairs, st.data())
def test_order_does_not_matter(items: list[Item], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(items))))
    straight = cider_d([c for c, _ in items], [r for _, r in items])
    mixed = cider_d([items[k][0] for k in order], [items[k][1] for k in order])
    np.testing.assert_allclose(mixed.per_item["cider"], straight.per_item["cider"][order], atol=1e-9)
    assert mixed.corpus["cider"] == pytest.approx(straight.corpus["cider"], abs=1e-9)


def test_a_corpus_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one document"):
        cider_d([["a"]], [[["a"]]], document_frequencies=DocumentFrequencies())


def test_nothing_has_no_score() -> None:
    assert math.isnan(cider_d([], []).corpus["cider"])
