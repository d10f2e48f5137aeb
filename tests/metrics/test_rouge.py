"""ROUGE-L: golden numbers and the textbook table."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.metrics.rouge import rouge_l, rouge_l_pair
from tests.builders.captions import EMPTY_CASE, pairs, real, reference_sets, sentences, synthetic


@pytest.mark.parametrize("kind", ["single_ref", "multi_ref", "image", "region"])
def test_equals_the_released_scorer(golden: Path, kind: str) -> None:
    known = (synthetic if "ref" in kind else real)(golden, kind)
    scores = rouge_l(known.candidates, known.references)
    assert scores.corpus["rouge_l"] == pytest.approx(known.corpus["rouge_l"], abs=1e-12)
    np.testing.assert_allclose(scores.per_item["rouge_l"], known.per_item["rouge_l"], atol=1e-12)


def test_an_empty_candidate_as_in_the_released_scorer(golden: Path) -> None:
    corpus, items = json.loads((golden / "captions_synthetic.json").read_text())["empty_hyp"]["rouge_l"]
    scores = rouge_l(*EMPTY_CASE)
    assert scores.corpus["rouge_l"] == pytest.approx(corpus)
    assert scores.per_item["rouge_l"].tolist() == pytest.approx(items)


def _table(first: list[str], second: list[str]) -> int:
    rows = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            rows[i + 1][j + 1] = rows[i][j] + 1 if one == other else max(rows[i][j + 1], rows[i + 1][j])
    return rows[-1][-1]


@given(sentences, reference_sets)
def test_equals_the_table(candidate: list[str], references: list[list[str]]) -> None:
    said = candidate or [""]
    common = [(_table(said, ref or [""]), len(ref or [""])) for ref in references]
    precision = max(length / len(said) for length, _ in common)
    recall = max(length / total for length, total in common)
    expected = 2.44 * precision * recall / (recall + 1.44 * precision) if precision and recall else 0.0
    assert rouge_l_pair(candidate, references) == pytest.approx(expected, abs=1e-12)


def test_a_caption_longer_than_a_machine_word() -> None:
    long = [f"w{n}" for n in range(200)]
    assert rouge_l_pair(long, [long[::2] + ["other"] * 100]) == pytest.approx(0.5)


@given(pairs, st.randoms())
def test_items_stand_by_themselves(items: list, random: object) -> None:  # type: ignore[type-arg]
    shuffled = list(items)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    scores = rouge_l([c for c, _ in shuffled], [r for _, r in shuffled])
    assert scores.per_item["rouge_l"].tolist() == [rouge_l_pair(c, r) for c, r in shuffled]
    assert scores.corpus["rouge_l"] == pytest.approx(sum(rouge_l_pair(c, r) for c, r in items) / len(items))


@given(sentences, reference_sets)
def test_nothing_beats_saying_a_reference(candidate: list[str], references: list[list[str]]) -> None:
    assert rouge_l_pair(references[-1], references) == pytest.approx(1.0)
    assert rouge_l_pair(candidate, references) <= 1.0 + 1e-12


def test_nothing_has_no_score() -> None:
    assert math.isnan(rouge_l([], []).corpus["rouge_l"])
