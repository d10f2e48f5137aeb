"""One image's entry of a JSON, checked: what can be used and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pix2cap.core import CaptionStatus, Category, Problem, SegmentCaption
from pix2cap.formats.findings import Finding
from pix2cap.formats.json_stream import describe_type, is_int, is_number
from pix2cap.formats.png import MAX_ID
from pix2cap.formats.source import SegmentInfo

SEGMENT_KEYS = ("id", "category_id", "iscrowd", "area", "bbox", "description", "caption_status", "score")


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """One segment as a JSON has it; None where it says nothing.

    Args:
        info: Id, class, crowd and text.
        area: Pixels, as stated.
        bbox_xywh: COCO's box, as stated.
        status: `caption_status`, whatever it says.
        score: A prediction's confidence.
    """

    info: SegmentInfo
    area: int | None = None
    bbox_xywh: tuple[float, ...] | None = None
    status: str | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image as a JSON has it.

    Args:
        image_id: The dataset's number.
        file_name: The picture's; "" where none stands.
        size_wh: As stated; None where nothing stands.
        mask_name: The map's file.
        segments: Those whose id is usable.
        problems: What is wrong with the entry itself.
        extra: Licence, addresses and date, where given.
    """

    image_id: int
    file_name: str
    size_wh: tuple[int, int] | None
    mask_name: str | None
    segments: tuple[SegmentRecord, ...]
    problems: tuple[Problem, ...]
    extra: Mapping[str, Any]


def annotated_image(item: Any, file: str, problems: list[Problem]) -> int | None:
    """The image that an item of `annotations` belongs to; None, with a problem noted, where it names none."""
    image_id = item.get("image_id") if isinstance(item, dict) else None
    if is_int(image_id):
        return int(image_id)
    got = describe_type(image_id if isinstance(item, dict) else item)
    expected = "an object with a whole number `image_id` in `annotations`"
    problems.append(Problem(file, Finding.WRONG_TYPE, expected=expected, got=got))
    return None


def segment_row(item: Any) -> list[Any] | str:
    """The values kept of one `segments_info` item, or what stood there instead of an object."""
    if not isinstance(item, dict):
        return describe_type(item)
    row = [item.get(key) for key in SEGMENT_KEYS]
    if row[5] is None:
        row[5] = item.get("caption")
    while row[-1] is None and len(row) > 2:
        row.pop()
    return row


def segment_caption(record: SegmentRecord) -> SegmentCaption | None:
    """What a JSON says of a segment's caption; None where it says nothing."""
    info, text = record.info, record.info.description
    if text is None and record.status is None:
        return None
    if record.status in set(CaptionStatus):
        status = CaptionStatus(record.status)
    elif text:
        status = CaptionStatus.CAPTIONED
    else:
        status = CaptionStatus.CROWD if info.is_crowd else CaptionStatus.PENDING
    return SegmentCaption(info.segment_id, text or "", status, score=record.score)


class RecordReader:
    """Checks raw rows against the categories.

    Args:
        file: The JSON's name, for problems.
        categories: By id.
    """

    def __init__(self, file: str, categories: Mapping[int, Category]) -> None:
        self.file = file
        self.categories = categories

    def image(
        self, image_id: int, image_row: list[Any], mask_name: Any, segment_rows: Any, problems: list[Problem]
    ) -> ImageRecord:
        """Check one image; `problems` is what the caller knows of it already."""
        file_name, width, height, extra = image_row[:4]
        problems = list(problems)

        def wrong(expected: str, value: Any) -> None:
            problems.append(
                Problem(self.file, Finding.WRONG_TYPE, image_id, expected=expected, got=describe_type(value))
            )

        if not isinstance(file_name, str):
            wrong("a text as `file_name` of the image", file_name)
            file_name = ""
        size_wh = None
        if is_int(width) and is_int(height) and width > 0 and height > 0:
            size_wh = (width, height)
        elif width is not None or height is not None:
            wrong("whole positive numbers as `width` and `height`", width if not is_int(width) else height)
        if mask_name is not None and not isinstance(mask_name, str):
            wrong("a text as name of the mask file", mask_name)
            mask_name = None
        if not isinstance(segment_rows, list):
            wrong("a list of segments", None if segment_rows is None else segment_rows)
            segment_rows = []
        segments = self._segments(image_id, segment_rows, problems)
        return ImageRecord(image_id, file_name, size_wh, mask_name, segments, tuple(problems), extra)

    def _segments(self, image_id: int, rows: list[Any], problems: list[Problem]) -> tuple[SegmentRecord, ...]:
        found: dict[int, SegmentRecord] = {}
        for row in rows:
            if isinstance(row, str):
                expected = "an object in the list of segments"
                problems.append(Problem(self.file, Finding.WRONG_TYPE, image_id, expected=expected, got=row))
                continue
            values = dict(zip(SEGMENT_KEYS, row, strict=False))
            segment_id = values["id"]
            if not is_int(segment_id):
                expected, got = "a whole number as `id` of a segment", describe_type(segment_id)
                problems.append(Problem(self.file, Finding.WRONG_TYPE, image_id, expected=expected, got=got))
                continue
            if segment_id in found:
                expected = "each id once an image"
                problems.append(
                    Problem(self.file, Finding.DUPLICATE_SEGMENT, image_id, segment_id, expected, "several")
                )
                continue
            if not 1 <= segment_id <= MAX_ID:
                expected = f"1 to {MAX_ID}"
                problems.append(
                    Problem(
                        self.file, Finding.ID_OUT_OF_RANGE, image_id, segment_id, expected, str(segment_id)
                    )
                )
                continue
            found[segment_id] = self._segment(image_id, segment_id, values, problems)
        return tuple(found.values())

    def _segment(
        self, image_id: int, segment_id: int, values: dict[str, Any], problems: list[Problem]
    ) -> SegmentRecord:
        def take(key: str, good: bool, expected: str, *, fatal: bool = False) -> Any:
            value = values.get(key)
            if value is None or good:
                return value
            got = describe_type(value)
            where = (self.file, Finding.WRONG_TYPE, image_id, segment_id)
            problems.append(Problem(*where, f"{expected} as `{key}`", got, fatal))
            return None

        category_id = values["category_id"]
        if not is_int(category_id):
            got = describe_type(category_id)
            where = (self.file, Finding.WRONG_TYPE, image_id, segment_id)
            problems.append(Problem(*where, "a whole number as `category_id`", got))
            category_id = -1
        elif category_id not in self.categories:
            where = (self.file, Finding.UNKNOWN_CATEGORY, image_id, segment_id)
            problems.append(Problem(*where, "an id of `categories`", str(category_id)))
        crowd, area, bbox = values.get("iscrowd"), values.get("area"), values.get("bbox")
        crowd = take("iscrowd", crowd in (0, 1), "0 or 1", fatal=True)
        area = take("area", is_number(area), "a number")
        box_good = isinstance(bbox, list) and len(bbox) == 4 and all(is_number(v) for v in bbox)
        bbox = take("bbox", box_good, "four numbers")
        text = take("description", isinstance(values.get("description"), str), "a text")
        status = take("caption_status", isinstance(values.get("caption_status"), str), "a text")
        score = take("score", is_number(values.get("score")), "a number")
        info = SegmentInfo(segment_id, category_id, bool(crowd), text)
        area = None if area is None else round(area)
        return SegmentRecord(info, area, None if bbox is None else tuple(bbox), status, score)
