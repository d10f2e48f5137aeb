"""One image that several datasets have: their segments and captions together, disagreements listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import VOID, CaptionedImage, Category, PanopticMap, Segment, SegmentCaption
from pix2cap.core.caption import CaptionStatus
from pix2cap.formats.published import Published, PublishedCaption, publish

Prefer = Literal["first", "last", "reviewed"]

_TELLS = (
    CaptionStatus.CAPTIONED,
    CaptionStatus.NOT_VISIBLE,
    CaptionStatus.REJECTED,
    CaptionStatus.FAILED,
    CaptionStatus.PENDING,
    CaptionStatus.CROWD,
)
"""Statuses that tell more of a segment come first: a caption of one dataset beats `pending` of another."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that datasets say differently of one segment, and whose word was taken.

    Args:
        image_id: In the merged dataset.
        segment_id: The segment.
        what: `caption`, `class` or `mask`; `overlap` where a segment that only one dataset has lost pixels
            to the segments of another, `covered` where it lost all and is left out.
        kept: What stands in the merged dataset.
        kept_from: The dataset that it is from.
        other: What was left.
        other_from: The dataset that it is from.
    """

    image_id: int
    segment_id: int
    what: str
    kept: str
    kept_from: str
    other: str
    other_from: str

    def to_json(self) -> dict[str, Any]:
        """The record by name."""
        return asdict(self)


@dataclass(frozen=True)
class Version:
    """What one dataset has of an image, in ids of the merged dataset.

    Args:
        name: The dataset's.
        item: Image, map and captions.
    """

    name: str
    item: CaptionedImage


def merge_image(
    versions: Sequence[Version], categories: Mapping[int, Category], *, prefer: Prefer
) -> tuple[CaptionedImage, list[Conflict]]:
    """Put versions of one image together.

    The map is that of the preferred version (with `reviewed` the first one's); the others add segments
    that it lacks, where it is void. A caption that only one version has is taken from it. Where two
    differ, `first` and `last` take the earlier and the later dataset's, `reviewed` the one that a person
    decided, the first of them or the first of all otherwise.

    Args:
        versions: One or more, in the order of the datasets; all of one size.
        categories: By id, for the words of conflicts.
        prefer: Whose word counts.

    Returns:
        The image, with `image` of the first version, and what was said differently.
    """
    if len(versions) == 1:
        return versions[0].item, []
    ordered = list(reversed(versions)) if prefer == "last" else list(versions)
    union = _Union(ordered[0], categories)
    for version in ordered[1:]:
        union.add(version)
    image = versions[0].item.image
    panoptic = union.panoptic()
    captions = []
    published = [(version.name, publish(version.item), version.item) for version in versions]
    for segment in panoptic.segments:
        caption = _choose(image.image_id, segment.id, published, prefer, union.conflicts)
        if caption is not None:
            captions.append(caption)
    conflicts = sorted(union.conflicts, key=lambda c: (c.segment_id, c.what, c.other_from, c.other))
    return CaptionedImage(image, panoptic, tuple(captions)), conflicts


class _Union:
    """A map that grows by the segments of other maps."""

    def __init__(self, version: Version, categories: Mapping[int, Category]) -> None:
        panoptic = version.item.panoptic
        self.conflicts: list[Conflict] = []
        self._first = panoptic
        self._image_id = version.item.image.image_id
        self._categories = categories
        self._id_map: NDArray[np.uint32] = panoptic.id_map
        self._segments: dict[int, tuple[Segment, str]] = {s.id: (s, version.name) for s in panoptic.segments}
        self._is_grown = False

    def add(self, version: Version) -> None:
        """Take what another version has and this map lacks."""
        other = version.item.panoptic
        for segment in other.segments:
            if segment.id in self._segments:
                self._compare_class(segment, version.name)
        if np.array_equal(self._id_map, other.id_map):
            return
        self._compare_masks(other, version.name)
        self._grow(other, version.name)

    def _note(self, segment_id: int, what: str, *words: str) -> None:
        """Words: what is kept, from which dataset; what is not, from which."""
        self.conflicts.append(Conflict(self._image_id, segment_id, what, *words))

    def _compare_class(self, segment: Segment, name: str) -> None:
        mine, owner = self._segments[segment.id]
        if (mine.category_id, mine.is_crowd) != (segment.category_id, segment.is_crowd):
            self._note(segment.id, "class", self._class(mine), owner, self._class(segment), name)

    def _class(self, segment: Segment) -> str:
        return self._categories[segment.category_id].name + (" (crowd)" if segment.is_crowd else "")

    def _compare_masks(self, other: PanopticMap, name: str) -> None:
        for segment in other.segments:
            if segment.id not in self._segments:
                continue
            mine, owner = self._segments[segment.id]
            both = np.count_nonzero((self._id_map == segment.id) & (other.id_map == segment.id))
            if both != segment.area or both != mine.area:
                kept, told = f"{mine.area} pixels", f"{segment.area} pixels, {both} shared"
                self._note(segment.id, "mask", kept, owner, told, name)

    def _grow(self, other: PanopticMap, name: str) -> None:
        new = [segment for segment in other.segments if segment.id not in self._segments]
        if not new:
            return
        fill = np.isin(other.id_map, [segment.id for segment in new]) & (self._id_map == VOID)
        self._id_map = np.where(fill, other.id_map, self._id_map).astype(np.uint32)
        self._is_grown = True
        ids, areas = np.unique(self._id_map[fill], return_counts=True)
        left = dict(zip(ids.tolist(), areas.tolist(), strict=True))
        for segment in new:
            area = left.get(segment.id, 0)
            if area < segment.area:
                what = "overlap" if area else "covered"
                self._note(segment.id, what, f"{area} pixels", name, f"{segment.area} pixels", name)
            if area:
                self._segments[segment.id] = (replace(segment, area=area), name)

    def panoptic(self) -> PanopticMap:
        """The map as it is now."""
        if not self._is_grown:
            return self._first
        segments = [segment for segment, _ in self._segments.values()]
        infos = {s.id: (s.category_id, s.is_thing, s.is_crowd) for s in segments}
        declared = {s.id: s.declared_area for s in segments if s.declared_area is not None}
        return PanopticMap.from_id_map(self._id_map, infos, declared)


@dataclass(frozen=True)
class _Word:
    """What one dataset says of a segment."""

    name: str
    published: PublishedCaption

    @property
    def is_reviewed(self) -> bool:
        caption = self.published.caption
        return caption is not None and caption.source is not None and caption.source.reviewer is not None

    @property
    def counts(self) -> bool:
        """Whether it decides anything: a caption, or what a person said of one."""
        return self.published.status is CaptionStatus.CAPTIONED or self.is_reviewed

    @property
    def result(self) -> tuple[str, str]:
        return self.published.status.value, self.published.description

    def __str__(self) -> str:
        return self.published.description or self.published.status.value


def _choose(
    image_id: int,
    segment_id: int,
    versions: Sequence[tuple[str, Published, CaptionedImage]],
    prefer: Prefer,
    conflicts: list[Conflict],
) -> SegmentCaption | None:
    words = [_Word(name, published[segment_id]) for name, published, _ in versions if segment_id in published]
    counting = [word for word in words if word.counts]
    if not counting:
        words = list(reversed(words)) if prefer == "last" else words
        return min(words, key=lambda word: _TELLS.index(word.published.status)).published.caption
    chosen = _preferred(counting, prefer)
    for other in _others(counting, chosen):
        conflicts.append(
            Conflict(image_id, segment_id, "caption", str(chosen), chosen.name, str(other), other.name)
        )
    return chosen.published.caption


def _preferred(words: Sequence[_Word], prefer: Prefer) -> _Word:
    chosen = words[-1] if prefer == "last" else words[0]
    if prefer == "reviewed":
        chosen = next((word for word in words if word.is_reviewed), chosen)
    # The same words, and somebody stands for them: that is worth keeping, whoever is preferred.
    same = (word for word in words if word.is_reviewed and word.result == chosen.result)
    return chosen if chosen.is_reviewed else next(same, chosen)


def _others(words: Sequence[_Word], chosen: _Word) -> Iterator[_Word]:
    told = {chosen.result}
    for word in words:
        if word.result not in told:
            told.add(word.result)
            yield word
