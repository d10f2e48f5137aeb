"""The same caption for two segments of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pix2cap.annotate.findings import CheckSettings, Finding
from pix2cap.text.classes import lexicon
from pix2cap.text.likeness import say_the_same
from pix2cap.text.words import content_stems, normalise, word_set, words_of

_ALIKE: Final = 0.8
"""Share of content stems that the longer of two captions may have from the shorter, to be one with it."""

_TELLING: Final = word_set(
    """left right top bottom upper lower front back far near middle center centre foreground background first
    second third fourth fifth last next larger largest smaller smallest taller shorter nearest farthest
    closest
    other another large small tall short big tiny long wide narrow red orange yellow green blue purple pink
    brown black white gray grey tan beige gold silver dark light pale cream teal navy above below behind under
    over beneath between beside inside outside before after not no leftmost rightmost leftward rightward one
    two three four five he she his her him them their"""
)
"""Words that alone can make two captions true of two segments."""


def check_repeats(
    captions: Mapping[int, str],
    accepted: Mapping[int, str],
    settings: CheckSettings,
    *,
    strict: bool = False,
) -> dict[int, Finding]:
    """Find captions that say the same of two segments.

    Which of two equal captions is true cannot be told from the text, so both are found; captions that
    were accepted before stay.

    Args:
        captions: Key to caption, of this reply.
        accepted: Key to caption of other segments, accepted before.
        settings: Language; near repeats are looked for in English only.
        strict: Whether the same in other words counts, as of finished captions. While they are made, asking
            again for a tiny figure in a crowd brings the same words once more.

    Returns:
        Key of `captions` to finding.
    """
    pool = [(key, text, True) for key, text in captions.items()]
    pool += [(key, text, False) for key, text in accepted.items() if key not in captions]
    strict = strict and settings.is_english
    normal = [normalise(text) for _, text, _ in pool]
    stems = [content_stems(text) if settings.is_english else frozenset() for _, text, _ in pool]
    found: dict[int, Finding] = {}
    for i, (key, _, asked) in enumerate(pool):
        if not asked:
            continue
        for j in range(len(pool)):
            if i != j and _is_one(
                pool[i][1], pool[j][1], (normal[i], normal[j]), (stems[i], stems[j]), strict
            ):
                found[key] = Finding(
                    "repeat",
                    "Another segment of the picture has the same caption; say what sets this one apart: its"
                    " place, size, colour or neighbours.",
                    confidence=1.0 if normal[i] == normal[j] else 0.8,
                )
                break
    return found


def _is_one(
    first: str,
    second: str,
    normal: tuple[str, str],
    stems: tuple[frozenset[str], frozenset[str]],
    strict: bool,
) -> bool:
    if normal[0] == normal[1] or says_the_same(*normal, *stems):
        return True
    return strict and say_the_same(first, second, lexicon().knows)


def says_the_same(first: str, second: str, stems: frozenset[str], other_stems: frozenset[str]) -> bool:
    """True where one caption says what the other says, in another order or with a little more.

    A word exchanged for another (left or right, man or woman, red or blue) makes two true captions of
    two segments, so only captions of which one holds all content of the other can be one.
    """
    few, many = sorted((stems, other_stems), key=len)
    if len(few) < 4 or not few <= many or len(few) < _ALIKE * len(many):
        return False
    different = set(words_of(first)) ^ set(words_of(second))
    return not any(word in _TELLING or any(c.isdigit() for c in word) for word in different)
