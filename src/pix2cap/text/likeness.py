"""Whether two captions of one picture say the same in nearly the same words.

A model that repeats itself changes little: a synonym, an opening "There is", a tail. Two true captions of
two segments may be as alike, but then what differs tells the segments apart: a side, a colour, a number, a
size, another noun. So captions are aligned word by word, and what is left over decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

from pix2cap.text.color_claims import colors_in
from pix2cap.text.words import FUNCTION_WORDS, stem, word_set, words_of

_ALIKE: Final = 0.72
"""Least share of words in the same order, of the longer caption."""
_LEAST_WORDS: Final = 7

_SAME: Final = (
    "big large huge", "small little tiny", "man guy gentleman male", "woman lady female", "kid child",
    "near beside by"
    " alongside close", "over above", "below under underneath beneath", "behind rear", "couch sofa",
    "picture photo image",
    "street road", "shirt top", "hold clutch grip grasp", "stand be", "sit be", "lie rest lay be",
    "visible seen show appear",
    "fill occupy cover", "run extend stretch reach", "pale light", "bright vivid", "start begin", "wear have",
    "walk stride", "automobile car", "bike bicycle", "plane airplane", "dim dark", "thin slim narrow",
    "wide broad",
    "tall high", "grass lawn", "pavement sidewalk", "trousers pants", "cap hat", "rock stone",
    "part piece section",
    "colourful colorful", "center centre middle",
)  # fmt: skip
_GROUP: Final = {stem(word): group.split()[0] for group in reversed(_SAME) for word in group.split()}
_PHRASES: Final = (
    (r"\bnext to\b|\bclose to\b|\balongside\b", "beside"), (r"\b(?:at|in) the (?:back|rear) of\b", "behind"),
    (r"\bin front of\b", "before"), (r"\bon top of\b", "on"),
    (r"^\W*(?:there (?:is|are)|this is|it is|here is)\b", ""),
    (r"\bto the (left|right) of\b", r"\1 of"), (r"\b(left|right)-hand\b", r"\1"),
)  # fmt: skip
_FAMILIES: Final = {
    word: family
    for family, words in {
        "side": "left right leftmost rightmost leftward rightward",
        "level": "top bottom upper lower uppermost lowermost",
        "depth": "front foreground background nearest farthest nearer farther closer closest distant",
        "order": "first second third fourth fifth sixth last next other another",
        "size": "larger largest smaller smallest taller shorter bigger longer longest",
        "who": "man woman boy girl child he she his her him",
        "count": "one two three four five six seven eight nine ten single pair several",
        "not": "not no without",
    }.items()
    for word in words.split()
}
_RELATIONS: Final = word_set("over below behind before insid outsid on off toward from beyond left right")
"""Stems of words that give two segments different places beside the same neighbour."""
_NEUTRAL: Final = word_set("clearly visible seen shown also just very quite rather still really here there")


def say_the_same(first: str, second: str, is_noun: Callable[[str], bool]) -> bool:
    """True where two English captions are one in nearly the same words.

    Args:
        first: A caption.
        second: Another of the same picture.
        is_noun: Knows nouns; another noun in the same place is another thing.

    Example:
        >>> nouns = {"dog", "cat", "sofa", "table"}.__contains__
        >>> base = "A large brown dog lies on the sofa beside a low wooden table."
        >>> other = "There is a big brown dog lying on the sofa next to a low wooden table."
        >>> say_the_same(base, other, nouns)
        True
        >>> say_the_same(base, base.replace("brown", "black"), nouns)
        False
    """
    a, b = _canonical(first), _canonical(second)
    longer = max(len(a), len(b))
    if min(len(a), len(b)) < _LEAST_WORDS or min(len(a), len(b)) < 0.6 * longer:
        return False
    if len(set(a) & set(b)) < 0.6 * len(set(a) | set(b)) - 2:
        return False
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    alike = sum(block.size for block in matcher.get_matching_blocks())
    if alike < _ALIKE * longer:
        return False
    left_over = [(a[i0:i1], b[j0:j1]) for tag, i0, i1, j0, j1 in matcher.get_opcodes() if tag != "equal"]
    return not any(_tells_apart(ours, theirs, is_noun) for ours, theirs in left_over)


@lru_cache(maxsize=4096)
def _canonical(text: str) -> tuple[str, ...]:
    """Stems; synonyms and phrases that say the same are one, articles and forms of "to be" are left out."""
    lowered = text.lower()
    for pattern, plain in _PHRASES:
        lowered = re.sub(pattern, plain, lowered)
    words = [
        word
        for word in words_of(lowered)
        if word not in {"a", "an", "the", "is", "are", "being", "that", "which"}
    ]
    return tuple(_one(word) for word in words if word not in _NEUTRAL)


def _one(word: str) -> str:
    if word in _FAMILIES:
        return word
    if found := colors_in(word):
        return "/".join(found)
    return _GROUP.get(stem(word), stem(word))


def _tells_apart(ours: Sequence[str], theirs: Sequence[str], is_noun: Callable[[str], bool]) -> bool:
    """True where what one caption has in a place sets its segment apart from the other's."""
    if any(_FAMILIES.get(w) or "/" in w or colors_in(w) or w.isdigit() for w in (*ours, *theirs)):
        return True
    if (set(ours) & _RELATIONS) != (set(theirs) & _RELATIONS) and set(ours) | set(theirs) <= _RELATIONS:
        return True
    our_words = [w for w in ours if w not in FUNCTION_WORDS]
    their_words = [w for w in theirs if w not in FUNCTION_WORDS]
    if our_words and their_words:
        return any(is_noun(w) for w in our_words) or any(is_noun(w) for w in their_words)
    # Added words: a phrase of its own with a noun in it may name another neighbour, a tail may not.
    return sum(is_noun(w) for w in (*our_words, *their_words)) > 1
