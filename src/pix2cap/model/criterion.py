"""Training losses: class, mask and Dice of every layer's matched queries, and the words of captions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pix2cap.model.config import ModelConfig
from pix2cap.model.matching import TargetStack, match_stack, stack_targets
from pix2cap.model.points import mask_sample, point_sample, uncertain_points
from pix2cap.model.records import LayerPrediction, Match, SegmentTargets


@dataclass(frozen=True)
class CriterionResult:
    """Losses of a batch and the assignment that they were taken under.

    Args:
        losses: Weighted scalars `class_i`, `mask_i`, `dice_i`; i is 0 for the last layer, 1 for the one
            before, and so on. Their sum is the loss.
        matches: For each layer, first to last, one match a picture.
    """

    losses: dict[str, Tensor]
    matches: list[list[Match]]


class Criterion(nn.Module):
    """Class, mask and Dice loss of every prediction, each matched to the truth on its own.

    Deep supervision as published: all layers' predictions count alike, that of the learned queries before the
    first layer too.

    Args:
        config: Classes, weights, and how points are drawn.
    """

    empty_weight: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        weight = torch.ones(config.classes + 1)
        weight[-1] = config.no_object_weight
        self.register_buffer("empty_weight", weight)

    def forward(
        self,
        layers: Sequence[LayerPrediction],
        targets: Sequence[SegmentTargets],
        generator: torch.Generator | None = None,
    ) -> CriterionResult:
        """Match and compare.

        Args:
            layers: Predictions first to last, object queries only.
            targets: One record a picture.
            generator: Makes the random points repeatable.
        """
        stack = stack_targets(targets)
        segments = _segments_per_process(len(stack.labels), layers[-1].masks.device)
        losses: dict[str, Tensor] = {}
        matches: list[list[Match]] = []
        for back, layer in enumerate(reversed(layers)):
            found = match_stack(layer, stack, self.config, generator)
            rows, queries, truth = _flat(found, stack)
            losses[f"class_{back}"] = self._class_loss(layer.logits, rows, queries, stack.labels[truth])
            losses[f"mask_{back}"], losses[f"dice_{back}"] = self._mask_losses(
                layer.masks[rows, queries], stack.masks, truth, segments, generator
            )
            matches.insert(0, found)
        return CriterionResult(losses, matches)

    def _class_loss(self, logits: Tensor, rows: Tensor, queries: Tensor, labels: Tensor) -> Tensor:
        wanted = torch.full(logits.shape[:2], self.config.classes, device=logits.device)
        wanted[rows, queries] = labels
        loss = functional.cross_entropy(logits.float().flatten(0, 1), wanted.flatten(), self.empty_weight)
        return self.config.class_weight * loss

    def _mask_losses(
        self, masks: Tensor, truth: Tensor, which: Tensor, segments: float, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Weighted cross-entropy and Dice of matched masks `(M, h, w)` against rows of `(S, H, W)` bool."""
        if len(masks) == 0:
            return masks.sum(), masks.sum()
        config = self.config
        points_xy = uncertain_points(
            masks,
            config.points,
            oversample_ratio=config.oversample_ratio,
            importance_ratio=config.importance_ratio,
            generator=generator,
        )
        wanted = mask_sample(truth, points_xy, which)
        logits = point_sample(masks.unsqueeze(1), points_xy).squeeze(1)
        cross_entropy = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        probability = logits.sigmoid()
        overlap = 2 * (probability * wanted).sum(1) + 1
        dice = 1 - overlap / (probability.sum(1) + wanted.sum(1) + 1)
        return (
            config.mask_weight * cross_entropy.mean(1).sum() / segments,
            config.dice_weight * dice.sum() / segments,
        )


def _segments_per_process(segments: int, device: torch.device) -> float:
    """True segments a process has on average, at least 1: what mask losses are divided by."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return max(float(segments), 1.0)
    total = torch.tensor(float(segments), device=device)
    torch.distributed.all_reduce(total)
    return max(total.item() / torch.distributed.get_world_size(), 1.0)


def _flat(matches: Sequence[Match], stack: TargetStack) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures, queries, and places in the stack, of all matched pairs of a batch."""
    queries = torch.cat([match.queries for match in matches])
    lengths = torch.tensor([len(match.queries) for match in matches], device=queries.device)
    rows = torch.arange(len(matches), device=queries.device).repeat_interleave(
        lengths, output_size=len(queries)
    )
    before = torch.tensor([0, *stack.counts[:-1]], device=queries.device).cumsum(0)
    return rows, queries, torch.cat([match.segments for match in matches]) + before[rows]


def caption_loss(logits: Tensor, ids: Tensor, predicted: Tensor, *, smoothing: float) -> Tensor:
    """Label-smoothed divergence of the decoder's next word from the caption's, mean over counted words.

    Args:
        logits: `(M, T, V)`; those at position t say what stands at t + 1.
        ids: `(M, T)` int64: begin, words, end, then zeros.
        predicted: `(M, T)` bool: the tokens that count.
        smoothing: Share of probability spread evenly over the V - 1 other words.

    Returns:
        A scalar; 0 (and no gradient) where no token counts.
    """
    counted = predicted[:, 1:]
    return word_loss(logits[:, :-1][counted], ids[:, 1:][counted], smoothing=smoothing)


def word_loss(logits: Tensor, words: Tensor, *, smoothing: float) -> Tensor:
    """`caption_loss` where the counted places were already picked: `(P, V)` logits, `(P,)` ids.

    Torch's own smoothing spreads over all V words, the true one included, and gives cross-entropy; a larger
    share and a constant off make it the divergence from a target that spreads over the others, without that
    target's `(P, V)` table.
    """
    if len(words) == 0:
        return logits.float().sum()
    vocabulary = logits.shape[1]
    entropy = 0.0
    if smoothing > 0:
        entropy = -(1 - smoothing) * math.log(1 - smoothing) - smoothing * math.log(
            smoothing / (vocabulary - 1)
        )
    spread = smoothing * vocabulary / (vocabulary - 1)
    return functional.cross_entropy(logits.float(), words, label_smoothing=spread) - entropy
