"""Collation: the released reader's tokens, masks at the padded size, and pictures without segments."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from pix2cap.model.config import ModelConfig, preset
from pix2cap.train.collate import Collator, collate
from tests.builders.training import WordEncoder, build_sample

PUBLISHED = preset("focal-l")
OURS = dataclasses.replace(preset("tiny"), caption_begin_id=101, caption_end_id=102)


def _rows(text: str | None, config: ModelConfig) -> tuple[list[int], list[bool]]:
    batch = collate([build_sample(np.ones((8, 8), int), [text])], WordEncoder(), config)
    (target,) = batch.targets
    return target.caption_ids[0].tolist(), target.caption_predicted[0].tolist()


def test_tokens_are_the_released_reader_s(golden: Path) -> None:
    folder = golden / "parity_focal"
    tensors = load_file(folder / "tensors.safetensors")
    known = json.loads((folder / "golden.json").read_text("utf-8"))
    row = 0
    for number in (0, 1):
        texts = known[f"caption_token_ids{number}"]
        index = np.arange(1, len(texts) + 1)[None].repeat(8, 0)
        (target,) = collate([build_sample(index, texts)], WordEncoder(), PUBLISHED).targets
        count, width = target.caption_ids.shape
        ids = tensors["train.text_tokens"][row : row + count]
        predicted = tensors["train.need_predict"][row : row + count] != 0
        assert np.array_equal(target.caption_ids.numpy(), ids[:, :width])
        assert np.array_equal(target.caption_predicted.numpy(), predicted[:, :width])
        assert not ids[:, width:].any() and not predicted[:, width:].any()
        row += count
    assert row == len(tensors["train.text_tokens"])


@given(st.integers(0, 150))
def test_our_own_captions_lose_no_head_and_learn_no_end_where_they_were_cut(words: int) -> None:
    text = " ".join(str(300 + i) for i in range(words))
    ids, predicted = _rows(text, OURS)
    kept = min(words, OURS.caption_text_tokens - 2)
    assert ids == [101, *range(300, 300 + kept), 102]
    assert predicted == [False, *[True] * kept, words == kept]
    assert len(ids) <= OURS.caption_positions


def test_a_segment_without_caption_counts_nowhere() -> None:
    assert _rows(None, OURS) == ([101, 102], [False, False])
    index = np.array([[1, 2, 3]]).repeat(8, 0)
    (target,) = collate([build_sample(index, ["5 6", None, "7"])], WordEncoder(), OURS).targets
    assert target.caption_ids.tolist() == [[101, 5, 6, 102], [101, 102, 0, 0], [101, 7, 102, 0]]
    assert target.caption_predicted.tolist() == [
        [False, True, True, True],
        [False] * 4,
        [False, True, True, False],
    ]


def test_pictures_and_masks_share_the_padded_size() -> None:
    wide = build_sample(np.array([[1, 2, 0]]).repeat(20, 0).repeat(10, 1))
    tall = build_sample(np.array([[1], [0]]).repeat(20, 0).repeat(9, 1))
    batch = collate([wide, tall], WordEncoder(), OURS)
    assert batch.images.shape == (2, 3, 48, 32)
    assert batch.sizes_hw == ((20, 30), (40, 9))
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (OURS.pixel_mean, OURS.pixel_std))
    for sample, image, target in zip((wide, tall), batch.images, batch.targets, strict=True):
        height, width = sample.size_hw
        raw = image[:, :height, :width] * std + mean
        assert np.allclose(raw.numpy().transpose(1, 2, 0), sample.rgb, atol=1e-3)
        assert not image[:, height:].any() and not image[:, :, width:].any()
        assert target.masks.dtype == torch.bool and target.masks.shape[1:] == (48, 32)
        for k, mask in enumerate(target.masks):
            assert np.array_equal(mask[:height, :width].numpy(), sample.index_map == k + 1)
            assert int(mask.sum()) == int((sample.index_map == k + 1).sum())
        assert target.labels.tolist() == sample.labels.tolist()


def test_a_picture_without_segments_has_empty_targets() -> None:
    batch = collate([build_sample(np.zeros((16, 16), int))], WordEncoder(), OURS)
    (target,) = batch.targets
    assert target.masks.shape == (0, 16, 16)
    assert target.caption_ids.shape == target.caption_predicted.shape == (0, 2)
    assert target.labels.dtype == target.caption_ids.dtype == torch.int64


def test_what_does_not_go_together() -> None:
    with pytest.raises(ValueError, match=r"101, 102"):
        Collator(WordEncoder(1, 2), PUBLISHED)
    with pytest.raises(ValueError, match="at least one"):
        collate([], WordEncoder(), PUBLISHED)


def test_a_collator_travels_to_a_worker() -> None:
    sample = build_sample(np.ones((8, 8), int), ["3 4"])
    collator = Collator(WordEncoder(), OURS)
    first = collator([sample])
    other = pickle.loads(pickle.dumps(collator))([sample])
    assert torch.equal(first.images, other.images)
    assert torch.equal(first.targets[0].caption_ids, other.targets[0].caption_ids)
