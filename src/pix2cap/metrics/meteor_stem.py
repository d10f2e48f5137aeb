"""English stems as METEOR 1.5's jar makes them: the Porter 2 (Snowball "English") algorithm of 2006.

Later releases of Snowball changed some rules ("evening", "biologist", "added"), so that a stemming library
gives one score today and another after an update; METEOR needs the stems of its own time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_VOWELS: Final = frozenset("aeiouy")
_REGION: Final = re.compile(r"[^aeiouy]*[aeiouy]+[^aeiouy]")
_LONG_PREFIX: Final = re.compile(r"gener|commun|arsen")
_DOUBLE: Final = frozenset(letter * 2 for letter in "bdfgmnprt")
_LI_AFTER: Final = frozenset("cdeghkmnrt")

_WHOLE_WORDS: Final = {
    "skis": "ski",
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "idly": "idl",
    "gently": "gentl",
    "ugly": "ugli",
    "early": "earli",
    "only": "onli",
    "singly": "singl",
} | {word: word for word in ("sky", "news", "howe", "atlas", "cosmos", "bias", "andes")}
_DONE_WITHOUT_PLURAL: Final = frozenset(
    ("inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed")
)


def _longest_first(suffixes: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(suffixes.items(), key=lambda pair: -len(pair[0])))


_DERIVED: Final = _longest_first(
    {
        "tional": "tion",
        "enci": "ence",
        "anci": "ance",
        "abli": "able",
        "entli": "ent",
        "izer": "ize",
        "ization": "ize",
        "ational": "ate",
        "ation": "ate",
        "ator": "ate",
        "alism": "al",
        "aliti": "al",
        "alli": "al",
        "fulness": "ful",
        "ousli": "ous",
        "ousness": "ous",
        "iveness": "ive",
        "iviti": "ive",
        "biliti": "ble",
        "bli": "ble",
        "ogi": "og",
        "fulli": "ful",
        "lessli": "less",
        "li": "",
    }
)
_DERIVED_AGAIN: Final = _longest_first(
    {
        "tional": "tion",
        "ational": "ate",
        "alize": "al",
        "icate": "ic",
        "iciti": "ic",
        "ical": "ic",
        "ful": "",
        "ness": "",
        "ative": "",
    }
)
_ENDINGS: Final = _longest_first(
    dict.fromkeys(
        [
            "al",
            "ance",
            "ence",
            "er",
            "ic",
            "able",
            "ible",
            "ant",
            "ement",
            "ment",
            "ent",
            "ism",
            "ate",
            "iti",
            "ous",
            "ive",
            "ize",
            "ion",
        ],
        "",
    )
)


def _mark_consonant_y(word: str) -> str:
    """A `y` that begins the word or follows a vowel is a consonant, written `Y`."""
    if "y" not in word:
        return word
    letters = list(word)
    for place, letter in enumerate(letters):
        if letter == "y" and (place == 0 or letters[place - 1] in _VOWELS):
            letters[place] = "Y"
    return "".join(letters)


def _regions(word: str) -> tuple[int, int]:
    """Where R1 and R2 begin: behind the first consonant after a vowel, and again behind the next."""
    prefix = _LONG_PREFIX.match(word)
    first = prefix or _REGION.match(word)
    if first is None:
        return len(word), len(word)
    second = _REGION.match(word, first.end())
    return first.end(), second.end() if second else len(word)


def _has_vowel(part: str) -> bool:
    return not _VOWELS.isdisjoint(part)


def _ends_in_short_syllable(word: str) -> bool:
    if len(word) == 2:
        return word[0] in _VOWELS and word[1] not in _VOWELS
    if len(word) < 3:
        return False
    before, vowel, after = word[-3], word[-2], word[-1]
    return before not in _VOWELS and vowel in _VOWELS and after not in _VOWELS and after not in "wxY"


def _without_plural(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word.endswith(("us", "ss")):
        return word
    if word.endswith("s") and _has_vowel(word[:-2]):
        return word[:-1]
    return word


def _without_past_or_gerund(word: str, r1: int) -> str:
    for suffix in ("eedly", "eed"):
        if word.endswith(suffix):
            cut = len(word) - len(suffix)
            return word[:cut] + "ee" if cut >= r1 else word
    for suffix in ("ingly", "edly", "ing", "ed"):
        if word.endswith(suffix):
            stem = word[: -len(suffix)]
            if not _has_vowel(stem):
                return word
            if stem.endswith(("at", "bl", "iz")):
                return stem + "e"
            if stem[-2:] in _DOUBLE:
                return stem[:-1]
            return stem + "e" if len(stem) == r1 and _ends_in_short_syllable(stem) else stem
    return word


def _replace(word: str, rules: tuple[tuple[str, str], ...], r1: int, r2: int) -> str:
    """Replaces the longest suffix found, where it lies in its region."""
    for suffix, replacement in rules:
        if not word.endswith(suffix):
            continue
        cut = len(word) - len(suffix)
        before = word[cut - 1 : cut]
        refused = (
            cut < (r2 if suffix == "ative" else r1)
            or (suffix == "ogi" and before != "l")
            or (suffix == "li" and before not in _LI_AFTER)
            or (suffix == "ion" and before not in ("s", "t"))
        )
        return word if refused else word[:cut] + replacement
    return word


def _without_final_letter(word: str, r1: int, r2: int) -> str:
    cut = len(word) - 1
    if word.endswith("e") and (cut >= r2 or (cut >= r1 and not _ends_in_short_syllable(word[:cut]))):
        return word[:cut]
    if word.endswith("ll") and cut >= r2:
        return word[:cut]
    return word


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The Porter 2 stem of a lower-case English word.

    >>> stem("standing"), stem("horses"), stem("generously"), stem("evening")
    ('stand', 'hors', 'generous', 'even')
    """
    if word in _WHOLE_WORDS:
        return _WHOLE_WORDS[word]
    if len(word) < 3:
        return word
    word = _mark_consonant_y(word.removeprefix("'"))
    r1, r2 = _regions(word)
    for suffix in ("'s'", "'s", "'"):
        if word.endswith(suffix):
            word = word[: -len(suffix)]
            break
    word = _without_plural(word)
    if word not in _DONE_WITHOUT_PLURAL:
        word = _without_past_or_gerund(word, r1)
        if len(word) > 2 and word[-1] in "yY" and word[-2] not in _VOWELS:
            word = word[:-1] + "i"
        word = _replace(word, _DERIVED, r1, r2)
        word = _replace(word, _DERIVED_AGAIN, r1, r2)
        word = _replace(word, _ENDINGS, r2, r2)
        word = _without_final_letter(word, r1, r2)
    return word.replace("Y", "y")
