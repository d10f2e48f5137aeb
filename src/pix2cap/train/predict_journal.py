"""What was predicted so far, one line a picture, so that a killed run goes on where it was."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from pix2cap.errors import InputError, RunLocked

JOURNAL = "predictions.jsonl"
FORMAT = "pix2cap-predictions"
FORMAT_VERSION = 1


class PredictionJournal:
    """The lines of `predictions.jsonl`: a head with the settings, then one entry a predicted picture.

    Only the places of lines are kept in memory. A line that a kill cut short does not count, and is
    written over.

    Args:
        path: The file; it may be missing.
        anew: Take what stands there for nothing; `begin` throws it away.

    Raises:
        InputError: A file of that name that is none of ours.
    """

    def __init__(self, path: Path, *, anew: bool = False) -> None:
        self.path = path
        self.settings: dict[str, Any] | None = None
        self._places: dict[str, tuple[int, int]] = {}
        self._ids: dict[str, int] = {}
        self._end = 0
        self._file: IO[bytes] | None = None
        if path.is_file() and not anew:
            self._read()

    @property
    def ids(self) -> Mapping[str, int]:
        """File name to image id of every entry."""
        return self._ids

    def __contains__(self, file_name: object) -> bool:
        return file_name in self._places

    def entry(self, file_name: str) -> dict[str, Any]:
        """The latest entry of a picture.

        Raises:
            KeyError: There is none.
        """
        start, length = self._places[file_name]
        with self.path.open("rb") as file:
            file.seek(start)
            found: dict[str, Any] = orjson.loads(file.read(length))
        return found

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Open for writing, and write the head where there is none.

        Raises:
            RunLocked: Another process writes here.
        """
        file = self.path.open("r+b" if self.path.exists() else "x+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise RunLocked(
                f"{self.path.parent}: another `pix2cap predict` is writing here; wait for it or stop it, or"
                " give another --out"
            ) from None
        if self.settings is not None:
            self._read()  # Another process may have gone on between reading and locking.
        file.truncate(self._end)
        file.seek(self._end)
        self._file = file
        if self.settings is None:
            self.settings = dict(settings)
            head = {"format": FORMAT, "format_version": FORMAT_VERSION, "settings": self.settings}
            self._append(head)

    def add(self, entry: Mapping[str, Any]) -> None:
        """Append what was predicted for one picture (`file_name`, `image_id` and more)."""
        place = self._append(entry)
        self._places[entry["file_name"]] = place
        self._ids[entry["file_name"]] = entry["image_id"]

    def close(self) -> None:
        """Close the file and free it for other processes."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, record: Mapping[str, Any]) -> tuple[int, int]:
        assert self._file is not None
        line = orjson.dumps(record) + b"\n"
        self._file.write(line)
        self._file.flush()
        place = self._end, len(line)
        self._end += len(line)
        return place

    def _read(self) -> None:
        for start, line in _whole_lines(self.path):
            try:
                record = orjson.loads(line)
                if start == 0:
                    if record["format"] != FORMAT or record["format_version"] != FORMAT_VERSION:
                        raise KeyError("format")
                    self.settings = record["settings"]
                else:
                    self._places[record["file_name"]] = start, len(line)
                    self._ids[record["file_name"]] = record["image_id"]
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(
                    f"{self.path}: expected what `pix2cap predict` noted, got a line of another kind"
                    f" ({error}); give another --out, or --overwrite to start anew"
                ) from None
            self._end = start + len(line)


def _whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Places and lines, without one that has no end."""
    start = 0
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield start, line
            start += len(line)
