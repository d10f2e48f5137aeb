"""Pictures with their true segments and captions, read one at a time from any captioned dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category
from pix2cap.core.caption import CaptionStatus
from pix2cap.errors import InputError
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.open_source import open_source

IndexMap = NDArray[np.uint16]
_MOST_SEGMENTS: Final = 65_535


@dataclass(frozen=True)
class Sample:
    """One picture and its N true segments; no mask a segment, but one number a pixel.

    Args:
        image_id: The dataset's number for the picture.
        rgb: `(H, W, 3)` uint8.
        index_map: `(H, W)` uint16: `k + 1` where segment `k` lies, 0 where none does.
        labels: `(N,)` int64 class indices.
        segment_ids: `(N,)` int64, the dataset's own.
        captions: N texts; None where the caption loss is to leave a segment out.
    """

    image_id: int
    rgb: NDArray[np.uint8]
    index_map: IndexMap
    labels: NDArray[np.int64]
    segment_ids: NDArray[np.int64]
    captions: tuple[str | None, ...]

    @property
    def size_hw(self) -> tuple[int, int]:
        """`(height, width)` in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]

    @property
    def n_bytes(self) -> int:
        """Memory that its arrays take."""
        return self.rgb.nbytes + self.index_map.nbytes + self.labels.nbytes + self.segment_ids.nbytes


class TrainingSet:
    """A captioned dataset as samples by number; pictures are decoded when they are asked for.

    Pickles as the paths it was opened with, so that worker processes of any start method can have it.

    Args:
        source: Any of our readers.
        pictures: Image ids to use, in order.
        categories: In the order of the class indices.
        cache_bytes: Decoded samples are kept until they fill this; each process has a cache of its own.

    Example:
        >>> data = open_training_set(Path("scenes_train"))  # doctest: +SKIP
        >>> data[0].rgb.shape, data[0].captions  # doctest: +SKIP
    """

    def __init__(
        self,
        source: FileSource,
        pictures: Sequence[int],
        categories: Sequence[Category],
        *,
        cache_bytes: int = 0,
    ) -> None:
        self.source = source
        self.image_ids = tuple(pictures)
        self.categories = tuple(categories)
        self._index = {category.id: index for index, category in enumerate(self.categories)}
        self._cache: dict[int, Sample] = {}
        self._cache_bytes = self._cache_left = cache_bytes

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        rebuild = partial(TrainingSet, cache_bytes=self._cache_bytes)
        return rebuild, (self.source, self.image_ids, self.categories)

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`.

        Raises:
            IndexError: No such sample.
            ImageRefused: Its picture or map cannot be used; `pix2cap dataset validate` lists all such.
        """
        kept = self._cache.get(index)
        if kept is not None:
            return kept
        sample = self._read(self.image_ids[index])
        if sample.n_bytes <= self._cache_left:
            # Kept until full, nothing thrown out: a shuffled pass over more than fits would only churn.
            self._cache_left -= sample.n_bytes
            self._cache[index] = sample
        return sample

    def captions(self) -> Iterator[str]:
        """Every caption, without decoding any picture: what a vocabulary is learnt from."""
        for image_id in self.image_ids:
            texts = _texts(self.source, image_id)
            crowd = {s.segment_id for s in self.source.entry(image_id).segments if s.is_crowd}
            yield from (text for segment_id, text in texts.items() if segment_id not in crowd)

    def _read(self, image_id: int) -> Sample:
        panoptic = self.source.panoptic(image_id)
        segments = [segment for segment in panoptic.segments if not segment.is_crowd]
        if len(segments) > _MOST_SEGMENTS:
            raise InputError(
                f"{self.source.name}, image {image_id}: expected at most {_MOST_SEGMENTS} segments,"
                f" got {len(segments)}"
            )
        texts = _texts(self.source, image_id)
        ids = np.array([segment.id for segment in segments], np.int64)
        return Sample(
            image_id,
            self.source.picture(image_id).rgb,
            _index_map(panoptic.id_map, ids),
            np.array([self._index[segment.category_id] for segment in segments], np.int64),
            ids,
            tuple(texts.get(segment.id) for segment in segments),
        )


def open_training_set(
    path: Path,
    *,
    masks: Path | None = None,
    images: Path | None = None,
    categories: Sequence[Category] | None = None,
    min_caption_chars: int = 0,
    limit: int = 0,
    cache_bytes: int = 0,
) -> TrainingSet:
    """Open a dataset folder, the published Pix2Cap-COCO files, or any other source with captions.

    Crowd segments are left out; segments without caption keep their mask and class.

    Args:
        path: Dataset folder or JSON, as `open_source` takes it.
        masks: Folder or zip of the maps, where they do not lie beside the JSON.
        images: Folder of the pictures, where the dataset does not know it.
        categories: The classes of a model, in its order; None takes those of the dataset, in its order.
        min_caption_chars: Leave out every picture in which a segment that is no crowd has a caption of fewer
            characters, or none. The published training does so with 3; 0 leaves none out.
        limit: Only the first so many pictures; 0 for all.
        cache_bytes: See `TrainingSet`.

    Raises:
        InputError: No such files, no folder of pictures, a class that `categories` lacks or calls otherwise,
            or no picture is left.
    """
    source = open_source(path, masks=masks, images=images)
    if source.pictures is None:
        raise InputError(f"{path}: expected a folder of pictures, got none; name it with images")
    classes = tuple(source.categories.values()) if categories is None else tuple(categories)
    _check_categories(path, source, classes)
    pictures = [
        i for i in source.image_ids if min_caption_chars <= 0 or _is_told(source, i, min_caption_chars)
    ]
    if limit > 0:
        pictures = pictures[:limit]
    if not pictures:
        told = f" with captions of {min_caption_chars} characters or more" if min_caption_chars > 0 else ""
        raise InputError(f"{path}: expected pictures{told}, got none of {len(source.image_ids)}")
    return TrainingSet(source, pictures, classes, cache_bytes=cache_bytes)


def _check_categories(path: Path, source: FileSource, classes: Sequence[Category]) -> None:
    known = {category.id: category for category in classes}
    if len(known) != len(classes):
        raise InputError(f"{path}: expected each category id once among the classes, got one twice")
    for category in source.categories.values():
        if category.id not in known:
            raise InputError(
                f"{path}: expected only classes of the model, got category {category.id} ({category.name});"
                f" the model has {len(known)} classes"
            )
        if known[category.id].name != category.name:
            raise InputError(
                f"{path}: expected category {category.id} to be {known[category.id].name!r} as in the model,"
                f" got {category.name!r}"
            )


def _texts(source: FileSource, image_id: int) -> dict[int, str]:
    """Published captions of an image by segment id; only those that are there."""
    if isinstance(source, CocoPanopticSource):
        found = source.captions(image_id)
        return {c.segment_id: c.text for c in found if c.status is CaptionStatus.CAPTIONED and c.text}
    segments = source.entry(image_id).segments
    return {s.segment_id: s.description for s in segments if s.description}


def _is_told(source: FileSource, image_id: int, min_chars: int) -> bool:
    texts = _texts(source, image_id)
    segments = source.entry(image_id).segments
    return all(s.is_crowd or len(texts.get(s.segment_id, "")) >= min_chars for s in segments)


def _index_map(id_map: NDArray[np.uint32], ids: NDArray[np.int64]) -> IndexMap:
    """Number the pixels by the position of their segment in `ids`, from 1; all else becomes 0."""
    if not len(ids):
        return np.zeros(id_map.shape, np.uint16)
    order = np.argsort(ids)
    place = np.searchsorted(ids[order], id_map).clip(max=len(ids) - 1)
    return np.where(ids[order][place] == id_map, order[place] + 1, 0).astype(np.uint16)
