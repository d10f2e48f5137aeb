"""Colours that captions give to their own subject, and which pixels could bear them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.text.classes import lexicon
from pix2cap.text.color_claims import color_claims
from pix2cap.text.color_ranges import could_be, is_clearly
from pix2cap.text.colors import BASIC_COLORS, name_colors, rgb_to_lab


def claims(text: str, *, is_person: bool = False) -> list[tuple[tuple[str, ...], bool]]:
    found = color_claims(text, lexicon().knows, is_person=is_person)
    return [(claim.names, claim.is_whole) for claim in found]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A red bus beside a white car.", ("red",)),
        ("A large dark green umbrella with white lettering stands in the corner.", ("green",)),
        ("A red-and-white bus on a grey road.", ("red", "white")),
        ("Black and white cat on a blue rug.", ("black", "white")),
        ("At the left, a pale greyish-brown horse near a green fence.", ("gray", "brown")),
        ("A row of yellow chairs before the black stage.", ("yellow",)),
        ("A bus, white with red stripes, waits at the stop.", ("white",)),
    ],
)
def test_the_subjects_own_colour(text: str, names: tuple[str, ...]) -> None:
    assert claims(text) == [(names, True)]


@pytest.mark.parametrize(
    "text",
    [
        "A white-framed window above a brown sofa.",
        "A glass of red wine on a white table.",
        "A can with a red label beside the green box.",
        "A black bear walks past green bushes.",
        "A bottle of green apples near the window.",
        "A black-and-white photo of a bus.",
        "A Red Bull can on the table.",
        "An orange lies in the white bowl.",
    ],
)
def test_colours_of_others_claim_nothing(text: str) -> None:
    assert claims(text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A man in a red shirt and blue jeans holds a green kite.", [("red",), ("blue",)]),
        ("A woman in black standing beside a white car.", [("black",)]),
        ("A boy wearing a yellow jacket near a red bus.", [("yellow",)]),
        ("A white-haired man in a green car.", []),
        ("A man beside a woman in a red dress.", []),
    ],
)
def test_people_have_the_colours_of_their_clothes(text: str, names: list[tuple[str, ...]]) -> None:
    assert claims(text, is_person=True) == [(name, False) for name in names]


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=20))
def test_a_colour_is_possible_wherever_it_is_what_people_say(values: list[tuple[int, int, int]]) -> None:
    rgb = np.array(values, np.uint8)
    lab = rgb_to_lab(rgb)
    for index, name in enumerate(name_colors(rgb)):
        near = {"tan": ("tan", "beige", "brown", "gray"), "beige": ("beige", "tan", "white", "yellow")}
        assert any(could_be(n, lab)[index] for n in near.get(str(name), (str(name),)))


@pytest.mark.parametrize("name", list(BASIC_COLORS))
def test_a_typical_colour_is_clear(name: str) -> None:
    lab = rgb_to_lab(np.array([BASIC_COLORS[name]], np.uint8))
    assert bool(could_be(name, lab)[0])
    assert bool(is_clearly(name, lab)[0])


@pytest.mark.parametrize(
    ("name", "other"), [("red", "green"), ("blue", "yellow"), ("white", "black"), ("green", "purple")]
)
def test_far_colours_cannot_be_each_other(name: str, other: str) -> None:
    for this, that in ((name, other), (other, name)):
        assert not could_be(this, rgb_to_lab(np.array([BASIC_COLORS[that]], np.uint8)))[0]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="mauve"):
        could_be("mauve", np.zeros((1, 3)))
    with pytest.raises(ValueError, match="mauve"):
        is_clearly("mauve", np.zeros((1, 3)))
