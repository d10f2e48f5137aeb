"""Which colours a caption gives to its own subject.

"A red bus beside a white car" claims red and nothing of white. Only words that stand where English puts a
subject's own colour count: before its head ("a pale blue sky"), right behind it ("a bus, white with stripes",
"a wall painted green"), and, of people, in what they wear. What belongs to a part ("a white-framed window",
"a
can with a red label") or to a neighbour claims nothing of the whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pix2cap.text.subject import (
    ADVERBS,
    ARTICLES,
    FINITE_VERBS,
    MEASURES,
    PARTICIPLES,
    PREPOSITIONS,
    skip_lead,
    tokens_of,
)
from pix2cap.text.words import singulars, word_set

COLOR_TERMS: Final[dict[str, str]] = {
    term: name
    for name, terms in {
        "black": "black ebony jet-black charcoal",
        "gray": "gray grey silver silvery steel-grey steel-gray pewter ash-grey slate-grey",
        "white": "white whitish snow-white off-white ivory",
        "brown": "brown brownish chestnut tawny bronze copper coppery chocolate-brown",
        "tan": "tan khaki sandy sand-coloured sand-colored blond blonde fawn caramel",
        "beige": "beige cream creamy cream-coloured cream-colored ecru",
        "red": "red reddish crimson scarlet maroon burgundy ruby brick-red rust-red",
        "orange": "orange rusty amber peach terracotta apricot",
        "yellow": "yellow yellowish golden gold golden-yellow lemon-yellow mustard",
        "green": "green greenish olive lime-green emerald khaki-green",
        "turquoise": "turquoise teal aqua cyan aquamarine",
        "blue": "blue bluish navy azure indigo navy-blue",
        "purple": "purple purplish violet lavender lilac mauve plum magenta",
        "pink": "pink pinkish rose-pink salmon fuchsia magenta-pink",
    }.items()
    for term in terms.split()
}
"""Colour word to its basic name out of `colors.BASIC_COLORS`."""

_SHADES: Final = word_set(
    """light dark pale bright deep dull vivid faded soft faint rich brilliant muted dim pastel neon hot sky
    mint
    royal forest lime navy olive lemon baby steel slate charcoal brick rust sand honey rosy dusty dirty off
    snow
    golden silvery warm cool medium mid very mostly all plain solid"""
)
_PATTERNS: Final = word_set(
    """and striped stripy checked checkered chequered checkerboard plaid spotted dotted patterned patched
    flecked
    speckled mottled patchy piebald banded coloured colored toned tinted hued painted tabby dappled marbled"""
)
_OTHER_THINGS: Final[dict[str, frozenset[str]]] = {
    "red": word_set(
        "wine onion onions cabbage pepper panda card carpet cross meat light bean beans rose snapper"
    ),
    "white": word_set("wine noise light house meat rice board"),
    "black": word_set("bear tea pepper bean beans board light eye"),
    "green": word_set("tea bean beans pepper peppers card light house onion onions"),
    "orange": word_set(
        "juice tree trees peel slice slices segment segments wedge wedges half halves soda fruit"
    ),
    "gray": word_set("heron wolf whale"),
    "blue": word_set("cheese heron jay whale"),
    "brown": word_set("bear rice"),
    "yellow": word_set("pepper peppers card light"),
    "pink": word_set("grapefruit"),
}
"""Nouns with which a colour word makes a name (red wine, black bear) whose bearer may have other colours."""

_WORN: Final = word_set(
    """shirt t-shirt tshirt tee jacket coat dress suit top jersey uniform sweater sweatshirt hoodie hooded
    robe
    pullover jumper blouse vest trousers pants jeans shorts skirt leggings overalls wetsuit outfit kit clothes
    clothing tunic gown parka anorak blazer cardigan poncho sari tracksuit polo tank-top snowsuit costume
    raincoat
    windbreaker garment apron hat cap helmet beanie headscarf"""
)
_WEARING: Final = word_set("in wearing wears clad dressed")
_STOPS: Final = (PREPOSITIONS | {".", ";", "and"}) - _WEARING - {"with"}
"""What ends the way from a person to what that person wears."""


@dataclass(frozen=True, slots=True)
class ColorClaim:
    """Colours that a caption gives to its subject.

    Args:
        names: Basic names, several where the words join them (`red-and-white`).
        words: The caption's words.
        is_whole: True for the subject itself, False for one of several parts of it or for what it wears.
    """

    names: tuple[str, ...]
    words: str
    is_whole: bool


def color_claims(text: str, is_noun: Callable[[str], bool], *, is_person: bool = False) -> list[ColorClaim]:
    """Colours that an English caption gives to its own subject.

    Args:
        text: The caption.
        is_noun: Says whether a noun is in a lexicon; it tells where the subject's noun is over.
        is_person: Colours of people are those of what they wear.

    Example:
        >>> nouns = {"bus", "car", "man", "shirt"}.__contains__
        >>> [c.names for c in color_claims("A red-and-white bus beside a green car", nouns)]
        [('red', 'white')]
        >>> claims = color_claims("A man in a dark blue shirt near a red car", nouns, is_person=True)
        >>> [claim.words for claim in claims]
        ['dark blue shirt']
    """
    if re.search(
        r"\b(?:black[- ]and[- ]white|monochrome|sepia|gr[ae]yscale) (?:photo|picture|image|tones?)", text
    ):
        return []
    reader = _Reader(skip_lead(tokens_of(_keep_names_out(text))), is_noun)
    return list(reader.worn() if is_person else reader.own())


def _keep_names_out(text: str) -> str:
    """Capitalised words inside a sentence are names (Red Bull, White House), not colours."""
    return re.sub(r"(?<=[A-Za-z,;] )[A-Z][\w'-]*", "Name", text)


def colors_in(token: str) -> tuple[str, ...]:
    """Basic names that a token says as a colour adjective, () where it is none.

    Example:
        >>> colors_in("red-and-white"), colors_in("white-framed"), colors_in("greyish-brown")
        (('red', 'white'), (), ('gray', 'brown'))
    """
    if (name := _term(token)) is not None:
        return (name,)
    parts = [part for part in token.split("-") if part]
    if len(parts) < 2:
        return ()
    names = [_term(part) for part in parts]
    if any(n is None and p not in _SHADES | _PATTERNS for n, p in zip(names, parts, strict=True)):
        return ()
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _term(word: str) -> str | None:
    if word in COLOR_TERMS:
        return COLOR_TERMS[word]
    if word.endswith("ish"):
        return COLOR_TERMS.get(word[:-3]) or COLOR_TERMS.get(word[:-4]) or COLOR_TERMS.get(word[:-3] + "e")
    return None


class _Reader:
    """Walks the subject's noun phrase."""

    def __init__(self, tokens: Sequence[str], is_noun: Callable[[str], bool]) -> None:
        self._tokens = tokens
        self._is_noun = is_noun

    def own(self) -> Iterator[ColorClaim]:
        """Colours of the subject itself."""
        end, joined = self._phrase_end(0)
        claims = list(self._claims(0, end, is_whole=not joined))
        if not claims and not joined:
            claims = list(self._behind(end))
        yield from claims

    def worn(self) -> Iterator[ColorClaim]:
        """Colours of what a person wears, said right after the subject."""
        end, joined = self._phrase_end(0)
        if joined:
            return
        index = end
        while index < len(self._tokens) and index < end + 14:
            token = self._tokens[index]
            if token in _STOPS:
                return
            if token in _WEARING and index + 1 < len(self._tokens):
                start = (
                    index + 2
                    if token in {"clad", "dressed"} and self._tokens[index + 1] == "in"
                    else index + 1
                )
                yield from self._garments(start)
                return
            index += 1

    def _garments(self, start: int) -> Iterator[ColorClaim]:
        """`in black`, `in a red shirt and blue jeans`: a claim a garment."""
        for _ in range(3):
            stop, _ = self._phrase_end(start, garment=True)
            plain = start
            while plain < stop and (
                colors_in(self._tokens[plain]) or self._tokens[plain] in _SHADES | {"and", "all"}
            ):
                plain += 1
            if plain > start and colors_in(self._tokens[plain - 1]) and not self._garment_ahead(plain, stop):
                # "in black standing apart", "in a red convertible": only colour words alone are clothes.
                if plain == stop or not self._noun(self._tokens[plain]):
                    yield from self._claims(start, plain, is_whole=False)
                return
            if not self._garment_ahead(start, stop):
                return
            yield from self._claims(start, stop, is_whole=False)
            if stop >= len(self._tokens) or self._tokens[stop] not in {"and", ",", "over", "with"}:
                return
            start = stop + 1
            start += start < len(self._tokens) and self._tokens[start] == "and"

    def _garment_ahead(self, start: int, stop: int) -> bool:
        return any(self._garment(token) for token in self._tokens[start:stop])

    def _garment(self, token: str) -> bool:
        return any(form in _WORN for form in singulars(token)) or token in _WORN

    def _phrase_end(self, start: int, *, garment: bool = False) -> tuple[int, bool]:
        """Where the noun phrase at `start` is over, and whether it joins several nouns."""
        index, noun_at = start, -2
        while index < len(self._tokens):
            token = self._tokens[index]
            if token in {"and", "or", "&", "plus"}:
                if noun_at >= 0 and not (noun_at == index - 1 and colors_in(self._tokens[noun_at])):
                    return index, not garment and not self._verb_follows(index + 1)
            elif token == ",":
                if noun_at >= 0 or index + 1 >= len(self._tokens):
                    return index, False
            elif token == "of":
                if noun_at < 0 and not (index and self._tokens[index - 1] in MEASURES):
                    return index, False
                if noun_at >= 0 and self._tokens[index - 1] not in MEASURES:
                    return index, False
                noun_at = -2
            elif self._ends(index, is_first=index == start, has_noun=noun_at >= 0):
                return index, False
            elif not colors_in(token) and token not in _SHADES and (self._noun(token) or token in MEASURES):
                noun_at = index
            index += 1
        return len(self._tokens), False

    def _ends(self, index: int, *, is_first: bool, has_noun: bool) -> bool:
        """True where a token cannot go on with the noun phrase."""
        token = self._tokens[index]
        if token in ARTICLES:
            return not is_first and self._tokens[index - 1] != "of"
        if not token[0].isalnum():
            return True
        if token in PREPOSITIONS:
            return not (is_first or token in {"partly", "partially", "mostly"})
        is_verb = token in FINITE_VERBS or token in PARTICIPLES
        if token in FINITE_VERBS and token.endswith("s") and index and colors_in(self._tokens[index - 1]):
            return True  # "An orange lies": here the colour word was the noun.
        return has_noun and (is_verb or (token.endswith(("ing", "ed")) and not self._noun(token)))

    def _noun(self, token: str) -> bool:
        return any(self._is_noun(form) for form in singulars(token)) or (self._garment(token))

    def _verb_follows(self, index: int) -> bool:
        following = self._tokens[index] if index < len(self._tokens) else "."
        return following in FINITE_VERBS

    def _claims(self, start: int, end: int, *, is_whole: bool) -> Iterator[ColorClaim]:
        """Colour phrases between two tokens, joined where only "and" or a comma stands between."""
        names: list[str] = []
        first = -1
        for index in range(start, end):
            token = self._tokens[index]
            found = colors_in(token)
            nxt = self._tokens[index + 1] if index + 1 < len(self._tokens) else "."
            if found and self._names_a_thing(index, end):
                found = ()
            if found:
                first = index if first < 0 else first
                names += found
            elif names and not (token in {"and", ","} | _SHADES or colors_in(nxt)):
                break
        if names:
            while first > start and self._tokens[first - 1] in _SHADES:
                first -= 1
            words = " ".join(self._tokens[first:end]).replace(" ,", ",")
            yield ColorClaim(tuple(dict.fromkeys(names)), words, is_whole)

    def _names_a_thing(self, index: int, end: int) -> bool:
        """True where the colour word is a noun itself (an orange) or part of a thing's name (red wine)."""
        if index + 1 >= end:
            before = self._tokens[index - 1] if index else "."
            return not (colors_in(before) or before in {"and", "in", "all"} | _SHADES)
        token, following = self._tokens[index], self._tokens[index + 1]
        return following in _OTHER_THINGS.get(_term(token) or "", ())

    def _behind(self, end: int) -> Iterator[ColorClaim]:
        """`a bus, white with stripes`; `the wall is pale green`; `a post painted red`."""
        if end >= len(self._tokens) or self._tokens[end] not in {
            ",",
            "is",
            "are",
            "painted",
            "coloured",
            "colored",
        }:
            return
        names: list[str] = []
        index = end + 1
        while index < len(self._tokens):
            token = self._tokens[index]
            if found := colors_in(token):
                names += found
            elif token not in _SHADES | {"and"} | ADVERBS:
                break
            index += 1
        over = (
            index >= len(self._tokens)
            or not self._tokens[index][0].isalnum()
            or self._tokens[index] in {"with", "in", "on", "all"}
        )
        if names and over:
            yield ColorClaim(tuple(dict.fromkeys(names)), " ".join(self._tokens[end + 1 : index]), True)
