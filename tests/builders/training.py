"""Small samples and datasets to train on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pix2cap.dataset.generate import generate_dataset
from pix2cap.train.samples import Sample


class WordEncoder:
    """A vocabulary whose captions are numbers: "7 9" is the ids 7 and 9; other words get ids by length."""

    def __init__(self, begin_id: int = 101, end_id: int = 102) -> None:
        self.begin_id, self.end_id = begin_id, end_id

    def encode(self, text: str) -> list[int]:
        return [int(word) if word.isdigit() else 200 + len(word) for word in text.split()]


def build_sample(
    index_map: NDArray[np.integer] | Sequence[Sequence[int]],
    captions: Sequence[str | None] | None = None,
    *,
    image_id: int = 1,
) -> Sample:
    """A sample in which segment `k` is painted with a colour of its own; ids are 100, 101, ..."""
    index = np.asarray(index_map).astype(np.uint16)
    count = int(index.max())
    colors = np.array([(0, 0, 0), *((k * 53 % 200 + 55, k * 97 % 256, k * 29 % 256) for k in range(count))])
    return Sample(
        image_id,
        colors[index].astype(np.uint8),
        index,
        np.arange(count, dtype=np.int64) % 5,
        np.arange(100, 100 + count, dtype=np.int64),
        tuple(captions) if captions is not None else tuple(f"Thing {k}" for k in range(count)),
    )


def build_scenes(folder: Path, *, images: int = 8, side: int = 64, seed: int = 0) -> Path:
    """A generated dataset folder."""
    generate_dataset(folder, images=images, size_wh=(side, side), seed=seed, workers=1)
    return folder
