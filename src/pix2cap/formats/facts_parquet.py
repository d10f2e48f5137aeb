"""`facts.parquet`: what is known for certain of rendered segments, to judge captions by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pix2cap.errors import InputError

FACTS: Final = "facts.parquet"

SCHEMA = pa.schema(
    [
        pa.field("image_id", pa.int64(), nullable=False),
        pa.field("segment_id", pa.int64(), nullable=False),
        pa.field("class_name", pa.string(), nullable=False),
        pa.field("is_thing", pa.bool_(), nullable=False),
        pa.field("color", pa.string(), nullable=False),
        pa.field("accent", pa.string()),
        pa.field("texture", pa.string()),
        pa.field("size", pa.string()),
        pa.field("horizontal", pa.string()),
        pa.field("vertical", pa.string()),
        pa.field("ground", pa.string()),
        pa.field("visible_share", pa.float64()),
        pa.field("is_partly_hidden", pa.bool_()),
        pa.field("cut_by", pa.list_(pa.string())),
        pa.field("hidden_by", pa.list_(pa.int64())),
        pa.field("hides", pa.list_(pa.int64())),
        pa.field(
            "relations",
            pa.list_(
                pa.struct([("kind", pa.string()), ("other_id", pa.int64()), ("is_near", pa.bool_())]),
            ),
        ),
        pa.field("above", pa.string()),
        pa.field("below", pa.string()),
        pa.field("object_ids", pa.list_(pa.int64())),
    ]
)
"""One row a segment. `above`, `below` and `object_ids` are told of grounds, the columns from `accent` to
`relations` of objects; the others hold null (`accent` also on a plain object)."""


def read_facts(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of a generated dataset's `facts.parquet`, in the order of its images.

    Args:
        folder: The dataset folder.

    Raises:
        InputError: The folder has no such file, or it is damaged.
    """
    path = folder / FACTS
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(
            f"{path}: expected the facts that `pix2cap dataset generate` writes, got: {error}"
        ) from error
