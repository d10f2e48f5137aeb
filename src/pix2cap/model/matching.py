"""Which query stands for which true segment: the Hungarian assignment, and the published one by overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

from pix2cap.model.config import ModelConfig
from pix2cap.model.points import mask_sample, point_sample, uniform
from pix2cap.model.records import LayerPrediction, Match, SegmentTargets

# Any cost that is not a number counts as this, so that a query gone wrong is taken last.
_WORST_COST = 1e6


class TargetStack(NamedTuple):
    """The true segments of all pictures of a batch, one after the other; S of them.

    Args:
        labels: `(S,)` int64 class indices.
        masks: `(S, H, W)` bool.
        pictures: `(S,)` int64, whose segment it is.
        counts: Segments of each picture.
    """

    labels: Tensor
    masks: Tensor
    pictures: Tensor
    counts: list[int]


def stack_targets(targets: Sequence[SegmentTargets]) -> TargetStack:
    """Put the targets of a batch's pictures, all padded to one size, into one record."""
    counts = [len(target.labels) for target in targets]
    labels = torch.cat([target.labels for target in targets])
    pictures = torch.arange(len(targets), device=labels.device).repeat_interleave(
        torch.tensor(counts, device=labels.device), output_size=sum(counts)
    )
    return TargetStack(labels, torch.cat([target.masks for target in targets]), pictures, counts)


def hungarian_matches(
    prediction: LayerPrediction,
    targets: Sequence[SegmentTargets],
    config: ModelConfig,
    generator: torch.Generator | None = None,
) -> list[Match]:
    """Give every true segment its own query, at the least total cost.

    The cost of a pair is the weighted sum of minus the class probability, and of the binary cross-entropy
    and Dice loss of the masks at random points that all pairs of a picture share.

    Args:
        prediction: Of one layer, object queries only.
        targets: One record a picture.
        config: Weights and the number of points.
        generator: Makes the points repeatable.

    Returns:
        One match a picture, ordered by query; the smaller of queries and segments is matched in full.
    """
    return match_stack(prediction, stack_targets(targets), config, generator)


@torch.no_grad()
def match_stack(
    prediction: LayerPrediction,
    stack: TargetStack,
    config: ModelConfig,
    generator: torch.Generator | None = None,
) -> list[Match]:
    """`hungarian_matches` for targets that were stacked before, as several layers share them."""
    device = prediction.masks.device
    points_xy = uniform(len(stack.counts), config.points, 2, device=device, generator=generator)
    costs = _pair_costs(prediction, stack, points_xy, config).cpu()
    pairs = [
        torch.from_numpy(np.stack(linear_sum_assignment(cost.T.numpy())).astype(np.int64))
        for cost in torch.split(costs, stack.counts)
    ]
    # One transfer for the batch: each would wait for the device.
    sent = torch.cat(pairs, dim=1).to(device)
    return [Match(*part) for part in torch.split(sent, [pair.shape[1] for pair in pairs], dim=1)]


def _pair_costs(
    prediction: LayerPrediction, stack: TargetStack, points_xy: Tensor, config: ModelConfig
) -> Tensor:
    """`(S, Q)` costs of each true segment against the queries of its picture, all finite."""
    with torch.autocast(prediction.masks.device.type, enabled=False):
        logits = point_sample(prediction.masks, points_xy)
        probability = logits.sigmoid()
        segments = torch.arange(len(stack.labels), device=points_xy.device)
        truth = mask_sample(stack.masks, points_xy[stack.pictures], segments)
        both = torch.cat([logits, probability], dim=1)
        # BCE(x, t) = softplus(x) - x t, so logits and probabilities each meet the truth in one product.
        product = torch.cat(
            [rows @ pair.T for rows, pair in zip(torch.split(truth, stack.counts), both, strict=True)]
        )
        logits_in, probability_in = product.chunk(2, dim=1)
        everywhere = functional.softplus(logits).sum(2)[stack.pictures]
        cross_entropy = (everywhere - logits_in) / points_xy.shape[1]
        size = probability.sum(2)[stack.pictures] + truth.sum(1, keepdim=True)
        dice = 1 - (2 * probability_in + 1) / (size + 1)
        classes = prediction.logits.float().softmax(2)[stack.pictures, :, stack.labels]
    cost = config.mask_weight * cross_entropy + config.dice_weight * dice - config.class_weight * classes
    return cost.nan_to_num(_WORST_COST, _WORST_COST, -_WORST_COST)


@torch.no_grad()
def mask_iou_queries(masks: Tensor, targets: Sequence[SegmentTargets]) -> list[Tensor]:
    """The query whose mask overlaps each true segment most: whom the published captions belong to.

    Its quirks are kept. The truth is thinned to the masks' size and counts wherever anything of it is left;
    two segments may share a query; where neither truth nor mask has a cell, 0/0 is not a number and wins.

    Args:
        masks: `(B, Q, h, w)` logits, object queries only.
        targets: One record a picture.

    Returns:
        `(N,)` int64 query indices for each picture.
    """
    chosen = []
    for queries, target in zip(masks, targets, strict=True):
        predicted = (queries > 0).flatten(1).float()
        truth = _thin(target.masks, (masks.shape[2], masks.shape[3]))
        with torch.autocast(masks.device.type, enabled=False):
            shared = truth @ predicted.T
        union = truth.sum(1, keepdim=True) + predicted.sum(1) - shared
        chosen.append((shared / union).argmax(1))
    return chosen


def _thin(masks: Tensor, size_hw: tuple[int, int], at_once: int = 16) -> Tensor:
    """`(N, h * w)` float 0 or 1: the cells to which a bilinear tap brings anything of a mask."""
    parts = [
        functional.interpolate(part.unsqueeze(1).float(), size_hw, mode="bilinear", align_corners=False)
        for part in torch.split(masks, at_once)
    ]
    return (torch.cat(parts).flatten(1) > 0).float()
