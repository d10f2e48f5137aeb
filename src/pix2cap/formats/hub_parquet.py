"""Parquet shards for dataset hubs: a picture, its id-map and a list of segments a row.

The column types are written the way the library `datasets` does, in the schema's metadata, so that `image`
and `panoptic` come back as pictures there. Masks are exact: `R + 256 G + 65536 B` of `panoptic` is the
segment's id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pix2cap.core import Category
from pix2cap.errors import ImageRefused
from pix2cap.formats.exchange import Carried, Refused, carried_image, image_record
from pix2cap.formats.findings import Finding, bad_file
from pix2cap.formats.png import encode_id_png
from pix2cap.formats.staged_folder import StagedFolder
from pix2cap.formats.storage import storage

META: Final = b"pix2cap"
"""Key of the schema's metadata under which categories, licences and the dataset's facts stand."""
_ROWS_A_GROUP: Final = 100
_GROUP_BYTES: Final = 32 * 2**20
_PICTURE: Final = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_SEGMENT: Final = pa.struct(
    [
        ("segment_id", pa.int64()),
        ("category_id", pa.int64()),
        ("class_name", pa.string()),
        ("is_thing", pa.bool_()),
        ("is_crowd", pa.bool_()),
        ("area", pa.int64()),
        ("declared_area", pa.int64()),
        ("box_xyxy", pa.list_(pa.int32())),
        ("caption", pa.string()),
        ("status", pa.string()),
        ("text", pa.string()),
        ("reason", pa.string()),
        ("score", pa.float64()),
        ("model", pa.string()),
        ("prompt_version", pa.string()),
        ("attempt", pa.int32()),
        ("request_key", pa.string()),
        ("request_id", pa.string()),
        ("reviewer", pa.string()),
    ]
)
FIELDS: Final = (
    pa.field("image_id", pa.int64()),
    pa.field("file_name", pa.string()),
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("image", _PICTURE),
    pa.field("panoptic", _PICTURE),
    pa.field("license", pa.string()),
    pa.field("coco_url", pa.string()),
    pa.field("flickr_url", pa.string()),
    pa.field("date_captured", pa.string()),
    pa.field("segments", pa.list_(_SEGMENT)),
)
"""The columns, an image a row."""
_NEEDED: Final = frozenset(("image_id", "file_name", "width", "height", "image", "panoptic", "segments"))
_TEXTS: Final = ("license", "coco_url", "flickr_url", "date_captured")


def _feature(kind: pa.DataType) -> Any:
    if kind == _PICTURE:
        return {"_type": "Image"}
    if pa.types.is_list(kind):
        return [_feature(kind.value_type)]
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    names = {pa.bool_(): "bool", pa.float64(): "float64"}
    return {"dtype": names.get(kind, str(kind)), "_type": "Value"}


def _schema(meta: Mapping[str, Any]) -> pa.Schema:
    features = {field.name: _feature(field.type) for field in FIELDS}
    return pa.schema(
        FIELDS,
        metadata={
            b"huggingface": json.dumps({"info": {"features": features}}).encode(),
            META: json.dumps(meta, ensure_ascii=False).encode(),
        },
    )


class ParquetShards:
    """Writes `data/SPLIT-00000-of-00003.parquet` and so on, image by image in flat memory.

    Args:
        folder: Where to.
        categories: By id.
        meta: Categories, licences and facts for the reader; see `META`.
        split: The name of the split.
        shard_bytes: A shard is closed when it has so many bytes of pictures.
    """

    def __init__(
        self,
        folder: StagedFolder,
        categories: Mapping[int, Category],
        *,
        meta: Mapping[str, Any],
        split: str,
        shard_bytes: int,
    ) -> None:
        self._folder, self._categories, self._split = folder, categories, split
        self._shard_bytes = shard_bytes
        self._schema = _schema(meta)
        self._shards: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._rows: list[dict[str, Any]] = []
        self._group_bytes = self._written_bytes = 0

    def add(self, carried: Carried) -> None:
        """Write an image.

        Raises:
            StorageFull: The disk took no more.
        """
        record = image_record(carried, self._categories)
        name = carried.item.image.file_name
        map_png = carried.map_png or encode_id_png(carried.item.panoptic.id_map)
        texts = {key: _text(record.get(key)) for key in _TEXTS}
        picture = None if carried.picture is None else {"bytes": carried.picture, "path": name}
        mask = {"bytes": map_png, "path": f"{carried.item.image.image_id}.png"}
        self._rows.append({**record, **texts, "image": picture, "panoptic": mask})
        self._group_bytes += len(map_png) + len(carried.picture or b"")
        if len(self._rows) >= _ROWS_A_GROUP or self._group_bytes >= _GROUP_BYTES:
            self._flush()
        if self._written_bytes + self._group_bytes >= self._shard_bytes:
            self._end_shard()

    def _flush(self) -> None:
        with storage():
            if self._writer is None:
                path = self._folder.path(f"data/part-{len(self._shards):05}.parquet")
                self._shards.append(path)
                self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
            if self._rows:
                self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._written_bytes += self._group_bytes
        self._rows, self._group_bytes = [], 0

    def _end_shard(self) -> None:
        self._flush()
        assert self._writer is not None
        with storage():
            self._writer.close()
        self._writer, self._written_bytes = None, 0

    def close(self) -> None:
        """Finish the last shard and give all their names; without images there is one empty shard."""
        if self._rows or self._writer is not None or not self._shards:
            self._end_shard()
        total = len(self._shards)
        for number, path in enumerate(self._shards):
            path.rename(path.with_name(f"{self._split}-{number:05}-of-{total:05}.parquet"))

    def abort(self) -> None:
        """Let go of the file being written."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def find_parquet(path: Path) -> list[Path]:
    """The shards of a folder or the one file named, in the order of their names."""
    if path.is_file():
        return [path] if path.suffix == ".parquet" else []
    return sorted(found for where in (path, path / "data") for found in where.glob("*.parquet"))


def read_parquet_meta(shards: list[Path]) -> dict[str, Any]:
    """What the shards' metadata says of the dataset; {} where it says nothing.

    Raises:
        InputError: The first shard is damaged or lacks columns.
    """
    name = shards[0].name
    try:
        schema = pq.read_schema(shards[0])
    except (pa.ArrowInvalid, OSError) as error:
        raise bad_file(
            name, Finding.UNREADABLE_FILE, expected="a Parquet file", got=str(error)[:120]
        ) from error
    missing = _NEEDED - set(schema.names)
    if missing:
        raise bad_file(
            name,
            Finding.MISSING_KEY,
            expected=f"columns {', '.join(sorted(_NEEDED))}",
            got=f"none of name {', '.join(sorted(missing))}",
        )
    stated = (schema.metadata or {}).get(META)
    meta: Any = json.loads(stated) if stated else {}
    return meta if isinstance(meta, dict) else {}


def read_parquet_images(shards: list[Path]) -> Iterator[Carried | Refused]:
    """All images of the shards, a few in memory at a time.

    Raises:
        InputError: A shard is damaged or lacks columns.
    """
    for shard in shards:
        try:
            with pq.ParquetFile(shard) as file:
                for batch in file.iter_batches(batch_size=8):
                    yield from (_carried(row, shard.name) for row in batch.to_pylist())
        except (pa.ArrowInvalid, OSError) as error:
            raise bad_file(
                shard.name, Finding.UNREADABLE_FILE, expected="a whole Parquet file", got=str(error)[:120]
            ) from error


def _carried(row: dict[str, Any], file: str) -> Carried | Refused:
    picture, mask = row["image"], row["panoptic"]
    try:
        if isinstance(row.get("license"), str) and row["license"].lstrip("-").isdigit():
            row["license"] = int(row["license"])
        data = None if picture is None else picture["bytes"]
        return carried_image(row, (mask or {}).get("bytes") or b"", picture=data, file=file)
    except ImageRefused as refused:
        segments = sum(not one["is_crowd"] for one in row["segments"] or ())
        return Refused(row["image_id"], str(row["file_name"]), str(refused), segments)


def read_parquet_records(shards: list[Path]) -> Iterator[dict[str, Any]]:
    """Every row without its pictures: for what concerns the dataset as a whole."""
    for shard in shards:
        with pq.ParquetFile(shard) as file:
            columns = [name for name in file.schema_arrow.names if name not in ("image", "panoptic")]
            for batch in file.iter_batches(batch_size=1024, columns=columns):
                yield from batch.to_pylist()


def count_rows(shards: list[Path]) -> int:
    """Images in the shards, by their footers."""
    total = 0
    for shard in shards:
        with pq.ParquetFile(shard) as file:
            total += file.metadata.num_rows
    return total
