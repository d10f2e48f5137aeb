"""What a predictor says of a picture, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category

Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PredictedSegment:
    """One segment that a model found.

    Args:
        id: Its value in the id map.
        category_id: Of the weights' categories.
        score: Probability of the class, 0..1.
        caption: The words; "" where the model had none.
        caption_log_prob: Mean log-probability of a token of the caption.
    """

    id: int
    category_id: int
    score: float
    caption: str
    caption_log_prob: float


@dataclass(frozen=True)
class PredictedPicture:
    """What a model found in one picture.

    Args:
        id_map: `(H, W)` uint32 of the size asked for, 0 where nothing was found.
        segments: One record an id.
    """

    id_map: NDArray[np.uint32]
    segments: tuple[PredictedSegment, ...]


class Predictor(Protocol):
    """A model that is ready to predict; `load_predictor` makes one."""

    @property
    def categories(self) -> tuple[Category, ...]:
        """All classes that it knows."""
        ...

    def input_size(self, size_wh: tuple[int, int]) -> tuple[int, int]:
        """The width and height at which it looks at a picture of this size."""
        ...

    def predict(
        self, pictures: Sequence[Rgb], out_sizes_wh: Sequence[tuple[int, int]]
    ) -> list[PredictedPicture]:
        """Segment, name and describe.

        Args:
            pictures: `(h, w, 3)` uint8, at `input_size`.
            out_sizes_wh: Width and height of each id map.
        """
        ...
