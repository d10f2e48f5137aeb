"""Several JSON lists written side by side in constant memory, then joined into whole files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import orjson


class ListPart:
    """A JSON list that grows item by item in a file of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[bytes] = path.open("wb")

    def add(self, item: Any) -> None:
        """Append an item."""
        self._file.write(b",\n" if self.count else b"\n")
        self._file.write(orjson.dumps(item))
        self.count += 1

    def close(self) -> None:
        """Flush and close the file."""
        self._file.close()


def join_parts(path: Path, members: Mapping[str, Any]) -> None:
    """Write one JSON object whose values are plain values or closed `ListPart`s, in the order given."""
    with path.open("wb") as file:
        for number, (key, value) in enumerate(members.items()):
            file.write((b",\n" if number else b"{") + orjson.dumps(key) + b": ")
            if isinstance(value, ListPart):
                file.write(b"[")
                with value.path.open("rb") as part:
                    shutil.copyfileobj(part, file)
                file.write(b"]")
            else:
                file.write(orjson.dumps(value))
        file.write(b"}\n")
