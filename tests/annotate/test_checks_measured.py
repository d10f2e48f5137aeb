"""The checks on real captions: hardly one accused, planted faults found."""

import random
from pathlib import Path

import pytest
from benchmarks.check_faults import Picture
from benchmarks.checks import PLANTERS, accused, measure, read_pictures

FLOORS = {
    "mark_talk": 0.95, "refusal": 0.95, "language": 0.95, "cut, after a word": 0.95, "cut, in a word": 0.95,
    "repeat, word for word": 0.95, "repeat, altered": 0.95, "class, other": 0.85, "swap, other class": 0.85,
    "side, words flipped": 0.85, "side, added": 0.8, "cut, anywhere": 0.95, "repeat, in other words": 0.9,
    "language, garbled": 0.9, "swap, three in a ring": 0.85, "side, other words": 0.75,
}  # fmt: skip


@pytest.fixture(scope="module")
def pictures(coco: Path) -> list[Picture]:
    return read_pictures(coco, colored=False)


def test_true_captions_are_hardly_ever_accused(pictures: list[Picture]) -> None:
    told = [accused(pictures, agrees=True, half=half) for half in (0, 1)]
    total, lines = sum(count for count, _ in told), [line for _, lines in told for line in lines]
    assert total > 1700
    assert len(lines) <= 0.01 * total, lines


@pytest.mark.parametrize("way", list(PLANTERS))
def test_planted_faults_are_found(pictures: list[Picture], way: str) -> None:
    some = random.Random(5).sample(pictures, 60)
    table = measure(some, PLANTERS[way], seed=11, rounds=1, show=None)
    shares = {
        kind: sum(half[2] for half in halves) / sum(half[0] for half in halves)
        for kind, halves in table.items()
    }
    assert {kind: share for kind, share in shares.items() if share < FLOORS.get(kind, 0.0)} == {}
