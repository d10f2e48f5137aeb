"""What a caption is about, and how well that fits a class."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.text.classes import (
    LOOSE,
    NAMED,
    SYNONYM,
    are_kin,
    fit,
    lexicon,
    named_classes,
    sense_of,
    subject_of,
)
from pix2cap.text.sides import side_claims
from pix2cap.text.subject import find_subject


@pytest.mark.parametrize(
    ("caption", "heads"),
    [
        ("A brown dog sleeps on the couch.", {"dog"}),
        ("At the lower left, only the head of a second giraffe shows above the rock.", {"head"}),
        ("In the foreground stands a tall man with a hat.", {"man"}),
        ("Behind the woman, a red bus waits at the light.", {"bus"}),
        ("Walking along the road, a tall man in a hat.", {"man"}),
        ("Partly visible person at the left edge wearing jeans, seated by a dog.", {"person"}),
        ("Partly hidden by the horse, a boy leans on the fence.", {"boy"}),
        ("A row of trees behind the house.", {"trees"}),
        ("A light wooden chair beside the lamp.", {"chair"}),
        ("A bright orange umbrella above the table.", {"umbrella"}),
        ("Rippled water surrounding the boat.", {"water"}),
        ("Trees line the road.", {"trees"}),
        ("A man and a woman hold an umbrella.", {"man", "woman"}),
        ("A white, fluffy dog in the grass.", {"dog"}),
        ("The man's dark tie hangs over his shirt.", {"tie"}),
        ("A stop sign in front of the trees.", {"stop-sign"}),
        ("There is a cat on the bed.", {"cat"}),
        ("A narrow black suitcase stands upright beside the bag.", {"suitcase"}),
        ("Clouds.", {"clouds"}),
        ("", set()),
        ("Of.", set()),
    ],
)
def test_heads_of_subjects(caption: str, heads: set[str]) -> None:
    assert set(subject_of(caption).heads) == heads


@pytest.mark.parametrize(
    ("caption", "name", "expected"),
    [
        ("A brown dog beside the chair", "dog", NAMED),
        ("A small terrier on the grass", "dog", SYNONYM),
        ("The wagging tail of a terrier", "dog", LOOSE),
        ("A brown dog beside the chair", "chair", 0),
        ("A surfer in a wetsuit rides a wave", "person", SYNONYM),
        ("A surfer in a wetsuit rides a wave", "surfboard", 0),
        ("A round white plate with rolls", "bowl", SYNONYM),
        ("A sausage in a bun", "hot dog", SYNONYM),
        ("A curly tan dog", "hot dog", 0),
        ("A grey brick wall", "wall-brick", NAMED),
        ("Two people on a bench", "person", NAMED),
        ("A yellow forklift beside crates", "forklift truck", SYNONYM),
        ("A zorb rolls down the hill", "zorb", NAMED),
        ("Three zorbs roll down the hill", "zorb", NAMED),
    ],
)
def test_fit(caption: str, name: str, expected: int) -> None:
    assert fit(subject_of(caption, frozenset({name})), sense_of(name)) == expected


def test_an_unknown_class_belongs_nowhere_and_a_known_word_somewhere() -> None:
    assert sense_of("zorb").classes == frozenset()
    assert "person" in sense_of("surfer").classes
    assert sense_of("wall-other-merged").own == {"wall"}


def test_kin_is_mutual_and_every_class_its_own() -> None:
    kin = lexicon().kin
    assert len(kin) == 133
    assert all(name in kin[name] and all(name in kin[other] for other in kin[name]) for name in kin)
    assert are_kin(frozenset({"car"}), frozenset({"truck"}))
    assert not are_kin(frozenset({"car"}), frozenset({"dog"}))


def test_every_class_is_named_by_its_own_name() -> None:
    for name in lexicon().kin:
        spoken = name.replace("-merged", "").replace("-other", "").replace("-stuff", "")
        noun = (
            " ".join(reversed(spoken.split("-")))
            if spoken.startswith(("wall-", "floor-", "window-"))
            else spoken
        )
        assert fit(subject_of(f"A {noun} beside the road."), sense_of(name)) >= SYNONYM, name


def test_a_part_names_its_whole() -> None:
    assert "spoon" in named_classes(subject_of("The handle of a spoon in the crock"))


@given(st.text(max_size=120))
def test_any_text_has_a_subject_or_none(text: str) -> None:
    subject = subject_of(text)
    assert all(lexicon().knows(noun) for noun in subject.nouns)


SIDES = {
    "A man at the upper left, a bag in his right hand.": {"top", "left"},
    "A dog on the left side of the picture.": {"left"},
    "The bus on the left-hand side turns right.": {"left"},
    "A mat in the lower-right corner.": {"bottom", "right"},
    "Bottom right corner has a red mat.": {"bottom", "right"},
    "Grass covers the bottom half.": {"bottom"},
    "A bird at far right.": {"right"},
    "A post stands just left of centre.": {"left"},
    "A dog left of the man.": set(),
    "A man holding a cup in his left hand.": set(),
    "A horse facing left.": set(),
    "A woman looks to the right.": set(),
    "A fork on the left side of the plate.": set(),
    "A shelf on the left wall.": set(),
    "A clock on top of the tower.": set(),
    "A man at the top of the stairs.": set(),
    "The rightmost of three men.": set(),
    "A tree to the right of the house.": set(),
    "A cat in the top bunk.": set(),
    "A man right in front of the car.": set(),
    "The left half of a pizza.": set(),
}


@pytest.mark.parametrize("caption", list(SIDES))
def test_claims_about_the_picture(caption: str) -> None:
    assert {claim.side for claim in side_claims(caption)} == SIDES[caption]


def test_a_claim_after_a_neighbour_needs_more() -> None:
    (claim,) = side_claims("A dog beside a chair on the left.")
    assert claim.margin > 0
    (own,) = side_claims("A dog on the left beside a chair.")
    assert own.margin == 0


@pytest.mark.parametrize(
    ("caption", "heads"),
    [
        ("An orange wing is in the center", ("wing",)),
        ("A white-dotted orange wing in the middle of the top third", ("wing",)),
        ("Orange with white dots and large, this wing is on the left side", ()),
        ("An orange on a plate", ("orange",)),
        ("An orange resting on a plate", ("orange",)),
    ],
)
def test_a_colour_that_is_a_fruit_too(caption: str, heads: tuple[str, ...]) -> None:
    assert find_subject(caption, {"orange", "wing", "plate"}.__contains__).heads == heads
