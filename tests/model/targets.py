"""True segments and predictions for the model's tests."""

from __future__ import annotations

import torch
from torch import Tensor

from pix2cap.model.records import LayerPrediction, SegmentTargets
from tests.builders.parity import Parity


def segments(labels: list[int], masks: Tensor) -> SegmentTargets:
    """Segments without captions; `masks` is `(N, H, W)`."""
    count = len(labels)
    return SegmentTargets(
        labels=torch.tensor(labels, dtype=torch.int64),
        masks=masks.bool(),
        caption_ids=torch.zeros(count, 4, dtype=torch.int64),
        caption_predicted=torch.zeros(count, 4, dtype=torch.bool),
    )


def no_segments(height: int, width: int) -> SegmentTargets:
    """A picture without any."""
    return segments([], torch.zeros(0, height, width))


def layer(logits: Tensor, masks: Tensor) -> LayerPrediction:
    """A prediction whose boxes and queries nobody reads."""
    batch, queries = logits.shape[:2]
    return LayerPrediction(logits, masks, torch.zeros(batch, queries, 4), torch.zeros(batch, queries, 8))


def random_layer(
    seed: int, *, batch: int = 2, queries: int = 6, classes: int = 3, size_hw: tuple[int, int] = (8, 10)
) -> LayerPrediction:
    """Noise that gradients flow into."""
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, queries, classes + 1, generator=draw)
    masks = torch.randn(batch, queries, *size_hw, generator=draw)
    return layer(logits.requires_grad_(), masks.requires_grad_())


def random_segments(
    seed: int, count: int, *, classes: int = 3, size_hw: tuple[int, int] = (16, 20)
) -> SegmentTargets:
    """Segments of random labels, their masks random rectangles that may overlap."""
    draw = torch.Generator().manual_seed(seed)
    height, width = size_hw
    masks = torch.zeros(count, height, width)
    for mask in masks:
        top = int(torch.randint(height - 2, (), generator=draw))
        left = int(torch.randint(width - 2, (), generator=draw))
        mask[top : top + height // 2, left : left + width // 2] = 1
    labels = torch.randint(classes, (count,), generator=draw)
    return segments(labels.tolist(), masks)


def parity_targets(parity: Parity) -> list[SegmentTargets]:
    """What the released code was trained towards when the fixture was made."""
    tensors, start = parity.tensors, 0
    targets: list[SegmentTargets] = []
    while (name := f"train.labels{len(targets)}") in tensors:
        labels = tensors[name]
        rows = slice(start, start + len(labels))
        targets.append(
            SegmentTargets(
                labels,
                tensors[f"train.masks{len(targets)}"].bool(),
                tensors["train.text_tokens"][rows],
                tensors["train.need_predict"][rows] != 0,
            )
        )
        start += len(labels)
    return targets


def parity_layers(parity: Parity) -> list[LayerPrediction]:
    """The released code's predictions in training, first layer first, without the class query."""
    layers: list[LayerPrediction] = []
    while (name := f"train.layer{len(layers)}.pred_logits") in parity.tensors:
        masks = parity.tensors[name.replace("pred_logits", "pred_masks")]
        layers.append(layer(parity.tensors[name][:, :-1], masks[:, :-1]))
    return layers
