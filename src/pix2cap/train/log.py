"""`log.jsonl`: what happened in a run, one line each; after a kill no step that has to be redone is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from pix2cap.errors import InputError

LOG_NAME: Final = "log.jsonl"


class TrainLog:
    """Appends records, each on the disk's way as soon as it is written.

    Args:
        run_dir: The run folder.
        step: Records of later steps are forgotten: the run goes on from here and will write them again.

    Raises:
        InputError: The file is damaged before its last line.
    """

    def __init__(self, run_dir: Path, *, step: int) -> None:
        self._path = run_dir / LOG_NAME
        kept = [record for record in read_log(self._path) if record["step"] <= step]
        partial = self._path.with_suffix(".part")
        partial.write_bytes(b"".join(_line(record) for record in kept))
        partial.replace(self._path)
        self.records = kept
        self._file = self._path.open("ab", buffering=0)

    def add(self, event: str, step: int, **facts: Any) -> dict[str, Any]:
        """Write one record: the event's name, the steps done, and its facts."""
        record = {"event": event, "step": step, **facts}
        self._file.write(_line(record))
        self.records.append(record)
        return record

    def has(self, event: str, step: int) -> bool:
        """Whether an event was written for a step."""
        return any(record["event"] == event and record["step"] == step for record in self.records)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """The records of a log; a last line that a kill cut off is left out.

    Raises:
        InputError: Another line is damaged.
    """
    if not path.is_file():
        return []
    return list(_records(path))


def _records(path: Path) -> Iterator[dict[str, Any]]:
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
            if not isinstance(record, dict) or not isinstance(record.get("step"), int):
                raise ValueError("no `step`")
        except ValueError as error:
            if number == len(lines):
                return
            raise InputError(
                f"{path}, line {number}: expected a record as `pix2cap train` writes it, got {line[:60]!r}"
            ) from error
        yield record


def _line(record: Mapping[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
