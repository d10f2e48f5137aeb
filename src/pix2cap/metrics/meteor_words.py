"""The words that METEOR 1.5 compares: its `-norm` normalisation of a line of text.

Captions come as PTB tokens, so most of it changes nothing; what it does change is seen in the scores:
compounds are split at hyphens, possessives and contractions once more at the apostrophe.
"""

from __future__ import annotations

import re
from typing import Final

_A: Final = "A-Za-zŠŽšžŸÀ-ÖØ-öø-žЀ-ӿԀ-ԧꙀ-ꙮ꙾-ꚗᴀ-ᵿ"
_N: Final = f"0-9{_A}"

_NOTHING_TO_DO: Final = re.compile(r"[a-z0-9]+(?: [a-z0-9]+)*")
_SYMBOL: Final = re.compile(rf"([^{_N} \t\n\x0b\f\r.'`,\-‘’])")
_DOTS: Final = re.compile(r"\.([.]+)")
_FEWER_DOTS: Final = re.compile(r"DOTMULTI\.([^.])")
_COMMAS: Final = tuple(
    re.compile(pattern) for pattern in ("([^0-9]),([^0-9])", "([0-9]),([^0-9])", "([^0-9]),([0-9])")
)
_SINGLE_QUOTE: Final = re.compile("[`‘’]")
_DOUBLE_QUOTE: Final = re.compile("[“”]|''")
_HYPHEN: Final = re.compile(rf"([{_N}.])-([{_N}])")
_APOSTROPHES: Final = (
    (re.compile(rf"([^{_A}])'([^{_A}])"), r"\1 ' \2"),
    (re.compile(rf"([^{_A}0-9])'([{_A}])"), r"\1 ' \2"),
    (re.compile(rf"([{_A}])'([^{_A}])"), r"\1 ' \2"),
    (re.compile(rf"([{_A}])'([{_A}])"), r"\1 '\2"),
    (re.compile("([0-9])'(s)"), r"\1 '\2"),
)
_SPACES: Final = re.compile("[ \u2000-\u200a\u202f\u205f\u3000\xa0]+")
_BLANKS: Final = re.compile(r"[ \t\n\r\f]+")
_HAS_LETTER: Final = re.compile(f"[{_A}]")
_CONTROLS: Final = "".join(map(chr, range(33)))


def normalised_words(
    line: str,
    abbreviations: frozenset[str] = frozenset(),
    abbreviations_before_numbers: frozenset[str] = frozenset(),
) -> list[str]:
    """Words of a line, in lower case, punctuation as words of its own.

    Args:
        line: One caption.
        abbreviations: Words (as written, without their period) that keep it.
        abbreviations_before_numbers: Words that keep it when a number follows.

    >>> normalised_words("a well-known man 's u.s. hat")
    ['a', 'well', 'known', 'man', "'", 's', 'us', 'hat']
    """
    if _NOTHING_TO_DO.fullmatch(line):
        return line.split(" ")
    line = _SYMBOL.sub(r" \1 ", f" {line} ")
    if ".." in line:
        line = _DOTS.sub(r" DOTMULTI\1", line)
        while "DOTMULTI." in line:
            line = _FEWER_DOTS.sub(r"DOTDOTMULTI \1", line)
            line = line.replace("DOTMULTI.", "DOTDOTMULTI")
    if "," in line:
        for comma in _COMMAS:
            line = comma.sub(r"\1 , \2", line)
    line = _DOUBLE_QUOTE.sub(' " ', _SINGLE_QUOTE.sub("'", line))
    line = _HYPHEN.sub(r"\1 \2", line.replace("–", "-").replace("--", "-"))
    if "'" in line:
        for apostrophe, apart in _APOSTROPHES:
            line = apostrophe.sub(apart, line)
    line = _with_periods_apart(line, abbreviations, abbreviations_before_numbers)
    while "DOTDOTMULTI" in line:
        line = line.replace("DOTDOTMULTI", "DOTMULTI.")
    line = line.replace("DOTMULTI", ".")
    line = _SPACES.sub(" ", line).strip(_CONTROLS)
    return [word for word in _BLANKS.split(line.lower()) if word]


def _with_periods_apart(line: str, always: frozenset[str], before_numbers: frozenset[str]) -> str:
    """Periods at the end of words become words, but for abbreviations; `U.S.` becomes `US`."""
    words = [word for word in _BLANKS.split(line) if word]
    parts: list[str] = []
    for place, word in enumerate(words):
        if len(word) > 1 and word.endswith("."):
            stem = word[:-1]
            following = words[place + 1][:1] if place + 1 < len(words) else ""
            if "." in stem and _HAS_LETTER.search(stem):
                word = word.replace(".", "")
            elif not (
                stem in always
                or (following and "a" <= following <= "z")
                or (stem in before_numbers and following and "0" <= following <= "9")
            ):
                word = f"{stem} ."
        parts.append(word)
    return " ".join(parts)
