"""What travels between formats: an image with segments, captions and picture; its record as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from pix2cap.core import (
    CaptionedImage,
    CaptionSource,
    CaptionStatus,
    Category,
    ImageRef,
    PanopticMap,
    Problem,
    SegmentCaption,
)
from pix2cap.formats.captions_parquet import row_source, segment_rows
from pix2cap.formats.file_places import EscapeError, check_relative
from pix2cap.formats.findings import Finding, refusal
from pix2cap.formats.image_index import EXTRA_KEYS
from pix2cap.formats.png import PngError, decode_id_png
from pix2cap.formats.published import publish

SEGMENT_FIELDS: Final = (
    *("segment_id", "category_id", "class_name", "is_thing", "is_crowd", "area", "declared_area"),
    *("box_xyxy", "caption", "status", "text", "reason", "score"),
    *("model", "prompt_version", "attempt", "request_key", "request_id", "reviewer"),
)
"""Members of a segment's record: the columns of `captions.parquet` but those of the image."""


@dataclass(frozen=True)
class Carried:
    """An image on its way from one format to another.

    Args:
        item: Image, map and captions.
        picture: The picture file's own bytes; None where it is not carried.
        map_png: The map's own PNG, so that it can be written unchanged; None where there is none.
        extra: Licence, addresses and date, as COCO's `images` has them.
    """

    item: CaptionedImage
    picture: bytes | None = None
    map_png: bytes | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """An image that could not be carried, and why."""

    image_id: int
    file_name: str
    reason: str
    segments: int

    def to_json(self) -> dict[str, Any]:
        """The entry as manifests have it."""
        return {
            "image_id": self.image_id,
            "file_name": self.file_name,
            "reason": self.reason,
            "segments": self.segments,
        }


def image_record(carried: Carried, categories: Mapping[int, Category]) -> dict[str, Any]:
    """An image and its segments as plain data, all but pixels; `carried_image` is the way back."""
    image = carried.item.image
    rows = segment_rows(carried.item, publish(carried.item), categories)
    return {
        "image_id": image.image_id,
        "file_name": image.file_name,
        "width": image.width,
        "height": image.height,
        **{key: carried.extra[key] for key in EXTRA_KEYS if key in carried.extra},
        "segments": [{key: row[key] for key in SEGMENT_FIELDS} for row in rows],
    }


def carried_image(record: Mapping[str, Any], map_png: bytes, *, picture: bytes | None, file: str) -> Carried:
    """Put a record and its PNG of ids together again.

    Args:
        record: As `image_record` makes it.
        map_png: R + 256 G + 65536 B is the segment's id.
        picture: The picture file's bytes.
        file: Where the record comes from, for messages.

    Raises:
        ImageRefused: Record and PNG disagree, or the record is not of this shape.
    """
    image_id = record.get("image_id")
    where = image_id if isinstance(image_id, int) else None

    def refused(finding: Finding, expected: str, got: str) -> Exception:
        return refusal([Problem(file, finding, where, None, expected, got)])

    try:
        image = ImageRef(
            int(record["image_id"]),
            check_relative(str(record["file_name"])),
            int(record["width"]),
            int(record["height"]),
        )
        segments = list(record["segments"])
        infos = {
            int(one["segment_id"]): (int(one["category_id"]), bool(one["is_thing"]), bool(one["is_crowd"]))
            for one in segments
        }
        captions = tuple(caption for one in segments if (caption := _caption(one)) is not None)
    except EscapeError:
        raise refused(
            Finding.PATH_ESCAPES, "a file name inside the folder", repr(record["file_name"])[:80]
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        got = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise refused(Finding.WRONG_TYPE, "a record of pix2cap", got[:120]) from error
    try:
        id_map = decode_id_png(map_png)
    except (PngError, TypeError, OverflowError) as error:
        raise refused(Finding.DAMAGED_MASK, "an RGB PNG of segment ids", str(error)) from error
    if id_map.shape != (image.height, image.width):
        got = f"{id_map.shape[1]} x {id_map.shape[0]}"
        raise refused(Finding.MASK_SIZE, f"{image.width} x {image.height} as the record says", got)
    declared = {
        int(one["segment_id"]): int(one["declared_area"])
        for one in segments
        if one.get("declared_area") is not None
    }
    try:
        panoptic = PanopticMap.from_id_map(id_map.astype(np.uint32, copy=False), infos, declared)
        item = CaptionedImage(image, panoptic, captions)
    except ValueError as error:
        raise refused(Finding.ID_NOT_IN_PNG, "the same ids in record and PNG", str(error)) from error
    extra = {key: record[key] for key in EXTRA_KEYS if record.get(key) is not None}
    return Carried(item, picture, map_png, extra)


def _caption(row: Mapping[str, Any]) -> SegmentCaption | None:
    """The caption of a segment's record; None where nothing was ever said of the segment."""
    status = CaptionStatus(row["status"])
    source: CaptionSource | None = row_source(row)
    text = row.get("text")
    if text is None and row["caption"]:
        text = row["caption"]
    if text is None and row.get("reason") is None and row.get("score") is None and source is None:
        # `pending` and `crowd` are what a segment without caption is published as.
        if status in (CaptionStatus.PENDING, CaptionStatus.CROWD):
            return None
        text = ""
    return SegmentCaption(
        int(row["segment_id"]), text or "", status, row.get("reason"), source, row.get("score")
    )


def record_categories(record: Mapping[str, Any]) -> dict[int, Category]:
    """The categories that a record's segments name, for files without a table of them."""
    return {
        int(one["category_id"]): Category(
            int(one["category_id"]), str(one["class_name"]), bool(one["is_thing"])
        )
        for one in record.get("segments", ())
    }


def category_rows(categories: Mapping[int, Category]) -> list[dict[str, Any]]:
    """COCO's `categories` table."""
    return [
        {
            "id": category.id,
            "name": category.name,
            "isthing": int(category.is_thing),
            "supercategory": category.supercategory or category.name,
        }
        for category in categories.values()
    ]
