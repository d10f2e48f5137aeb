"""Porter stems with nltk's own departures from the published algorithm, which its METEOR looks words up by.

Source: M. F. Porter, "An algorithm for suffix stripping", 1980; the departures are those that nltk documents:
short words are left alone, `dies` gives `die`, `spied` gives `spi`, `happy` gives `happi` but `enjoy` stays,
and some words are listed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

_LISTED: Final = {
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "innings": "inning",
    "outings": "outing",
    "cannings": "canning",
} | {
    word: word
    for word in ("sky", "news", "inning", "outing", "canning", "howe", "proceed", "exceed", "succeed")
}

_Rules = tuple[tuple[str, str], ...]
_STEP_2: Final[_Rules] = (
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
    ("logi", "log"),
)
_STEP_3: Final[_Rules] = (
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
)
_STEP_4: Final[_Rules] = (
    *(
        ("al", ""),
        ("ance", ""),
        ("ence", ""),
        ("er", ""),
        ("ic", ""),
        ("able", ""),
        ("ible", ""),
        ("ant", ""),
    ),
    *(
        ("ement", ""),
        ("ment", ""),
        ("ent", ""),
        ("ion", ""),
        ("ou", ""),
        ("ism", ""),
        ("ate", ""),
        ("iti", ""),
    ),
    *(("ous", ""), ("ive", ""), ("ize", "")),
)


def _shape(word: str) -> str:
    """`v` for each vowel and `c` for each consonant; `y` is the other of what stands before it."""
    shape = ""
    for letter in word:
        vowel = shape.endswith("c") if letter == "y" else letter in "aeiou"
        shape += "v" if vowel else "c"
    return shape


def _measure(word: str) -> int:
    """How many times consonants follow vowels."""
    return _shape(word).count("vc")


def _is_short(word: str) -> bool:
    """Ends in consonant, vowel, consonant other than w, x, y; or is a vowel and a consonant."""
    shape = _shape(word)
    return shape == "vc" or (shape.endswith("cvc") and word[-1] not in "wxy")


def _apply(word: str, rules: _Rules, holds: Callable[[str, str], bool]) -> str:
    """Replaces the first suffix found, where the condition on the rest and the suffix holds."""
    for suffix, replacement in rules:
        if word.endswith(suffix):
            rest = word[: len(word) - len(suffix)]
            return rest + replacement if holds(rest, suffix) else word
    return word


def _plural(word: str) -> str:
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("sses"):
        return word[:-2]
    return word if word.endswith("ss") else word.removesuffix("s")


def _past_and_gerund(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        rest = word[: len(word) - len(suffix)]
        if word.endswith(suffix) and "v" in _shape(rest):
            break
    else:
        return word
    if rest.endswith(("at", "bl", "iz")):
        return rest + "e"
    shape = _shape(rest)
    if rest[-2:-1] == rest[-1] and shape.endswith("c"):
        return rest if rest[-1] in "lsz" else rest[:-1]
    return rest + "e" if shape.count("vc") == 1 and _is_short(rest) else rest


def _derived(word: str) -> str:
    while word.endswith("alli") and _measure(word[:-4]) > 0:
        word = word[:-2]
    return _apply(word, _STEP_2, lambda rest, suffix: _measure(rest + "l" if suffix == "logi" else rest) > 0)


def _final_letters(word: str) -> str:
    if word.endswith("e"):
        rest = word[:-1]
        measure = _measure(rest)
        if measure > 1 or (measure == 1 and not _is_short(rest)):
            word = rest
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


@lru_cache(maxsize=50_000)
def porter_stem(word: str) -> str:
    """The stem of a lower-case word, as nltk's PorterStemmer makes it.

    >>> porter_stem("flies"), porter_stem("happy"), porter_stem("standing"), porter_stem("one")
    ('fli', 'happi', 'stand', 'one')
    """
    if word in _LISTED:
        return _LISTED[word]
    if len(word) <= 2:
        return word
    word = _past_and_gerund(_plural(word))
    if word.endswith("y") and len(word) > 2 and _shape(word[:-1]).endswith("c"):
        word = word[:-1] + "i"
    word = _derived(word)
    word = _apply(word, _STEP_3, lambda rest, _: _measure(rest) > 0)
    word = _apply(
        word, _STEP_4, lambda rest, suffix: _measure(rest) > 1 and (suffix != "ion" or rest[-1] in "st")
    )
    return _final_letters(word)
