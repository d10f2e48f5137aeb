"""From spaCy's parse to the words that the rules of the scene graph read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pix2cap.text.scene_graph_words import Word

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from pix2cap.text.scene_graph_lemmas import Lemmas

_HYPHENS: Final = frozenset({"-", "–"})
_COLUMNS: Final[list[int | str]] = ["TAG", "DEP", "HEAD", "LOWER", "SPACY"]


class _Token(NamedTuple):
    tag: str
    dep: str
    head: int
    text: str
    is_followed_by_space: bool


def read_tree(doc: Doc, lemmas: Lemmas) -> list[Word]:
    """The words of a parsed text, hyphenated compounds joined.

    spaCy splits "reddish-brown" in three; captions mean one attribute, as Penn Treebank tokens have it.

    Args:
        doc: A text with tags, heads and dependency labels.
        lemmas: Base forms.
    """
    tokens = _tokens(doc)
    first = _compounds(tokens)
    members: dict[int, list[int]] = {}
    for index, start in enumerate(first):
        members.setdefault(start, []).append(index)
    words: dict[int, Word] = {}
    heads: dict[int, int] = {}
    for start, inside in members.items():
        top = _top(inside, tokens, first)
        words[start] = _word(len(words), [tokens[index] for index in inside], tokens[top], lemmas)
        heads[start] = first[tokens[top].head]
    for start, word in words.items():
        word.head = words[heads[start]]
        if word.head is not word:
            word.head.children.append(word)
    return list(words.values())


def _tokens(doc: Doc) -> list[_Token]:
    # Whole columns at once: attribute by attribute costs several times as much.
    names = doc.vocab.strings
    rows = doc.to_array(_COLUMNS).astype("int64").tolist()
    unsigned = 1 << 64
    return [
        _Token(
            names[tag % unsigned], names[dep % unsigned], index + head, names[lower % unsigned], bool(space)
        )
        for index, (tag, dep, head, lower, space) in enumerate(rows)
    ]


def _compounds(tokens: list[_Token]) -> list[int]:
    """For each token the index of the first one of its hyphenated compound, mostly its own."""
    first = list(range(len(tokens)))
    for index in range(1, len(tokens) - 1):
        before, hyphen = tokens[index - 1], tokens[index]
        if hyphen.text in _HYPHENS and not (before.is_followed_by_space or hyphen.is_followed_by_space):
            first[index] = first[index + 1] = first[index - 1]
    return first


def _top(inside: list[int], tokens: list[_Token], first: list[int]) -> int:
    """The token of a compound whose head lies outside; the last of several."""
    for index in reversed(inside):
        head = tokens[index].head
        if head == index or first[head] != inside[0]:
            return index
    return inside[-1]


def _word(index: int, parts: list[_Token], top: _Token, lemmas: Lemmas) -> Word:
    last = parts[-1]
    if len(parts) == 1:
        return Word(index, last.text, top.tag, top.dep, lemmas.lemma(last.text, last.tag))
    lead = "".join(part.text for part in parts[:-1])
    ending = lemmas.lemma(last.text, last.tag) if last.tag.startswith("NN") else last.text
    return Word(index, lead + last.text, top.tag, top.dep, lead + ending)
