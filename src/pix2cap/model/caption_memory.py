"""A richer memory for the caption decoder: a segment's class, looks, form and place, and who is near.

The published memory of a segment is two tokens, its query and one vector of the whole picture; neither has
seen the other segments, and fine detail reaches them only through the query.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pix2cap.model.config import ModelConfig
from pix2cap.model.mask_form import CELLS, mask_windows
from pix2cap.model.segment_shape import (
    NUMBERS,
    colour_moments,
    erode,
    mean_and_deviation,
    measure_shapes,
    shrink,
)

# Octaves of the sine features of a place: wave lengths from twice the picture down to 1/64 of it.
_OCTAVES = 8


class MemoryInputs(NamedTuple):
    """What `RichMemory` looks at: M segments, flat over the B pictures of a batch.

    Args:
        queries: `(M, hidden_dim)`, after the query decoder's norm.
        names: `(M, projection_dim)`, embedding of the class that each segment is given: the true one while
            training, the predicted one after it.
        images: `(M,)` int64, the picture of each segment.
        masks: `(M, h, w)` float, 0 to 1, over the padded picture at any resolution.
        maps: Feature maps `(B, C, h, w)` of any sizes: three of `conv_dim` channels from the pixel decoder,
            its mask features of `mask_dim`, and the backbone's finest of `embed_dim`.
        images_rgb: `(B, 3, H, W)`, normalised and padded, or None.
        extents: `(B, 2)`, share of the padded height and width that the picture fills.
        global_features: `(B, hidden_dim)`.
    """

    queries: Tensor
    names: Tensor
    images: Tensor
    masks: Tensor
    maps: tuple[Tensor, ...]
    images_rgb: Tensor | None
    extents: Tensor
    global_features: Tensor


class Slots(NamedTuple):
    """Where each of M flat segments stands in a `(B, S)` table of pictures and their segments."""

    images: Tensor
    places: Tensor
    shape: tuple[int, int]

    @classmethod
    def of(cls, images: Tensor, pictures: int) -> Slots:
        """Number the segments of each picture from 0, in the order given."""
        counts = torch.bincount(images, minlength=pictures)
        order = images.argsort(stable=True)
        starts = counts.cumsum(0) - counts
        places = torch.empty_like(images)
        places[order] = torch.arange(len(images), device=images.device) - starts[images[order]]
        return cls(images, places, (pictures, int(counts.max())))

    def table(self, rows: Tensor) -> Tensor:
        """`(M, ...)` to `(B, S, ...)`, zeros where a picture has fewer segments."""
        filled = rows.new_zeros((*self.shape, *rows.shape[1:]))
        return filled.index_put((self.images, self.places), rows)

    def flat(self, table: Tensor) -> Tensor:
        """`(B, S, ...)` to `(M, ...)`."""
        return table[self.images, self.places]


class RichMemory(nn.Module):
    """Memory tokens of segments.

    A segment has `tokens` of them: its query; the whole picture; the mean of each feature map under the mask;
    the mask's form; its place; its colours; its class; its neighbours. No gradient flows into the masks and
    the names. The class is told so that a caption speaks of what the panoptic map says is there.

    Args:
        config: Sizes of what comes in, and `object_dim` for what goes out.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.object_dim
        channels = (*(config.conv_dim,) * 3, config.mask_dim, config.embed_dim)
        self.query = nn.Linear(config.hidden_dim, width)
        self.picture = nn.Linear(config.hidden_dim, width)
        self.looks = nn.ModuleList(nn.Sequential(nn.LayerNorm(c), nn.Linear(c, width)) for c in channels)
        self.form = _mlp(CELLS**2, width)
        self.place = _mlp(NUMBERS * (1 + 2 * _OCTAVES), width)
        self.colours = _mlp(12, width)
        self.named = nn.Linear(config.projection_dim, width)
        self.neighbours = Neighbours(width, math.gcd(width, config.heads))
        self.tokens = len(channels) + 7
        self.kinds = nn.Parameter(torch.randn(self.tokens, width) * 0.5)
        self.norm = nn.LayerNorm(width)

    def forward(self, inputs: MemoryInputs) -> Tensor:
        """Look at the segments.

        Returns:
            `(M, tokens, object_dim)`.
        """
        if not len(inputs.queries):
            return self.kinds.new_zeros((0, *self.kinds.shape))
        slots = Slots.of(inputs.images, len(inputs.global_features))
        with torch.no_grad(), torch.autocast(inputs.masks.device.type, enabled=False):
            masks = inputs.masks.float()
            shapes = measure_shapes(masks, inputs.extents.float()[inputs.images])
            forms = mask_windows(masks, cells=CELLS)
            colours = _colours(masks, inputs.images_rgb, slots)
            sizes = [(m.shape[2], m.shape[3]) for m in inputs.maps]
            weights = {size: slots.table(m.flatten(1)) for size, m in shrink(masks, sizes).items()}
        dtype = self.kinds.dtype
        own = [
            self.query(inputs.queries),
            *(
                look(slots.flat(_mean(weights[size], feature_map)))
                for look, size, feature_map in zip(self.looks, sizes, inputs.maps, strict=True)
            ),
            self.form(forms.flatten(1).to(dtype)),
            self.place(_waves(shapes.numbers).to(dtype)),
            self.colours(colours.to(dtype)),
            self.named(inputs.names.detach().to(dtype)),
        ]
        seen = self.neighbours(torch.stack(own, dim=1).sum(dim=1), shapes.boxes, slots)
        tokens = torch.stack((self.picture(inputs.global_features)[inputs.images], *own, seen), dim=1)
        remembered: Tensor = self.norm(tokens) + self.kinds
        return remembered


class Neighbours(nn.Module):
    """Each segment asks all others of its picture; where they lie from it counts and is told.

    Args:
        width: Of a segment's summary.
        heads: Attention heads; divides the width.
    """

    # Numbers that say how one box lies to another, see `_relations`.
    RELATIONS = 7

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.ask = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        # What one sees who is alone, or whom the others do not concern.
        self.nobody = nn.Parameter(torch.randn(2, width) * 0.02)
        self.nearness = _mlp(self.RELATIONS, heads, hidden=32)
        self.output = nn.Linear(width + heads * self.RELATIONS, width)

    def forward(self, segments: Tensor, boxes: Tensor, slots: Slots) -> Tensor:
        """Ask.

        Args:
            segments: `(M, width)`, a summary of each.
            boxes: `(M, 4)`, center and size in shares of the picture.
            slots: Where they belong.

        Returns:
            `(M, width)`.
        """
        table = slots.table(self.norm(segments))
        filled = slots.table(torch.ones_like(slots.places, dtype=torch.bool))
        count = table.shape[1]
        nobody = self.nobody.to(table.dtype)[:, None, None].expand(-1, len(table), -1, -1)
        key = torch.cat((nobody[0], self.key(table)), dim=1)
        value = torch.cat((nobody[1], self.value(table)), dim=1)
        ask, key, value = (
            x.unflatten(2, (self.heads, -1)).transpose(1, 2) for x in (self.ask(table), key, value)
        )
        relations = _relations(slots.table(boxes)).to(self.nobody.dtype)
        bias = functional.pad(self.nearness(relations).permute(0, 3, 1, 2), (1, 0))
        itself = torch.eye(count, dtype=torch.bool, device=table.device)
        hidden = functional.pad(itself | ~filled[:, None, :], (1, 0), value=False)[:, None]
        scores = (ask @ key.transpose(2, 3)) / math.sqrt(key.shape[3]) + bias
        odds = scores.float().masked_fill(hidden, -torch.inf).softmax(dim=3)
        found = (odds.to(value.dtype) @ value).transpose(1, 2).flatten(2)
        where = torch.einsum("bhij,bijr->bihr", odds[..., 1:].to(relations.dtype), relations).flatten(2)
        told: Tensor = self.output(torch.cat((found, where.to(found.dtype)), dim=2))
        return slots.flat(told)


def _mlp(width_in: int, width_out: int, hidden: int | None = None) -> nn.Sequential:
    middle = hidden or 2 * width_out
    return nn.Sequential(nn.Linear(width_in, middle), nn.GELU(), nn.Linear(middle, width_out))


def _mean(weights: Tensor, feature_map: Tensor) -> Tensor:
    """Weights `(B, S, h * w)`, 0 to 1, over a map `(B, C, h, w)` to `(B, S, C)`; without weights 0."""
    total = torch.bmm(weights.to(feature_map.dtype), feature_map.flatten(2).transpose(1, 2))
    return total / weights.sum(dim=2, keepdim=True).clamp(min=1e-6).to(total.dtype)


def _colours(masks: Tensor, images_rgb: Tensor | None, slots: Slots) -> Tensor:
    """Mean and deviation under masks `(M, h, w)`, and the same without their outermost pixels: `(M, 12)`.

    A mask without an inside is measured whole twice.
    """
    if images_rgb is None:
        return masks.new_zeros((len(masks), 12))
    moments = colour_moments(images_rgb.float(), (masks.shape[1], masks.shape[2]))
    eroded = erode(masks)
    whole, inside = (
        mean_and_deviation(slots.flat(_mean(slots.table(m.flatten(1)), moments))) for m in (masks, eroded)
    )
    has_inside = eroded.amax(dim=(1, 2))[:, None] >= 0.5
    return torch.cat((whole, torch.where(has_inside, inside, whole)), dim=1)


def _waves(numbers: Tensor) -> Tensor:
    """`(M, N)` numbers of about 0 to 1 to `(M, N * 17)`: themselves, and their sines and cosines."""
    rates = math.pi * 2.0 ** torch.arange(_OCTAVES, device=numbers.device)
    angles = numbers[:, :, None] * rates
    return torch.cat((numbers[:, :, None], angles.sin(), angles.cos()), dim=2).flatten(1)


def _relations(boxes: Tensor) -> Tensor:
    """How box j lies to box i: `(B, S, 4)` center and size to `(B, S, S, 7)`.

    The step between the centers in shares of the picture and in sizes of i, the ratio of areas, and the
    shares of both boxes in their overlap; all within some -4 to 4, and 0 where a box is empty.
    """
    center, size = boxes[..., :2], boxes[..., 2:]
    small = 1e-3
    step = center[:, None] - center[:, :, None]
    in_sizes = (step / size[:, :, None].clamp(min=small)).clamp(-4, 4)
    area = size.prod(dim=2).clamp(min=small**2)
    ratio = (area[:, None] / area[:, :, None]).log() / 4
    low, high = center - size / 2, center + size / 2
    overlap = torch.minimum(high[:, None], high[:, :, None]) - torch.maximum(low[:, None], low[:, :, None])
    shared = overlap.clamp(min=0).prod(dim=3)
    shares = torch.stack((shared / area[:, :, None], shared / area[:, None]), dim=3)
    exists = (size > 0).all(dim=2)
    both = exists[:, None] & exists[:, :, None]
    related = torch.cat((step, in_sizes, ratio[..., None], shares), dim=3)
    return related * both[..., None]
