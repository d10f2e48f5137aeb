"""`instances.json` of a dataset folder against `panoptic.json` and the masks."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from pix2cap.core import Problem
from pix2cap.errors import InputError
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.findings import Finding
from pix2cap.formats.instances_json import id_map_to_rles
from pix2cap.formats.json_stream import describe_type, is_int, stream_lists
from pix2cap.formats.png import PngError, decode_id_png
from pix2cap.formats.rasterise import SegmentationError, segmentation_to_rle
from pix2cap.formats.records import ImageRecord, SegmentRecord
from pix2cap.formats.row_store import RowStore

INSTANCES: Final = "instances.json"


def instances_problems(folder: Path, source: CocoPanopticSource) -> Iterator[Problem]:
    """Where `instances.json` and the rest of the folder tell of different segments, texts or pixels.

    Images are compared one after the other; its annotations wait in a temporary file where they are many.
    """
    path = folder / INSTANCES
    if not path.is_file():
        return
    reading = _Reading(source)
    try:
        stream_lists(
            path,
            {"images": reading.image, "annotations": reading.annotation, "categories": reading.category},
        )
    except InputError as error:
        yield from error.problems
        return
    yield from reading.problems
    yield from reading.close()
    for image_id in source.image_ids:
        yield from _image_problems(source, source.record(image_id), reading.rows(image_id))


def _problem(
    finding: Finding, image_id: int | None, segment_id: int | None, expected: str, got: object
) -> Problem:
    return Problem(INSTANCES, finding, image_id, segment_id, expected[:120], str(got)[:100], False)


class _Reading:
    """Receives the lists of the file."""

    def __init__(self, source: CocoPanopticSource) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._known = set(source.image_ids)
        self._images: set[int] = set()
        self._categories: set[int] = set()
        self._ids: set[int] = set()
        self._numbers: dict[int, array[int]] = {}
        self._store = RowStore()

    def image(self, item: Any) -> None:
        if not isinstance(item, dict) or not is_int(item.get("id")):
            self._note(Finding.WRONG_TYPE, None, "an object with a whole number `id` in `images`", item)
            return
        image_id = item["id"]
        if image_id in self._images:
            self._note(Finding.DUPLICATE_IMAGE, image_id, "one entry an image id", "several")
        self._images.add(image_id)
        if image_id not in self._known:
            self._note(Finding.STRANGE_ROW, image_id, "an image as in panoptic.json", "no such image")
            return
        record = self._source.record(image_id)
        if item.get("file_name") != record.file_name:
            expected = f"file_name {record.file_name!r} as in panoptic.json"
            self._note(Finding.DIFFERENT_ROW, image_id, expected, item.get("file_name"))
        size_wh = (item.get("width"), item.get("height"))
        if record.size_wh is not None and size_wh != record.size_wh:
            expected = f"{record.size_wh[0]} x {record.size_wh[1]} as in panoptic.json"
            self._note(Finding.DIFFERENT_ROW, image_id, expected, f"{size_wh[0]} x {size_wh[1]}")

    def category(self, item: Any) -> None:
        if not isinstance(item, dict) or not is_int(item.get("id")):
            self._note(Finding.WRONG_TYPE, None, "an object with a whole number `id` in `categories`", item)
            return
        known = self._source.categories.get(item["id"])
        told = f"category {item['id']}"
        if item["id"] in self._categories:
            self._note(Finding.DUPLICATE_CATEGORY, None, "one category an id", item["id"])
        self._categories.add(item["id"])
        if known is None:
            self._note(Finding.STRANGE_ROW, None, f"{told} as in panoptic.json", "no such category")
        elif item.get("name") != known.name:
            self._note(
                Finding.RENAMED_CATEGORY, None, f"{item['id']}: {known.name!r}", repr(item.get("name"))
            )
        elif bool(item.get("isthing", known.is_thing)) != known.is_thing:
            expected = f"isthing {int(known.is_thing)} of {told} as in panoptic.json"
            self._note(Finding.DIFFERENT_ROW, None, expected, item.get("isthing"))

    def annotation(self, item: Any) -> None:
        if not isinstance(item, dict) or not is_int(item.get("image_id")):
            self._note(
                Finding.WRONG_TYPE, None, "an object with a whole number `image_id`", describe_type(item)
            )
            return
        image_id, number = item["image_id"], item.get("id")
        if not is_int(number):
            self._note(Finding.WRONG_TYPE, image_id, "a whole number as `id`", describe_type(number))
        elif number in self._ids:
            self._note(Finding.DUPLICATE_SEGMENT, image_id, "each annotation id once", f"{number} again")
        else:
            self._ids.add(number)
        if image_id not in self._known:
            self._note(Finding.STRANGE_ROW, image_id, "an image as in panoptic.json", "no such image")
            return
        row = self._store.append(orjson.dumps(item))
        self._numbers.setdefault(image_id, array("Q")).append(row)

    def close(self) -> Iterator[Problem]:
        """Images and categories that the file lacks."""
        for image_id in self._source.image_ids:
            if image_id not in self._images:
                yield _problem(Finding.MISSING_ROW, image_id, None, "an entry in `images`", "none")
        for category_id in self._source.categories:
            if category_id not in self._categories:
                yield _problem(Finding.MISSING_ROW, None, None, f"category {category_id}", "none")

    def rows(self, image_id: int) -> list[dict[str, Any]]:
        return [orjson.loads(self._store[number]) for number in self._numbers.get(image_id, ())]

    def _note(self, finding: Finding, image_id: int | None, expected: str, got: object) -> None:
        self.problems.append(_problem(finding, image_id, None, expected, got))


def _image_problems(
    source: CocoPanopticSource, record: ImageRecord, rows: list[dict[str, Any]]
) -> Iterator[Problem]:
    image_id = record.image_id
    segments = {segment.info.segment_id: segment for segment in record.segments}
    seen: set[int] = set()
    id_map = _id_map(source, image_id)
    rles = {} if id_map is None else id_map_to_rles(id_map)
    for row in rows:
        segment_id = row.get("segment_id")
        if not is_int(segment_id) or segment_id not in segments:
            got = f"segment {segment_id}" if is_int(segment_id) else describe_type(segment_id)
            where = segment_id if is_int(segment_id) else None
            yield _problem(Finding.STRANGE_ROW, image_id, where, "a segment as in panoptic.json", got)
            continue
        if segment_id in seen:
            yield _problem(Finding.DUPLICATE_ROW, image_id, segment_id, "one annotation a segment", "several")
            continue
        seen.add(segment_id)
        for name, expected, got in _differences(segments[segment_id], row):
            told = f"{name} {expected!r} as in panoptic.json"
            yield _problem(Finding.DIFFERENT_ROW, image_id, segment_id, told, repr(got))
        if id_map is not None:
            yield from _outline_problems(image_id, segment_id, row.get("segmentation"), rles, id_map)
    for segment_id in segments.keys() - seen:
        yield _problem(Finding.MISSING_ROW, image_id, segment_id, "an annotation as in panoptic.json", "none")


def _id_map(source: CocoPanopticSource, image_id: int) -> NDArray[np.uint32] | None:
    """The map, None where it cannot be read: the reader's own check tells why."""
    data = source.map_png(image_id)
    try:
        return None if data is None else decode_id_png(data)
    except (PngError, TypeError, OverflowError):
        return None


def _differences(segment: SegmentRecord, row: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    info = segment.info
    wanted: dict[str, Any] = {"category_id": info.category_id, "iscrowd": int(info.is_crowd)}
    if segment.area is not None:
        wanted["area"] = segment.area
    if segment.bbox_xywh is not None:
        wanted["bbox"] = list(segment.bbox_xywh)
    if info.description is not None:
        wanted["caption"] = info.description
    if segment.status is not None:
        wanted["caption_status"] = segment.status
    for name, value in wanted.items():
        got = row.get(name, row.get("description") if name == "caption" else None)
        if got != value:
            yield name, value, got


def _outline_problems(
    image_id: int,
    segment_id: int,
    segmentation: Any,
    rles: dict[int, dict[str, Any]],
    id_map: NDArray[np.uint32],
) -> Iterator[Problem]:
    known = rles.get(segment_id)
    if known is None or segmentation == known:
        return  # An id without pixels is told of by the comparison of JSON and PNG.
    height, width = id_map.shape
    try:
        rle = segmentation_to_rle(segmentation, (width, height))
    except SegmentationError as error:
        expected = f"RLE for {width} x {height} pixels"
        yield _problem(Finding.BAD_SEGMENTATION, image_id, segment_id, expected, error)
        return
    wrong = int(np.count_nonzero(coco_mask.decode(rle).astype(np.bool_) != (id_map == segment_id)))
    if wrong:
        got = f"{wrong} pixels that differ"
        yield _problem(Finding.WRONG_OUTLINE, image_id, segment_id, "the pixels of the mask", got)
