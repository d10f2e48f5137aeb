"""Is a caption's subject the class of its segment, or surely something else?

Everything that a caption may honestly call a segment is silence: the class, a kind of it, a more general
word, a part or garment or material of it, a shape, a group, and what lies so near that people differ. What is
left has to be known as something else, by the lexicon of classes or by WordNet, before it counts.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from pix2cap.text.classes import ClassSense, are_kin, kinship, lexicon, noun_of, says_name
from pix2cap.text.color_claims import COLOR_TERMS
from pix2cap.text.kinship import Relation, kind_is_told
from pix2cap.text.subject import Subject
from pix2cap.text.words import singulars


class Standing(IntEnum):
    """What a noun says of a class."""

    OWN = 0
    """It names the class."""
    FITS = 1
    """The class may be spoken of so."""
    SILENT = 2
    """Nothing: a part of many things, or a word that nobody knows."""
    SIBLING = 3
    """Something else of the same sort."""
    STRANGER = 4
    """Something else."""


_LISTED: Final = 0.8
_LISTED_SIBLING: Final = 0.7
_FAREST: Final = 0.75
_SIBLING: Final = 0.6
_OF_A_STRANGER: Final = 0.6
_JOINED: Final = 0.5
"""Where the class is joined by "and" with something else."""


def standing(noun: str, sense: ClassSense) -> Standing:
    """What a noun of the subject says of a class.

    Example:
        >>> from pix2cap.text.classes import sense_of
        >>> [standing(noun, sense_of("dog")).name for noun in ("poodle", "paw", "handle", "cat", "violin")]
        ['OWN', 'FITS', 'SILENT', 'SIBLING', 'STRANGER']
    """
    words = lexicon()
    if says_name(noun, sense) or words.named(noun) & sense.classes:
        return Standing.OWN
    relation = kinship(noun, sense).relation
    if relation <= Relation.KIND:
        return Standing.OWN
    if words.suits(noun) & sense.classes or relation is Relation.WIDER:
        return Standing.FITS
    if "-" in noun and not words.lists(noun):
        first, _, last = noun.partition("-")
        if relation is Relation.UNKNOWN and standing(last, sense) is Standing.OWN:
            return Standing.OWN  # A forklift truck is a truck.
        if standing(first, sense) is Standing.OWN and not kind_is_told(last):
            return Standing.FITS  # A knife handle is the knife's.
    named = words.named(noun)
    if named and sense.classes:
        # An umbrella may be taken for a roof, but as an umbrella it is no kin of walls.
        itself = frozenset(name for name in named if noun_of(name) in singulars(noun))
        named = itself if itself and relation >= Relation.SIBLING else named
        if are_kin(named, sense.classes, strict=True):
            return Standing.FITS
        return Standing.SIBLING if are_kin(named, sense.classes) else Standing.STRANGER
    if words.lists(noun) and not named and (noun in COLOR_TERMS or not kind_is_told(noun)):
        return Standing.SILENT
    return _STANDINGS[relation]


_STANDINGS: Final = {
    Relation.PART: Standing.FITS,
    Relation.VAGUE: Standing.SILENT,
    Relation.NEAR: Standing.FITS,
    Relation.SIBLING: Standing.SIBLING,
    Relation.FAR: Standing.STRANGER,
    Relation.UNKNOWN: Standing.SILENT,
}


def strangeness(subject: Subject, sense: ClassSense, *, strict: bool = False) -> float:
    """How sure it is that a subject is not of a class; 0 where it may be.

    Args:
        subject: The nouns of a caption's subject.
        sense: The class of its segment.
        strict: Whether siblings count, and a noun of the class before another thing's noun does not save it.
    """
    if not sense.classes and not sense.synsets:
        return 0.0
    heads = {noun: standing(noun, sense) for noun in subject.heads}
    others = {noun: standing(noun, sense) for noun in subject.others}
    if Standing.OWN in heads.values():
        return _JOINED if strict and Standing.STRANGER in heads.values() else 0.0
    if Standing.FITS in heads.values() or not any(s >= Standing.SIBLING for s in heads.values()):
        return _of_others(subject, others, sense, strict=strict)
    is_told = any(kind_is_told(noun) for noun in subject.heads)
    if not is_told and any(others[noun] <= Standing.FITS for noun in subject.owners):
        return 0.0  # "A carpet of snow", "a bowl of fruit", though no "bird of white cloud".
    if _saves(heads, others, sense, strict=strict):
        return 0.0
    worst = max(heads, key=lambda noun: heads[noun])
    if not strict and heads[worst] is not Standing.STRANGER:
        return 0.0
    return _sureness(worst, heads[worst], sense)


def _saves(
    heads: dict[str, Standing], others: dict[str, Standing], sense: ClassSense, *, strict: bool
) -> bool:
    """True where a noun before the head makes the subject one of the class: "a truck bed"."""
    words = lexicon()
    named = any(s is Standing.OWN or (not strict and s is Standing.FITS) for s in others.values())
    if not named or not strict:
        return named
    return not any(
        kind_is_told(noun) or (words.lists(noun) and words.named(noun))
        for noun in heads
        if kinship(noun, sense).relation > Relation.NEAR
    )


def _of_others(subject: Subject, others: dict[str, Standing], sense: ClassSense, *, strict: bool) -> float:
    """Where the heads say nothing: a part's whole may be something else, "the handle of a spoon"."""
    if not strict and subject.heads:
        return 0.0
    owners = {noun: others[noun] for noun in subject.owners} if subject.heads else others
    if not owners or any(s < Standing.SIBLING for s in others.values()):
        return 0.0
    worst = max(owners, key=lambda noun: owners[noun])
    if not strict and owners[worst] is not Standing.STRANGER:
        return 0.0
    return min(_OF_A_STRANGER, _sureness(worst, owners[worst], sense))


def _sureness(noun: str, found: Standing, sense: ClassSense) -> float:
    if lexicon().named(noun) and sense.classes:
        return _LISTED if found is Standing.STRANGER else _LISTED_SIBLING
    if found is Standing.SIBLING:
        return _SIBLING
    return round(_FAREST - 0.4 * kinship(noun, sense).closeness, 2)
