"""The disk: how a full one is told, and the JSON of small files for people and programs."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from pix2cap.errors import StorageFull


@contextmanager
def storage(place: Path | None = None, *, then: str = "run it again") -> Iterator[None]:
    """Turn a full disk into `StorageFull`; other errors stay what they are.

    Args:
        place: What is written, for the message; without it, the file that the system names.
        then: What to do once there is space.

    Raises:
        StorageFull: The disk took no more.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = place or error.filename or "the disk"
        raise StorageFull(f"{where}: no space left to write to; free some, then {then}") from error


def pretty_json(value: Any) -> bytes:
    """JSON with an indent of two and a line feed at the end."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
