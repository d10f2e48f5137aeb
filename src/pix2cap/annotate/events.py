"""`events.jsonl`: what happened in a run, one line each, for people and log collectors."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import orjson

EVENTS_NAME = "events.jsonl"


class EventLog:
    """Appends events; a full disk silences it, since the journal is what counts."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / EVENTS_NAME

    def __enter__(self) -> EventLog:
        """Open the file for appending."""
        self._stream = self._path.open("ab", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._stream.close()

    def add(self, event: str, **facts: str | int | float | None) -> None:
        """Write one line: the time, the event's name and its facts."""
        record = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts}
        try:
            self._stream.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
        except OSError:
            return
