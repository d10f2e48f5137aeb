"""The drawings in the head of a report say what the counts say."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.core import CaptionStatus
from pix2cap.report.figures import MAX_BARS, histogram, status_bar

LENGTHS = st.dictionaries(st.integers(0, 700), st.integers(1, 1000), min_size=1, max_size=40).map(Counter)


@given(LENGTHS)
def test_bars_lie_inside_count_everything_and_stay_few(lengths: Counter[int]) -> None:
    drawn = histogram(lengths)
    assert drawn is not None
    assert len(drawn.bars) <= MAX_BARS
    counted = sum(int(bar.title.split(": ")[1].split()[0].replace(",", "")) for bar in drawn.bars)
    assert counted == lengths.total()
    assert max(bar.height for bar in drawn.bars) == drawn.height
    for bar in drawn.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= drawn.width + 0.5
        assert bar.y + bar.height == pytest.approx(drawn.height, abs=0.02)
    assert 1 <= len(drawn.ticks) <= 10
    assert all(0 <= drawn.x(length) <= drawn.width for length in lengths)


def test_a_word_count_lies_in_the_middle_of_its_bar() -> None:
    drawn = histogram(Counter({10: 1, 15: 4, 22: 2}))
    assert drawn is not None
    tallest = max(drawn.bars, key=lambda bar: bar.height)
    assert tallest.title == "15 words: 4 captions"
    assert drawn.x(15) == pytest.approx(tallest.x + tallest.width / 2, abs=0.02)


def test_no_captions_no_drawing() -> None:
    assert histogram(Counter()) is None
    assert status_bar(Counter()) == ()


def test_statuses_fill_the_bar_side_by_side() -> None:
    bar = status_bar({CaptionStatus.CROWD: 1, CaptionStatus.CAPTIONED: 6, CaptionStatus.FAILED: 1})
    assert [(s.status, s.start, s.length) for s in bar] == [
        (CaptionStatus.CAPTIONED, 0.0, 75.0),
        (CaptionStatus.FAILED, 75.0, 12.5),
        (CaptionStatus.CROWD, 87.5, 12.5),
    ]
    assert bar[1].title == "failed: 1 of 8 segments"
