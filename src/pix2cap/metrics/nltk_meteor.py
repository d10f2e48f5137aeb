"""METEOR as the released evaluator's mAP calls it, computed exactly without nltk and WordNet.

The released code hands the ground truth's caption over as the candidate and the prediction as *references*,
but as one string where a list belongs: each character of the prediction is a reference of one character. The
best of them counts, and every match is of one word, so that the score is `5 / (9 + words)` of the ground
truth, or 0. What decides is whether some word of the ground truth matches some character of the prediction:
as it is, by its stem, or because a WordNet synonym set of its stem holds the character ("one" and `1`, "gram"
and `g`). Only noun and adjective sets hold single characters; their words are in `wordnet_letters.txt`.

Source: Lavie and Agarwal, "METEOR: An Automatic Metric for MT Evaluation with High Levels of Correlation with
Human Judgments", WMT 2007, as nltk has it (alpha 0.9, beta 3, gamma 0.5), with WordNet 3.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from pix2cap.metrics.nltk_porter import porter_stem

ALPHA: Final = 0.9
BETA: Final = 3.0
GAMMA: Final = 0.5

_DETACHMENTS: Final = {
    "noun": (
        ("s", ""),
        ("ses", "s"),
        ("ves", "f"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("men", "man"),
        ("ies", "y"),
    ),
    "adjective": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
}


@dataclass(frozen=True)
class _Letters:
    """Words of one part of speech with the characters that are synonyms of theirs.

    Args:
        characters: Word to characters.
        irregular: Irregular form to base forms.
    """

    characters: dict[str, set[str]] = field(default_factory=dict)
    irregular: dict[str, list[str]] = field(default_factory=dict)

    def of(self, form: str, detachments: Sequence[tuple[str, str]]) -> set[str]:
        """Characters that are synonyms of a form or of its base forms."""
        bases = self.irregular.get(form)
        if bases is None:
            bases = [
                form[: len(form) - len(suffix)] + ending
                for suffix, ending in detachments
                if form.endswith(suffix)
            ]
        return set().union(*(self.characters.get(word, ()) for word in (form, *bases)))


@cache
def _letters() -> dict[str, _Letters]:
    tables = {name: _Letters() for name in _DETACHMENTS}
    text = files("pix2cap.metrics").joinpath("wordnet_letters.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, kind, *words = line.split(" ")
        if kind == "irregular":
            tables[name].irregular[words[0]] = words[1:]
        else:
            for word in words:
                tables[name].characters.setdefault(word, set()).add(kind)
    return tables


@lru_cache(maxsize=50_000)
def matched_characters(word: str) -> frozenset[str]:
    """The characters that a lower-case word matches: itself, its stem, and synonyms of its stem.

    >>> sorted(matched_characters("one")), sorted(matched_characters("as"))
    (['1', 'i', 'one'], ['a', 'as'])
    """
    stem = porter_stem(word)
    tables = _letters()
    return frozenset(
        {word, stem}.union(*(tables[name].of(stem, rules) for name, rules in _DETACHMENTS.items()))
    )


@lru_cache(maxsize=10_000)
def _matched(candidate_tokens: tuple[str, ...]) -> frozenset[str]:
    return frozenset().union(*(matched_characters(token.lower()) for token in candidate_tokens))


def released_meteor(candidate_tokens: Sequence[str], reference_text: str) -> float:
    """METEOR of a candidate where each character of a text is a reference.

    Args:
        candidate_tokens: Words of the ground truth's caption, split at white space, punctuation attached.
        reference_text: The prediction's caption.

    Returns:
        The best score over the characters; 0 where none matches or either side is empty.
    """
    found = _matched(tuple(candidate_tokens))
    if not any(character.lower() in found for character in set(reference_text) if not character.isspace()):
        return 0.0
    precision, recall = 1.0 / len(candidate_tokens), 1.0
    mean = (precision * recall) / (ALPHA * precision + (1 - ALPHA) * recall)
    penalty: float = GAMMA * 1.0**BETA
    return (1 - penalty) * mean
