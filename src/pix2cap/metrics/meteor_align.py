"""METEOR 1.5's aligner: every match of every stage, and a beam search for the best set of them.

The search goes through the reference from left to right and prefers more covered words, then fewer chunks, then
shorter distances between matched places. It copies the jar's search in what decides between alignments that
look equal: the order of matches, a beam of 40, a stable sort, weights of 1 for exact matches and one half for the
others, rounded down after each match, and the distances of all choices at a word, which the path that skips it
bears too.

Source: Denkowski and Lavie, "Meteor Universal: Language Specific Translation Evaluation for Any Target
Language", WMT 2014; the details are those of meteor-1.5.jar.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Final, NamedTuple

from pix2cap.metrics.meteor_sides import Side

EXACT: Final = 0
STEM: Final = 1
SYNONYM: Final = 2
PARAPHRASE: Final = 3

_BEAM: Final = 40
_CHUNK: Final = 1 << 32
_COVERED: Final = 1 << 48


class Match(NamedTuple):
    """A run of reference words and the run of test words that says the same."""

    start: int
    length: int
    test_start: int
    test_length: int
    stage: int

    @property
    def gain(self) -> int:
        """Words covered on both sides, halved and rounded down on each where not exact."""
        if self.stage == EXACT:
            return self.length + self.test_length
        return self.length // 2 + self.test_length // 2


def align(test: Side, reference: Side) -> list[Match]:
    """The best alignment found.

    Args:
        test: The candidate.
        reference: The reference.

    Returns:
        Matches in the order of the reference; no word is in two.
    """
    choices = _all_matches(test, reference)
    test_cover = [0] * len(test.words)
    cover = [0] * len(reference.words)
    for matches in choices:
        for match in matches:
            for place in range(match.start, match.start + match.length):
                cover[place] += 1
            for place in range(match.test_start, match.test_start + match.test_length):
                test_cover[place] += 1
    # A match that shares no word with any other needs no search.
    certain: list[Match | None] = [None] * len(choices)
    for start, matches in enumerate(choices):
        if len(matches) == 1:
            match = matches[0]
            if (
                sum(cover[start : start + match.length]) == match.length
                and sum(test_cover[match.test_start : match.test_start + match.test_length]) == match.test_length
            ):
                certain[start] = match
    if sum(map(bool, choices)) == sum(map(bool, certain)):
        return [match for match in certain if match is not None]
    return _search(choices, certain)


def _all_matches(test: Side, reference: Side) -> list[list[Match]]:
    """The matches that begin at each word of the reference, stage after stage."""
    choices: list[list[Match]] = [[] for _ in reference.words]
    places = test.places
    for start, word in enumerate(reference.words):
        choices[start] = [Match(start, 1, place, 1, EXACT) for place in places.get(word, ())]
    if test.words == reference.words:
        return choices
    words = test.words
    stem_places = test.stem_places
    for start, stem in enumerate(reference.stems):
        for place in stem_places.get(stem, ()):
            if words[place] != reference.words[start]:
                choices[start].append(Match(start, 1, place, 1, STEM))
    _add_synonyms(choices, test, reference)
    _add_paraphrases(choices, test, reference)
    return choices


def _add_synonyms(choices: list[list[Match]], test: Side, reference: Side) -> None:
    by_synset = test.synset_places
    if by_synset is None:
        return
    for start, numbers in enumerate(reference.synsets):
        shared = by_synset.keys() & numbers
        if shared:
            word = reference.words[start]
            for place in sorted({place for number in shared for place in by_synset[number]}):
                if test.words[place] != word:
                    choices[start].append(Match(start, 1, place, 1, SYNONYM))


def _add_paraphrases(choices: list[list[Match]], test: Side, reference: Side) -> None:
    if test.runs is None or reference.runs is None:
        return
    test_runs, runs = test.runs.keys(), reference.runs.keys()
    for start, length, paraphrases in reference.phrases:
        for phrase in sorted(paraphrases.keys() & test_runs, key=paraphrases.__getitem__):
            test_length = phrase.count(" ") + 1
            for place in test.runs[phrase]:
                choices[start].append(Match(start, length, place, test_length, PARAPHRASE))
    for place, test_length, paraphrases in test.phrases:
        for phrase in sorted(paraphrases.keys() & runs, key=paraphrases.__getitem__):
            length = phrase.count(" ") + 1
            for start in reference.runs[phrase]:
                choices[start].append(Match(start, length, place, test_length, PARAPHRASE))


_Path = tuple[int, int, int, int, int, "tuple[object, Match] | None"]
"""Rank (lower is better), next free word, end of the last match in the test (-1: none adjoining), used words of
the reference and of the test as bits, and the chosen matches, last first."""


def _search(choices: list[list[Match]], certain: list[Match | None]) -> list[Match]:
    used, test_used = 0, 0
    for match in certain:
        if match is not None:
            used |= _bits(match.start, match.length)
            test_used |= _bits(match.test_start, match.test_length)
    paths: list[_Path] = [(0, 0, -1, used, test_used, None)]
    rank_of = itemgetter(0)
    for place, matches in enumerate(choices):
        if len(paths) > 1:
            paths.sort(key=rank_of)
            del paths[_BEAM:]
        fixed = certain[place]
        if fixed is not None:
            paths = [_take_certain(path, fixed) for path in paths]
        elif not matches:
            paths = [
                path if path[1] > place else (path[0] + _CHUNK * (path[2] >= 0), place + 1, -1, *path[3:])
                for path in paths
            ]
        else:
            options = [_option(match) for match in matches]
            paths = [further for path in paths for further in _extend(path, place, options)]
    if len(paths) > 1:
        paths.sort(key=rank_of)
        del paths[_BEAM:]
    best = min(paths, key=lambda path: path[0] + _CHUNK * (path[2] >= 0))
    chosen = [match for match in certain if match is not None]
    chain = best[5]
    while chain is not None:
        chosen.append(chain[1])
        chain = chain[0]  # type: ignore[assignment]
    chosen.sort()
    return chosen


def _bits(start: int, length: int) -> int:
    return ((1 << length) - 1) << start


_Option = tuple[int, int, int, int, int, int, Match]


def _option(match: Match) -> _Option:
    """A match as the search needs it: bits on both sides, rank gained, test place, ends, distance, itself."""
    return (
        _bits(match.start, match.length),
        _bits(match.test_start, match.test_length),
        match.gain * _COVERED,
        match.test_start,
        match.test_start + match.test_length,
        match.start + match.length,
        match,
    )


def _take_certain(path: _Path, match: Match) -> _Path:
    rank, _, last_end, used, test_used, chain = path
    rank += abs(match.start - match.test_start) - match.gain * _COVERED
    if last_end >= 0 and match.test_start != last_end:
        rank += _CHUNK
    return rank, match.start + match.length, match.test_start + match.test_length, used, test_used, chain


def _extend(path: _Path, place: int, options: list[_Option]) -> list[_Path]:
    """The path with each match that is still free, then without any."""
    rank, free, last_end, used, test_used, chain = path
    if free > place:
        return [path]
    if used >> place & 1:
        return []
    paths: list[_Path] = []
    for bits, test_bits, gain, test_start, test_end, end, match in options:
        if bits & used or test_bits & test_used:
            continue
        new_rank = rank - gain
        if last_end >= 0 and test_start != last_end:
            new_rank += _CHUNK
        paths.append((new_rank, end, test_end, used | bits, test_used | test_bits, (chain, match)))
        rank += abs(place - test_start)
    if last_end >= 0:
        rank += _CHUNK
    paths.append((rank, place + 1, -1, used, test_used, chain))
    return paths
