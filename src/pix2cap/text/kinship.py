"""How two nouns are related, by WordNet: the same, a kind, a part, near, or something else altogether."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

from pix2cap.text.wordnet import WordNet, wordnet


class Relation(IntEnum):
    """What one noun is to another, from the nearest to the farthest."""

    SAME = 0
    """A synonym."""
    KIND = 1
    """A kind of it: a poodle for a dog."""
    WIDER = 2
    """A more general word for it: a vehicle for a bus."""
    PART = 3
    """A part, member, garment or material of it, or what it is a part of."""
    VAGUE = 4
    """A word for shapes, groups, places and pictures, which may be said of anything."""
    NEAR = 5
    """Of one narrow branch, or of two that run into each other, as ground, plants and buildings do."""
    SIBLING = 6
    """Another kind of the same sort of thing, which hardly anyone confuses: a cat for a dog."""
    FAR = 7
    """Of another branch."""
    UNKNOWN = 8
    """One of them is no visible noun of WordNet."""


@dataclass(frozen=True, slots=True)
class Kinship:
    """The nearest relation between any of their usual meanings.

    Args:
        relation: What the first is to the second.
        closeness: Specificity of the nearest meaning above both, 0 (anything at all) to 1 (the same).
    """

    relation: Relation
    closeness: float

    @property
    def is_other(self) -> bool:
        """True where a caption about the one is not about the other."""
        return self.relation in {Relation.SIBLING, Relation.FAR}


_DOMAINS: Final = {
    "person": "person#1",
    "animal": "animal#1",
    "plant": "plant#2 plant_part#1 vegetation#1",
    "food": "food#1 food#2",
    "vehicle": "vehicle#1",
    "garment": "clothing#1 footwear#1 headdress#1",
    "body": "body_part#1 hair#1",
    "building": "structure#1 building_material#1 roof#1 block#1 column#1 partition#1",
    "ground": "land#4 way#6 tract#1 geological_formation#1 location#1 soil#2 rock#2 sand#1 snow#2 pavement#1"
    " ice#1",
    "water": "body_of_water#1 water#1 liquid#3",
    "air": "sky#1 atmosphere#3 cloud#2 weather#1",
    "material": "material#1 fabric#1 metal#2 metal#1",
}
"""Sorts of things, by what lies at their top."""
_VAGUE: Final = (
    "group#1 shape#2 representation#2 part#3 location#1 light#1 shadow#2"
    " surface#1 surface#2 part#2 part#5 thing#4 item#3 stuff#2"
)
_NOT_VAGUE: Final = "tract#1 geographical_area#1 forest#1 crowd#1"
_SCENERY: Final = frozenset({"plant", "building", "ground", "water"})
"""Where one ends and the other begins, annotators and captions differ."""
_WORN: Final = frozenset({"garment", "body"})
_CONTENT: Final = frozenset({"food", "water", "plant"})
_TOLD: Final = frozenset({"animal", "vehicle", "garment", "person", "food"})
_CRISP: Final = {"animal": 0.5, "vehicle": 0.5, "person": 1.0, "food": 0.42}
"""Sorts whose kinds people tell apart: two of them are near only from this closeness on."""
_NEAR: Final = 0.36
"""Closeness from which two other things are near: containers and garments are, devices are not."""
_GROWN: Final = 0.3
"""Closeness from which a plant and a food are near."""
_OF_PARTS: Final = 0.35
"""A whole more general than this has parts that say nothing."""


def relate(noun: str, other: str) -> Kinship:
    """What one noun is to another.

    Example:
        >>> for noun in ("puppies", "poodle", "animal", "paw", "cat", "violin"):
        ...     print(noun, relate(noun, "dog").relation.name)
        puppies KIND
        poodle KIND
        animal WIDER
        paw PART
        cat SIBLING
        violin FAR
    """
    words = wordnet()
    return relate_synsets(words.usual(noun), words.usual(other))


def relate_synsets(synsets: Iterable[int], others: Iterable[int]) -> Kinship:
    """What a noun that may mean `synsets` is to one that may mean `others`."""
    return _relate(tuple(synsets), tuple(others))


@lru_cache(maxsize=50_000)
def _relate(synsets: tuple[int, ...], others: tuple[int, ...]) -> Kinship:
    if not synsets or not others:
        return Kinship(Relation.UNKNOWN, 0.0)
    words = wordnet()
    found = [_pair(words, a, b) for a in synsets for b in others]
    relation = min(kinship.relation for kinship in found)
    if relation > Relation.VAGUE and is_vague(synsets[0]):
        relation = Relation.VAGUE
    return Kinship(relation, max(kinship.closeness for kinship in found))


def is_vague(synset: int) -> bool:
    """True for groups, shapes, places and pictures, which say little of what is there."""
    above = wordnet().ancestors(synset)
    return bool(above & _tops(_VAGUE)) and not above & _tops(_NOT_VAGUE)


@lru_cache(maxsize=20_000)
def domains_of(synset: int) -> frozenset[str]:
    """The sorts of things that a meaning belongs to; empty for most artefacts."""
    above = wordnet().ancestors(synset)
    return frozenset(name for name, keys in _DOMAINS.items() if above & _tops(keys))


@lru_cache(maxsize=64)
def _tops(keys: str) -> frozenset[int]:
    return frozenset(wordnet().named(key) for key in keys.split())


def _pair(words: WordNet, a: int, b: int) -> Kinship:
    above_a, above_b = words.ancestors(a), words.ancestors(b)
    closeness = max((words.specificity(s) for s in above_a & above_b), default=0.0)
    if a == b:
        return Kinship(Relation.SAME, 1.0)
    if b in above_a:
        return Kinship(Relation.KIND, closeness)
    if a in above_b:
        return Kinship(Relation.WIDER, closeness)
    if _is_part(words, a, b) or _is_part(words, b, a) or _is_worn(a, b):
        return Kinship(Relation.PART, closeness)
    return Kinship(_apart(a, b, closeness), closeness)


def _is_part(words: WordNet, part: int, whole: int) -> bool:
    """True where `part`, or what lies above it, belongs to `whole` or to what lies above that."""
    reached = _wholes(words, part)
    further = {w for s in reached for w in _wholes(words, s)}
    return any(words.specificity(s) >= _OF_PARTS for s in (reached | further) & words.ancestors(whole))


def _wholes(words: WordNet, synset: int) -> set[int]:
    return {w for s in words.ancestors(synset) if words.specificity(s) >= _OF_PARTS for w in words.wholes(s)}


def kind_is_told(noun: str) -> bool:
    """True for a noun that is no mere part of things: a vehicle, an animal, a garment."""
    return any(domains_of(synset) & _TOLD for synset in wordnet().usual(noun)[:1])


def _is_worn(a: int, b: int) -> bool:
    mine, theirs = domains_of(a), domains_of(b)
    if mine & _CONTENT and "vehicle" not in theirs and _tops("container#1") & wordnet().ancestors(b):
        return True
    if mine & _WORN and "person" in theirs:
        return True
    if "body" in mine and "animal" in theirs:
        return True
    # Furniture, vehicles and clothes are spoken of by what they are made of.
    return "material" in mine and "material" not in theirs and wordnet().lexname(b) == 6


def _apart(a: int, b: int, closeness: float) -> Relation:
    mine, theirs = domains_of(a), domains_of(b)
    if mine & _SCENERY and theirs & _SCENERY:
        return Relation.NEAR
    if shared := [name for name in _CRISP if name in mine & theirs]:
        return Relation.NEAR if closeness >= max(_CRISP[name] for name in shared) else Relation.SIBLING
    if {"plant", "food"} <= mine | theirs and closeness >= _GROWN:
        return Relation.NEAR
    return Relation.NEAR if closeness >= _NEAR else Relation.FAR
