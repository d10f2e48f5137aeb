"""Conversations to tokens and labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pix2cap.errors import InputError
from pix2cap.sft.collate import RegionCollator
from pix2cap.sft.region_processor import IGNORED, ChatFormat, RegionProcessor, Turn, add_region_tokens
from tests.builders.tiny_lmm import SIZES, halves, tiny_pair

TURNS = [
    Turn("Describe the region <region> in one sentence.", "a red square", (7,)),
    Turn("And <region> beside <region>?", "a blue square", (5, 7)),
]


def test_loss_falls_on_answers_only() -> None:
    _, processor = tiny_pair()
    sample = processor.sample(*halves(), TURNS)
    learnt = sample.labels != IGNORED
    assert (sample.labels[learnt] == sample.input_ids[learnt]).all()
    tokenizer = processor.tokenizer
    assert tokenizer.decode(sample.labels[learnt]) == " a red square</s> a blue square</s>"
    asked = tokenizer.decode(sample.input_ids[~learnt])
    assert asked.count("<image>") == 16 and asked.count("<region>") == 3
    assert "Describe the region <region> in one sentence." in asked
    assert asked.index("<image>") < asked.index("Describe")


def test_regions_come_in_the_order_of_their_marks() -> None:
    _, processor = tiny_pair()
    regions = processor.sample(*halves(), TURNS).regions
    seven, five = processor.regions(halves()[1], [7]), processor.regions(halves()[1], [5])
    np.testing.assert_array_equal(regions.cover, [seven.cover[0], five.cover[0], seven.cover[0]])
    np.testing.assert_array_equal(regions.boxes, [seven.boxes[0], five.boxes[0], seven.boxes[0]])


def test_a_question_without_answer_ends_where_the_answer_begins() -> None:
    _, processor = tiny_pair()
    asked = processor.sample(*halves(), [replace(TURNS[0], answer=None)])
    told = processor.sample(*halves(), TURNS[:1])
    assert (asked.labels == IGNORED).all()
    np.testing.assert_array_equal(told.input_ids[: len(asked.input_ids)], asked.input_ids)
    assert told.labels[len(asked.input_ids)] != IGNORED


def test_a_long_conversation_loses_whole_turns() -> None:
    _, processor = tiny_pair()
    one = processor.sample(*halves(), TURNS[:1])
    processor.max_tokens = len(one.input_ids) + 3
    cut = processor.sample(*halves(), TURNS)
    np.testing.assert_array_equal(cut.input_ids, one.input_ids)
    assert len(cut.regions.boxes) == 1
    processor.max_tokens = 10
    with pytest.raises(InputError, match="at most 10 tokens"):
        processor.sample(*halves(), TURNS)


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        (Turn("What is <region>?", "x"), "for each of its 0 segments, got 1"),
        (Turn("What is it?", "x", (5,)), "for each of its 1 segments, got 0"),
        (Turn("What is <region>?", "x", (6,)), "segment 6"),
    ],
)
def test_marks_and_segments_must_agree(turn: Turn, told: str) -> None:
    _, processor = tiny_pair()
    with pytest.raises(InputError, match=told):
        processor.sample(*halves(), [turn])


def test_marks_in_an_answer_are_words() -> None:
    _, processor = tiny_pair()
    sample = processor.sample(*halves(), [Turn("What is <region>?", "a <region> in an <image>", (5,))])
    assert (sample.input_ids == processor.region_token_id).sum() == 1
    assert (sample.input_ids == processor.image_token_id).sum() == 16


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    _, processor = tiny_pair()
    processor.chat = ChatFormat(system="Look.", between="\n")
    processor.shape, processor.tokens_per_region = 5, 2
    processor.save(tmp_path)
    again = RegionProcessor.load(tmp_path)
    first, second = (p.sample(*halves(), TURNS) for p in (processor, again))
    np.testing.assert_array_equal(first.input_ids, second.input_ids)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.regions.shapes, second.regions.shapes)
    assert (first.input_ids == again.region_token_id).sum() == 6
    with pytest.raises(InputError, match="expected a processor"):
        RegionProcessor.load(tmp_path / "none")


def test_a_tokenizer_without_our_marks_is_refused_until_they_are_added() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE({letter: i for i, letter in enumerate("<>aegimnor")}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="</s>")
    with pytest.raises(InputError, match="expected <image> to be one token, got 7"):
        RegionProcessor(tokenizer)
    assert add_region_tokens(tokenizer) == 2
    assert RegionProcessor(tokenizer).region_token_id != RegionProcessor(tokenizer).image_token_id
    assert add_region_tokens(tokenizer) == 0


@pytest.mark.parametrize("left", [False, True])
def test_a_batch_is_padded(left: bool) -> None:
    _, processor = tiny_pair()
    samples = [processor.sample(*halves(), turns) for turns in (TURNS, TURNS[:1])]
    batch = RegionCollator(processor.tokenizer.pad_token_id, left=left)(samples)
    length = len(samples[0].input_ids)
    assert batch["input_ids"].shape == batch["labels"].shape == (2, length)
    short = len(samples[1].input_ids)
    kept = slice(length - short, None) if left else slice(short)
    assert batch["attention_mask"].sum(1).tolist() == [length, short]
    np.testing.assert_array_equal(batch["input_ids"][1, kept], samples[1].input_ids)
    assert batch["attention_mask"][1, kept].all()
    assert (batch["labels"][batch["attention_mask"] == 0] == IGNORED).all()
    assert batch["region_valid"].tolist() == [[True, True, True], [True, False, False]]
    assert batch["region_cover"].shape == (2, 3, 4, 4) and not batch["region_cover"][1, 1:].any()
    assert batch["region_shapes"].shape == (2, 3, 0, 0)
    assert batch["pixel_values"].shape == (2, 3, SIZES.picture, SIZES.picture)
    assert all(isinstance(value, torch.Tensor) for value in batch.values())
