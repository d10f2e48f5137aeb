"""BLEU: golden numbers, a plain re-implementation, and that counts add up."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.metrics.bleu import NAMES, BleuCounts, BleuItems, bleu, bleu_items
from pix2cap.metrics.ngrams import index_ngrams
from tests.builders.captions import EMPTY_CASE, GoldenCaptions, pairs, real, synthetic


@pytest.fixture(params=["single_ref", "multi_ref", "image", "region"])
def known(request: pytest.FixtureRequest, golden: Path) -> GoldenCaptions:
    return (synthetic if "ref" in request.param else real)(golden, request.param)


def test_equals_the_released_scorer(known: GoldenCaptions) -> None:
    scores = bleu(known.candidates, known.references)
    for name in NAMES:
        assert scores.corpus[name] == pytest.approx(known.corpus[name], abs=1e-9)
        np.testing.assert_allclose(scores.per_item[name], known.per_item[name], atol=1e-9)


def test_an_empty_candidate_as_in_the_released_scorer(golden: Path) -> None:
    expected_corpus, expected_items = json.loads((golden / "captions_synthetic.json").read_text())[
        "empty_hyp"
    ]["bleu"]
    scores = bleu(*EMPTY_CASE)
    assert [scores.corpus[name] for name in NAMES] == pytest.approx(expected_corpus, abs=1e-9)
    for name, expected in zip(NAMES, expected_items, strict=True):
        assert scores.per_item[name].tolist() == pytest.approx(expected, abs=1e-9)


def _naive(candidates: list[list[str]], references: list[list[list[str]]]) -> dict[str, float]:
    correct, guessed = [0] * 4, [0] * 4
    said = expected = 0
    for candidate, refs in zip(candidates, references, strict=True):
        said += len(candidate)
        expected += min((abs(len(ref) - len(candidate)), len(ref)) for ref in refs)[1]
        for n in range(1, 5):
            counts = Counter(tuple(candidate[k : k + n]) for k in range(len(candidate) - n + 1))
            most: Counter[tuple[str, ...]] = Counter()
            for ref in refs:
                most |= Counter(tuple(ref[k : k + n]) for k in range(len(ref) - n + 1))
            correct[n - 1] += (counts & most).total()
            guessed[n - 1] += counts.total()
    ratio = (said + 1e-15) / (expected + 1e-9)
    penalty = 1.0 if ratio >= 1 else math.exp(1 - 1 / ratio) if 1 / ratio < 700 else 0.0
    product, scores = 1.0, {}
    for n in range(1, 5):
        product *= (correct[n - 1] + 1e-15) / (guessed[n - 1] + 1e-9)
        scores[f"bleu_{n}"] = product ** (1 / n) * penalty
    return scores


@given(pairs)
def test_equals_a_plain_count(items: list[tuple[list[str], list[list[str]]]]) -> None:
    candidates, references = [c for c, _ in items], [r for _, r in items]
    scores = bleu(candidates, references)
    assert dict(scores.corpus) == pytest.approx(_naive(candidates, references), abs=1e-9)
    for number, (candidate, refs) in enumerate(items):
        alone = _naive([candidate], [refs])
        assert {name: scores.per_item[name][number] for name in NAMES} == pytest.approx(alone, abs=1e-9)


def _counts(items: list[tuple[list[str], list[list[str]]]]) -> BleuItems:
    return bleu_items(index_ngrams([c for c, _ in items], [r for _, r in items]))


@given(pairs, st.data())
def test_shards_add_up_to_the_whole_in_any_order(
    items: list[tuple[list[str], list[list[str]]]], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(items))
    cut = data.draw(st.integers(0, len(items)))
    whole = _counts(items).total()
    assert _counts(order[:cut]).total() + _counts(order[cut:]).total() == whole
    assert whole + BleuCounts() == whole


def test_nothing_has_no_score() -> None:
    scores = bleu([], [])
    assert all(math.isnan(value) for value in scores.corpus.values())
    assert all(len(values) == 0 for values in scores.per_item.values())


def test_a_token_with_a_space_counts_as_two_words() -> None:
    joined = bleu([["1\u00a01/2", "cups"]], [[["1", "1/2", "cups"]]])
    assert joined.corpus["bleu_3"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("candidates", "references", "told"),
    [
        ([["a"]], [], "one reference set a candidate"),
        ([["a"]], [[]], "at least one reference for item 0"),
        (["a car"], [[["a"]]], "lists of tokens for item 0"),
        ([["a"]], [["a car"]], "lists of tokens for item 0"),
    ],
)
def test_lists_that_do_not_belong_together(candidates: list, references: list, told: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=told):
        bleu(candidates, references)
