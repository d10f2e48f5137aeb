"""Features of regions from the hidden states of a vision tower: under a mask, or in a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, get_args

import torch
from torch import Tensor, nn

from pix2cap.errors import InputError
from pix2cap.sft.regions import RegionMode

BOX_FACTS = 8
"""Numbers that tell where a box is: x0, y0, x1, y1, centre x, centre y, width, height as shares."""

_WAVES = 4
"""Each of them is told as it is, and as sine and cosine of so many doubling frequencies."""


@dataclass(frozen=True, slots=True)
class RegionConfig:
    """What a region module is made of.

    Args:
        mode: `mask` pools the cells under the mask, `box` the samples of RoIAlign, as GPT4RoI does; `both`
            puts them side by side: what is under the mask, and how it lies in the box.
        layers: Hidden states of the vision tower that are pooled; negative ones count from the last.
        tokens: Embeddings a region, each in place of one `<region>` token.
        width: Channels to which each layer is projected before they are summed.
        box_position: Add where the box lies in the picture.
        shape: Side of the grid on which the mask's own outline, cut to its box, is read; 0 leaves it out.
        roi_size: Side of RoIAlign's grid.
        roi_samples: Bilinear samples a grid cell along each axis.
    """

    mode: RegionMode = "mask"
    layers: tuple[int, ...] = (-11, -8, -5, -2)
    tokens: int = 1
    width: int = 512
    box_position: bool = True
    shape: int = 0
    roi_size: int = 14
    roi_samples: int = 2

    def __post_init__(self) -> None:
        if self.mode not in get_args(RegionMode):
            raise InputError(f"region mode: expected {', '.join(get_args(RegionMode))}, got {self.mode!r}")
        if not self.layers or self.tokens < 1 or self.width < 1 or self.roi_size < 1 or self.roi_samples < 1:
            raise InputError(f"region module: expected a layer, and sizes of 1 or more, got {self}")

    def to_json(self) -> dict[str, Any]:
        """A record of JSON types."""
        return {**asdict(self), "layers": list(self.layers)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> RegionConfig:
        """The counterpart of `to_json`."""
        return cls(**{**record, "layers": tuple(record["layers"])})


class Regions(NamedTuple):
    """The regions of a batch, padded to the most that one picture has.

    Padded rather than flat, so that every tensor of a batch has its pictures in front and any trainer may
    split it among devices.

    Args:
        cover: `(B, R, h, w)` share of each patch that the mask covers, 0..1.
        boxes: `(B, R, 4)` x0, y0, x1, y1 as shares of the model's square picture, half-open.
        shapes: `(B, R, S, S)` share of each cell of the box that the mask covers; S may be 0.
        valid: `(B, R)` bool, False where padded.
    """

    cover: Tensor
    boxes: Tensor
    shapes: Tensor
    valid: Tensor


def roi_align(maps: Tensor, boxes: Tensor, image_index: Tensor, *, size: int, samples: int = 2) -> Tensor:
    """RoIAlign (He et al. 2017) in plain torch, with pixel centres at half integers.

    Args:
        maps: `(B, C, h, w)`.
        boxes: `(R, 4)` x0, y0, x1, y1 in cells of the map, edges at whole numbers.
        image_index: `(R,)` which map a box lies in.
        size: Cells along each side of the result.
        samples: Bilinear samples a cell along each axis; their mean is the cell.

    Returns:
        `(R, C, size, size)`. Samples beyond the outermost cell centres take the value at the edge.
    """
    height, width = maps.shape[-2:]
    count = size * samples
    steps = (torch.arange(count, device=maps.device, dtype=boxes.dtype) + 0.5) / count
    xs = boxes[:, 0:1] + (boxes[:, 2:3] - boxes[:, 0:1]) * steps - 0.5
    ys = boxes[:, 1:2] + (boxes[:, 3:4] - boxes[:, 1:2]) * steps - 0.5
    along_x, along_y = _hat_weights(xs, width), _hat_weights(ys, height)
    along_x = along_x.reshape(-1, size, samples, width).mean(2).to(maps.dtype)
    along_y = along_y.reshape(-1, size, samples, height).mean(2).to(maps.dtype)
    # Bilinear sampling is separable: two small matrices a box instead of four gathers a sample.
    return torch.einsum("rjh,rchw,riw->rcji", along_y, maps[image_index], along_x)


def _hat_weights(positions: Tensor, cells: int) -> Tensor:
    """`(R, N)` positions in cell centres to `(R, N, cells)` weights of linear interpolation."""
    clamped = positions.clamp(0, cells - 1)
    centres = torch.arange(cells, device=positions.device, dtype=positions.dtype)
    return (1 - (clamped[..., None] - centres).abs()).clamp(min=0)


def box_facts(boxes: Tensor) -> Tensor:
    """`(..., 4)` boxes as shares to `(..., BOX_FACTS * (1 + 2 * _WAVES))` numbers about place and size.

    A small network tells neighbouring places apart by waves much sooner than by the shares alone.
    """
    x0, y0, x1, y1 = boxes.unbind(-1)
    facts = torch.stack((x0, y0, x1, y1, (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0), -1)
    angles = [facts * math.pi * 2**wave for wave in range(_WAVES)]
    return torch.cat([facts, *(wave(a) for a in angles for wave in (torch.sin, torch.cos))], -1)


class RegionEncoder(nn.Module):
    """Turns regions into embeddings of the language model.

    Each chosen layer is normalised and projected, and the sum over layers is pooled by `tokens` learnt
    queries: softmax of query times cell plus the logarithm of the mask's share of the cell. Queries begin
    at zero, so that at first each is the plain mean under the mask; cells that the mask does not touch
    never count.

    Args:
        config: See there.
        vision_width: Channels of the vision tower.
        text_width: Channels of the language model's embeddings.
    """

    def __init__(self, config: RegionConfig, *, vision_width: int, text_width: int) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.norms = nn.ModuleList(nn.LayerNorm(vision_width) for _ in config.layers)
        self.levels = nn.ModuleList(nn.Linear(vision_width, width) for _ in config.layers)
        self.queries = nn.Parameter(torch.zeros(config.tokens, width))
        self.roi_position = (
            nn.Parameter(torch.zeros(width, config.roi_size, config.roi_size))
            if config.mode != "mask"
            else None
        )
        facts = BOX_FACTS * (1 + 2 * _WAVES)
        self.position = _normed_mlp(facts, width) if config.box_position else None
        self.outline = _normed_mlp(config.shape**2, width) if config.shape else None
        self.pooled_norm = nn.LayerNorm(width)
        self.box_norm = nn.LayerNorm(width) if config.mode == "both" else None
        parts = 1 + sum((config.mode == "both", config.box_position, config.shape > 0))
        self.kind = nn.Parameter(torch.randn(config.tokens, parts * width) * 0.02)
        self.project = _mlp(parts * width, text_width, text_width)

    def forward(self, hidden: Sequence[Tensor], regions: Regions) -> Tensor:
        """Embeddings of all regions.

        Args:
            hidden: For each of `config.layers` `(B, h * w, vision_width)`, patches only, row by row.
            regions: Of the batch.

        Returns:
            `(B, R, tokens, text_width)`; rows of padding hold finite numbers without meaning.
        """
        height, width = regions.cover.shape[-2:]
        levels = [
            level(norm(state)) for level, norm, state in zip(self.levels, self.norms, hidden, strict=True)
        ]
        cells = torch.stack(levels).sum(0)
        maps = cells.transpose(1, 2).reshape(*cells.shape[::2], height, width)
        pooled = self._pool_boxes(maps, regions) if self.config.mode == "box" else self._pool(maps, regions)
        # Side by side and each of one size: in a sum, what pooling brings would drown place and outline.
        parts = [self.pooled_norm(pooled)]
        if self.box_norm is not None:
            parts.append(self.box_norm(self._pool_boxes(maps, regions)))
        if self.position is not None:
            parts.append(self._for_all(self.position(box_facts(regions.boxes).to(pooled.dtype))))
        if self.outline is not None:
            parts.append(self._for_all(self.outline(regions.shapes.flatten(2).to(pooled.dtype))))
        projected: Tensor = self.project(torch.cat(parts, -1) + self.kind)
        return projected

    def _for_all(self, fact: Tensor) -> Tensor:
        """`(B, R, width)` once for each token: `(B, R, tokens, width)`."""
        return fact[:, :, None].expand(-1, -1, self.config.tokens, -1)

    def _pool(self, maps: Tensor, regions: Regions) -> Tensor:
        scores = torch.einsum("kc,bchw->bkhw", self.queries, maps) / self.config.width**0.5
        cover = regions.cover.to(scores.dtype)
        is_seen = cover.flatten(2).amax(2) > 0
        bias = torch.log(cover.clamp(min=torch.finfo(cover.dtype).tiny))
        # A region without any cell, as in padding, takes all of them: no row may become 0/0.
        bias = torch.where(is_seen[:, :, None, None], bias.masked_fill(cover <= 0, float("-inf")), 0.0)
        logits = (scores[:, None] + bias[:, :, None]).flatten(3)
        return torch.einsum("brkn,bcn->brkc", logits.softmax(-1), maps.flatten(2))

    def _pool_boxes(self, maps: Tensor, regions: Regions) -> Tensor:
        batch, count = regions.valid.shape
        height, width = maps.shape[-2:]
        scale = torch.tensor([width, height, width, height], device=maps.device, dtype=torch.float32)
        boxes = (regions.boxes.float() * scale).flatten(0, 1)
        index = torch.arange(batch, device=maps.device).repeat_interleave(count)
        config = self.config
        cells = roi_align(maps, boxes, index, size=config.roi_size, samples=config.roi_samples)
        assert self.roi_position is not None
        cells = nn.functional.gelu(cells + self.roi_position).flatten(2)
        scores = torch.einsum("kc,rcn->rkn", self.queries, cells) / config.width**0.5
        pooled = torch.einsum("rkn,rcn->rkc", scores.softmax(-1), cells)
        return pooled.reshape(batch, count, *pooled.shape[1:])


def _normed_mlp(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(_mlp(inputs, width, width), nn.LayerNorm(width))


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))
