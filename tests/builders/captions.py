"""Captions for tests: golden sets as tokens, and hypothesis strategies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

WORDS = ("a", "red", "blue", "car", "dog", "on", "the", "left", "of", "sits")

sentences = st.lists(st.sampled_from(WORDS), max_size=9)
reference_sets = st.lists(sentences, min_size=1, max_size=4)
pairs = st.lists(st.tuples(sentences, reference_sets), min_size=1, max_size=7)

# The items behind `empty_hyp` of captions_synthetic.json, read off its numbers: three words right, nothing
# said where three belong, two words right.
EMPTY_CASE = (
    [["a", "red", "car"], [], ["a", "dog"]],
    [[["a", "red", "car"]], [["one", "blue", "house"]], [["a", "dog"]]],
)


@dataclass(frozen=True)
class GoldenCaptions:
    """One golden set: texts and tokens in the order of `ids`, and the numbers to agree with."""

    ids: list[str]
    candidates: list[list[str]]
    references: list[list[list[str]]]
    corpus: dict[str, float]
    per_item: dict[str, NDArray[np.float64]]


_NAMES = {"bleu1": "bleu_1", "bleu2": "bleu_2", "bleu3": "bleu_3", "bleu4": "bleu_4", "cider_d": "cider"}


def synthetic(golden: Path, kind: str) -> GoldenCaptions:
    """`single_ref` or `multi_ref` of captions_synthetic.json; its file has the references' tokens too."""
    document = json.loads((golden / "captions_synthetic.json").read_text())[kind]
    ids = list(document["tokenized_refs"])
    return GoldenCaptions(
        ids,
        [document["tokenized_hyps"][one].split(" ") for one in ids],
        [[ref.split(" ") for ref in document["tokenized_refs"][one]] for one in ids],
        {_NAMES.get(name, name): value for name, value in document["corpus"].items()},
        {_NAMES.get(name, name): np.array(values) for name, values in document["per_item"].items()},
    )


def real(golden: Path, kind: str) -> GoldenCaptions:
    """`image` or `region` of captions_real.json; references are tokenised here."""
    from pix2cap.text.ptb import ptb_tokens

    document: dict[str, Any] = json.loads((golden / "captions_real.json").read_text())[kind]
    ids = list(document["refs"])
    return GoldenCaptions(
        ids,
        [document["tokenized_hyps"][one].split(" ") for one in ids],
        [[ptb_tokens(ref) for ref in document["refs"][one]] for one in ids],
        document["corpus"],
        {name: np.array([values[one] for one in ids]) for name, values in document["per_item"].items()},
    )
