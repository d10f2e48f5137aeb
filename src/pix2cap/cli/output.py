"""Data on stdout, talk on stderr."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pix2cap.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from pix2cap.annotate import RunStatus

Format = Literal["table", "json"]


def say(message: str) -> None:
    """Tell a person something, on stderr."""
    print(message, file=sys.stderr, flush=True)


def make_console() -> Console:
    """A console on stdout that lets a broken pipe be told from a failure."""
    from rich.console import Console

    class _Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return _Piped()


def print_json(record: object) -> None:
    """Print a record as indented JSON, on stdout, in UTF-8 whatever the terminal's own encoding is."""
    import orjson

    text = orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.flush()


def print_record(record: Mapping[str, Any], *, format: Format, title: str) -> None:
    """Print a record, nested at most once, as a two-column table or as JSON."""
    if format == "json":
        print_json(record)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _flat(record):
        table.add_row(Text(name.replace("_", " ")), Text(_told(value)))
    console = make_console()
    console.print(title, style="italic", markup=False, highlight=False, soft_wrap=True)
    console.print(table)


def print_status(status: RunStatus, *, format: Format) -> None:
    """Print the counts of a run."""
    print_record(status.to_json(), format=format, title="Segments of the run")


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in record.items():
        if isinstance(value, Mapping) and set(value) == {"low", "high"}:
            yield prefix + name, _told_range(value["low"], value["high"])
        elif isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}: ")
        elif isinstance(value, tuple | list) and value and isinstance(value[0], Mapping):
            for number, one in enumerate(value, start=1):
                yield from _flat(one, f"{prefix}{name} {number}: ")
        elif name != "notes":
            yield prefix + name, value


def _told_range(low: float | None, high: float | None) -> str:
    return "unknown" if low is None or high is None else f"{_told(low)} to {_told(high)}"


def _told(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, tuple | list):
        return ", ".join(_told(one) for one in value) or "-"
    return str(value) if value != {} else "-"


def read_ids(path: Path) -> list[int]:
    """Read a file with one image id a line; blank lines and `#` comments are skipped.

    Raises:
        InputError: The file is missing or a line is no number.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a file with one image id a line, got {error}") from error
    ids: list[int] = []
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if text and not re.fullmatch(r"-?\d{1,18}", text):
            raise InputError(f"{path}, line {number}: expected an image id, got {text[:40]!r}")
        if text:
            ids.append(int(text))
    if not ids:
        raise InputError(f"{path}: expected at least one image id, one a line, got none")
    return ids
