"""Mask losses at points instead of pixels: sampling maps, and choosing where a mask is unsure (PointRend)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def uniform(*shape: int, device: torch.device, generator: torch.Generator | None = None) -> Tensor:
    """Random numbers in 0..1, drawn where the generator lives and moved to `device`.

    A generator of the CPU gives the same points on every device.
    """
    source = device if generator is None else generator.device
    return torch.rand(*shape, device=source, generator=generator).to(device)


def point_sample(maps: Tensor, points_xy: Tensor) -> Tensor:
    """Bilinear values of maps at points; outside of the cells' centres a map fades to 0.

    Args:
        maps: `(N, C, h, w)`, any float type.
        points_xy: `(N, P, 2)` fractions of the map's width and height, 0 to 1 from edge to edge.

    Returns:
        `(N, C, P)` float32.
    """
    grid = (2 * points_xy.float() - 1).unsqueeze(2)
    return functional.grid_sample(maps.float(), grid, align_corners=False).squeeze(3)


def mask_sample(masks: Tensor, points_xy: Tensor, rows: Tensor) -> Tensor:
    """What `point_sample` gives for boolean maps, but copies neither a map nor its pixels to floats.

    Args:
        masks: `(S, H, W)` bool.
        points_xy: `(N, P, 2)` fractions of width and height, 0 to 1.
        rows: `(N,)` int64, the mask that each row of points falls on.

    Returns:
        `(N, P)` float32 in 0..1.
    """
    height, width = masks.shape[1:]
    x, y = (points_xy.float() * points_xy.new_tensor([width, height], dtype=torch.float32) - 0.5).unbind(-1)
    left, top = x.floor(), y.floor()
    across, down = x - left, y - top
    # What lies beyond an edge counts as 0; of points in 0..1 only the corner next to the edge can.
    shares_x = ((1 - across) * (left >= 0), across * (left < width - 1))
    shares_y = ((1 - down) * (top >= 0), down * (top < height - 1))
    columns = (left.clamp(min=0).long(), (left + 1).clamp(max=width - 1).long())
    start = (rows * (height * width)).unsqueeze(1)
    lines = [start + row.long() * width for row in (top.clamp(min=0), (top + 1).clamp(max=height - 1))]
    flat, value = masks.flatten(), torch.zeros_like(x)
    for line, share_y in zip(lines, shares_y, strict=True):
        for column, share_x in zip(columns, shares_x, strict=True):
            corner = flat.index_select(0, (line + column).flatten()).view_as(value)
            value.addcmul_(corner, share_x * share_y)
    return value


@torch.no_grad()
def uncertain_points(
    masks: Tensor,
    points: int,
    *,
    oversample_ratio: float = 3.0,
    importance_ratio: float = 0.75,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Points for the loss of each mask: most where its logit is closest to 0, the rest anywhere.

    Uncertainty is read from the interpolated logits, not interpolated from uncertainties: between a
    logit of -1 and one of 1 lies an edge, though neither cell is unsure.

    Args:
        masks: `(N, h, w)` logits.
        points: How many points a mask is given, P.
        oversample_ratio: Candidates drawn for each point.
        importance_ratio: Share of points that are the most uncertain candidates.
        generator: Makes the draw repeatable.

    Returns:
        `(N, P, 2)` float32 fractions of width and height.
    """
    count, device = masks.shape[0], masks.device
    candidates = uniform(count, int(points * oversample_ratio), 2, device=device, generator=generator)
    uncertain = int(importance_ratio * points)
    logits = point_sample(masks.unsqueeze(1), candidates).squeeze(1)
    best = logits.abs().topk(uncertain, dim=1, largest=False, sorted=False).indices
    chosen = candidates.gather(1, best.unsqueeze(2).expand(-1, -1, 2))
    anywhere = uniform(count, points - uncertain, 2, device=device, generator=generator)
    return torch.cat([chosen, anywhere], dim=1)
