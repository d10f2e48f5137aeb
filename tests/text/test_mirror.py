"""Captions for mirrored pictures: every left and right of space is swapped, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.scenes.captions import caption_ground, caption_object
from pix2cap.scenes.facts import ObjectFacts, Relation
from pix2cap.scenes.scene import scenes
from pix2cap.text.mirror import mirror_caption

SWAPPED = [
    ("A cup on the left.", "A cup on the right."),
    ("To the right of the bus, a man.", "To the left of the bus, a man."),
    ("A cat just left of the door", "A cat just right of the door"),
    ("The upper-left corner of the room", "The upper-right corner of the room"),
    ("Left: a dog; RIGHT OF it a cat", "Right: a dog; LEFT OF it a cat"),
    ("A right-hand glove on his left hand", "A left-hand glove on his right hand"),
    ("Her left arm is raised.", "Her right arm is raised."),
    ("A dog facing left, looking right.", "A dog facing right, looking left."),
    ("A boat facing left near the pier", "A boat facing right near the pier"),
    ("The leftmost of three, third from the right", "The rightmost of three, third from the left"),
    ("A left-handed batter", "A right-handed batter"),
    ("at the left and right edges", "at the right and left edges"),
    ("Running from left to right", "Running from right to left"),
    ("It leans leftward and turns clockwise", "It leans rightward and turns counterclockwise"),
    ("On the right behind the sofa, a lamp", "On the left behind the sofa, a lamp"),
    ("A man at far right beside a van", "A man at far left beside a van"),
    ("A woman's left shoe", "A woman's right shoe"),
    ("A horse on the left over the fence", "A horse on the right over the fence"),
    ("A tree left of centre", "A tree right of centre"),
]
UNTOUCHED = [
    "Left over pizza in a box",
    "The left-over rice",
    "leftovers on a bright, upright shelf",
    "The door is left open.",
    "A suitcase left behind in the hall",
    "A pan left to dry",
    "What is left of the cake",
    "A lamp right behind the sofa",
    "A mug right next to the plate",
    "A bird right above the roof",
    "A wall at a right angle, all right",
    "right-angled brackets",
    "A man with no side at all",
]
UNTELLABLE = [
    "A bus that just left the stop",
    "A cup left on the table",
    "Two slices left",
    "The right size of shoe",
    "The blade points right across the board",
    "Walking left across the sand",
    "A sign that reads STOP",
    'A shirt with "Team" on it',
    "A bus with the number 7",
    "The minute hand at 4 o'clock",
    "turned anticlockwise",
    "The starboard rail",
]


@pytest.mark.parametrize(("text", "mirrored"), SWAPPED)
def test_sides_of_space_swap_both_ways(text: str, mirrored: str) -> None:
    assert mirror_caption(text) == mirrored
    assert mirror_caption(mirrored) == text


@pytest.mark.parametrize("text", UNTOUCHED)
def test_other_lefts_and_rights_stay(text: str) -> None:
    assert mirror_caption(text) == text


@pytest.mark.parametrize("text", UNTELLABLE)
def test_nothing_is_guessed(text: str) -> None:
    assert mirror_caption(text) is None


_PIECES = st.sampled_from(
    [
        *("left", "right", "Left", "RIGHT", "leftmost", "rightmost", "leftward", "clockwise", "leftover"),
        *(
            "the",
            "on",
            "at",
            "to",
            "far",
            "of",
            "behind",
            "over",
            "is",
            "facing",
            "points",
            "his",
            "hand",
            "side",
        ),
        *("just", "and", "a", "dog", "open", "next", "upright", "angle", "in", "all", "from", "-", ",", "."),
    ]
)


@given(st.lists(_PIECES, min_size=1, max_size=12), st.sampled_from([" ", "-"]))
def test_mirroring_twice_gives_the_caption_again(pieces: list[str], glue: str) -> None:
    text = " ".join(pieces).replace(" - ", glue).replace(" ,", ",")
    mirrored = mirror_caption(text)
    if mirrored is not None:
        assert mirror_caption(mirrored) == text
        assert len(mirrored.split()) == len(text.split())


@given(st.text(max_size=60))
def test_any_text_is_taken(text: str) -> None:
    mirrored = mirror_caption(text)
    assert mirrored is None or mirror_caption(mirrored) == text


_OTHER = {"left": "right", "right": "left"}


def _mirrored(fact: ObjectFacts) -> ObjectFacts:
    kinds = {"left of": "right of", "right of": "left of"}
    return replace(
        fact,
        horizontal=_OTHER.get(fact.horizontal, fact.horizontal),  # type: ignore[arg-type]
        cut_by=tuple(_OTHER.get(edge, edge) for edge in fact.cut_by),  # type: ignore[arg-type]
        relations=tuple(
            Relation(kinds.get(r.kind, r.kind), r.other_id, r.is_near)  # type: ignore[arg-type]
            for r in fact.relations
        ),
    )


def test_a_mirrored_scene_s_caption_is_what_its_writer_says_of_mirrored_facts() -> None:
    seen = swapped = 0
    for number, scene in enumerate(scenes(40, seed=9, size_wh=(96, 96))):
        facts = {i: _mirrored(fact) for i, fact in scene.facts.items()}
        for i in facts:
            for chance in range(4):
                told = caption_object(np.random.default_rng((number, i, chance)), i, scene.facts)
                true = caption_object(np.random.default_rng((number, i, chance)), i, facts)
                assert mirror_caption(told) == true
                seen, swapped = seen + 1, swapped + (told != true)
        for i, ground in scene.grounds.items():
            rng = np.random.default_rng(i)
            text = caption_ground(rng, ground, scene.facts)
            assert mirror_caption(text) == text
    assert seen > 500 and swapped > seen / 2


def test_nearly_all_real_captions_can_be_told(coco: Path) -> None:
    texts = [
        row["caption"]
        for split in ("train", "val")
        for row in json.loads((coco / f"captions_{split}.json").read_text("utf-8"))["captions"]
        if row["caption"]
    ]
    told = [(text, mirror_caption(text)) for text in texts]
    assert sum(mirrored is None for _, mirrored in told) / len(told) < 0.02
    assert sum(mirrored not in (None, text) for text, mirrored in told) / len(told) > 0.6
    assert all(mirrored is None or mirror_caption(mirrored) == text for text, mirrored in told)
