"""What a query's own mask looks like, as a vector that helps to name it."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

CELLS: Final = 16
# Half a window in standard deviations of the mask: a disc reaches to 2.0, a square to 1.7, a ring to 1.6.
_REACH: Final = 2.2
_ROUNDS: Final = 3


class MaskForm(nn.Module):
    """Reads the form of masks, each seen through a square window of its own on a 16x16 grid.

    A query's features say little of its outline before a deep backbone has learnt to; its mask says it at
    once. No gradient flows into the masks.

    Args:
        dim: Channels of the vector.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.read = nn.Sequential(
            nn.Linear(CELLS**2, CELLS**2), nn.GELU(), nn.Linear(CELLS**2, CELLS**2), nn.GELU()
        )
        self.project = nn.Sequential(nn.Linear(CELLS**2, dim), nn.LayerNorm(dim))

    def forward(self, masks: Tensor) -> Tensor:
        """`(B, Q, h, w)` mask logits to `(B, Q, dim)`."""
        with torch.no_grad(), torch.autocast(masks.device.type, enabled=False):
            forms = mask_windows((masks.flatten(0, 1) > 0).float(), cells=CELLS)
        first = next(self.read.parameters())
        out: Tensor = self.project(self.read(forms.flatten(1).to(first.dtype)))
        return out.view(*masks.shape[:2], -1)


def mask_windows(masks: Tensor, *, cells: int) -> Tensor:
    """Masks through square windows around their mass.

    A window follows from the mean and the spread of a mask's pixels; both are measured again inside the
    window of the round before, so that a few stray pixels far away do not widen it, as they do a box.

    Args:
        masks: `(M, h, w)` float, 0 to 1.
        cells: Height and width of what comes out.

    Returns:
        `(M, cells, cells)`, 0 to 1; zeros for an empty mask.
    """
    height, width = masks.shape[1:]
    xs = torch.arange(width, device=masks.device) + 0.5
    ys = torch.arange(height, device=masks.device) + 0.5
    seen = masks
    for last in [False] * (_ROUNDS - 1) + [True]:
        columns, rows = seen.sum(1), seen.sum(2)
        mass = columns.sum(1).clamp(min=1e-6)
        x, y = (columns @ xs) / mass, (rows @ ys) / mass
        off_x, off_y = (xs - x[:, None]).abs(), (ys - y[:, None]).abs()
        spread = torch.maximum((columns * off_x**2).sum(1), (rows * off_y**2).sum(1)) / mass
        half = (_REACH * spread.sqrt()).clamp(min=1.0)
        if not last:
            near_x, near_y = off_x <= half[:, None], off_y <= half[:, None]
            seen = masks * near_x[:, None, :] * near_y[:, :, None]
    zero = torch.zeros_like(x)
    window = torch.stack(
        (
            torch.stack((2 * half / width, zero, 2 * x / width - 1), dim=1),
            torch.stack((zero, 2 * half / height, 2 * y / height - 1), dim=1),
        ),
        dim=1,
    )
    grid = functional.affine_grid(window, [len(masks), 1, cells, cells], align_corners=False)
    return functional.grid_sample(masks[:, None], grid, align_corners=False)[:, 0]
