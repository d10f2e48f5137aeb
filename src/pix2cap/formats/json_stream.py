"""Lists inside large JSON files, item by item, in one reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeGuard

import ijson

from pix2cap.errors import InputError
from pix2cap.formats.findings import Finding, bad_file

_CHUNK = 1 << 18


class _Call:
    """ijson sends each item to a target; this one calls a function."""

    def __init__(self, function: Callable[[Any], None]) -> None:
        self.send = function


def stream_lists(
    path: Path, handlers: Mapping[str, Callable[[Any], None]], *, optional: Iterable[str] = ()
) -> None:
    """Hand every item of the wanted top-level lists to its handler, without holding the file.

    Args:
        path: A JSON file whose top level is an object.
        handlers: Key of a top-level list to what gets its items, in the order of the file.
        optional: Keys that may be absent.

    Raises:
        InputError: Missing, empty, not UTF-8, damaged or no object; or a key is absent or no list.
    """
    seen = dict.fromkeys(handlers, 0)

    def counted(key: str, handler: Callable[[Any], None]) -> Callable[[Any], None]:
        def receive(item: Any) -> None:
            seen[key] += 1
            handler(item)

        return receive

    parsers = [
        ijson.items_coro(_Call(counted(key, handler)), f"{key}.item", use_float=True)
        for key, handler in handlers.items()
    ]
    _feed(path, parsers)
    empty = {key for key, count in seen.items() if not count}
    if empty - set(optional):
        _check_keys(path, empty - set(optional))


def _feed(path: Path, parsers: list[Any]) -> None:
    name = path.name
    try:
        with path.open("rb") as file:
            skip_bom(file)
            chunk = file.read(_CHUNK)
            _check_start(name, chunk)
            while chunk:
                for parser in parsers:
                    parser.send(chunk)
                chunk = file.read(_CHUNK)
        for parser in parsers:
            parser.close()
    except FileNotFoundError:
        raise bad_file(str(path), Finding.MISSING_FILE, expected="a JSON file", got="no such file") from None
    except OSError as error:
        raise bad_file(
            str(path), Finding.UNREADABLE_FILE, expected="a JSON file", got=error.strerror
        ) from error
    except (ijson.JSONError, UnicodeDecodeError, StopIteration) as error:
        raise _syntax_error(name, error) from error


def read_info(path: Path) -> dict[str, Any] | None:
    """COCO's `info` (year, contributor, address); None where the file has none."""
    with suppress(OSError, ijson.JSONError, UnicodeDecodeError), path.open("rb") as file:
        skip_bom(file)
        found = next(ijson.items(file, "info", use_float=True), None)
        return found if isinstance(found, dict) and found else None
    return None


def skip_bom(file: IO[bytes]) -> None:
    """Go past the byte order mark that some editors put before UTF-8."""
    if file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)


def _check_start(name: str, chunk: bytes) -> None:
    start = chunk.lstrip()[:1]
    if not chunk:
        raise bad_file(name, Finding.EMPTY_FILE, expected="a JSON object", got="0 bytes")
    if start == b"{":
        return
    kinds = {b"[": "a list", b'"': "a text", b"n": "null", b"t": "true", b"f": "false"}
    if start in kinds or start.isdigit() or start == b"-":
        raise bad_file(
            name,
            Finding.NOT_AN_OBJECT,
            expected="an object `{...}` at the top",
            got=kinds.get(start, "a number"),
        )
    raise bad_file(
        name, Finding.NOT_JSON, expected="a JSON object", got=f"bytes that start with {chunk[:12]!r}"
    )


def _syntax_error(name: str, error: Exception) -> InputError:
    detail = error.args[0] if error.args else ""
    text = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(error)
    if "UTF8" in text or isinstance(error, UnicodeDecodeError):
        return bad_file(name, Finding.NOT_UTF8, expected="JSON in UTF-8", got=_first_line(text))
    return bad_file(name, Finding.TRUNCATED_JSON, expected="whole, valid JSON", got=_first_line(text))


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and "right here" not in line]
    return " near ".join(lines[:2])[:160]


def _check_keys(path: Path, keys: set[str]) -> None:
    """Absent and empty lists look alike while streaming; a second, slower reading tells them apart."""
    kinds: dict[str, str] = {}
    with path.open("rb") as file:
        skip_bom(file)
        pending: str | None = None
        for prefix, event, value in ijson.parse(file):
            if prefix == "" and event == "map_key":
                pending = str(value)
            elif pending is not None and prefix == pending:
                kinds.setdefault(pending, event)
                pending = None
    for key in sorted(keys):
        if key not in kinds:
            present = ", ".join(kinds) or "none"
            raise bad_file(
                path.name, Finding.MISSING_KEY, expected=f"key {key!r}", got=f"keys {present}"[:200]
            )
        if kinds[key] != "start_array":
            got = {"start_map": "an object", "null": "null"}.get(kinds[key], f"a {kinds[key]}")
            raise bad_file(path.name, Finding.WRONG_TYPE, expected=f"a list under {key!r}", got=got)


def describe_type(value: Any) -> str:
    """What a JSON value is, for messages: `text "139"`, `null`, `a list`."""
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return f"{value!r}".lower()[:60]
    if isinstance(value, str):
        return f'text "{value[:40]}"'
    return "a list" if isinstance(value, list) else "an object"


def is_int(value: Any) -> TypeGuard[int]:
    """Whether a JSON value is a whole number; `true` is not, though Python says so."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
