"""Class names as English nouns: what COCO writes, and what a sentence needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from pix2cap.text.words import word_set

Number = Literal["one", "many", "mass"]


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun with its grammar.

    Args:
        text: The noun as a sentence has it (`wooden floor`, `trees`).
        number: `one` takes a or an, `many` a plural verb, `mass` neither article nor plural.
        plural: For counting several of them; equal to `text` unless `number` is `one`.
    """

    text: str
    number: Number
    plural: str

    @property
    def verb(self) -> str:
        """`is` or `are`."""
        return "are" if self.number == "many" else "is"


_SPECIAL: Final[dict[str, str]] = {
    "tv": "television",
    "sports ball": "ball",
    "hair drier": "hair dryer",
    "remote": "remote control",
    "mouse": "computer mouse",
    "door-stuff": "door",
    "mirror-stuff": "mirror",
    "floor-wood": "wooden floor",
    "wall-brick": "brick wall",
    "wall-stone": "stone wall",
    "wall-tile": "tiled wall",
    "wall-wood": "wooden wall",
    "wall-concrete": "concrete wall",
    "wall-panel": "paneled wall",
    "window-blind": "window blind",
    "playingfield": "playing field",
    "railroad": "railroad track",
    "flower": "flowers",
    "tree-merged": "trees",
    "rock-merged": "rocks",
    "mountain-merged": "mountains",
    "light": "lights",
}
_MASS: Final = word_set(
    """broccoli fruit gravel sand snow water grass dirt paper food cardboard sky sea netting
    furniture clothing mud ice hair fog wood metal plastic concrete straw moss vegetation foliage ground
    coffee tea milk juice soup rice bread meat cheese"""
)
_MANY: Final = frozenset({"skis", "scissors", "stairs", "people", "lights"})
_PLURALS: Final = {
    "person": "people",
    "sheep": "sheep",
    "knife": "knives",
    "mouse": "mice",
    "computer mouse": "computer mice",
    "shelf": "shelves",
    "child": "children",
    "man": "men",
    "woman": "women",
    "fish": "fish",
}


@lru_cache(maxsize=4096)
def noun_of(class_name: str) -> Noun:
    """The noun behind a class name.

    Example:
        >>> noun_of("wall-other-merged").text, noun_of("tree-merged"), noun_of("dining table").plural
        ('wall', Noun(text='trees', number='many', plural='trees'), 'dining tables')
        >>> noun_of("floor-marble").text, noun_of("traffic_light").text
        ('marble floor', 'traffic light')
    """
    name = " ".join(class_name.replace("_", " ").strip().lower().split())
    text = _SPECIAL.get(name)
    if text is None:
        parts = [part for part in name.split("-") if part not in ("merged", "other", "stuff", "")]
        heads = ("floor", "wall", "ceiling", "window", "water", "plant", "food", "building", "ground")
        if len(parts) == 2 and parts[0] in heads:
            parts.reverse()
        text = " ".join(parts) or "thing"
    head = text.rsplit(" ", 1)[-1]
    if head in _MASS:
        return Noun(text, "mass", text)
    if head in _MANY or (head.endswith("s") and not head.endswith(("ss", "us", "is", "as", "os"))):
        return Noun(text, "many", text)
    return Noun(text, "one", pluralize(text))


def pluralize(noun: str) -> str:
    """A singular noun's plural.

    Example:
        >>> [pluralize(word) for word in ("bus", "person", "butterfly", "toothbrush", "toy")]
        ['buses', 'people', 'butterflies', 'toothbrushes', 'toys']
    """
    if noun in _PLURALS:
        return _PLURALS[noun]
    first, _, head = noun.rpartition(" ")
    if head in _PLURALS:
        return f"{first} {_PLURALS[head]}".strip()
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def with_article(phrase: str) -> str:
    """`a` or `an` by the sound of the first word.

    Example:
        >>> with_article("orange cat"), with_article("uniform"), with_article("hour hand")
        ('an orange cat', 'a uniform', 'an hour hand')
    """
    word = phrase.lower()
    is_vowel = word[:1] in tuple("aeiou") and not word.startswith(("uni", "use", "one", "eu", "ufo"))
    return f"{'an' if is_vowel or word.startswith(('hour', 'honest')) else 'a'} {phrase}"
