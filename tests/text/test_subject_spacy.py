"""Subjects by spaCy, and how they weigh on the class check."""

from __future__ import annotations

import pytest

from pix2cap.annotate.check_class import check_classes
from pix2cap.errors import MetricUnavailable
from pix2cap.text.classes import known_nouns
from pix2cap.text.subject_spacy import SecondReader, SpacySubjects

NO_MODEL = ("no_such_pipeline",)


@pytest.fixture(scope="module")
def spacy_subjects() -> SpacySubjects:
    pytest.importorskip("spacy")
    return SpacySubjects.load()


@pytest.mark.parametrize(
    ("caption", "heads"),
    [
        ("A brown dog sleeps on the couch.", {"dog"}),
        ("In the foreground stands a tall man with a hat.", {"man"}),
        ("At the left, a row of trees lines the road.", {"trees"}),
        ("There is a cat on the bed.", {"cat"}),
        ("A stop sign in front of the trees.", {"stop-sign"}),
        ("A man and a woman hold an umbrella.", {"man", "woman"}),
        ("Quickly.", set()),
        ("", set()),
    ],
)
def test_heads(spacy_subjects: SpacySubjects, caption: str, heads: set[str]) -> None:
    (subject,) = spacy_subjects.read([caption], known_nouns())
    assert set(subject.heads) == heads


def test_what_owns_the_head_is_told_apart(spacy_subjects: SpacySubjects) -> None:
    statue, tie = spacy_subjects.read(
        ["A statue of a horse stands here.", "The man's dark tie hangs over his shirt."], known_nouns()
    )
    assert statue.owners == ("horse",) and statue.heads == ("statue",)
    assert tie.owners == ("man",) and tie.heads == ("tie",)


def test_agreement_makes_surer_and_dispute_less_sure() -> None:
    pytest.importorskip("spacy")
    names = {1: "dog", 2: "boat"}
    texts = {1: "A violin lies on the grass.", 2: "A pale boat."}
    alone = check_classes(texts, names, strict=True)
    both = check_classes(texts, names, strict=True, second_reader=SecondReader())
    assert set(alone) == set(both) == {1}
    assert both[1].confidence > alone[1].confidence


def test_spacy_that_leads_reads_every_caption() -> None:
    pytest.importorskip("spacy")
    reader = SecondReader(leads=True)
    found = check_classes({1: "A violin lies on the grass."}, {1: "dog"}, strict=True, second_reader=reader)
    assert set(found) == {1} and reader.name


def test_it_is_loaded_only_when_something_is_accused() -> None:
    reader = SecondReader(models=NO_MODEL)
    assert check_classes({1: "A brown dog."}, {1: "dog"}, strict=True, second_reader=reader) == {}
    assert reader.name == ""


def test_without_the_model_there_is_no_second_reader() -> None:
    assert SecondReader.where_installed(models=NO_MODEL) is None
    with pytest.raises(MetricUnavailable, match="head nouns by spaCy need"):
        SecondReader(models=NO_MODEL).read(["A dog."], known_nouns())
