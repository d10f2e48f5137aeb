"""`captions.parquet` and `facts.parquet` against `panoptic.json`: the same segments, telling the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from pix2cap.core import Category, Problem
from pix2cap.core.boxes import xywh_to_xyxy
from pix2cap.errors import InputError
from pix2cap.formats.captions_parquet import read_captions_parquet
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.facts_parquet import FACTS, read_facts
from pix2cap.formats.findings import Finding
from pix2cap.formats.records import ImageRecord, SegmentRecord

CAPTIONS: Final = "captions.parquet"
Row = Mapping[str, Any]
Expected = Callable[[CocoPanopticSource, ImageRecord], dict[int, dict[str, Any]]]


def captions_parquet_problems(folder: Path, source: CocoPanopticSource) -> Iterator[Problem]:
    """Rows of `captions.parquet` that are missing, doubled, of no segment, or tell another story."""
    path = folder / CAPTIONS
    if path.is_file():
        yield from row_problems(CAPTIONS, read_captions_parquet(path), source, _caption_rows)


def facts_parquet_problems(folder: Path, source: CocoPanopticSource) -> Iterator[Problem]:
    """The same of `facts.parquet`, which rendered scenes have."""
    if (folder / FACTS).is_file():
        yield from row_problems(FACTS, read_facts(folder), source, _fact_rows)


def row_problems(
    file: str, rows: Iterable[Row], source: CocoPanopticSource, expected: Expected
) -> Iterator[Problem]:
    """Compare rows, in any order, with what a source says of each segment.

    Args:
        file: Name of the rows' file.
        rows: With `image_id` and `segment_id`; read one at a time.
        source: What they must agree with.
        expected: Segment id to the columns that its row must have, for one image.
    """
    seen = _Seen(source)
    image_id, wanted = None, dict[int, dict[str, Any]]()
    try:
        for row in rows:
            where = (row["image_id"], row["segment_id"])
            if where[0] != image_id or image_id is None:
                image_id = where[0]
                wanted = expected(source, source.record(image_id)) if image_id in seen else {}
            yield from _one_row(file, row, wanted.get(where[1]), seen)
    except (pa.ArrowException, InputError, OSError, KeyError, TypeError, UnicodeDecodeError) as error:
        got = f"no column {error}" if isinstance(error, KeyError) else str(error)[:120]
        yield Problem(
            file, Finding.UNREADABLE_FILE, None, None, "a Parquet file of one row a segment", got, False
        )
        return
    for missing in seen.missing():
        yield Problem(file, Finding.MISSING_ROW, *missing, "a row as in panoptic.json", "none", False)


def _one_row(file: str, row: Row, wanted: dict[str, Any] | None, seen: _Seen) -> Iterator[Problem]:
    image_id, segment_id = row["image_id"], row["segment_id"]
    if wanted is None:
        told = "a segment" if image_id in seen else "an image"
        where = (file, Finding.STRANGE_ROW, image_id, segment_id)
        yield Problem(*where, f"{told} as in panoptic.json", f"no such {told.split()[1]}", False)
        return
    if not seen.add(image_id, segment_id):
        yield Problem(
            file, Finding.DUPLICATE_ROW, image_id, segment_id, "one row a segment", "several", False
        )
        return
    for column, value in wanted.items():
        if row[column] != value:
            expected, got = f"{column} {value!r} as in panoptic.json"[:120], repr(row[column])[:80]
            yield Problem(file, Finding.DIFFERENT_ROW, image_id, segment_id, expected, got, False)


class _Seen:
    """Which segments of a source have had their row: a byte each, an array an image."""

    def __init__(self, source: CocoPanopticSource) -> None:
        self._source = source
        self._images: dict[int, bytearray | None] = dict.fromkeys(source.image_ids)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._images

    def add(self, image_id: int, segment_id: int) -> bool:
        """Tick a known segment off; False where that was done before."""
        ids = self._ids(image_id)
        ticks = self._images[image_id]
        if ticks is None:
            ticks = self._images[image_id] = bytearray(len(ids))
        place = ids.index(segment_id)
        is_new, ticks[place] = not ticks[place], 1
        return is_new

    def missing(self) -> Iterator[tuple[int, int]]:
        """`(image id, segment id)` of all that were not ticked off."""
        for image_id, ticks in self._images.items():
            if ticks is None or not all(ticks):
                for place, segment_id in enumerate(self._ids(image_id)):
                    if ticks is None or not ticks[place]:
                        yield image_id, segment_id

    def _ids(self, image_id: int) -> list[int]:
        return [segment.info.segment_id for segment in self._source.record(image_id).segments]


def _caption_rows(source: CocoPanopticSource, record: ImageRecord) -> dict[int, dict[str, Any]]:
    captions = {caption.segment_id: caption for caption in source.captions(record.image_id)}
    rows = {}
    for segment in record.segments:
        row = {"file_name": record.file_name, "category_id": segment.info.category_id}
        row |= _class(source.categories.get(segment.info.category_id), with_id=False)
        row |= {"is_crowd": segment.info.is_crowd, **_extent(segment)}
        caption = captions.get(segment.info.segment_id)
        if caption is not None:
            row |= {"status": caption.status.value, "caption": caption.text}
        rows[segment.info.segment_id] = row
    return rows


def _fact_rows(source: CocoPanopticSource, record: ImageRecord) -> dict[int, dict[str, Any]]:
    return {
        segment.info.segment_id: _class(source.categories.get(segment.info.category_id), with_id=False)
        for segment in record.segments
    }


def _class(category: Category | None, *, with_id: bool) -> dict[str, Any]:
    if category is None:
        return {}
    row: dict[str, Any] = {"class_name": category.name, "is_thing": category.is_thing}
    return {"category_id": category.id, **row} if with_id else row


def _extent(segment: SegmentRecord) -> dict[str, Any]:
    row: dict[str, Any] = {} if segment.area is None else {"area": segment.area}
    if segment.bbox_xywh is not None:
        x, y, width, height = (round(value) for value in segment.bbox_xywh)
        row["box_xyxy"] = list(xywh_to_xyxy((x, y, width, height)))
    return row
