"""Where a cell of a feature map lies, as sines and cosines of its row and column."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

TEMPERATURE: Final = 10000.0


def sine_position(feature_map: Tensor, dim: int) -> Tensor:
    """The sine embedding of every cell's place, as in DETR, with places scaled to 0..2 pi over the map.

    The first half of the channels tells the row, the second the column; sines and cosines alternate.

    Args:
        feature_map: `(B, C, H, W)`; only its size, device and dtype matter.
        dim: Channels of the embedding, a multiple of 4.

    Returns:
        `(B, dim, H, W)` in the map's dtype, computed in float32; a view that all B pictures share.

    Raises:
        ValueError: `dim` is no multiple of 4.
    """
    if dim % 4:
        raise ValueError(f"expected the width of a position embedding to be a multiple of 4, got {dim}")
    batch, _, height, width = feature_map.shape
    rows = _axis(height, dim // 2, feature_map.device)
    columns = _axis(width, dim // 2, feature_map.device)
    grid = torch.cat((rows[:, None].expand(-1, width, -1), columns[None].expand(height, -1, -1)), dim=2).to(
        feature_map.dtype
    )
    return grid.permute(2, 0, 1).expand(batch, -1, -1, -1)


def _axis(length: int, dim: int, device: torch.device) -> Tensor:
    """`(length, dim)`: the embedding of places 1..length along one axis."""
    places = torch.arange(1, length + 1, device=device, dtype=torch.float32) / (length + 1e-6) * (2 * math.pi)
    waves = torch.arange(dim // 2, device=device, dtype=torch.float32)
    angles = places[:, None] / TEMPERATURE ** (2 * waves / dim)
    return torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1)
