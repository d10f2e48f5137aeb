"""One caption as METEOR's aligner sees it: words, stems, synonym sets and phrases, each found by what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pix2cap.metrics.meteor_data import MeteorData
from pix2cap.metrics.meteor_paraphrases import LONGEST_PHRASE
from pix2cap.metrics.meteor_stem import stem

Places = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Side:
    """One caption, test or reference.

    Args:
        words: Its words.
        is_function: Which of them are function words.
        places: Word to the places where it stands.
        stems: The stem of each word.
        stem_places: Stem to places.
        synsets: The synonym sets of each word.
        synset_places: Number of a synonym set to places.
        phrases: `(start, length, paraphrases)` of each run of words that has paraphrases.
        runs: Each run of up to seven words to the places where it begins.
    """

    words: tuple[str, ...]
    is_function: tuple[bool, ...]
    places: Places
    stems: tuple[str, ...]
    stem_places: Places
    synsets: tuple[frozenset[int], ...] = ()
    synset_places: Mapping[int, list[int]] | None = None
    phrases: tuple[tuple[int, int, Mapping[str, int]], ...] = ()
    runs: Places | None = None

    @classmethod
    def of(cls, words: Iterable[str], data: MeteorData | None) -> Side:
        """Looks the words up.

        Args:
            words: Normalised words.
            data: METEOR's data; without it there are no function words, synonyms and paraphrases.
        """
        words = tuple(words)
        stems = tuple(map(stem, words))
        if data is None:
            return cls(words, (False,) * len(words), _places(words), stems, _places(stems))
        synsets = tuple(map(data.synsets_of, words))
        synset_places: dict[int, list[int]] = {}
        for place, numbers in enumerate(synsets):
            for number in numbers:
                synset_places.setdefault(number, []).append(place)
        runs, phrases = _runs(words, data)
        return cls(
            words,
            tuple(word in data.function_words for word in words),
            _places(words),
            stems,
            _places(stems),
            synsets,
            synset_places,
            phrases,
            runs,
        )


def _places(keys: Iterable[str]) -> Places:
    places: Places = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return places


def _runs(words: tuple[str, ...], data: MeteorData) -> tuple[Places, tuple[tuple[int, int, Mapping[str, int]], ...]]:
    table = data.paraphrases
    runs: Places = {}
    phrases: list[tuple[int, int, Mapping[str, int]]] = []
    for start in range(len(words)):
        run = ""
        for end in range(start + 1, min(len(words), start + LONGEST_PHRASE) + 1):
            run = f"{run} {words[end - 1]}" if run else words[start]
            runs.setdefault(run, []).append(start)
            if run in table:
                phrases.append((start, end - start, table.of(run)))
    return runs, tuple(phrases)
