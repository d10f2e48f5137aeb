"""Marks of words put both texts together again, and mirror each other."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.dataset.word_marks import mark_words, plain

_TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(["a", "red", "car", "the", "old", " ", ", ", "-"]), max_size=25).map(" ".join),
)


@given(_TEXTS, _TEXTS)
def test_both_texts_can_be_put_together_again(before: str, after: str) -> None:
    marked = mark_words(before, after)
    assert "".join(text for mark, text in marked if mark != "+") == before
    assert "".join(text for mark, text in marked if mark != "-") == after
    assert all(text for _, text in marked)
    pairs = [(one[0], other[0]) for one, other in pairwise(marked)]
    assert all(pair not in [("=", "="), ("-", "-"), ("+", "+"), ("+", "-")] for pair in pairs)


@given(_TEXTS, _TEXTS)
def test_the_other_way_round_is_mirrored(before: str, after: str) -> None:
    def made(marked: tuple[tuple[str, str], ...], mark: str) -> list[str]:
        return [text for sign, text in marked if sign == mark]

    there, back = mark_words(before, after), mark_words(after, before)
    assert made(there, "-") == made(back, "+")
    assert made(there, "+") == made(back, "-")
    assert made(there, "=") == made(back, "=")


@given(_TEXTS)
def test_equal_texts_have_no_marks(text: str) -> None:
    assert all(mark == "=" for mark, _ in mark_words(text, text))


@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        ("A red car.", "A blue car.", "A [-red-]{+blue+} car."),
        ("A red car.", "A big red car.", "A{+ big+} red car."),
        ("", "A car.", "{+A car.+}"),
        ("The man's hat.", "The men's hat.", "The [-man's-]{+men's+} hat."),
        ("A small red car waits.", "A huge blue car waits.", "A [-small red-]{+huge blue+} car waits."),
        (
            "A cat is on the sofa.",
            "The dog of a man sleeps.",
            "[-A cat is on the sofa.-]{+The dog of a man sleeps.+}",
        ),
        ("A car, parked.", "A car parked.", "A car[-,-] parked."),
    ],
)
def test_words_are_the_unit(before: str, after: str, marked: str) -> None:
    assert plain(mark_words(before, after)) == marked
