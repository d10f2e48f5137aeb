"""Counts of a report against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.core import CaptionStatus, SegmentCaption
from pix2cap.report.item import rows_of
from pix2cap.report.tally import FUNCTION_WORDS, Tally, WordTally
from tests.builders.captioned import report_item


@given(st.lists(st.integers(0, 60), min_size=1, max_size=50))
def test_word_figures_are_those_of_the_plain_list(lengths: list[int]) -> None:
    words = WordTally()
    for length in lengths:
        words.add(" ".join(["stone"] * length))
    assert words.captions == len(lengths)
    assert words.mean == pytest.approx(np.mean(lengths))
    for percent in (5, 50, 95):
        assert words.percentile(percent) == pytest.approx(np.percentile(lengths, percent))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("A man's T-shirt, half-open.", 4),
        ("One — two … three!", 3),
        ("Ein Stück blauer Himmel über Bäumen", 6),
        ("bus no. 7", 3),
        ("", 0),
        ("'' -- ...", 0),
    ],
)
def test_words_are_what_a_reader_counts(text: str, count: int) -> None:
    assert WordTally().add(text) == count


def test_frequent_words_leave_out_function_words_and_numbers() -> None:
    words = WordTally()
    words.add("The red bus, the red car and the 15 green trees")
    words.add("A car in the 15")
    assert words.frequent(3) == [("car", 2), ("red", 2), ("bus", 1)]
    assert "the" in FUNCTION_WORDS
    assert len(words.vocabulary) == 10


def test_nothing_counted_has_no_mean() -> None:
    assert WordTally().mean is None
    assert WordTally().percentile(50) is None


def test_every_segment_is_counted_once_and_crowd_lies_outside_the_total() -> None:
    item = report_item(
        {
            1: [(0, 0, 9, 9)],
            2: [(10, 0, 19, 9)],
            3: [(20, 0, 29, 9)],
            4: [(30, 0, 39, 9)],
            5: [(40, 0, 49, 9)],
        },
        [
            SegmentCaption(1, "one two three"),
            SegmentCaption(2, "not counted", CaptionStatus.FAILED, "refusal"),
            SegmentCaption(3, "", CaptionStatus.FAILED, None),
        ],
        crowd=[5],
        class_names={1: "cat", 2: "cat", 3: "dog", 4: "dog", 5: "cat"},
    )
    tally = Tally()
    tally.add(rows_of(item))
    tally.add(rows_of(item))
    assert tally.pictures == 2
    assert tally.segments == 8
    assert tally.statuses == {"captioned": 2, "failed": 4, "pending": 2, "crowd": 2}
    assert tally.reasons == {"refusal": 2, "no reason given": 2}
    assert tally.words.lengths == {3: 2}
    assert [(c.name, c.segments, c.mean_words) for c in tally.by_size()] == [
        ("cat", 4, 3.0),
        ("dog", 4, None),
    ]
