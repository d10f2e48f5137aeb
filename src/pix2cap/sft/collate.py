"""Samples to batches: right-padded text, padded regions, loss on answers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pix2cap.sft.region_processor import IGNORED, Sample


@dataclass(frozen=True, slots=True)
class RegionCollator:
    """Puts samples together as `RegionLlava.forward` takes them.

    Args:
        pad_id: Token of padding; the attention mask hides it.
        left: Pad on the left, as generation of several answers at once needs it.
    """

    pad_id: int
    left: bool = False

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """A batch of tensors, all with the pictures in front.

        Returns:
            `input_ids`, `attention_mask`, `labels` `(B, L)`; `pixel_values` `(B, 3, S, S)`; `region_cover`
            `(B, R, h, w)`, `region_boxes` `(B, R, 4)`, `region_shapes` `(B, R, s, s)`, `region_valid`
            `(B, R)`, where R is the most regions of a sample.
        """
        counts = [len(sample.regions.boxes) for sample in samples]
        valid = np.arange(max(counts))[None] < np.array(counts)[:, None]
        return {
            "input_ids": self._texts([s.input_ids for s in samples], self.pad_id),
            "attention_mask": self._texts([np.ones_like(s.input_ids) for s in samples], 0),
            "labels": self._texts([s.labels for s in samples], IGNORED),
            "pixel_values": torch.from_numpy(np.stack([s.pixels for s in samples])),
            "region_cover": _padded([s.regions.cover for s in samples]),
            "region_boxes": _padded([s.regions.boxes for s in samples]),
            "region_shapes": _padded([s.regions.shapes for s in samples]),
            "region_valid": torch.from_numpy(valid),
        }

    def _texts(self, rows: Sequence[NDArray[np.int64]], fill: int) -> Tensor:
        out = np.full((len(rows), max(map(len, rows))), fill, np.int64)
        for row, ids in zip(out, rows, strict=True):
            if self.left:
                row[len(row) - len(ids) :] = ids
            else:
                row[: len(ids)] = ids
        return torch.from_numpy(out)


def _padded(arrays: Sequence[NDArray[np.float32]]) -> Tensor:
    most = max(map(len, arrays))
    out = np.zeros((len(arrays), most, *arrays[0].shape[1:]), np.float32)
    for row, array in zip(out, arrays, strict=True):
        row[: len(array)] = array
    return torch.from_numpy(out)
