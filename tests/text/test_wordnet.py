"""Nouns of WordNet: forms, senses, ancestry, and the file itself."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.text.wordnet import PERSON, WordNet, wordnet

WORDS = wordnet()
NOUNS = WORDS.nouns()
DEBIAN = Path("/usr/share/wordnet/data.noun")


@pytest.mark.parametrize(
    ("noun", "lemma"),
    [
        ("dogs", "dog"), ("mice", "mouse"), ("geese", "goose"), ("knives", "knife"), ("men", "man"),
        ("fire trucks", "fire_truck"), ("fire-truck", "fire_truck"), ("dining tables", "dining_table"),
        ("Traffic Light", "traffic_light"), ("wine glasses", "wineglass"), ("chest of drawers",
        "chest_of_drawers"),
        ("leaves", "leaf"), ("cherries", "cherry"), ("benches", "bench"),
    ],
)  # fmt: skip
def test_forms_are_led_back_to_entries(noun: str, lemma: str) -> None:
    assert lemma in WORDS.lemmas(noun)


@pytest.mark.parametrize("noun", ["zorb", "", " ", "beautifully", "the", "truth"])
def test_what_cannot_be_seen_has_no_senses(noun: str) -> None:
    assert WORDS.senses(noun) == ()


@pytest.mark.parametrize(
    ("key", "above"),
    [
        ("poodle#1", "dog#1"), ("dog#1", "animal#1"), ("umpire#1", "person#1"), ("fire_truck#1", "vehicle#1"),
        ("dining_table#1", "furniture#1"), ("mouse#4", "device#1"), ("kite#4", "bird#1"), ("oak#2",
        "plant#2"),
    ],
)  # fmt: skip
def test_ancestors(key: str, above: str) -> None:
    assert WORDS.named(above) in WORDS.ancestors(WORDS.named(key))
    assert WORDS.named(key) not in WORDS.ancestors(WORDS.named(above))


def test_parts_know_their_wholes() -> None:
    assert WORDS.named("tree#1") in WORDS.wholes(WORDS.named("trunk#1"))
    assert WORDS.wholes(WORDS.named("entity#1")) == ()


def test_rare_senses_and_people_called_animals_are_not_usual() -> None:
    assert WORDS.usual("dog") == (WORDS.named("dog#1"),)
    assert all(
        WORDS.lexname(synset) != PERSON for noun in ("bear", "cow", "doll") for synset in WORDS.usual(noun)
    )
    assert {WORDS.named("crane#4"), WORDS.named("crane#5")} <= set(WORDS.usual("crane"))


@pytest.mark.parametrize(
    ("noun", "mostly"),
    [("dog", True), ("trumpet", False), ("evergreen", False), ("white", False), ("table", True)],
)
def test_adjectives_and_verbs_are_marked(noun: str, mostly: bool) -> None:
    assert WORDS.is_mostly_noun(noun) is mostly


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError, match="dog#99"):
        WORDS.named("dog#99")


@given(st.sampled_from(NOUNS))
def test_every_entry_has_a_visible_sense_below_the_top(noun: str) -> None:
    top = WORDS.named("entity#1")
    senses = WORDS.senses(noun)
    assert senses and set(WORDS.usual(noun)) <= {sense.synset for sense in senses}
    for sense in senses:
        assert top in WORDS.ancestors(sense.synset)
        assert 0 <= WORDS.specificity(sense.synset) <= 1


@given(st.sampled_from(NOUNS))
def test_what_lies_above_is_never_more_specific(noun: str) -> None:
    for synset in WORDS.usual(noun):
        own = WORDS.specificity(synset)
        assert all(WORDS.specificity(above) <= own + 1e-9 for above in WORDS.ancestors(synset))


@given(st.text(max_size=40))
def test_any_text_may_be_looked_up(text: str) -> None:
    assert all(lemma in NOUNS for lemma in WORDS.lemmas(text)[:1])
    assert WORDS.knows(text) == bool(WORDS.senses(text))


def test_the_file_is_small_quick_and_carries_the_licence() -> None:
    data = files("pix2cap.text").joinpath("wordnet_nouns.txt").read_bytes()
    assert len(data) < 2_000_000
    text = data.decode("ascii")
    assert "WordNet 3.0 Copyright 2006 by Princeton University.  All rights reserved." in text
    spent = []
    for _ in range(5):
        start = time.process_time()
        WordNet(text)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.15


@pytest.mark.skipif(not DEBIAN.is_file(), reason="needs Debian's wordnet-base")
def test_the_file_is_what_the_script_makes(tmp_path: Path) -> None:
    script = Path(__file__).resolve().parents[2] / "scripts" / "wordnet_nouns.py"
    out = tmp_path / "nouns.txt"
    subprocess.run([sys.executable, script, "--out", out], check=True, capture_output=True)
    assert out.read_bytes() == files("pix2cap.text").joinpath("wordnet_nouns.txt").read_bytes()
