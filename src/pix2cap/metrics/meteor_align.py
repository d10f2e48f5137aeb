"""METEOR 1.5's aligner: every match of every stage, and a beam search for the best set of them.

The search goes through the reference from left to right and prefers more covered words, then fewer chunks,
then shorter distances between matched places. What decides between alignments that look equal is as in the
jar: the order of matches, a beam of 40, a stable sort, weights of 1 for exact matches and one half for the
others, rounded down after each match, and the distances of all choices at a word, which the path that skips
it bears too.

Source: Denkowski and Lavie, "Meteor Universal: Language Specific Translation Evaluation for Any Target
Language", WMT 2014; the details are those of meteor-1.5.jar.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Final

from pix2cap.metrics.meteor_sides import Side

EXACT: Final = 0
STEM: Final = 1
SYNONYM: Final = 2
PARAPHRASE: Final = 3

_BEAM: Final = 40
_CHUNK: Final = 1 << 32
_COVERED: Final = 1 << 48

Match = tuple[int, int, int, int, int]
"""A run of reference words and the run of test words that says the same: start and length in the reference,
start and length in the test, stage."""


def align(test: Side, reference: Side) -> list[Match]:
    """The best alignment found.

    Args:
        test: The candidate.
        reference: The reference.

    Returns:
        Matches in the order of the reference; no word is in two.
    """
    choices = _all_matches(test, reference)
    certain = _certain_matches(choices, len(test.words))
    found = [match for match in certain if match is not None]
    if len(found) == sum(map(bool, choices)):
        return found
    return sorted(found + _search(choices, certain))


def _all_matches(test: Side, reference: Side) -> list[list[Match]]:
    """The matches that begin at each word of the reference, stage after stage."""
    places, stem_places, words = test.places, test.stem_places, test.words
    choices: list[list[Match]] = [
        [(start, 1, place, 1, EXACT) for place in places.get(word, ())]
        for start, word in enumerate(reference.words)
    ]
    if words == reference.words:
        return choices
    for start, (word, stem) in enumerate(zip(reference.words, reference.stems, strict=True)):
        choices[start] += [
            (start, 1, place, 1, STEM) for place in stem_places.get(stem, ()) if words[place] != word
        ]
    meanings = [(place, words[place], synsets) for place, synsets in enumerate(test.synsets) if synsets]
    any_meaning = set().union(*test.synsets)
    for start, (word, synsets) in enumerate(zip(reference.words, reference.synsets, strict=False)):
        if not synsets.isdisjoint(any_meaning):
            choices[start] += [
                (start, 1, place, 1, SYNONYM)
                for place, other, meaning in meanings
                if not synsets.isdisjoint(meaning) and other != word
            ]
    _add_paraphrases(choices, test, reference)
    return choices


def _add_paraphrases(choices: list[list[Match]], test: Side, reference: Side) -> None:
    """Phrases of the reference with a paraphrase in the test, then the other way round."""
    for start, length, paraphrases in reference.phrases:
        found = paraphrases.keys() & test.runs
        for phrase in sorted(found, key=paraphrases.__getitem__):
            test_places, test_length = test.places_of(phrase)
            choices[start] += [(start, length, place, test_length, PARAPHRASE) for place in test_places]
    for place, test_length, paraphrases in test.phrases:
        found = paraphrases.keys() & reference.runs
        for phrase in sorted(found, key=paraphrases.__getitem__):
            places, length = reference.places_of(phrase)
            for start in places:
                choices[start].append((start, length, place, test_length, PARAPHRASE))


def _certain_matches(choices: list[list[Match]], test_words: int) -> list[Match | None]:
    """The matches that share no word with any other, by where they start: these need no search."""
    test_cover = [0] * test_words
    cover = [0] * len(choices)
    for matches in choices:
        for start, length, test_start, test_length, _ in matches:
            if length == test_length == 1:
                cover[start] += 1
                test_cover[test_start] += 1
                continue
            for place in range(start, start + length):
                cover[place] += 1
            for place in range(test_start, test_start + test_length):
                test_cover[place] += 1
    certain: list[Match | None] = [None] * len(choices)
    for start, matches in enumerate(choices):
        if len(matches) == 1:
            _, length, test_start, test_length, _ = matches[0]
            if (
                max(cover[start : start + length]) == 1
                and max(test_cover[test_start : test_start + test_length]) == 1
            ):
                certain[start] = matches[0]
    return certain


_Chain = tuple["_Chain", Match] | None
_Path = tuple[int, int, int, int, int, _Chain]
"""Rank (lower is better), next free word, end of the last match in the test (-1: none adjoins), used words of
the reference and of the test as bits, and the chosen matches, last first."""


def _search(choices: list[list[Match]], certain: list[Match | None]) -> list[Match]:
    """The matches chosen beside the certain ones."""
    used, test_used = 0, 0
    for match in certain:
        if match is not None:
            used |= _bits(match[0], match[1])
            test_used |= _bits(match[2], match[3])
    paths: list[_Path] = [(0, 0, -1, used, test_used, None)]
    for place, matches in enumerate(choices):
        if len(paths) > 1:
            paths.sort(key=_rank)
            del paths[_BEAM:]
        fixed = certain[place]
        if fixed is not None:
            paths = _with_certain(paths, fixed)
        elif matches:
            paths = _with_choices(paths, place, matches)
        else:
            paths = [
                path if path[1] > place else (path[0] + _CHUNK * (path[2] >= 0), place + 1, -1, *path[3:])
                for path in paths
            ]
    paths.sort(key=_rank)
    best = min(paths[:_BEAM], key=lambda path: path[0] + _CHUNK * (path[2] >= 0))
    chosen = []
    chain = best[5]
    while chain is not None:
        chain, match = chain
        chosen.append(match)
    return chosen


_rank = itemgetter(0)


def _bits(start: int, length: int) -> int:
    return ((1 << length) - 1) << start


def _gain(match: Match) -> int:
    """What a match takes off the rank: words covered, on each side halved and rounded down if not exact."""
    _, length, _, test_length, stage = match
    return (length + test_length if stage == EXACT else length // 2 + test_length // 2) * _COVERED


def _with_certain(paths: list[_Path], match: Match) -> list[_Path]:
    start, length, test_start, test_length, _ = match
    end, test_end = start + length, test_start + test_length
    change = abs(start - test_start) - _gain(match)
    broken = change + _CHUNK
    return [
        (
            rank + (broken if last_end >= 0 and last_end != test_start else change),
            end,
            test_end,
            used,
            test_used,
            chain,
        )
        for rank, _, last_end, used, test_used, chain in paths
    ]


def _with_choices(paths: list[_Path], place: int, matches: list[Match]) -> list[_Path]:
    """Each path with each match that is still free, then without any."""
    options = [
        (
            _bits(place, match[1]),
            _bits(match[2], match[3]),
            _gain(match),
            match[2],
            match[2] + match[3],
            match,
        )
        for match in matches
    ]
    further: list[_Path] = []
    for path in paths:
        rank, free, last_end, used, test_used, chain = path
        if free > place:
            further.append(path)
            continue
        if used >> place & 1:
            continue
        for bits, test_bits, gain, test_start, test_end, match in options:
            if bits & used or test_bits & test_used:
                continue
            new_rank = rank - gain
            if last_end >= 0 and test_start != last_end:
                new_rank += _CHUNK
            end = place + match[1]
            further.append((new_rank, end, test_end, used | bits, test_used | test_bits, (chain, match)))
            rank += abs(place - test_start)
        if last_end >= 0:
            rank += _CHUNK
        further.append((rank, place + 1, -1, used, test_used, chain))
    return further
