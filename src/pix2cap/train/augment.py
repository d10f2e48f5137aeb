"""Varied pictures whose captions stay true: large-scale jitter, mirroring, and colour.

Mirroring: a caption that says left or right is rewritten for the mirrored picture (`text.mirror`). Where one
caption of a picture cannot be rewritten with certainty, the picture is not mirrored at all: leaving out that
caption instead would teach the model to caption fewer segments, and rewriting at a guess would teach it that
left and right are words without meaning. A picture keeps its other variations.

Cropping: the scale is drawn so that the picture often exceeds the square and only a part of it is seen, and
"at the top left" may then be false. `place_captions="drop"` takes the caption (not the mask) away from a
segment whose caption gives a place in the picture, where the crop moved the segment to another third of the
picture on an axis that the caption speaks of. Relations between segments survive a crop. `"keep"` is the
published way. The border that fills up the square does not count as picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.text.mirror import mirror_caption
from pix2cap.text.place_words import place_axes
from pix2cap.train.samples import IndexMap, Sample

_BORDER: Final = 128
_LOOKED_AT_PX: Final = 256
_REMEMBERED_CAPTIONS: Final = 100_000
_GREY_WEIGHTS: Final = np.array([0.299, 0.587, 0.114], np.float32)


# Every pass asks the same of the same captions.
_mirrored = lru_cache(_REMEMBERED_CAPTIONS)(mirror_caption)
_axes = lru_cache(_REMEMBERED_CAPTIONS)(place_axes)


@dataclass(frozen=True)
class AugmentConfig:
    """How pictures are varied; the defaults are published but for `place_captions`.

    Args:
        side: Pixels of the square that a picture is put into.
        min_scale: A picture scaled by 1 just fits the square; the scale is drawn evenly between the two.
        max_scale: See `min_scale`.
        flip: Chance that a picture is mirrored, where its captions can follow.
        pad: Fill up the square with grey at the right and below. Off, the crop itself comes back, at most as
            large as the square.
        min_area: Segments of fewer pixels after all this are left out; published is 0, with empty masks.
        place_captions: Whether captions whose place the crop made false are kept; see the module.
        min_visible: A caption is taken away where the crop leaves less than this share of its segment;
            0 keeps all.
        color_jitter: Largest change of brightness, contrast and saturation as a share; 0 changes none.

    Raises:
        ValueError: Numbers that make no sense.
    """

    side: int = 1024
    min_scale: float = 0.1
    max_scale: float = 2.0
    flip: float = 0.5
    pad: bool = True
    min_area: int = 1
    place_captions: Literal["keep", "drop"] = "drop"
    min_visible: float = 0.0
    color_jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.side < 8 or not 0 < self.min_scale <= self.max_scale or self.min_area < 1:
            raise ValueError(
                f"expected side >= 8, 0 < min_scale <= max_scale and min_area >= 1, got {self.side},"
                f" {self.min_scale}, {self.max_scale} and {self.min_area}"
            )
        shares = (self.flip, self.min_visible, self.color_jitter)
        if not all(0 <= share <= 1 for share in shares) or self.place_captions not in ("keep", "drop"):
            raise ValueError(
                f"expected shares of 0 to 1 and keep or drop, got {shares}, {self.place_captions}"
            )


def sample_rng(seed: int, epoch: int, number: int) -> np.random.Generator:
    """The chance behind sample `number` in pass `epoch`: no worker, order or resumption changes it."""
    return np.random.default_rng((seed, epoch, number))


def augment(sample: Sample, config: AugmentConfig, rng: np.random.Generator) -> Sample:
    """Vary a sample; the sample itself stays as it was.

    Args:
        sample: As the training set gives it.
        config: How.
        rng: Always asked for the same number of draws, whatever they are used for.
    """
    scale, left, top, mirror = (float(v) for v in rng.random(4))
    gains = rng.random(3)
    if mirror < config.flip:
        sample = flip_sample(sample) or sample
    factor = config.min_scale + scale * (config.max_scale - config.min_scale)
    sample = _scale_and_crop(sample, config, factor, (left, top))
    if config.color_jitter > 0:
        sample = replace(sample, rgb=_jitter_color(sample.rgb, (2 * gains - 1) * config.color_jitter))
    return _pad(sample, config.side) if config.pad else sample


def flip_sample(sample: Sample) -> Sample | None:
    """The mirrored sample; None where a caption of it cannot be told with certainty."""
    captions: list[str | None] = []
    for text in sample.captions:
        mirrored = None if text is None else _mirrored(text)
        if text is not None and mirrored is None:
            return None
        captions.append(mirrored)
    return replace(
        sample,
        rgb=np.ascontiguousarray(sample.rgb[:, ::-1]),
        index_map=np.ascontiguousarray(sample.index_map[:, ::-1]),
        captions=tuple(captions),
    )


def _fitted(size_hw: tuple[int, int], side: int, factor: float) -> tuple[int, int]:
    ratio = factor * side / max(size_hw)
    height, width = (max(1, round(ratio * length)) for length in size_hw)
    return height, width


def _scale_and_crop(
    sample: Sample, config: AugmentConfig, factor: float, place: tuple[float, float]
) -> Sample:
    height, width = _fitted(sample.size_hw, config.side, factor)
    left = round(place[0] * max(0, width - config.side))
    top = round(place[1] * max(0, height - config.side))
    window = (left, top, min(width, left + config.side), min(height, top + config.side))
    rgb, index_map = _resize(sample, window, (height, width))
    cropped = replace(sample, rgb=rgb, index_map=index_map)
    if window != (0, 0, width, height):
        cropped = _drop_captions(
            sample, cropped, config, (height / sample.size_hw[0]) * (width / sample.size_hw[1])
        )
    return _keep_visible(cropped, config.min_area)


def _resize(
    sample: Sample, window: tuple[int, int, int, int], size_hw: tuple[int, int]
) -> tuple[NDArray[np.uint8], IndexMap]:
    """Scale to `size_hw` and cut out `window` (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = window
    height, width = size_hw
    if size_hw == sample.size_hw:
        return (
            np.ascontiguousarray(sample.rgb[y0:y1, x0:x1]),
            np.ascontiguousarray(sample.index_map[y0:y1, x0:x1]),
        )
    # The source pixel under the middle of each target pixel: exactly nearest for the map.
    columns = ((np.arange(x0, x1) + 0.5) * (sample.size_hw[1] / width)).astype(np.intp)
    rows = ((np.arange(y0, y1) + 0.5) * (sample.size_hw[0] / height)).astype(np.intp)
    index_map = sample.index_map[np.ix_(rows, columns)]
    shrinks = height < sample.size_hw[0]
    rgb = cv2.resize(
        sample.rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    return np.ascontiguousarray(rgb[y0:y1, x0:x1]), index_map


def _drop_captions(before: Sample, after: Sample, config: AugmentConfig, growth: float) -> Sample:
    """Take away captions that the crop made false; `growth` is the area of a pixel after scaling."""
    if config.place_captions == "keep" and config.min_visible == 0:
        return after
    areas, thirds = _places(before)
    new_areas, new_thirds = _places(after)
    captions = list(after.captions)
    for k, text in enumerate(captions):
        if text is None or not new_areas[k]:
            continue
        if new_areas[k] < config.min_visible * areas[k] * growth:
            captions[k] = None
        elif config.place_captions == "drop":
            moved = thirds[k] != new_thirds[k]
            if moved.any():
                axes = _axes(text)
                if ("horizontal" in axes and moved[0]) or ("vertical" in axes and moved[1]):
                    captions[k] = None
    return replace(after, captions=tuple(captions))


def _places(sample: Sample) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`(N,)` pixels, and `(N, 2)` the third (0, 1, 2) of the centre of each segment, across and down.

    Of a large picture only every n-th pixel of every n-th row is looked at.
    """
    step = max(1, max(sample.size_hw) // _LOOKED_AT_PX)
    flat = sample.index_map[::step, ::step].astype(np.int64)
    count = len(sample.labels) + 1
    height, width = flat.shape
    columns = _counts(flat * width + np.arange(width), (count, width))
    rows = _counts(flat * height + np.arange(height)[:, None], (count, height))
    areas = columns.sum(1)
    some = np.maximum(areas, 1)
    x = (columns @ (np.arange(width) + 0.5)) / some / width
    y = (rows @ (np.arange(height) + 0.5)) / some / height
    return areas * step**2, np.minimum(2, (3 * np.stack([x, y], 1)).astype(np.int64))


def _counts(cells: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.int64]:
    """How many pixels fall on each of `shape`'s cells, without those of no segment (row 0)."""
    counts = np.bincount(cells.ravel(), minlength=shape[0] * shape[1])
    return counts.reshape(shape)[1:].astype(np.int64)


def _keep_visible(sample: Sample, min_area: int) -> Sample:
    """Leave out segments of fewer pixels and number the others anew."""
    areas = np.bincount(sample.index_map.ravel(), minlength=len(sample.labels) + 1)[1:]
    keep = areas >= min_area
    if keep.all():
        return sample
    renumber = np.zeros(len(keep) + 1, np.uint16)
    renumber[1:][keep] = np.arange(1, int(keep.sum()) + 1)
    return replace(
        sample,
        index_map=renumber[sample.index_map],
        labels=sample.labels[keep],
        segment_ids=sample.segment_ids[keep],
        captions=tuple(text for text, is_kept in zip(sample.captions, keep, strict=True) if is_kept),
    )


def _pad(sample: Sample, side: int) -> Sample:
    height, width = sample.size_hw
    if (height, width) == (side, side):
        return sample
    rgb = np.full((side, side, 3), _BORDER, np.uint8)
    rgb[:height, :width] = sample.rgb
    index_map = np.zeros((side, side), np.uint16)
    index_map[:height, :width] = sample.index_map
    return replace(sample, rgb=rgb, index_map=index_map)


def _jitter_color(rgb: NDArray[np.uint8], changes: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Brightness, contrast and saturation, each by a share: 0.1 is 10 % more, -0.1 less."""
    brightness, contrast, saturation = (np.float32(1 + change) for change in changes)
    pixels = rgb.astype(np.float32) * brightness
    grey = pixels @ _GREY_WEIGHTS
    mean = grey.mean(dtype=np.float64).astype(np.float32)
    pixels = (pixels - mean) * contrast + mean
    grey = (grey - mean) * contrast + mean
    pixels = (pixels - grey[..., None]) * saturation + grey[..., None]
    jittered: NDArray[np.uint8] = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return jittered
