"""Queries for segments: the Hungarian assignment and the published one by overlap."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from torch.nn import functional

from pix2cap.model.config import ModelConfig
from pix2cap.model.matching import hungarian_matches, mask_iou_queries
from pix2cap.model.points import point_sample
from pix2cap.model.records import LayerPrediction, SegmentTargets
from tests.builders.parity import Parity, read_parity
from tests.model.targets import (
    layer,
    no_segments,
    parity_layers,
    parity_targets,
    random_layer,
    random_segments,
    segments,
)

CONFIG = ModelConfig(classes=3, points=200)


@pytest.fixture(scope="module")
def parity(golden: Path) -> Parity:
    return read_parity(golden / "parity_focal")


def test_the_published_assignment_of_the_last_layer(parity: Parity) -> None:
    found = hungarian_matches(
        parity_layers(parity)[-1],
        parity_targets(parity),
        parity.config,
        torch.Generator().manual_seed(7),
    )
    assert [[m.queries.tolist(), m.segments.tolist()] for m in found] == parity.golden["hungarian_last_layer"]


def _plain_matches(
    prediction: LayerPrediction, targets: list[SegmentTargets], seed: int
) -> list[tuple[list[int], list[int]]]:
    """The cost written out pair by pair."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for logits, masks, target in zip(prediction.logits, prediction.masks, targets, strict=True):
        points = torch.rand(1, CONFIG.points, 2, generator=draw)
        cost = torch.zeros(len(logits), len(target.labels))
        for q in range(len(logits)):
            for n in range(len(target.labels)):
                x = point_sample(masks[None, q : q + 1], points)[0, 0]
                t = point_sample(target.masks[None, n : n + 1].float(), points)[0, 0]
                entropy = functional.binary_cross_entropy_with_logits(x, t)
                dice = 1 - (2 * (x.sigmoid() * t).sum() + 1) / (x.sigmoid().sum() + t.sum() + 1)
                probability = logits[q].softmax(0)[target.labels[n]]
                cost[q, n] = 5 * entropy + 5 * dice - 2 * probability
        rows, columns = linear_sum_assignment(cost.detach().numpy())
        found.append((rows.tolist(), columns.tolist()))
    return found


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), counts=st.lists(st.integers(0, 8), min_size=1, max_size=3))
def test_costs_of_a_batch_are_those_of_its_pairs(seed: int, counts: list[int]) -> None:
    prediction = random_layer(seed, batch=len(counts))
    targets = [random_segments(seed + i, count) for i, count in enumerate(counts)]
    found = hungarian_matches(prediction, targets, CONFIG, torch.Generator().manual_seed(seed))
    assert [(m.queries.tolist(), m.segments.tolist()) for m in found] == _plain_matches(
        prediction, targets, seed
    )


@given(order=st.permutations(range(5)))
def test_queries_that_drew_the_segments_are_found(order: list[int]) -> None:
    strips = torch.zeros(5, 10, 20)
    for i in range(5):
        strips[i, :, 4 * i : 4 * i + 4] = 1
    logits = torch.zeros(1, 5, 4)
    prediction = layer(logits, 20 * strips[order][None] - 10)
    draw = torch.Generator().manual_seed(0)
    found = hungarian_matches(prediction, [segments([0] * 5, strips)], CONFIG, draw)
    assert found[0].queries.tolist() == list(range(5))
    assert found[0].segments.tolist() == order


def test_equal_masks_are_told_apart_by_class() -> None:
    masks = torch.ones(2, 4, 4)
    logits = torch.tensor([[[0.0, 0.0, 9.0, 0.0], [9.0, 0.0, 0.0, 0.0]]])
    found = hungarian_matches(layer(logits, 5 * masks[None]), [segments([0, 2], masks)], CONFIG)
    assert found[0].segments.tolist() == [1, 0]


def test_a_query_that_is_not_a_number_is_taken_last() -> None:
    prediction = random_layer(1, batch=1, queries=4)
    masks, logits = prediction.masks.detach().clone(), prediction.logits.detach().clone()
    masks[0, 1], logits[0, 2] = torch.nan, torch.nan
    found = hungarian_matches(layer(logits, masks), [random_segments(1, 2)], CONFIG)
    assert found[0].queries.tolist() == [0, 3]
    everything = hungarian_matches(layer(logits * torch.nan, masks), [random_segments(1, 2)], CONFIG)
    assert len(everything[0].queries) == 2


def test_more_segments_than_queries_leaves_segments_out() -> None:
    found = hungarian_matches(random_layer(2, batch=1, queries=3), [random_segments(2, 7)], CONFIG)
    assert found[0].queries.tolist() == [0, 1, 2]
    assert len(set(found[0].segments.tolist())) == 3


@pytest.mark.parametrize("counts", [(0, 0), (0, 3), (3, 0)])
def test_pictures_without_segments(counts: tuple[int, int]) -> None:
    targets = [random_segments(i, n) if n else no_segments(16, 20) for i, n in enumerate(counts)]
    prediction = random_layer(3)
    found = hungarian_matches(prediction, targets, CONFIG)
    assert [len(m.queries) for m in found] == list(counts)
    assert [len(chosen) for chosen in mask_iou_queries(prediction.masks, targets)] == list(counts)


def test_half_precision_is_matched_as_its_values(parity: Parity) -> None:
    last, targets = parity_layers(parity)[-1], parity_targets(parity)
    half = last._replace(logits=last.logits.bfloat16(), masks=last.masks.bfloat16())
    full = half._replace(logits=half.logits.float(), masks=half.masks.float())
    pairs = [
        hungarian_matches(one, targets, parity.config, torch.Generator().manual_seed(7))
        for one in (half, full)
    ]
    assert [m.queries.tolist() for m in pairs[0]] == [m.queries.tolist() for m in pairs[1]]


def test_published_caption_queries(parity: Parity) -> None:
    targets = parity_targets(parity)
    for one, expected in zip(parity_layers(parity), parity.golden["match_masks_per_layer"], strict=True):
        chosen = mask_iou_queries(one.masks, targets)
        assert [c.tolist() for c in chosen] == [[query for query, _ in picture] for picture in expected]


def test_overlap_alone_decides_and_two_may_share() -> None:
    truth = torch.zeros(2, 8, 8)
    truth[:, 2:6, 2:6] = 1
    masks = torch.full((1, 3, 8, 8), -1.0)
    masks[0, 1, 2:6, 2:5] = 1
    masks[0, 2] = 1
    assert mask_iou_queries(masks, [segments([0, 1], truth)])[0].tolist() == [1, 1]


def test_nothing_over_nothing_wins() -> None:
    # Between the taps of an 8-fold reduction: nothing of this pixel is left.
    truth = torch.zeros(1, 64, 64)
    truth[0, 0, 0] = 1
    masks = torch.ones(1, 4, 8, 8)
    masks[0, 2:] = -1
    assert mask_iou_queries(masks, [segments([0], truth)])[0].tolist() == [2]
