"""Batches: the same on any number of workers, from any point on, and without touching torch's chance."""

from __future__ import annotations

import dataclasses
from itertools import islice

import pytest
import torch

from pix2cap.model.config import preset
from pix2cap.model.records import Batch
from pix2cap.model.vocabulary import CaptionVocabulary
from pix2cap.train.augment import AugmentConfig
from pix2cap.train.collate import Collator
from pix2cap.train.loader import VariedSet, iterate_batches
from pix2cap.train.order import BatchOrder, OrderState, SampleKey
from pix2cap.train.samples import TrainingSet, open_training_set
from tests.builders.training import build_scenes

VARIED = AugmentConfig(side=64, min_scale=0.5, max_scale=1.5)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    folder = build_scenes(tmp_path_factory.mktemp("loader") / "scenes", images=7)
    return open_training_set(folder, cache_bytes=10**6)


@pytest.fixture(scope="module")
def collator(data: TrainingSet) -> Collator:
    vocabulary = CaptionVocabulary.train(data.captions(), 400)
    config = dataclasses.replace(
        preset("tiny"), caption_begin_id=vocabulary.begin_id, caption_end_id=vocabulary.end_id
    )
    return Collator(vocabulary, config)


def _take(
    data: TrainingSet, collator: Collator, count: int, *, workers: int = 0, start: OrderState | None = None
) -> list[Batch]:
    order = BatchOrder(len(data), 3, seed=1, start=start or OrderState())
    batches = iterate_batches(VariedSet(data, VARIED, seed=1), order, collator, workers=workers)
    return list(islice(batches, count))


def _same(one: Batch, other: Batch) -> bool:
    pairs = [(one.images, other.images)]
    for a, b in zip(one.targets, other.targets, strict=True):
        names = ("labels", "masks", "caption_ids", "caption_predicted")
        pairs += [(getattr(a, name), getattr(b, name)) for name in names]
    return one.sizes_hw == other.sizes_hw and all(torch.equal(a, b) for a, b in pairs)


def test_workers_change_nothing(data: TrainingSet, collator: Collator) -> None:
    state = torch.random.get_rng_state()
    alone = _take(data, collator, 6)
    many = _take(data, collator, 6, workers=2)
    assert all(_same(a, b) for a, b in zip(alone, many, strict=True))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_going_on_gives_the_batches_that_would_have_come(data: TrainingSet, collator: Collator) -> None:
    whole = _take(data, collator, 8)
    state = BatchOrder(len(data), 3, seed=1).state_after(5)
    assert state == OrderState(2, 1)
    rest = _take(data, collator, 3, start=state)
    assert all(_same(a, b) for a, b in zip(whole[5:], rest, strict=True))


def test_a_later_pass_varies_the_same_sample_otherwise(data: TrainingSet) -> None:
    varied = VariedSet(data, VARIED, seed=0)
    first, later, again = (varied[SampleKey(epoch, 2)] for epoch in (0, 1, 0))
    assert first.rgb.tobytes() != later.rgb.tobytes()
    assert first.rgb.tobytes() == again.rgb.tobytes()
    assert VariedSet(data, None, seed=0)[SampleKey(0, 2)] is data[2]
    assert len(varied) == 7
