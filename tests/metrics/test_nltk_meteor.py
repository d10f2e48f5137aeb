"""The released mAP's METEOR: golden records, and the table of WordNet's single characters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.metrics.nltk_meteor import matched_characters, released_meteor
from pix2cap.metrics.nltk_porter import porter_stem


@pytest.mark.parametrize("name", ["sample2", "n20", "real60"])
def test_golden_records(golden: Path, name: str) -> None:
    records = json.loads((golden / f"{name}_golden.json").read_text("utf-8"))["map_records_head"]
    assert any(record["meteor_compat"] > 0 for record in records)
    for record in records:
        score = released_meteor(record["candidate"].split(), record["references"])
        assert score == pytest.approx(record["meteor_compat"], abs=1e-9)


@pytest.mark.parametrize(
    ("caption", "prediction", "matched"),
    [
        ("a red car", "A", True),
        ("a red car", "xyz", False),
        ("one red car", "1", True),
        ("one red car", "i", True),
        ("two cars", "2", True),
        ("as red", "a", True),
        ("it is red", "i", False),
        ("ten grams of it", "x g", True),
        ("aeds", "a", True),
        ("a, red", "a", False),
        ("a red car", "", False),
        ("a red car", " \t", False),
        ("", "a", False),
    ],
)
def test_what_matches_a_character(caption: str, prediction: str, matched: bool) -> None:
    words = caption.split()
    expected = 5 / (9 + len(words)) if matched else 0.0
    assert released_meteor(words, prediction) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.text(min_size=1, max_size=12), max_size=8), st.text(max_size=20))
def test_any_text_scores_0_or_by_its_length(words: list[str], text: str) -> None:
    score = released_meteor(words, text)
    assert score == 0.0 or score == pytest.approx(5 / (9 + len(words)))
    assert released_meteor(words, text + text) == score


@given(st.text(alphabet="abcdefghilnorstuyz'", max_size=14))
def test_a_word_matches_itself_and_its_stem(word: str) -> None:
    assert {word, porter_stem(word)} <= matched_characters(word)


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        *[("caresses", "caress"), ("ponies", "poni"), ("dies", "die"), ("died", "die"), ("spied", "spi")],
        *[
            ("happy", "happi"),
            ("enjoy", "enjoy"),
            ("radically", "radic"),
            ("geology", "geolog"),
            ("sky", "sky"),
        ],
        *[("feed", "feed"), ("agreed", "agre"), ("hopping", "hop"), ("falling", "fall"), ("filing", "file")],
        *[("controll", "control"), ("probate", "probat"), ("one", "one"), ("rates", "rate"), ("as", "as")],
    ],
)
def test_stems_of_nltk(word: str, stem: str) -> None:
    assert porter_stem(word) == stem
