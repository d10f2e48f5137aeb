"""Repeats in other words, garbled letters, and ends that no sentence has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.text.classes import lexicon
from pix2cap.text.language import garbled
from pix2cap.text.likeness import say_the_same
from pix2cap.text.words import stops_early

BASE = "A large brown dog lies on the grey sofa beside a low wooden table."


@pytest.mark.parametrize(
    "again",
    [
        BASE.lower(),
        "There is a big brown dog lying on the grey sofa next to a low wooden table.",
        "A huge brown dog rests on the gray couch beside a low wooden table, clearly visible.",
    ],
)
def test_the_same_in_other_words(again: str) -> None:
    assert say_the_same(BASE, again, lexicon().knows)
    assert say_the_same(again, BASE, lexicon().knows)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("brown", "black"),
        ("dog", "cat"),
        ("beside", "left of"),
        ("A large", "The second"),
        ("table", "chair"),
        ("on", "below"),
    ],
)
def test_what_differs_tells_two_segments_apart(old: str, new: str) -> None:
    assert not say_the_same(BASE, BASE.replace(old, new), lexicon().knows)


@pytest.mark.parametrize("text", ["cafÃ©", "the manâ€™s hat", "a \ufffd sign", "a cаr", "Â old wall"])
def test_garbled(text: str) -> None:
    assert garbled(text)


@given(st.text(alphabet="abcdefghij éàüñçß’“”–", max_size=40))
def test_letters_that_were_garbled_are_found_and_others_are_not(text: str) -> None:
    assert garbled(text) is None
    wrong = text.encode("utf-8").decode("cp1252", errors="ignore")
    if wrong != text:
        assert garbled(wrong)


@pytest.mark.parametrize(
    "text", ["A dog lies on the.", "A cup with a small.", "A man holding.", "A cup and."]
)
def test_an_end_that_no_sentence_has(text: str) -> None:
    assert stops_early(text)


@pytest.mark.parametrize(
    "text",
    [
        "A dog lies beside her.",
        "The lights are on.",
        "A man in black.",
        "A wall with grout in between.",
        "A lamp.",
    ],
)
def test_whole_sentences(text: str) -> None:
    assert stops_early(text) is None
