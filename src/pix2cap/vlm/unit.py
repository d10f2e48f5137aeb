"""A prompt unit: the segments of one image that one request speaks of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import ImageRef, PanopticMap


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One segment as the prompt names it.

    Args:
        number: The mark drawn on the picture, 1..N within the unit.
        segment_id: The segment behind it.
        class_name: The category's name.
        box_unit: `(x0, y0, x1, y1)` as shares of the picture, 0..1.
    """

    number: int
    segment_id: int
    class_name: str
    box_unit: tuple[float, float, float, float]

    @property
    def text(self) -> str:
        """`<id> | <class name> | [x0, y0, x1, y1]`, three decimals."""
        box = ", ".join(f"{value:.3f}" for value in self.box_unit)
        return f"{self.number} | {self.class_name} | [{box}]"


@dataclass(frozen=True)
class Unit:
    """What one request is about.

    Args:
        image: The picture.
        panoptic: All its segments.
        rows: The segments asked for, in the order of their numbers.
        class_names: Segment id to class name for all segments of the image, crowd included.
        rgb: `(H, W, 3)` uint8; None where no reader of pixels takes part.
    """

    image: ImageRef
    panoptic: PanopticMap
    rows: tuple[UnitRow, ...]
    class_names: dict[int, str]
    rgb: NDArray[np.uint8] | None = None

    @property
    def segment_ids(self) -> tuple[int, ...]:
        """Ids of the segments asked for."""
        return tuple(row.segment_id for row in self.rows)
