"""Concrete nouns of WordNet 3.0: what a noun can mean, and what those meanings lie under and belong to.

The file beside this module is made by `scripts/wordnet_nouns.py` and carries WordNet's licence. It is read
once, in about a tenth of a second, when the first noun is looked up.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

from pix2cap.text.words import singulars

_FILE: Final = "wordnet_nouns.txt"
_USUAL_SHARE: Final = 0.05
"""A sense counts as usual where it was seen at least this often for each time that the commonest was."""
_COUNTED: Final = 3
"""A noun of which no sense was seen more often has no known commonest sense."""
_UNSEEN_RANK: Final = 4
"""Of such a noun, senses up to this rank are usual."""
_SPLIT: Final = re.compile(r"[\s_-]+")
PERSON: Final = 18
"""Number of the lexicographer's file of persons."""


@dataclass(frozen=True, slots=True)
class Sense:
    """One visible meaning of a noun.

    Args:
        synset: Its number in our file.
        rank: Place among all senses of the noun, 0 for the first; senses that cannot be seen count.
        count: How often it was seen in WordNet's tagged texts.
    """

    synset: int
    rank: int
    count: int


class WordNet:
    """Words and synsets; get the packaged one with `wordnet()`.

    Args:
        text: Content of the file.
    """

    def __init__(self, text: str) -> None:
        body = text[text.index("\nsynsets\n") + len("\nsynsets\n") :]
        synsets, _, rest = body.partition("\nwords\n")
        words, _, plurals = rest.partition("\nplurals\n")
        self._rows = synsets.split("\n")
        self._words = dict(line.split(" ", 1) for line in words.split("\n"))
        self._plurals = dict(line.split(" ", 1) for line in plurals.split("\n") if line)
        self._ancestors: dict[int, frozenset[int]] = {}

    def lemmas(self, noun: str) -> tuple[str, ...]:
        """The entries that a noun, singular or plural, may be a form of, likeliest first.

        Args:
            noun: One word or more, joined by spaces, hyphens or underscores.
        """
        written = noun.lower().strip().replace(" ", "_")
        *first, last = _SPLIT.split(written)
        irregular = self._plurals.get(last, "").split()
        found = [written] if written in self._words else []
        for form in dict.fromkeys((*irregular, *singulars(last))):
            for joint in ("_", "-", "") if first else ("",):
                lemma = joint.join((*first, form))
                if lemma in self._words:
                    found.append(lemma)
        return tuple(dict.fromkeys(found))

    def nouns(self) -> tuple[str, ...]:
        """Every entry, in alphabetic order, words joined by underscores or hyphens."""
        return tuple(self._words)

    def knows(self, noun: str) -> bool:
        """True for a noun with a visible meaning."""
        return bool(self.lemmas(noun))

    def is_mostly_noun(self, noun: str) -> bool:
        """False for a word that is as often an adjective or a verb: white, overcast, short."""
        return any(self._words[lemma][0] not in "av" for lemma in self.lemmas(noun))

    def senses(self, noun: str) -> tuple[Sense, ...]:
        """Every visible meaning, WordNet's first one first; empty for a noun without one."""
        found: dict[int, Sense] = {}
        for lemma in self.lemmas(noun):
            for rank, cell in enumerate(self._words[lemma].lstrip("av ").split()):
                name, _, count = cell.partition("*")
                if name.isdigit():
                    sense = Sense(int(name), rank, int(count or 0))
                    found.setdefault(sense.synset, sense)
        return tuple(found.values())

    def is_usually_seen(self, noun: str) -> bool:
        """True where at least half of the uses of a noun mean something visible: "dog", not "game"."""
        for lemma in self.lemmas(noun)[:1]:
            cells = [cell.partition("*") for cell in self._words[lemma].lstrip("av= ").split()]
            seen = sum(int(count or 0) for name, _, count in cells if name.isdigit())
            total = sum(int(count or 0) for name, _, count in cells if name != "=")
            return 2 * seen >= total
        return False

    def usual(self, noun: str) -> tuple[int, ...]:
        """Synsets that a caption may well mean: no rare senses, no people called by an animal's name."""
        return _usual(self, noun)

    def ancestors(self, synset: int) -> frozenset[int]:
        """The synset and everything above it."""
        found = self._ancestors.get(synset)
        if found is None:
            above = (self.ancestors(number) for number in self._numbers(synset, 1))
            found = self._ancestors[synset] = frozenset({synset}).union(*above)
        return found

    def wholes(self, synset: int) -> tuple[int, ...]:
        """What it is a part, a member or the substance of, by itself."""
        return self._numbers(synset, 3)

    def lexname(self, synset: int) -> int:
        """Number of the lexicographer's file: 5 animals, 6 artefacts, 13 food, 18 persons, 20 plants."""
        return int(self._rows[synset].split(" ", 1)[0])

    def specificity(self, synset: int) -> float:
        """0 for what is above everything, 1 for what has nothing below it.

        The information content of Seco, Veale and Hayes, "An Intrinsic Information Content Metric for
        Semantic Similarity in WordNet", ECAI 2004.
        """
        cells = self._rows[synset].split(" ")
        below = int(cells[2] or 0) if len(cells) > 2 else 0
        return 1 - math.log(below + 1) / math.log(len(self._rows))

    def named(self, key: str) -> int:
        """The synset of `noun#n`, its n-th sense counted from 1 as WordNet numbers them.

        Raises:
            KeyError: There is no such noun, or that sense cannot be seen.
        """
        noun, _, number = key.partition("#")
        for sense in self.senses(noun):
            if sense.rank == int(number or 1) - 1:
                return sense.synset
        raise KeyError(f"expected a visible sense of a noun of WordNet, such as dog#1, got {key!r}")

    def _numbers(self, synset: int, column: int) -> tuple[int, ...]:
        cells = self._rows[synset].split(" ")
        return tuple(map(int, cells[column].split(","))) if len(cells) > column and cells[column] else ()


@lru_cache(maxsize=1)
def wordnet() -> WordNet:
    """The packaged nouns.

    Example:
        >>> dog = wordnet().named("dog#1")
        >>> wordnet().named("animal#1") in wordnet().ancestors(dog)
        True
        >>> wordnet().lemmas("fire trucks"), wordnet().lemmas("geese"), wordnet().is_mostly_noun("evergreen")
        (('fire_truck',), ('goose',), False)
    """
    return WordNet(files("pix2cap.text").joinpath(_FILE).read_text("utf-8"))


@lru_cache(maxsize=20_000)
def _usual(words: WordNet, noun: str) -> tuple[int, ...]:
    senses = words.senses(noun)
    most = max((sense.count for sense in senses), default=0)
    kept = [
        sense
        for place, sense in enumerate(senses)
        if not place
        or (sense.count and sense.count >= _USUAL_SHARE * most)
        or (most < _COUNTED and sense.rank <= _UNSEEN_RANK)
    ]
    # "Bear", "crumb" and "doll" are people in WordNet too, but never in a caption of a bear.
    first_is_person = bool(kept) and words.lexname(kept[0].synset) == PERSON
    if not first_is_person:
        kept = [sense for sense in kept if words.lexname(sense.synset) != PERSON] or kept
    kept = _without_products(words, kept)
    return tuple(sense.synset for sense in kept)


def _without_products(words: WordNet, senses: list[Sense]) -> list[Sense]:
    """A raccoon is no fur, and an almond no tree, unless a caption says so: "raccoon fur", "almond tree"."""
    for top, product in (("animal#1", "animal_skin#1"), ("food#2", "woody_plant#1")):
        has, lies = words.named(top), words.named(product)
        if any(has in words.ancestors(sense.synset) for sense in senses):
            senses = [sense for sense in senses if lies not in words.ancestors(sense.synset)] or senses
    return senses
