"""Predictors that need no weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category
from pix2cap.scenes.scene import Scene
from pix2cap.scenes.vocabulary import SCENE_CATEGORIES
from pix2cap.train.predicted import PredictedPicture, PredictedSegment

Rgb = NDArray[np.uint8]

HALVES = (Category(7, "left half"), Category(9, "right half", is_thing=False))


class HalvesPredictor:
    """Sees a left and a right half in everything, and remembers what it was shown."""

    categories = HALVES

    def __init__(self, *, side: int = 32, fail_at: int | None = None) -> None:
        self.side, self.fail_at = side, fail_at
        self.shown: list[tuple[int, ...]] = []
        self.asked: list[tuple[int, int]] = []
        self.batches: list[int] = []

    def input_size(self, size_wh: tuple[int, int]) -> tuple[int, int]:
        return self.side, self.side

    def predict(
        self, pictures: Sequence[Rgb], out_sizes_wh: Sequence[tuple[int, int]]
    ) -> list[PredictedPicture]:
        if self.fail_at is not None and len(self.shown) >= self.fail_at:
            raise KeyboardInterrupt
        self.shown += [picture.shape for picture in pictures]
        self.asked += out_sizes_wh
        self.batches.append(len(pictures))
        return [self._halves(size) for size in out_sizes_wh]

    def _halves(self, size_wh: tuple[int, int]) -> PredictedPicture:
        width, height = size_wh
        id_map = np.ones((height, width), np.uint32)
        id_map[:, width // 2 :] = 2
        segments = (
            PredictedSegment(1, 7, 0.875, "The left half of it all.", -0.25),
            PredictedSegment(2, 9, 0.5, "", -1.5),
            PredictedSegment(3, 9, 0.5, "Nowhere to be seen.", -1.5),
        )
        return PredictedPicture(id_map, segments)


class TruthfulPredictor:
    """Knows rendered scenes by their pixels, and says of each what is true."""

    categories = SCENE_CATEGORIES

    def __init__(self, scenes: Sequence[Scene]) -> None:
        self._scenes = {scene.rgb.tobytes(): scene for scene in scenes}

    def input_size(self, size_wh: tuple[int, int]) -> tuple[int, int]:
        return size_wh

    def predict(
        self, pictures: Sequence[Rgb], out_sizes_wh: Sequence[tuple[int, int]]
    ) -> list[PredictedPicture]:
        return [self._truth(self._scenes[picture.tobytes()]) for picture in pictures]

    def _truth(self, scene: Scene) -> PredictedPicture:
        segments = tuple(
            PredictedSegment(s.id, s.category_id, 0.9, scene.captions[s.id], -0.1)
            for s in scene.panoptic.segments
        )
        return PredictedPicture(scene.panoptic.id_map, segments)
