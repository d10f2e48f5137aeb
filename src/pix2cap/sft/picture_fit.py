"""How pictures and masks come to lie on the square that a vision tower sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pix2cap.errors import InputError

Fit = Literal["pad", "squash"]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """How pictures reach the vision tower.

    Args:
        size: Side of the square that the tower sees, pixels.
        patch: Side of a patch, pixels.
        fit: `pad` keeps proportions and centres the picture on a square of the mean colour, as LLaVA-1.5
            does; `squash` stretches it over the square, so that no patch is lost.
        mean: Of the channels, 0..1.
        std: Of the channels, 0..1.
        image_tokens: `<image>` tokens a picture; the tower's patches, plus one where its class token stays.
    """

    size: int = 336
    patch: int = 14
    fit: Fit = "pad"
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)
    image_tokens: int = 576

    def __post_init__(self) -> None:
        if self.fit not in ("pad", "squash"):
            raise InputError(f"picture fit: expected pad or squash, got {self.fit!r}")
        if self.patch < 1 or self.size % self.patch:
            raise InputError(f"picture size: expected a multiple of the patch {self.patch}, got {self.size}")

    @property
    def grid(self) -> int:
        """Patches along a side."""
        return self.size // self.patch


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies on the model's square: all in shares of the square's side.

    Args:
        left: Of the picture.
        top: Of the picture.
        width: Of the picture.
        height: Of the picture.
    """

    left: float
    top: float
    width: float
    height: float

    def box(self, box_xyxy: Sequence[float], size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
        """A box in the picture's pixels as shares of the square."""
        x0, y0, x1, y1 = box_xyxy
        across, down = self.width / size_wh[0], self.height / size_wh[1]
        return (
            self.left + x0 * across,
            self.top + y0 * down,
            self.left + x1 * across,
            self.top + y1 * down,
        )


def place(size_wh: tuple[int, int], fit: Fit) -> Placement:
    """Where a picture of that size lies on the square.

    Example:
        >>> place((640, 480), "pad")
        Placement(left=0.0, top=0.125, width=1.0, height=0.75)
        >>> place((640, 480), "squash")
        Placement(left=0.0, top=0.0, width=1.0, height=1.0)
    """
    if fit == "squash":
        return Placement(0.0, 0.0, 1.0, 1.0)
    width, height = size_wh
    longest = max(width, height)
    across, down = width / longest, height / longest
    return Placement((1 - across) / 2, (1 - down) / 2, across, down)


def cover_grid(
    mask: Mask, *, start: tuple[float, float], step: tuple[float, float], cells: int
) -> NDArray[np.float32]:
    """Share of each cell of a grid that a mask covers, exactly, however fine or coarse the grid.

    Args:
        mask: `(H, W)`; outside it nothing is covered.
        start: x and y of the grid's corner, in the mask's pixels.
        step: Width and height of a cell, in pixels.
        cells: Along each side.

    Returns:
        `(cells, cells)` float32, 0..1.
    """
    rows = _overlaps(mask.shape[0], start[1], step[1], cells)
    columns = _overlaps(mask.shape[1], start[0], step[0], cells)
    share: NDArray[np.float32] = rows @ mask.astype(np.float32) @ columns.T / np.float32(step[0] * step[1])
    return share.clip(0, 1)


def _overlaps(pixels: int, start: float, step: float, cells: int) -> NDArray[np.float32]:
    """`(cells, pixels)` lengths that cell and pixel have in common."""
    low = start + step * np.arange(cells, dtype=np.float64)[:, None]
    at = np.arange(pixels, dtype=np.float64)[None]
    shared: NDArray[np.float64] = np.minimum(low + step, at + 1) - np.maximum(low, at)
    return shared.clip(min=0).astype(np.float32)
