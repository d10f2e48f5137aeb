"""Figures of captioned datasets: how many, how long, how varied, about what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pix2cap.core.caption import CaptionStatus
from pix2cap.dataset.stats_tally import SegmentRow, StatsTally
from pix2cap.dataset.stats_words import Numbering, WordTally, text_key
from pix2cap.dataset.validate_splits import find_splits, labels
from pix2cap.errors import InputError, MetricUnavailable, UsageError
from pix2cap.formats.findings import Finding, bad_file
from pix2cap.formats.image_index import CategoryTable
from pix2cap.formats.json_stream import is_int, is_number, stream_lists
from pix2cap.formats.manifest import read_manifest
from pix2cap.text.tagger import Tagger

FORMAT: Final = "pix2cap-stats"
FORMAT_VERSION: Final = 1

PUBLISHED: Final[Mapping[str, Any]] = {
    "name": "Pix2Cap-COCO, as its authors state it",
    "source": "You, Wang, Kong, He, Wu, arXiv 2501.13893 (2025)",
    "images": 20_550,
    "train_images": 18_212,
    "val_images": 2_338,
    "captions": 167_254,
    "captions_per_image": 8.14,
    "words_mean": 22.94,
}
"""The paper's own figures of its dataset; how it counts words is not stated."""

_TEXTS_AT_ONCE: Final = 512
_MOST_SHARE: Final = 1.0


@dataclass(frozen=True)
class DatasetStats:
    """Figures of datasets, each by itself and all together.

    Args:
        sources: `(name, figures)` in the order given.
        together: Figures of all; None for a single one.
        tagger: Who told nouns, adjectives and verbs; None where nobody did.
        tagger_missing: Why nobody did.
        tag_share: Share of the captions that was tagged.
    """

    sources: tuple[tuple[str, Mapping[str, Any]], ...]
    together: Mapping[str, Any] | None
    tagger: Mapping[str, str] | None
    tagger_missing: str | None
    tag_share: float

    def to_json(self) -> dict[str, Any]:
        """The record that `pix2cap dataset stats --format json` prints."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "tagger": None if self.tagger is None else dict(self.tagger),
            "tagger_missing": self.tagger_missing,
            "tag_share": self.tag_share,
            "sources": [{"name": name, **figures} for name, figures in self.sources],
            "together": None if self.together is None else dict(self.together),
            "published": dict(PUBLISHED),
        }


def dataset_stats(
    paths: Sequence[Path],
    *,
    tag_share: float = 1.0,
    load_tagger: Callable[[], Tagger] = Tagger.load,
    on_progress: Callable[[int], None] | None = None,
) -> DatasetStats:
    """Count images, segments, captions and words of dataset folders and COCO panoptic JSONs with captions.

    Every JSON is read once, item by item; masks and pictures are not read: areas are those that the JSON
    states. Memory grows with the vocabulary and by some 16 bytes a caption.

    Args:
        paths: Dataset folders, folders of splits, or JSONs with `description` or `caption` in
            `segments_info`, as Pix2Cap-COCO publishes them.
        tag_share: Share of the captions whose parts of speech are counted, chosen by their text; 0 for none.
        load_tagger: Gives the tagger; asked once, if any caption is English.
        on_progress: Told the number of captions read so far, after each image.

    Raises:
        InputError: A file is missing, damaged or of another shape.
        UsageError: No path, or a share outside 0..1.

    Example:
        >>> dataset_stats([Path("dataset")]).to_json()["sources"][0]["captions"]  # doctest: +SKIP
    """
    if not 0 <= tag_share <= _MOST_SHARE:
        raise UsageError(f"expected a share of captions to tag from 0 to 1, got {tag_share}")
    found = [split for path in paths for split in find_splits(path)]
    if not found:
        raise UsageError("expected at least one dataset, got none")
    languages = [_language(path) for path in found]
    tagger, missing = _tagger(load_tagger, tag_share, languages)
    numbering, done = Numbering(), 0
    tallies: list[StatsTally] = []

    def told(captions: int) -> None:
        if on_progress is not None:
            on_progress(done + captions)

    for path, language in zip(found, languages, strict=True):
        reading = _Reading(
            WordTally(numbering, language), tagger if _is_english(language) else None, tag_share, told
        )
        tallies.append(reading.read(path))
        done += tallies[-1].words.captions
    together = None
    if len(tallies) > 1:
        together = StatsTally(WordTally(numbering, languages[0]))
        for tally in tallies:
            together.update(tally)
    return DatasetStats(
        tuple(zip(_names(found), (tally.to_json() for tally in tallies), strict=True)),
        None if together is None else together.to_json(),
        None
        if tagger is None
        else {"model": tagger.name, "library": tagger.library, "tags": "Penn Treebank"},
        missing,
        tag_share if tagger is not None else 0.0,
    )


def _tagger(
    load: Callable[[], Tagger], share: float, languages: Sequence[str]
) -> tuple[Tagger | None, str | None]:
    if share == 0:
        return None, "not asked for"
    if not any(map(_is_english, languages)):
        return None, f"the tagger reads English, the captions are in {', '.join(sorted(set(languages)))}"
    try:
        return load(), None
    except MetricUnavailable as error:
        return None, str(error)


def _names(paths: Sequence[Path]) -> list[str]:
    names = labels(paths)
    short = [name.removesuffix(".json") for name in names]
    return short if len(set(short)) == len(short) else names


def _language(path: Path) -> str:
    manifest = (read_manifest(path) if path.is_dir() else None) or {}
    language = manifest.get("language")
    return language if isinstance(language, str) and language else "en"


def _is_english(language: str) -> bool:
    return language.split("-")[0].lower() == "en"


class _Reading:
    """Receives the lists of one JSON.

    Args:
        words: Counts words.
        tagger: Counts parts of speech; None for nobody.
        share: Of the captions that are tagged.
        told: Called with the captions so far.
    """

    def __init__(
        self, words: WordTally, tagger: Tagger | None, share: float, told: Callable[[int], None]
    ) -> None:
        self._tally = StatsTally(words)
        self._tagger = tagger
        self._limit = round(share * 2**64)
        self._told = told
        self._waiting: list[str] = []
        self._has_segments = False

    def read(self, path: Path) -> StatsTally:
        """Read a JSON, or the one of a dataset folder.

        Raises:
            InputError: Missing, damaged, or no COCO panoptic JSON.
        """
        file = path / "panoptic.json" if path.is_dir() else path
        categories = CategoryTable(file.name)
        handlers = {"images": self.image, "annotations": self.annotation, "categories": categories.add}
        stream_lists(file, handlers, optional=("images",))
        if self._tally.annotated_images and not self._has_segments:
            raise _other_shape(file)
        self._tag()
        self._tally.name_classes(categories.by_id)
        return self._tally

    def image(self, item: Any) -> None:
        self._tally.listed_images += isinstance(item, dict)

    def annotation(self, item: Any) -> None:
        segments = item.get("segments_info") if isinstance(item, dict) else None
        self._has_segments |= isinstance(segments, list)
        rows = []
        for segment in segments if isinstance(segments, list) else ():
            if isinstance(segment, dict):
                rows.append(_row(segment))
            else:
                self._tally.unreadable += 1
        if not isinstance(segments, list) and self._has_segments:
            self._tally.unreadable += 1
        self._tally.add_image(rows)
        if self._tagger is not None:
            texts = (row.text for row in rows if row.status is CaptionStatus.CAPTIONED)
            self._waiting += [text for text in texts if text_key(text) < self._limit]
            if len(self._waiting) >= _TEXTS_AT_ONCE:
                self._tag()
        self._told(self._tally.words.captions)

    def _tag(self) -> None:
        if self._tagger is not None:
            for counts in self._tagger.count(self._waiting):
                self._tally.tags.add(counts)
        self._waiting.clear()


def _row(segment: Mapping[str, Any]) -> SegmentRow:
    """A segment by the rules of the published layout: a text is a caption unless a status says otherwise."""
    texts = (segment.get(key) for key in ("description", "caption"))
    text = next((text for text in texts if isinstance(text, str)), "")
    status = segment.get("caption_status")
    if status not in set(CaptionStatus):
        status = CaptionStatus.CROWD if segment.get("iscrowd") == 1 else CaptionStatus.PENDING
        status = CaptionStatus.CAPTIONED if text.strip() else status
    elif status == CaptionStatus.CAPTIONED and not text.strip():
        status = CaptionStatus.FAILED
    category_id, area = segment.get("category_id"), segment.get("area")
    return SegmentRow(
        category_id if is_int(category_id) else None,
        CaptionStatus(status),
        text,
        area if is_number(area) else None,
    )


def _other_shape(file: Path) -> InputError:
    return bad_file(
        file.name,
        Finding.WRONG_TYPE,
        expected="COCO panoptic, with a list `segments_info` in each annotation",
        got="annotations without it",
    )
