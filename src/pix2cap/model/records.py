"""What flows between the parts of the model: predictions, targets, batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class PixelFeatures(NamedTuple):
    """What the pixel decoder gives.

    Args:
        mask_features: `(B, mask_dim, H/p, W/p)`, p the patch size.
        encoder_features: `(B, conv_dim, H/8p, W/8p)`, the coarsest map after its transformer.
        multi_scale: Three maps `(B, conv_dim, ...)` for attention, from coarse (8p) to fine (2p).
    """

    mask_features: Tensor
    encoder_features: Tensor
    multi_scale: tuple[Tensor, Tensor, Tensor]


class LayerPrediction(NamedTuple):
    """What one layer of the query decoder says, Q queries.

    Args:
        logits: `(B, Q, classes + 1)`, the last column "background".
        masks: `(B, Q, h, w)` logits at the mask features' size.
        boxes: `(B, Q, 4)` center x, center y, width, height as fractions of the padded picture.
        queries: `(B, Q, hidden_dim)` after the decoder's norm, as classifier and caption decoder see them.
    """

    logits: Tensor
    masks: Tensor
    boxes: Tensor
    queries: Tensor


class Match(NamedTuple):
    """Which query stands for which segment, in one picture.

    Args:
        queries: `(M,)` int64.
        segments: `(M,)` int64, into the picture's targets.
    """

    queries: Tensor
    segments: Tensor


@dataclass(frozen=True)
class SegmentTargets:
    """The true segments of one picture, N of them.

    Args:
        labels: `(N,)` int64 class indices.
        masks: `(N, H, W)` bool at the padded picture's size.
        caption_ids: `(N, T)` int64: begin, words, end, then zeros.
        caption_predicted: `(N, T)` bool: the tokens that the caption loss counts; all false in the row of a
            segment without caption.
    """

    labels: Tensor
    masks: Tensor
    caption_ids: Tensor
    caption_predicted: Tensor

    def to(self, device: torch.device | str) -> SegmentTargets:
        """The same on another device."""
        return SegmentTargets(
            self.labels.to(device),
            self.masks.to(device),
            self.caption_ids.to(device),
            self.caption_predicted.to(device),
        )


@dataclass(frozen=True)
class Batch:
    """Pictures and, for training, their true segments.

    Args:
        images: `(B, 3, H, W)` float32, normalised and then padded with zeros at the right and below.
        sizes_hw: Height and width of each picture without padding.
        targets: One record a picture; empty for inference.
    """

    images: Tensor
    sizes_hw: tuple[tuple[int, int], ...]
    targets: tuple[SegmentTargets, ...] = ()

    def to(self, device: torch.device | str) -> Batch:
        """The same on another device."""
        return Batch(self.images.to(device), self.sizes_hw, tuple(t.to(device) for t in self.targets))


def pack_images(
    images: Sequence[Tensor],
    *,
    mean: Sequence[float],
    std: Sequence[float],
    divisibility: int,
) -> tuple[Tensor, tuple[tuple[int, int], ...]]:
    """Normalise pictures and lay them into one padded tensor.

    Args:
        images: Raw RGB, each `(3, h, w)`, 0 to 255.
        mean: Three numbers of the same scale.
        std: Three numbers of the same scale.
        divisibility: Height and width of the tensor are multiples of this.

    Returns:
        `(B, 3, H, W)` float32 and the pictures' own `(h, w)`.
    """
    sizes = tuple((int(image.shape[1]), int(image.shape[2])) for image in images)
    height, width = (-(-max(side) // divisibility) * divisibility for side in zip(*sizes, strict=True))
    packed = images[0].new_zeros((len(images), 3, height, width), dtype=torch.float32)
    shift = torch.tensor(mean, device=packed.device).view(3, 1, 1)
    scale = torch.tensor(std, device=packed.device).view(3, 1, 1)
    for row, image, (h, w) in zip(packed, images, sizes, strict=True):
        row[:, :h, :w] = (image.to(torch.float32) - shift) / scale
    return packed, sizes
