"""How well a caption's subject fits a class name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import combinations
from typing import Any, Final

from pix2cap.text.color_claims import COLOR_TERMS
from pix2cap.text.kinship import Kinship, Relation, relate_synsets
from pix2cap.text.subject import (
    ADVERBS,
    ARTICLES,
    FINITE_VERBS,
    MEASURES,
    PREPOSITIONS,
    Subject,
    find_subject,
)
from pix2cap.text.wordnet import wordnet
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

_BRACKETS: Final = re.compile(r"\([^)]*\)")
"""What LVIS writes behind a name: `crab_(animal)`."""
_ANYTHING: Final = 0.1
"""Nouns more general than this, "object" and "whole", are no subject."""
_FUNCTION_WORDS: Final = PREPOSITIONS | ARTICLES
_NO_NOUNS: Final = (
    frozenset(COLOR_TERMS) | MEASURES | ADVERBS | PREPOSITIONS | ARTICLES | {"left", "right", "far", "close"}
)


@dataclass(frozen=True, slots=True)
class ClassSense:
    """What a class name may mean.

    Args:
        name: The class name as the dataset has it.
        classes: Classes of the lexicon that it is or belongs to; empty for one that nobody knows.
        own: The nouns of the name itself.
        synsets: What the name means in WordNet; empty where that has no such noun.
    """

    name: str
    classes: frozenset[str]
    own: frozenset[str]
    synsets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Nouns to the classes they name, and classes that are taken for each other.

    Args:
        strict: Noun to the classes that it names.
        loose: Noun to the classes that it goes with.
        kin: Class to those that honest captions and annotations take for it.
        siblings: Class to those of its kind that only a careless look takes for it; holds `kin`.
        synsets: Class to what it means in WordNet.
        below: Synset to the classes that mean it: whatever lies below it is one of them.
    """

    strict: Mapping[str, frozenset[str]]
    loose: Mapping[str, frozenset[str]]
    kin: Mapping[str, frozenset[str]]
    siblings: Mapping[str, frozenset[str]]
    synsets: Mapping[str, tuple[int, ...]]
    below: Mapping[int, frozenset[str]]

    def knows(self, noun: str) -> bool:
        """True for a noun that says something of a class, by the lists or by WordNet."""
        return noun in self.strict or noun in self.loose or is_seen_noun(noun)

    def lists(self, noun: str) -> bool:
        """True for a noun, singular or plural, that the lists have."""
        return any(form in self.strict or form in self.loose for form in singulars(noun))

    def named(self, noun: str) -> frozenset[str]:
        """Classes that a noun, singular or plural, names: by the lists, or because it is a kind of them."""
        return _named(self, noun)

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
    meant = raw["senses"]
    synsets = {
        name: tuple(wordnet().named(key) for key in meant[name].split())
        if name in meant
        else _meanings(_name_nouns(name))
        for name in raw["words"]
    }
    below: dict[int, set[str]] = {}
    for name, numbers in synsets.items():
        for number in numbers:
            below.setdefault(number, set()).add(name)
    return Lexicon(_frozen(strict), _frozen(loose), _frozen(kin), _frozen(siblings), synsets, _frozen(below))


def _frozen(sets: Mapping[Any, set[str]]) -> dict[Any, frozenset[str]]:
    return {key: frozenset(names) for key, names in sets.items()}


@lru_cache(maxsize=20_000)
def is_seen_noun(noun: str) -> bool:
    """True for a noun that WordNet has, and that mostly is one and means something visible."""
    words = wordnet()
    if noun in _NO_NOUNS or len(noun) < 3 or _is_gerund(noun) or not words.knows(noun):
        return False
    if "-" in noun and not _FUNCTION_WORDS.isdisjoint(noun.split("-")):
        return False  # A stand-in is said of nobody: "canopies stand in the background".
    says_something = any(words.specificity(synset) > _ANYTHING for synset in words.usual(noun))
    return says_something and words.is_mostly_noun(noun) and words.is_usually_seen(noun)


def _is_gerund(noun: str) -> bool:
    """True for "facing", though a facing is a thing too; "earring" and "awning" have no such verb."""
    base = noun.removesuffix("ing")
    return base != noun and bool({base, base + "e", base[:-1]} & FINITE_VERBS)


@lru_cache(maxsize=20_000)
def _named(words: Lexicon, noun: str) -> frozenset[str]:
    listed = frozenset().union(*(words.strict.get(form, frozenset()) for form in singulars(noun)))
    nouns = wordnet()
    kinds = (
        words.below.get(number, frozenset())
        for synset in (nouns.usual(noun) if is_seen_noun(noun) else ())
        for number in nouns.ancestors(synset)
    )
    found = listed.union(*kinds)
    # "A tennis court" is a court, where nothing says more of it.
    return found if found or "-" not in noun else _named(words, noun.rpartition("-")[2])


def _meanings(names: Iterable[str]) -> tuple[int, ...]:
    """The usual senses of the first name that WordNet has."""
    return next((found for name in names if (found := wordnet().usual(name))), ())


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
    if name in words.kin:
        # A hot dog is no dog: the last part counts only where the lexicon lists it.
        named = frozenset(noun for noun in _name_nouns(name) if name in words.strict.get(noun, ()))
        return ClassSense(class_name, frozenset({name}), named, words.synsets[name])
    names = [_name_nouns(part) for part in re.split(r"[,;/]", _BRACKETS.sub(" ", name)) if part.strip()] or [
        [name]
    ]
    own = frozenset().union(*names)
    classes = frozenset().union(*(words.named(noun) for noun in own))
    synsets = dict.fromkeys(synset for nouns in names for synset in _meanings(nouns))
    return ClassSense(class_name, classes, own, tuple(synsets))


@lru_cache(maxsize=4096)
def subject_of(caption: str, class_names: frozenset[str] = frozenset()) -> Subject:
    """The subject of a caption, in nouns of the lexicon and of the class names given."""
    return find_subject(caption, known_nouns(class_names))


def known_nouns(class_names: frozenset[str] = frozenset()) -> Callable[[str], bool]:
    """Says whether a noun is in the lexicon, in WordNet, or in one of the class names."""
    words = lexicon()
    extra = {noun for name in class_names for noun in sense_of(name).own}
    return lambda noun: noun in extra or words.knows(noun)


def says_name(noun: str, sense: ClassSense) -> bool:
    """True for a noun of the class name, also with an addition that no list has: "a stone wall"."""
    last = noun.rpartition("-")[2]
    return not sense.own.isdisjoint(singulars(noun)) or (
        last != noun and not lexicon().lists(noun) and not sense.own.isdisjoint(singulars(last))
    )


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
        if says_name(noun, sense):
            return NAMED
        if words.named(noun) & sense.classes or kinship(noun, sense).relation <= Relation.KIND:
            best = SYNONYM
    if best:
        return best
    for noun in subject.nouns:
        if noun in sense.own or words.suits(noun) & sense.classes:
            best = LOOSE
    return best


def kinship(noun: str, sense: ClassSense) -> Kinship:
    """What a noun is to a class, by WordNet.

    Example:
        >>> kinship("puppy", sense_of("dog")).relation.name, kinship("violin", sense_of("dog")).relation.name
        ('KIND', 'FAR')
    """
    return relate_synsets(wordnet().usual(noun), sense.synsets)


@lru_cache(maxsize=4096)
def noun_of(name: str) -> str:
    """The noun that a class name is, compounds joined by hyphens: "wall", "dining-table"."""
    return _name_nouns(name)[0]


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
    """`wall-other-merged` to wall; `dining table` to dining-table and table; `bag of rice` to it and bag."""
    words = [word for word in re.split(r"[\s_-]+", name.lower()) if word]
    whole = ["-".join(words)] if "of" in words[1:] else []
    parts = [part for part in words if part not in _FILLERS]
    if not parts:
        return [name.lower()]
    prefixed = name.lower().startswith(("wall-", "floor-", "window-", "water-", "door-", "mirror-"))
    head = parts[0] if prefixed or whole else parts[-1]
    return list(dict.fromkeys([*whole, "-".join(parts), head]))
