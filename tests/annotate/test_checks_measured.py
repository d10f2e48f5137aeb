"""The checks on real captions: hardly one accused, planted faults found."""

from pathlib import Path

import pytest
from benchmarks.checks import measure, read_pictures

FLOORS = {
    "mark_talk": 0.95, "refusal": 0.95, "language": 0.95, "cut after a word": 0.95, "cut in a word": 0.95,
    "repeat, word for word": 0.95, "repeat, altered": 0.95, "class, other": 0.85, "swap, other class": 0.85,
    "side, words flipped": 0.85,
}  # fmt: skip


def test_true_captions_are_hardly_ever_accused(coco: Path) -> None:
    pictures = read_pictures(coco)
    total = sum(len(picture.captions) for picture in pictures)
    accused = [
        (picture.captions[number], findings[0].reason)
        for picture in pictures
        for number, findings in picture.findings(picture.captions).items()
        if findings
    ]
    assert total > 1700
    assert len(accused) <= 0.01 * total, accused


@pytest.mark.parametrize("seed", [11])
def test_planted_faults_are_found(coco: Path, seed: int) -> None:
    table = measure(read_pictures(coco), seed=seed, rounds=1, show=None)
    shares = {kind: caught / planted for kind, (caught, planted) in table.items()}
    assert {kind: share for kind, share in shares.items() if share < FLOORS.get(kind, 0.0)} == {}
