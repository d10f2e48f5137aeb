"""Results to JSON and back: one way for every result of this room."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pix2cap.errors import InputError
from pix2cap.formats.storage import pretty_json, storage

T = TypeVar("T")

_SHOWN = 4


def plain(value: Any) -> Any:
    """Dataclasses to dictionaries, keys to strings, tuples to lists, numpy's scalars to Python's.

    A lone surrogate, which JSON's escapes can smuggle into a caption, has no UTF-8: it becomes `?`.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every float of a JSON record with its path."""
    if isinstance(value, float):
        yield path, value
    elif isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in items:
            yield from numbers(one, f"{path}.{key}" if path else str(key))


def write_json(record: Mapping[str, Any], out: Path) -> Path:
    """Write a record; an earlier file is replaced when the new one is complete.

    Raises:
        StorageFull: The disk took no more.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.part")
    try:
        with storage(out):
            partial.write_bytes(pretty_json(record))
            partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return out


def read_json(path: Path, command: str) -> Any:
    """What a JSON parser gives of a file.

    Args:
        path: The file.
        command: What writes such files, for messages.

    Raises:
        InputError: The file is missing or no JSON.
    """
    import orjson

    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path}: expected a result of `{command}`, found no such file") from error
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(f"{path}: expected the JSON of `{command}`, got {error}") from error


def parse_as(kind: type[T], record: object, *, where: str, command: str) -> T:
    """Check every type of a record and build a result of it; keys it does not know are left out.

    An empty provenance stands for none: JSON readers may then look into it without a check.

    Args:
        kind: The result's class.
        record: What a JSON parser gave.
        where: File name for messages.
        command: What writes such records, for messages.

    Raises:
        InputError: Keys are missing, or values are of another type than expected.
    """
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(record, dict):
        raise InputError(f"{where}: expected the JSON object of `{command}`, got {type(record).__name__}")
    try:
        result: T = TypeAdapter(kind).validate_python(
            {**record, "provenance": record.get("provenance") or None}
        )
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False)
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'result'}: {e['msg']}" for e in wrong[:_SHOWN])
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise InputError(f"{where}: expected a result of `{command}`, got {told}{more}") from error
    return result
