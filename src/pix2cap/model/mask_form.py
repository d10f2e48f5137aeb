"""What a query's own mask looks like, as a vector that helps to name it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pix2cap.model.segment_shape import measure_shapes

CELLS = 16


class MaskForm(nn.Module):
    """Reads the form of masks: each is cut out by its box, kept in proportion, and seen on a 16x16 grid.

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
        self.project = nn.Linear(CELLS**2, dim)

    def forward(self, masks: Tensor) -> Tensor:
        """`(B, Q, h, w)` mask logits to `(B, Q, dim)`."""
        with torch.no_grad(), torch.autocast(masks.device.type, enabled=False):
            inside = (masks.flatten(0, 1) > 0).float()
            forms = measure_shapes(inside, inside.new_ones(len(inside), 2), cells=CELLS).forms
        out: Tensor = self.project(self.read(forms.flatten(1).to(self.project.weight.dtype)))
        return out.view(*masks.shape[:2], -1)
