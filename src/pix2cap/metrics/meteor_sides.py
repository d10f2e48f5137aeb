"""One caption as METEOR's aligner sees it: its words, their stems and synonym sets, and its phrases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pix2cap.metrics.meteor_data import MeteorData
from pix2cap.metrics.meteor_paraphrases import LONGEST_PHRASE, ParaphraseTable
from pix2cap.metrics.meteor_stem import stem

Places = dict[str, list[int]]
Phrase = tuple[int, int, Mapping[str, int]]
"""Where it begins, how many words it has, and its paraphrases with their order."""


@dataclass(frozen=True, slots=True)
class Side:
    """One caption, test or reference.

    Args:
        words: Its words.
        is_function: Which of them are function words.
        places: Word to the places where it stands.
        stems: The stem of each word.
        stem_places: Stem to places.
        synsets: The synonym sets of each word; empty without METEOR's data.
        phrases: The runs of words that have paraphrases, by place, then length.
        runs: Every run of up to seven words.
    """

    words: tuple[str, ...]
    is_function: tuple[bool, ...]
    places: Places
    stems: tuple[str, ...]
    stem_places: Places
    synsets: tuple[frozenset[int], ...] = ()
    phrases: tuple[Phrase, ...] = ()
    runs: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, words: Iterable[str], data: MeteorData | None) -> Side:
        """Looks the words up.

        Args:
            words: Normalised words.
            data: METEOR's data; without it there are no function words, synonyms and paraphrases.
        """
        words = tuple(words)
        stems = tuple(map(stem, words))
        places, stem_places = _places(words), _places(stems)
        if data is None:
            return cls(words, (False,) * len(words), places, stems, stem_places)
        is_function = tuple(word in data.function_words for word in words)
        synsets = tuple(map(data.synsets_of, words))
        phrases, runs = _phrases(words, data.paraphrases)
        return cls(words, is_function, places, stems, stem_places, synsets, phrases, runs)

    def places_of(self, phrase: str) -> tuple[list[int], int]:
        """Where a run of words begins, and how many words it has."""
        words = tuple(phrase.split(" "))
        length = len(words)
        starts = self.places[words[0]]
        return [start for start in starts if self.words[start : start + length] == words], length


def _places(keys: Iterable[str]) -> Places:
    places: Places = {}
    for place, key in enumerate(keys):
        if key in places:
            places[key].append(place)
        else:
            places[key] = [place]
    return places


def _phrases(words: tuple[str, ...], table: ParaphraseTable) -> tuple[tuple[Phrase, ...], set[str]]:
    text = " ".join(words)
    ends = [len(word) for word in words]
    starts = [0] * len(words)
    for place in range(1, len(words)):
        starts[place] = ends[place - 1] + 1
        ends[place] += starts[place]
    spans = [
        (place, length)
        for place in range(len(words))
        for length in range(1, min(LONGEST_PHRASE, len(words) - place) + 1)
    ]
    runs = [text[starts[place] : ends[place + length - 1]] for place, length in spans]
    # A set, not a frozenset: a dictionary's keys meet a plain set by way of the smaller of the two.
    distinct = set(runs)
    known = table.known(distinct)
    phrases = [(*span, table.of(run)) for span, run in zip(spans, runs, strict=True) if run in known]
    return tuple(phrases), distinct
