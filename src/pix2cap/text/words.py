"""Words of a caption: tokens, counts for any script, stems, and words that carry no content."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any, Final


def word_set(words: str) -> frozenset[str]:
    """The words of a plain list, for word lists that read like text."""
    return frozenset(words.split())


_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*(?:-[^\W_]+(?:['’][^\W_]+)*)*")
_NO_SPACES: Final = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿฀-๿຀-໿ក-៿က-႟]")
"""Kana, Han, Thai, Lao, Khmer, Burmese: scripts that put no space between words."""

_CHARACTERS_A_WORD: Final = {"zh": 1.7, "ja": 2.2, "th": 4.5, "lo": 4.5, "km": 4.5, "my": 5.0}
"""Characters that say what one English word says, so that length bands in words can be held."""

FUNCTION_WORDS: Final = word_set(
    """a an the this that these those and or but nor yet so as if than then of in on at by for from to into
    onto with within without under over above below behind beside between among amid across along around
    against near through toward towards upon off out up down about after before during beneath
    underneath alongside outside inside past via per until while where which who whom whose when is are
    was were be been being am has have had having do does did its his her their my your our it he she
    they them him itself himself herself themselves not no just very also both each other another some
    any all several many few more most much such only own same there here one ones"""
)
"""English words that tell two captions apart by grammar alone."""

_DANGLING: Final = word_set(
    """a an the this these those and or but nor as than of at by for from to into onto with within without
    under between among amid against toward towards upon during beneath alongside via per while where
    which who whom whose when is are was were be being has have had its his their my your our both each
    very such while because although beside near"""
)
"""English words that hardly a sentence ends with."""


_NEVER_LAST: Final = word_set(
    """a an the its his their my your our and or but nor than of at with into onto from among amid against
    toward
    towards during alongside via per beside whose where while when because although which who is are was were
    has had being very such every atop including wearing holding featuring
    containing surrounding facing"""
)
"""Words that even a sentence with its full stop does not end with."""

_PLAIN_ADJECTIVES: Final = word_set(
    """small large tiny huge big little tall long wide narrow thin thick round square flat dark pale bright
    white black
    red blue green yellow brown grey gray pink purple beige wooden metal leafy grassy tiled shiny glossy
    blurry blurred
    striped curved rectangular bare low high heavy smooth rough upper lower smiling young old distant nearby
    dense
    leather plastic sandy rocky snowy sunlit shaded"""
)
"""Adjectives that are no nouns: after "a" or "its" a noun must follow them."""


def words_of(text: str) -> list[str]:
    """Lower-cased words; hyphenated compounds and contractions stay whole.

    Example:
        >>> words_of("The umpire's black-and-white cap, No. 7.")
        ['the', "umpire's", 'black-and-white', 'cap', 'no', '7']
    """
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def count_words(text: str, *, language: str = "en") -> float:
    """Length in words; scripts without spaces count characters by what an English word takes.

    Args:
        text: A caption.
        language: Its language code; sets how many characters make a word.

    Example:
        >>> count_words("A red-and-white bus on the left.")
        6.0
        >>> count_words("一辆红色的公共汽车停在左边", language="zh") > 6
        True
    """
    dense = len(_NO_SPACES.findall(text))
    if not dense:
        return float(len(_WORD.findall(text)))
    spaced = len(_WORD.findall(_NO_SPACES.sub(" ", text)))
    return spaced + dense / _CHARACTERS_A_WORD.get(language.split("-")[0].lower(), 2.0)


def normalise(text: str) -> str:
    """A caption reduced to what must differ between two captions: case, accents' form and marks are gone.

    Example:
        >>> normalise(" A Red   bus! ") == normalise("a red bus")
        True
    """
    return " ".join(words_of(unicodedata.normalize("NFKC", text))) or text.strip()


def content_stems(text: str) -> frozenset[str]:
    """Stems of the words that carry content.

    Example:
        >>> sorted(content_stems("The dogs are lying on a bed"))
        ['bed', 'dog', 'lie']
    """
    return frozenset(stem(word) for word in words_of(text) if word not in FUNCTION_WORDS)


def ends_dangling(text: str) -> bool:
    """True where an English caption ends in a word or sign that no sentence ends with.

    Example:
        >>> ends_dangling("A dog lying on the"), ends_dangling("A dog lying on the bed")
        (True, False)
    """
    tail = text.rstrip().rstrip("\"'”’")
    if tail.endswith((",", ";", ":", "-", "–", "—", "(", "[", "/", "&")):
        return True
    words = words_of(tail)
    return bool(words) and words[-1] in _DANGLING and not tail.endswith((".", "!", "?"))


def stops_early(text: str) -> str | None:
    """The last words of an English caption that has its full stop in the middle of a phrase, None of others.

    Example:
        >>> stops_early("A dog lying on the."), stops_early("A dog on a small.")
        ('the', 'a small')
        >>> stops_early("A dog beside her.") is None
        True
    """
    words = words_of(text)
    if len(words) < 2:
        return None
    if words[-1] in _NEVER_LAST:
        return words[-1]
    first = len(words)
    while first > 1 and words[first - 1] in _PLAIN_ADJECTIVES:
        first -= 1
    if first < len(words) and words[first - 1] in {"a", "an", "its", "their", "my", "your"}:
        return " ".join(words[first - 1 :])
    return None


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Snowball's English stem.

    Example:
        >>> stem("standing"), stem("zebras")
        ('stand', 'zebra')
    """
    return str(_stemmer().stemWord(word))


@lru_cache(maxsize=20_000)
def singulars(noun: str) -> tuple[str, ...]:
    """The noun and what it may be the plural of, likeliest first.

    Example:
        >>> singulars("benches"), singulars("knives")
        (('benches', 'bench', 'benche'), ('knives', 'knife', 'knive'))
    """
    forms = [noun]
    if noun in _IRREGULAR:
        forms.append(_IRREGULAR[noun])
    if noun.endswith("men") and len(noun) > 3:
        forms.append(noun[:-2] + "an")
    if noun.endswith("ies") and len(noun) > 4:
        forms.append(noun[:-3] + "y")
    if noun.endswith("ves"):
        forms += [noun[:-3] + "fe", noun[:-3] + "f"] if noun.endswith("ives") else [noun[:-3] + "f"]
    if noun.endswith(("ches", "shes", "sses", "xes", "zes", "oes")):
        forms.append(noun[:-2])
    if noun.endswith("s") and not noun.endswith(("ss", "us", "is")) and len(noun) > 3:
        forms.append(noun[:-1])
    return tuple(dict.fromkeys(f for f in forms if f == noun or not f.endswith(("chef", "ivef", "if"))))


_IRREGULAR: Final = {
    "people": "person", "children": "child", "men": "man", "women": "woman", "feet": "foot", "teeth": "tooth",
    "mice": "mouse", "geese": "goose", "oxen": "ox", "buses": "bus", "busses": "bus", "loaves": "loaf",
    "leaves": "leaf", "calves": "calf", "wolves": "wolf", "shelves": "shelf", "cacti": "cactus",
}  # fmt: skip


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")
