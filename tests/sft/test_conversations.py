"""What is asked about an image: verbatim answers, groups of marks, and everything left out is counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.core import CaptionStatus, SegmentCaption
from pix2cap.core.rle import rle_to_mask
from pix2cap.sft.conversations import TalkOptions, talk_about
from pix2cap.sft.regions import Notation, read_box
from tests.builders.talks import CLASS_NAMES, not_visible, striped_item

BOXES = TalkOptions(notation=Notation("box"))
TEXTS = [f"Stripe number {n} is plain." for n in range(1, 8)]


def test_one_row_a_segment_and_one_of_several_turns_a_picture() -> None:
    told = talk_about(striped_item(TEXTS), CLASS_NAMES, BOXES)
    segments = [c for c in told.conversations if c.kind == "segment"]
    (picture,) = [c for c in told.conversations if c.kind == "picture"]
    assert {c.turns[0].region.segment_id: c.turns[0].answer for c in segments} == dict(enumerate(TEXTS, 1))
    assert all(len(c.turns) == 1 for c in segments)
    assert sorted(turn.answer for turn in picture.turns) == sorted(TEXTS)
    assert len({c.id for c in told.conversations}) == len(TEXTS) + 1
    assert not told.dropped and not told.skipped


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=8), st.integers(0, 99))
def test_answers_are_the_captions_verbatim_or_the_segment_is_counted(texts: list[str], seed: int) -> None:
    item = striped_item(texts)
    told = talk_about(item, CLASS_NAMES, replace(BOXES, seed=seed))
    answers = {turn.region.segment_id: turn.answer for c in told.conversations for turn in c.turns}
    assert all(answers[i] == texts[i - 1] for i in answers)
    assert len(answers) + sum(told.dropped.values()) == len(texts)
    assert set(told.dropped) <= {"reserved_words"}


def test_what_has_no_caption_is_dropped_by_its_status() -> None:
    item = striped_item(
        [
            "A crowd of people.",
            not_visible(2),
            None,
            SegmentCaption(4, "Sorry.", CaptionStatus.FAILED),
            SegmentCaption(5, "No good.", CaptionStatus.REJECTED),
            "   ",
            "A sign that says <|endoftext|>.",
            "A plain stripe.",
        ],
        crowd=[1],
    )
    told = talk_about(item, CLASS_NAMES, BOXES)
    assert {turn.region.segment_id for c in told.conversations for turn in c.turns} == {8}
    assert told.dropped == Counter(crowd=1, not_visible=1, pending=1, failed=2, rejected=1, reserved_words=1)


def test_an_image_with_nothing_to_ask_about_has_no_conversation() -> None:
    told = talk_about(striped_item([None, not_visible(2)]), CLASS_NAMES, BOXES)
    assert told.conversations == () and told.groups == ()


def test_a_sliver_is_dropped_where_its_box_would_be_empty_and_kept_as_a_mark() -> None:
    item = striped_item(["One.", "Two."], size_wh=(4, 3))
    wide = replace(item.image, width=3001)
    id_map = np.full((3, 3001), 2, np.uint32)
    id_map[:, 1500] = 1
    panoptic = type(item.panoptic).from_id_map(id_map, {1: (1, True, False), 2: (2, False, False)})
    item = type(item)(wide, panoptic, item.captions)
    assert talk_about(item, CLASS_NAMES, BOXES).dropped == Counter(box_without_extent=1)
    assert not talk_about(item, CLASS_NAMES, TalkOptions(notation=Notation("mark"))).dropped


def test_a_picture_row_has_at_most_so_many_turns_and_the_rest_is_counted_where_it_has_no_other_row() -> None:
    few = replace(BOXES, per_picture=3)
    told = talk_about(striped_item(TEXTS), CLASS_NAMES, few)
    assert [len(group) for group in told.groups] == [3, 3, 1]
    numbers = [sorted(region.number for region in group) for group in told.groups]
    assert numbers == [[1, 2, 3], [1, 2, 3], [1]]
    (picture,) = [c for c in told.conversations if c.kind == "picture"]
    assert [turn.region for turn in picture.turns] == list(told.groups[0])
    assert not told.dropped
    alone = talk_about(striped_item(TEXTS), CLASS_NAMES, replace(few, rows="picture"))
    assert alone.dropped == Counter(beyond_picture_rows=4)


def test_seeds_choose_other_segments_and_questions_and_the_same_seed_the_same() -> None:
    few = replace(BOXES, per_picture=3)
    seen = [talk_about(striped_item(TEXTS), CLASS_NAMES, replace(few, seed=n)) for n in (1, 1, 2)]
    assert seen[0] == seen[1]
    assert seen[0].groups != seen[2].groups
    questions = [[t.question for c in told.conversations for t in c.turns] for told in seen]
    assert questions[0] != questions[2]


@pytest.mark.parametrize("notation", [Notation("box", "absolute"), Notation("mark"), Notation("slot")])
def test_a_caption_is_located_by_its_region(notation: Notation) -> None:
    options = TalkOptions(notation=notation, styles=("locate",), rows="segment")
    item = striped_item(TEXTS)
    for conversation in talk_about(item, CLASS_NAMES, options).conversations:
        (turn,) = conversation.turns
        assert f'"{TEXTS[turn.region.segment_id - 1]}"' in turn.question
        if notation.kind == "box":
            assert read_box(turn.answer, "absolute", item.image.size_wh) == turn.region.box_xyxy
        else:
            assert turn.answer == ("<bbox>" if notation.kind == "slot" else str(turn.region.number))


def test_captions_that_stand_twice_cannot_be_located() -> None:
    options = replace(BOXES, styles=("locate", "describe"), rows="segment")
    told = talk_about(striped_item(["Same.", "same. ", "Other."]), CLASS_NAMES, options)
    asked = Counter(turn.style for c in told.conversations for turn in c.turns)
    assert asked == Counter(describe=3, locate=1)
    assert told.skipped == Counter(caption_not_unique=2)
    turns = talk_about(striped_item(["Same.", "Same."]), CLASS_NAMES, replace(options, rows="picture"))
    assert {turn.style for c in turns.conversations for turn in c.turns} == {"describe"}


def test_the_number_of_a_turn_does_not_tell_the_number_of_its_mark() -> None:
    marks = TalkOptions(notation=Notation("mark"), styles=("locate",), rows="picture")
    answers = []
    for image_id in range(40):
        item = striped_item([f"Stripe {n}." for n in range(10)], image_id=image_id)
        (picture,) = talk_about(item, CLASS_NAMES, marks).conversations
        answers += [(turn, int(answer.answer)) for turn, answer in enumerate(picture.turns, start=1)]
    told = sum(turn == number for turn, number in answers)
    assert 20 <= told <= 60, "one in ten of 400 by chance"


def test_among_one_mark_there_is_nothing_to_find() -> None:
    marks = TalkOptions(notation=Notation("mark"), styles=("locate",), per_picture=1)
    told = talk_about(striped_item(["One.", "Two."]), CLASS_NAMES, marks)
    assert told.conversations == () and told.skipped == Counter(only_mark_in_picture=3)
    boxes = talk_about(striped_item(["One."]), CLASS_NAMES, replace(marks, notation=Notation("box")))
    assert len(boxes.conversations) == 2


def test_names_are_nouns() -> None:
    options = replace(BOXES, styles=("name",), rows="segment")
    told = talk_about(striped_item(["One.", "Two."]), CLASS_NAMES, options)
    assert sorted(c.turns[0].answer for c in told.conversations) == ["person", "wall"]


def test_several_styles_are_several_rows_of_a_segment_and_a_mixture_in_a_picture() -> None:
    texts = [f"Stripe {n}." for n in range(30)]
    options = replace(BOXES, styles=("describe", "locate", "name"), per_picture=30)
    told = talk_about(striped_item(texts), CLASS_NAMES, options)
    asked = Counter(c.turns[0].style for c in told.conversations if c.kind == "segment")
    assert asked == Counter(describe=30, locate=30, name=30)
    (picture,) = [c for c in told.conversations if c.kind == "picture"]
    assert {turn.style for turn in picture.turns} == {"describe", "locate", "name"}
    assert len({c.id for c in told.conversations}) == 91


def test_masks_go_along_where_they_are_asked_for() -> None:
    item = striped_item(TEXTS)
    told = talk_about(item, CLASS_NAMES, TalkOptions(notation=Notation("token"), with_rle=True))
    for group in told.groups:
        for region in group:
            assert region.rle is not None
            assert (rle_to_mask(dict(region.rle)) == item.panoptic.mask(region.segment_id)).all()
            assert region.area > 0
