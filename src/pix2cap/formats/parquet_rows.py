"""Rows to Parquet, image by image, in row groups of one size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_A_GROUP = 5_000


class ParquetRows:
    """Writes groups of `ROWS_A_GROUP` rows: memory stays flat and the bytes depend on the rows alone.

    Args:
        path: The file.
        schema: Its columns; what a row leaves out is null.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._schema = schema
        self._rows: list[Mapping[str, Any]] = []

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take the rows of one image."""
        self._rows.extend(rows)
        while len(self._rows) >= ROWS_A_GROUP:
            self._flush(self._rows[:ROWS_A_GROUP])
            del self._rows[:ROWS_A_GROUP]

    def close(self) -> None:
        """Write the last group and the footer."""
        if self._rows:
            self._flush(self._rows)
            self._rows = []
        self._writer.close()

    def _flush(self, rows: list[Mapping[str, Any]]) -> None:
        self._writer.write_table(pa.Table.from_pylist(rows, schema=self._schema))
