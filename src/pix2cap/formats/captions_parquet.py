"""`captions.parquet`: one row a segment, with the text, what became of it and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pix2cap.core import CaptionedImage, CaptionSource, Category
from pix2cap.formats.published import Published

SCHEMA = pa.schema(
    [
        pa.field("image_id", pa.int64(), nullable=False),
        pa.field("segment_id", pa.int64(), nullable=False),
        pa.field("file_name", pa.string(), nullable=False),
        pa.field("category_id", pa.int64(), nullable=False),
        pa.field("class_name", pa.string(), nullable=False),
        pa.field("is_thing", pa.bool_(), nullable=False),
        pa.field("is_crowd", pa.bool_(), nullable=False),
        pa.field("area", pa.int64(), nullable=False),
        pa.field("declared_area", pa.int64()),
        pa.field("box_xyxy", pa.list_(pa.int32()), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("model", pa.string()),
        pa.field("prompt_version", pa.string()),
        pa.field("attempt", pa.int32()),
        pa.field("request_key", pa.string()),
        pa.field("request_id", pa.string()),
        pa.field("reviewer", pa.string()),
    ]
)
"""`caption` is what is published, "" unless captioned; `text` is what a model or person said last, whatever
its status."""

_SOURCE_COLUMNS = ("model", "prompt_version", "attempt", "request_key", "request_id", "reviewer")


def segment_rows(
    item: CaptionedImage, published: Published, categories: Mapping[int, Category]
) -> Iterator[dict[str, Any]]:
    """The rows of one image, in the order of its segments."""
    for segment in item.panoptic.segments:
        entry = published[segment.id]
        caption, category = entry.caption, categories[segment.category_id]
        source = (caption.source if caption is not None else None) or CaptionSource()
        yield {
            "image_id": item.image.image_id,
            "segment_id": segment.id,
            "file_name": item.image.file_name,
            "category_id": segment.category_id,
            "class_name": category.name,
            "is_thing": category.is_thing,
            "is_crowd": segment.is_crowd,
            "area": segment.area,
            "declared_area": segment.declared_area,
            "box_xyxy": list(segment.box_xyxy),
            "caption": entry.description,
            "status": entry.status.value,
            "text": caption.text if caption is not None else None,
            "reason": caption.reason if caption is not None else None,
            "score": caption.score if caption is not None else None,
            **{column: getattr(source, column) for column in _SOURCE_COLUMNS},
        }


def read_captions_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """All rows of a `captions.parquet`, in order, a few thousand in memory at a time."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=4096):
            yield from batch.to_pylist()


def row_source(row: Mapping[str, Any]) -> CaptionSource | None:
    """Where a row's text came from; None where the row does not say."""
    values = {column: row.get(column) for column in _SOURCE_COLUMNS}
    return CaptionSource(**values) if any(value is not None for value in values.values()) else None
