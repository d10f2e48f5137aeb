"""The caption suite on texts as written: golden numbers, and that metrics stand by themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.caption_suite import score_captions

FAST = ("bleu", "rouge_l", "cider")
_NAMES = {"bleu1": "bleu_1", "bleu2": "bleu_2", "bleu3": "bleu_3", "bleu4": "bleu_4", "cider_d": "cider"}


def _load(golden: Path, kind: str) -> tuple[dict[str, str], dict[str, list[str]], dict[str, float]]:
    name = "captions_synthetic" if "ref" in kind else "captions_real"
    document: dict[str, Any] = json.loads((golden / f"{name}.json").read_text())
    texts = document[kind].get("hyps") or document["hyps"]
    corpus = {_NAMES.get(name, name): value for name, value in document[kind]["corpus"].items()}
    return texts, document[kind]["refs"], corpus


@pytest.mark.parametrize("kind", ["single_ref", "multi_ref", "image", "region"])
def test_texts_as_written_give_the_golden_numbers(golden: Path, kind: str) -> None:
    texts, references, corpus = _load(golden, kind)
    result = score_captions(texts, references, metrics=FAST)
    assert list(result.corpus) == ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider"]
    for name, value in result.corpus.items():
        assert value == pytest.approx(corpus[name], abs=1e-6)
    assert list(result.per_item) == list(texts)
    assert result.missing == {}


def test_meteor_is_the_aggregate_of_the_jar(golden: Path) -> None:
    pytest.importorskip("pycocoevalcap")
    texts, references, corpus = _load(golden, "image")
    result = score_captions(texts, references, metrics=["meteor"])
    assert result.corpus["meteor"] == pytest.approx(corpus["meteor"], abs=1e-4)


def test_a_metric_alone_is_as_among_others(golden: Path) -> None:
    texts, references, _ = _load(golden, "single_ref")
    together = score_captions(texts, references, metrics=["cider", "bleu"])
    alone = score_captions(texts, references, metrics=["cider"])
    assert next(iter(together.corpus)) == "cider", "in the order asked for"
    assert alone.corpus == {"cider": together.corpus["cider"]}
    assert all(alone.per_item[key] == {"cider": together.per_item[key]["cider"]} for key in alone.per_item)


texts_of_one = st.tuples(st.text(max_size=30), st.lists(st.text(max_size=30), min_size=1, max_size=3))
captions = st.dictionaries(st.text(min_size=1, max_size=3), texts_of_one, min_size=1, max_size=5)


@given(captions, st.data())
def test_any_text_in_any_order(items: dict[str, tuple[str, list[str]]], data: st.DataObject) -> None:
    order = data.draw(st.permutations(list(items)))
    texts = {key: items[key][0] for key in order}
    references = {key: items[key][1] for key in items}
    result = score_captions(texts, references, metrics=FAST)
    again = score_captions({key: items[key][0] for key in items}, references, metrics=FAST)
    for name, value in result.corpus.items():
        assert value is not None
        assert value == pytest.approx(again.corpus[name], abs=1e-9)
        assert 0 <= value <= (10 if name == "cider" else 1) + 1e-9
    for key in order:
        assert result.per_item[key] == pytest.approx(again.per_item[key], abs=1e-9)


def test_a_line_break_shifts_nothing() -> None:
    """The Java tokenizer reads a caption a line: there, all captions after a line break are others'."""
    broken = {"a": "a red\u2028car\r\n on grass", "b": "two dogs"}
    references = {"a": ["a red car on grass"], "b": ["two dogs"]}
    result = score_captions(broken, references, metrics=["rouge_l"])
    assert result.per_item == {"a": {"rouge_l": 1.0}, "b": {"rouge_l": 1.0}}


@pytest.mark.parametrize(
    ("texts", "references", "told"),
    [
        ({}, {}, "at least one caption"),
        ({"a": "x"}, {"b": ["x"]}, "without references: 'a'; ids without a caption: 'b'"),
        ({"a": "x"}, {"a": []}, "with an empty list of references: 'a'"),
        ({str(n): "x" for n in range(50)}, {"0": ["x"]}, "and 29 more"),
    ],
)
def test_sides_that_do_not_match(texts: dict[str, str], references: dict[str, list[str]], told: str) -> None:
    with pytest.raises(InputError, match=told):
        score_captions(texts, references)


@pytest.mark.parametrize("metrics", [[], ["METEOR"], ["bleu", "bleu_4"]])
def test_metrics_that_there_are_not(metrics: list[str]) -> None:
    with pytest.raises(UsageError, match="expected metrics out of bleu, rouge_l, cider, meteor"):
        score_captions({"a": "x"}, {"a": ["x"]}, metrics=metrics)
