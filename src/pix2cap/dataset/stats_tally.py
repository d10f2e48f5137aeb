"""Counts of one captioned dataset, gathered image by image."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pix2cap.core import Category
from pix2cap.core.caption import CaptionStatus
from pix2cap.dataset.stats_words import WordTally, spread, text_key
from pix2cap.text.tagger import TagCounts

SIZE_BANDS: Final = (("small", 32 * 32), ("medium", 96 * 96))
"""COCO's names and limits in pixels of area; from the last limit on a segment is large."""

UNKNOWN: Final = "unknown"


def size_band(area: float | None) -> str:
    """COCO's word for an area in pixels.

    Example:
        >>> size_band(1023), size_band(1024), size_band(9216), size_band(None)
        ('small', 'medium', 'large', 'unknown')
    """
    if area is None:
        return UNKNOWN
    return next((name for name, limit in SIZE_BANDS if area < limit), "large")


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """What is counted of one segment."""

    category_id: int | None
    status: CaptionStatus
    text: str
    area: float | None


@dataclass
class Group:
    """Segments of one kind; crowd is in no group."""

    segments: int = 0
    lengths: Counter[int] = field(default_factory=Counter)

    def add(self, words: int | None) -> None:
        """Count a segment; `words` of its caption, None where it has none."""
        self.segments += 1
        if words is not None:
            self.lengths[words] += 1

    def update(self, other: Group) -> None:
        """Add another's counts."""
        self.segments += other.segments
        self.lengths.update(other.lengths)

    def to_json(self) -> dict[str, Any]:
        """Segments, captions and words a caption."""
        told = spread(self.lengths)
        return {
            "segments": self.segments,
            "captions": self.lengths.total(),
            "words_mean": told["mean"],
            "words_median": told["median"],
        }


@dataclass
class TagTally:
    """Parts of speech, summed over the captions that were tagged."""

    captions: int = 0
    nouns: int = 0
    adjectives: int = 0
    verbs: int = 0

    def add(self, counts: TagCounts) -> None:
        """Count a caption."""
        self.captions += 1
        self.nouns += counts.nouns
        self.adjectives += counts.adjectives
        self.verbs += counts.verbs

    def update(self, other: TagTally) -> None:
        """Add another's counts."""
        self.captions += other.captions
        self.nouns += other.nouns
        self.adjectives += other.adjectives
        self.verbs += other.verbs

    def to_json(self) -> dict[str, Any] | None:
        """Means a caption; None where none was tagged: missing is not zero."""
        if not self.captions:
            return None
        means = {name: getattr(self, name) / self.captions for name in ("nouns", "adjectives", "verbs")}
        return {"captions_tagged": self.captions, **means}


ClassName = tuple[str, bool | None]


@dataclass
class StatsTally:
    """Everything that is counted of a dataset.

    Args:
        words: Of all its captions.
    """

    words: WordTally
    listed_images: int = 0
    annotated_images: int = 0
    captions_an_image: Counter[int] = field(default_factory=Counter)
    statuses: Counter[CaptionStatus] = field(default_factory=Counter)
    by_category: defaultdict[int | None, Group] = field(default_factory=lambda: defaultdict(Group))
    classes: defaultdict[ClassName, Group] = field(default_factory=lambda: defaultdict(Group))
    bands: defaultdict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    repeats_in_image: int = 0
    tags: TagTally = field(default_factory=TagTally)
    unreadable: int = 0

    def add_image(self, rows: Sequence[SegmentRow]) -> None:
        """Count the segments of one image."""
        self.annotated_images += 1
        seen: set[int] = set()
        captions = 0
        for row in rows:
            self.statuses[row.status] += 1
            if row.status is CaptionStatus.CROWD:
                continue
            words = None
            if row.status is CaptionStatus.CAPTIONED:
                words = self.words.add(row.text)
                captions += 1
                key = text_key(row.text)
                self.repeats_in_image += key in seen
                seen.add(key)
            self.by_category[row.category_id].add(words)
            self.bands[size_band(row.area)].add(words)
        self.captions_an_image[captions] += 1

    def name_classes(self, categories: Mapping[int, Category]) -> None:
        """Turn category ids, which mean something in their own file only, into names."""
        for category_id, group in self.by_category.items():
            category = None if category_id is None else categories.get(category_id)
            name: ClassName = (f"category {category_id}", None)
            if category is not None:
                name = (category.name, category.is_thing)
            self.classes[name].update(group)
        self.by_category.clear()
        without = self.listed_images - self.annotated_images
        if without > 0:
            self.captions_an_image[0] += without

    def update(self, other: StatsTally) -> None:
        """Add another's counts; its classes must be named."""
        self.words.update(other.words)
        self.tags.update(other.tags)
        for name, group in other.classes.items():
            self.classes[name].update(group)
        for band, group in other.bands.items():
            self.bands[band].update(group)
        self.captions_an_image.update(other.captions_an_image)
        self.statuses.update(other.statuses)
        self.listed_images += other.listed_images
        self.annotated_images += other.annotated_images
        self.repeats_in_image += other.repeats_in_image
        self.unreadable += other.unreadable

    def to_json(self) -> dict[str, Any]:
        """All figures of one dataset; None stands for what is not known, never 0."""
        captions = self.words.captions
        words = self.words.to_json()
        different = words.pop("different_captions")
        kinds = {"things": Group(), "stuff": Group()}
        for (_, is_thing), group in self.classes.items():
            if is_thing is not None:
                kinds["things" if is_thing else "stuff"].update(group)
        bands = [*(name for name, _ in SIZE_BANDS), "large", *([UNKNOWN] if UNKNOWN in self.bands else [])]
        return {
            "images": max(self.listed_images, self.annotated_images),
            "images_with_captions": sum(n for count, n in self.captions_an_image.items() if count),
            "segments": self.statuses.total() - self.statuses[CaptionStatus.CROWD],
            "captions": captions,
            "statuses": {status.value: self.statuses[status] for status in CaptionStatus},
            "captions_per_image": spread(self.captions_an_image),
            **words,
            "parts_of_speech": self.tags.to_json(),
            **{name: group.to_json() for name, group in kinds.items()},
            "by_size": {name: self.bands[name].to_json() for name in bands},
            "duplicates": {"in_one_image": self.repeats_in_image, "in_dataset": captions - different},
            "frequent_words": [list(pair) for pair in self.words.frequent()],
            "by_class": self._class_rows(),
            "unreadable_entries": self.unreadable,
        }

    def _class_rows(self) -> list[dict[str, Any]]:
        rows = sorted(self.classes.items(), key=lambda item: (-item[1].segments, item[0][0]))
        return [{"name": name, "is_thing": thing, **group.to_json()} for (name, thing), group in rows]
