"""Samples to one batch of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pix2cap.model.config import ModelConfig
from pix2cap.model.records import Batch, SegmentTargets, pack_images
from pix2cap.train.samples import Sample

_REMEMBERED_CAPTIONS = 200_000


class CaptionEncoder(Protocol):
    """What collation needs of a vocabulary; `model.vocabulary.CaptionVocabulary` has it."""

    begin_id: int
    end_id: int

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without begin and end."""
        ...


def collate(samples: Sequence[Sample], vocabulary: CaptionEncoder, config: ModelConfig) -> Batch:
    """Pack pictures, masks and caption tokens.

    Args:
        samples: At least one; their sizes may differ.
        vocabulary: Of the captions.
        config: Mean, deviation, divisibility, and how long captions are cut.

    Returns:
        Targets at the padded size. A segment without caption has begin and end in its row, none of them
        predicted. A picture may have no segment at all.

    Raises:
        ValueError: No samples.
    """
    return Collator(vocabulary, config)(samples)


class Collator:
    """`collate` as an object that remembers the tokens of captions; picklable, for a DataLoader.

    Raises:
        ValueError: The vocabulary's begin or end is not what the configuration says.
    """

    def __init__(self, vocabulary: CaptionEncoder, config: ModelConfig) -> None:
        expected = (config.caption_begin_id, config.caption_end_id)
        if (vocabulary.begin_id, vocabulary.end_id) != expected:
            raise ValueError(
                f"expected a vocabulary whose begin and end are {expected} as in the configuration, got"
                f" {(vocabulary.begin_id, vocabulary.end_id)}"
            )
        self.vocabulary = vocabulary
        self.config = config
        self._tokens = lru_cache(_REMEMBERED_CAPTIONS)(self._encode)

    def __reduce__(self) -> tuple[type[Collator], tuple[CaptionEncoder, ModelConfig]]:
        return Collator, (self.vocabulary, self.config)

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        """See `collate`."""
        if not samples:
            raise ValueError("expected at least one sample, got none")
        config = self.config
        images, sizes_hw = pack_images(
            [torch.from_numpy(np.ascontiguousarray(s.rgb.transpose(2, 0, 1))) for s in samples],
            mean=config.pixel_mean,
            std=config.pixel_std,
            divisibility=config.size_divisibility,
        )
        height, width = images.shape[-2:]
        return Batch(images, sizes_hw, tuple(self._targets(s, (height, width)) for s in samples))

    def _targets(self, sample: Sample, size_hw: tuple[int, int]) -> SegmentTargets:
        height, width = sample.size_hw
        masks = np.zeros((len(sample.labels), *size_hw), np.bool_)
        numbers = np.arange(1, len(sample.labels) + 1, dtype=sample.index_map.dtype)
        np.equal(sample.index_map, numbers[:, None, None], out=masks[:, :height, :width])
        ids, predicted = self._rows(sample.captions)
        return SegmentTargets(
            torch.from_numpy(sample.labels),
            torch.from_numpy(masks),
            torch.from_numpy(ids),
            torch.from_numpy(predicted),
        )

    def _rows(self, captions: Sequence[str | None]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        rows = [((), False) if text is None else self._tokens(text) for text in captions]
        longest = max((len(words) for words, _ in rows), default=0)
        ids = np.zeros((len(rows), longest + 2), np.int64)
        predicted = np.zeros(ids.shape, np.bool_)
        ids[:, 0] = self.vocabulary.begin_id
        for row, counted, text, (words, ends) in zip(ids, predicted, captions, rows, strict=True):
            row[1 : 1 + len(words)] = words
            row[1 + len(words)] = self.vocabulary.end_id
            counted[1 : 1 + len(words)] = True
            counted[1 + len(words)] = ends and text is not None
        return ids, predicted

    def _encode(self, text: str) -> tuple[tuple[int, ...], bool]:
        """Words of a caption after the cut, and whether its end is to be learnt.

        At most `caption_text_tokens` with begin and end. The published reader cuts the text at that number of
        words and then, to make room for begin and end, drops from its head (`caption_text_drop` of 2), and it
        learns an end where the text was cut. Without that drop the tail goes, and no end is learnt there.
        """
        words = self.vocabulary.encode(text)
        room = self.config.caption_text_tokens - 2
        drop = self.config.caption_text_drop
        kept = words[: room + drop][-room:]
        ends = drop > 0 or len(words) <= room
        return tuple(kept), ends
