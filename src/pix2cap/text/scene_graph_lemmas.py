"""Base forms of English nouns and verbs, from the tables that spaCy's models carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pix2cap.text.words import word_set

_ALWAYS_PLURAL: Final = word_set(
    """jeans pants shorts trousers leggings tights overalls pyjamas pajamas scissors tongs pliers goggles
    binoculars headphones people clothes"""
)
"""Nouns whose singular is no word, or another one."""


@dataclass(frozen=True)
class Lemmas:
    """Lemmas by exception list, suffix rules and a list of known words, remembered for each form.

    spaCy's own lemmatiser wants two more passes over each text, which cost as much as the parse.

    Args:
        exceptions: By `noun` and `verb`: irregular form to its base forms.
        rules: By `noun` and `verb`: `(suffix, replacement)`, tried in order.
        known: By `noun` and `verb`: base forms that exist.
    """

    exceptions: Mapping[str, Mapping[str, Sequence[str]]]
    rules: Mapping[str, Sequence[Sequence[str]]]
    known: Mapping[str, frozenset[str]]
    _found: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    def lemma(self, text: str, tag: str) -> str:
        """The base form of a word in lower case.

        Args:
            text: The word.
            tag: Its Penn Treebank tag; only plural nouns and inflected verbs change.
        """
        if tag in ("NNS", "NNPS"):
            kind = "noun"
        elif tag.startswith("VB"):
            kind = "verb"
        else:
            return text
        found = self._found.get((text, kind))
        if found is None:
            found = self._found[text, kind] = self._look_up(text, kind)
        return found

    def _look_up(self, text: str, kind: str) -> str:
        if kind == "noun" and text in _ALWAYS_PLURAL:
            return text
        irregular = self.exceptions[kind].get(text)
        if irregular:
            return irregular[0]
        if text.endswith("ss"):
            return text
        forms = [text[: len(text) - len(end)] + new for end, new in self.rules[kind] if text.endswith(end)]
        known = self.known[kind]
        return next((form for form in forms if form in known), text)
