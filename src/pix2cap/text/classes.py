"""How well a caption's subject fits a class name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import combinations
from typing import Final

from pix2cap.text.subject import Subject, find_subject
from pix2cap.text.words import singulars, word_set

NAMED: Final = 3
"""Fit of a subject that says the class name's own noun."""
SYNONYM: Final = 2
"""Fit of a subject headed by a noun that can name the class."""
LOOSE: Final = 1
"""Fit of a subject that only holds a noun going with the class: a part, a whole, a material."""

_FILLERS: Final = word_set(
    "other merged stuff thing things object background foreground class misc the of and"
)


@dataclass(frozen=True, slots=True)
class ClassSense:
    """What a class name may mean.

    Args:
        name: The class name as the dataset has it.
        classes: Classes of the lexicon that it is or belongs to; empty for one that nobody knows.
        own: The nouns of the name itself.
    """

    name: str
    classes: frozenset[str]
    own: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Nouns to the classes they name, and classes that are taken for each other.

    Args:
        strict: Noun to the classes that it names.
        loose: Noun to the classes that it goes with.
        kin: Class to those that honest captions and annotations take for it.
        siblings: Class to those of its kind that only a careless look takes for it; holds `kin`.
    """

    strict: Mapping[str, frozenset[str]]
    loose: Mapping[str, frozenset[str]]
    kin: Mapping[str, frozenset[str]]
    siblings: Mapping[str, frozenset[str]]

    def knows(self, noun: str) -> bool:
        """True for a noun that says something of a class."""
        return noun in self.strict or noun in self.loose

    def named(self, noun: str) -> frozenset[str]:
        """Classes that a noun, singular or plural, names."""
        return frozenset().union(*(self.strict.get(form, frozenset()) for form in singulars(noun)))

    def suits(self, noun: str) -> frozenset[str]:
        """Classes that a noun names or goes with."""
        loose = (self.loose.get(form, frozenset()) for form in singulars(noun))
        return self.named(noun).union(*loose)


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The packaged lexicon of COCO's 133 panoptic classes."""
    raw = tomllib.loads(files("pix2cap.text").joinpath("class_words.toml").read_text("utf-8"))
    strict: dict[str, set[str]] = {}
    loose: dict[str, set[str]] = {}
    for name, words in raw["words"].items():
        strict.setdefault(_name_nouns(name)[0], set()).add(name)
        for word in words.split():
            (loose if word.startswith("~") else strict).setdefault(word.lstrip("~"), set()).add(name)
    kin: dict[str, set[str]] = {name: {name} for name in raw["words"]}
    _relate(kin, raw["kin"])
    siblings = {name: set(names) for name, names in kin.items()}
    _relate(siblings, raw["siblings"])
    return Lexicon(
        {k: frozenset(v) for k, v in strict.items()},
        {k: frozenset(v) for k, v in loose.items()},
        {k: frozenset(v) for k, v in kin.items()},
        {k: frozenset(v) for k, v in siblings.items()},
    )


def _relate(related: dict[str, set[str]], groups: Mapping[str, str]) -> None:
    for group in groups.values():
        for first, second in combinations(group.split("|"), 2):
            related[first].add(second)
            related[second].add(first)


@lru_cache(maxsize=4096)
def sense_of(class_name: str) -> ClassSense:
    """What a class name of any dataset may mean.

    Example:
        >>> sense_of("wall-brick").classes == {"wall-brick"}
        True
        >>> "person" in sense_of("surfer").classes, sorted(sense_of("forklift truck").own)
        (True, ['forklift-truck', 'truck'])
    """
    words = lexicon()
    name = class_name.strip().lower()
    own = frozenset(_name_nouns(name))
    if name in words.kin:
        # A hot dog is no dog: the last part counts only where the lexicon lists it.
        named = frozenset(noun for noun in own if name in words.strict.get(noun, ()))
        return ClassSense(class_name, frozenset({name}), named)
    return ClassSense(class_name, frozenset().union(*(words.named(noun) for noun in own)), own)


@lru_cache(maxsize=4096)
def subject_of(caption: str, class_names: frozenset[str] = frozenset()) -> Subject:
    """The subject of a caption, in nouns of the lexicon and of the class names given."""
    words = lexicon()
    extra = {noun for name in class_names for noun in sense_of(name).own}
    return find_subject(caption, lambda noun: noun in extra or words.knows(noun))


def fit(subject: Subject, sense: ClassSense) -> int:
    """How well a subject fits a class: `NAMED`, `SYNONYM`, `LOOSE`, or 0.

    Example:
        >>> dog = subject_of("A brown dog beside the chair")
        >>> fit(dog, sense_of("dog")), fit(dog, sense_of("chair"))
        (3, 0)
    """
    words = lexicon()
    best = 0
    for noun in subject.heads:
        if not sense.own.isdisjoint(singulars(noun)):
            return NAMED
        if words.named(noun) & sense.classes:
            best = max(best, SYNONYM)
    if best:
        return best
    for noun in subject.nouns:
        if noun in sense.own or words.suits(noun) & sense.classes:
            best = LOOSE
    return best


def is_own(subject: Subject, sense: ClassSense) -> bool:
    """True where a head of the subject goes with the class, or another of its nouns names it.

    "A blue kite" is no sky, though "the blue" can be one: before another thing's noun it says no more than a
    colour. "A truck bed" is a truck all the same.
    """
    words = lexicon()
    if any(noun in sense.own or words.suits(noun) & sense.classes for noun in subject.heads):
        return True
    if not subject.heads:
        return fit(subject, sense) > 0
    return any(
        not sense.own.isdisjoint(singulars(n)) or words.named(n) & sense.classes for n in subject.others
    )


def named_classes(subject: Subject) -> frozenset[str]:
    """Classes of the lexicon that the subject's heads name."""
    named = lexicon().named
    heads = frozenset().union(*(named(noun) for noun in subject.heads))
    # "the handle of a spoon": a part by itself names nothing, its whole does.
    return heads or frozenset().union(*(named(noun) for noun in subject.others))


def are_kin(first: frozenset[str], second: frozenset[str], *, strict: bool = False) -> bool:
    """True where a class of the one side is taken for a class of the other.

    Args:
        first: Classes of the lexicon.
        second: Other classes.
        strict: Count only those that an honest caption may confuse, not every sibling.

    Example:
        >>> dog, cat = frozenset({"dog"}), frozenset({"cat"})
        >>> are_kin(dog, cat), are_kin(dog, cat, strict=True)
        (True, False)
    """
    related = lexicon().kin if strict else lexicon().siblings
    return any(related[name] & second for name in first)


def _name_nouns(name: str) -> list[str]:
    """`wall-other-merged` to wall; `dining table` to dining-table and table."""
    parts = [
        part for part in name.lower().replace("_", " ").replace("-", " ").split() if part not in _FILLERS
    ]
    if not parts:
        return [name.lower()]
    prefixed = name.lower().startswith(("wall-", "floor-", "window-", "water-", "door-", "mirror-"))
    joined = "-".join(parts)
    return list(dict.fromkeys([joined, parts[0] if prefixed else parts[-1]]))
