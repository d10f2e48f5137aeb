"""What differs between two captioned datasets, by image and segment id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from pix2cap.core import CaptionStatus, PanopticMap, SegmentCaption
from pix2cap.dataset.captioned import CaptionedDataset
from pix2cap.dataset.edited import OnImage
from pix2cap.dataset.word_marks import Marked, mark_words, plain
from pix2cap.errors import ImageRefused
from pix2cap.formats.records import ImageRecord, SegmentRecord


class Kind(StrEnum):
    """What can differ."""

    IMAGE_ADDED = "image added"
    IMAGE_REMOVED = "image removed"
    PICTURE = "picture"
    UNREADABLE = "unreadable mask"
    ADDED = "added"
    REMOVED = "removed"
    CLASS = "class"
    MASK = "mask"
    STATUS = "status"
    CAPTION = "caption"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Args:
        image_id: The image.
        segment_id: The segment; None where it concerns the image.
        kind: What differs.
        class_name: The segment's class, the later dataset's where both have it.
        before: What the first dataset has; None where it has nothing.
        after: What the second has.
        words: Where captions differ or come or go with the status: which words.
    """

    image_id: int
    segment_id: int | None
    kind: Kind
    class_name: str | None
    before: str | None
    after: str | None
    words: Marked = ()

    def to_json(self) -> dict[str, Any]:
        """The record with the keys `image_id segment_id change class before after words`."""
        return {
            "image_id": self.image_id,
            "segment_id": self.segment_id,
            "change": self.kind.value,
            "class": self.class_name,
            "before": self.before,
            "after": self.after,
            "words": [list(run) for run in self.words],
        }

    def __str__(self) -> str:
        where = f"image {self.image_id}"
        if self.segment_id is not None:
            where += f", segment {self.segment_id} ({self.class_name})"
        if self.kind is Kind.CAPTION:
            return f"{where}: caption: {plain(self.words)}"
        told = " -> ".join(text for text in (self.before, self.after) if text is not None)
        return f"{where}: {self.kind.value}: {told}{': ' + plain(self.words) if self.words else ''}"


@dataclass(frozen=True)
class DatasetDiff:
    """What differs between two datasets.

    Args:
        before: The first one's name.
        after: The second one's.
        images: Images that both have.
        segments: Segments that both have.
        changes: By image and segment id; empty where the datasets say the same.
    """

    before: str
    after: str
    images: int
    segments: int
    changes: tuple[Change, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Changes by kind."""
        found = Counter(change.kind for change in self.changes)
        return {kind.value: found[kind] for kind in Kind if found[kind]}

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "before": self.before,
            "after": self.after,
            "equal": not self.changes,
            "images_compared": self.images,
            "segments_compared": self.segments,
            "counts": self.counts,
            "changes": [change.to_json() for change in self.changes],
        }


def diff_datasets(
    before: str | Path,
    after: str | Path,
    *,
    masks: Path | None = None,
    on_image: OnImage | None = None,
) -> DatasetDiff:
    """Compare two datasets: images, segments, classes, masks, statuses and published captions.

    Provenance (model, attempt, reviewer) and pictures' pixels are not compared. Maps are decoded only
    where their files differ. Memory grows with the differences.

    Args:
        before: Dataset folder, or COCO panoptic JSON with captions.
        after: Another.
        masks: Folder or zip of the PNGs of a JSON without masks beside it.
        on_image: Told after each image.

    Returns:
        The differences. The other way round they are the same ones, mirrored.

    Raises:
        InputError: A dataset is damaged.

    Example:
        >>> for change in diff_datasets("monday", "tuesday").changes:  # doctest: +SKIP
        ...     print(change)
    """
    first = CaptionedDataset(Path(before), masks=masks, with_rows=False)
    second = CaptionedDataset(Path(after), masks=masks, with_rows=False)
    ids = sorted({*first.image_ids, *second.image_ids})
    changes: list[Change] = []
    images = segments = 0
    for done, image_id in enumerate(ids, start=1):
        if image_id in first and image_id in second:
            pair = _Pair(first, second, image_id)
            images, segments = images + 1, segments + len(pair.both)
            changes += pair.changes()
        else:
            changes.append(_whole_image(first, second, image_id))
        if on_image is not None:
            on_image(done, len(ids))
    return DatasetDiff(first.name, second.name, images, segments, tuple(changes))


def _whole_image(first: CaptionedDataset, second: CaptionedDataset, image_id: int) -> Change:
    is_added = image_id in second
    record = (second if is_added else first).source.record(image_id)
    told = f"{record.file_name}, {len(record.segments)} segments"
    if is_added:
        return Change(image_id, None, Kind.IMAGE_ADDED, None, None, told)
    return Change(image_id, None, Kind.IMAGE_REMOVED, None, told, None)


class _Side:
    """One dataset's version of an image, without its map."""

    def __init__(self, dataset: CaptionedDataset, image_id: int) -> None:
        self.dataset = dataset
        self.record: ImageRecord = dataset.source.record(image_id)
        self.segments: dict[int, SegmentRecord] = {s.info.segment_id: s for s in self.record.segments}
        self._captions: Mapping[int, SegmentCaption] = {
            caption.segment_id: caption for caption in dataset.source.captions(image_id)
        }

    def picture(self) -> str:
        size = self.record.size_wh
        return self.record.file_name + (f" ({size[0]} x {size[1]})" if size else "")

    def class_of(self, segment_id: int) -> str:
        info = self.segments[segment_id].info
        category = self.dataset.categories.get(info.category_id)
        name = category.name if category is not None else f"category {info.category_id}"
        return f"{name} (crowd)" if info.is_crowd else name

    def status(self, segment_id: int) -> str:
        caption = self._captions.get(segment_id)
        if self.segments[segment_id].info.is_crowd:
            return CaptionStatus.CROWD.value
        return CaptionStatus.PENDING.value if caption is None else caption.status.value

    def text(self, segment_id: int) -> str:
        """The published text."""
        captioned = self.status(segment_id) == CaptionStatus.CAPTIONED
        return self._captions[segment_id].text if captioned else ""


class _Pair:
    """Two versions of an image."""

    def __init__(self, first: CaptionedDataset, second: CaptionedDataset, image_id: int) -> None:
        self.image_id = image_id
        self.before, self.after = _Side(first, image_id), _Side(second, image_id)
        self.both = self.before.segments.keys() & self.after.segments.keys()

    def changes(self) -> Iterator[Change]:
        """By segment id, those of the image itself first."""
        old, new = self.before, self.after
        if old.picture() != new.picture():
            yield Change(self.image_id, None, Kind.PICTURE, None, old.picture(), new.picture())
        masks, unreadable = self._mask_changes()
        if unreadable is not None:
            yield unreadable
        for segment_id in sorted(old.segments.keys() | new.segments.keys()):
            if segment_id not in self.both:
                yield self._whole_segment(segment_id)
                continue
            yield from self._class_change(segment_id)
            if segment_id in masks:
                yield masks[segment_id]
            yield from self._caption_change(segment_id)

    def _whole_segment(self, segment_id: int) -> Change:
        if segment_id in self.after.segments:
            side, kind = self.after, Kind.ADDED
        else:
            side, kind = self.before, Kind.REMOVED
        text, told = side.text(segment_id), side.status(segment_id)
        name = side.class_of(segment_id)
        if kind is Kind.ADDED:
            return Change(self.image_id, segment_id, kind, name, None, told, mark_words("", text))
        return Change(self.image_id, segment_id, kind, name, told, None, mark_words(text, ""))

    def _class_change(self, segment_id: int) -> Iterator[Change]:
        before, after = self.before.class_of(segment_id), self.after.class_of(segment_id)
        if before != after:
            yield Change(self.image_id, segment_id, Kind.CLASS, after, before, after)

    def _caption_change(self, segment_id: int) -> Iterator[Change]:
        name = self.after.class_of(segment_id)
        statuses = self.before.status(segment_id), self.after.status(segment_id)
        texts = self.before.text(segment_id), self.after.text(segment_id)
        words = mark_words(*texts) if texts[0] != texts[1] else ()
        if statuses[0] != statuses[1]:
            yield Change(self.image_id, segment_id, Kind.STATUS, name, *statuses, words)
        elif words:
            yield Change(self.image_id, segment_id, Kind.CAPTION, name, *texts, words)

    def _mask_changes(self) -> tuple[dict[int, Change], Change | None]:
        sources = self.before.dataset.source, self.after.dataset.source
        files = [source.map_png(self.image_id) for source in sources]
        if files[0] is not None and files[0] == files[1]:
            return {}, None
        maps: list[PanopticMap | None] = []
        told: list[str] = []
        for source in sources:
            try:
                maps.append(source.panoptic(self.image_id))
                told.append("readable")
            except ImageRefused as error:
                maps.append(None)
                told.append(str(error))
        old, new = maps
        if old is None or new is None:
            if told[0] == told[1]:
                return {}, None
            return {}, Change(self.image_id, None, Kind.UNREADABLE, None, told[0], told[1])
        return self._compare_maps(old, new), None

    def _compare_maps(self, old: PanopticMap, new: PanopticMap) -> dict[int, Change]:
        if old.size_wh != new.size_wh:
            changed = set(self.both)
        else:
            differ = old.id_map != new.id_map
            changed = self.both & {*np.unique(old.id_map[differ]), *np.unique(new.id_map[differ])}
        found = {}
        for segment_id in map(int, changed):
            before, after = old.by_id[segment_id].area, new.by_id[segment_id].area
            shared = ""
            if old.size_wh == new.size_wh:
                shared = f", {np.count_nonzero(old.mask(segment_id) & new.mask(segment_id))} shared"
            name = self.after.class_of(segment_id)
            told = (f"{before} pixels{shared}", f"{after} pixels{shared}")
            found[segment_id] = Change(self.image_id, segment_id, Kind.MASK, name, *told)
        return found
