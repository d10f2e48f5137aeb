"""JSON and JSON lines of benches: questions, answers and grades, read strictly and with names in messages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pix2cap.errors import InputError

_ID_KEYS = ("question_id", "id")
_TEXT_KEYS = ("text", "answer", "prediction", "caption")


def read_document(path: Path, shape: str) -> Any:
    """What a JSON file holds; of a file of JSON lines, the list of its lines.

    Args:
        path: The file.
        shape: What is expected, for messages.

    Raises:
        InputError: The file is missing, empty, no JSON, or an object has a key twice.
    """
    try:
        content = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected {shape}, got {error}") from error
    if not content.strip():
        raise InputError(f"{path}: expected {shape}, got an empty file")
    try:
        return json.loads(content, object_pairs_hook=_unique(path), parse_constant=_no_constant(path))
    except (ValueError, RecursionError) as error:
        lines = [(n, line) for n, line in enumerate(content.split("\n"), start=1) if line.strip()]
        if len(lines) < 2 or not lines[0][1].rstrip().endswith("}"):
            raise InputError(f"{path}: expected {shape}, got no JSON: {error}") from error
    return [_read_line(path, number, line, shape) for number, line in lines]


def _read_line(path: Path, number: int, line: str, shape: str) -> Any:
    try:
        return json.loads(line, object_pairs_hook=_unique(path), parse_constant=_no_constant(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}, line {number}: expected {shape}, got no JSON: {error}") from error


def _unique(path: Path) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def build(members: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(members)
        if len(record) < len(members):
            twice = [key for key, count in Counter(key for key, _ in members).items() if count > 1]
            raise InputError(f"{path}: expected each id once, got twice: {told_ids(twice)}")
        return record

    return build


def _no_constant(path: Path) -> Callable[[str], Any]:
    def refuse(name: str) -> Any:
        raise InputError(f"{path}: expected numbers, got {name}")

    return refuse


def read_texts(path: Path, *, prefix: str = "") -> dict[str, str]:
    """Answers by item: `{id: text}`, or rows `{"question_id": ..., "text": ...}` as a list or as lines.

    Args:
        path: The file.
        prefix: Put before the `question_id` of rows (`v1_` in ViP-Bench).

    Raises:
        InputError: Another shape, a text that is none, or an id that stands twice.
    """
    shape = 'answers {id: text}, or rows {"question_id", "text"}'
    document = read_document(path, shape)
    if isinstance(document, Mapping) and not set(_ID_KEYS) & document.keys():
        pairs = list(document.items())
    else:
        rows = document if isinstance(document, list) else [document]
        pairs = [_row(path, number, row, prefix, shape) for number, row in enumerate(rows, start=1)]
    texts: dict[str, str] = {}
    for key, text in pairs:
        if not isinstance(text, str):
            raise InputError(f"{path}: expected a text for {key!r}, got {told(text)}")
        if key in texts:
            raise InputError(f"{path}: expected each id once, got {key!r} twice")
        texts[key] = text.encode("utf-8", "replace").decode()
    if not texts:
        raise InputError(f"{path}: expected {shape}, got none")
    return texts


def _row(path: Path, number: int, row: Any, prefix: str, shape: str) -> tuple[str, Any]:
    if not isinstance(row, Mapping):
        raise InputError(f"{path}, row {number}: expected {shape}, got {told(row)}")
    name = next((key for key in _ID_KEYS if row.get(key) is not None), None)
    text = next((row[key] for key in _TEXT_KEYS if key in row), None)
    if name is None or isinstance(row[name], bool | float | list | dict):
        raise InputError(f"{path}, row {number}: expected a question_id, got {told(row)}")
    key = str(row[name])
    return (key if key.startswith(prefix) else prefix + key), text


def require_object(value: Any, where: str, shape: str) -> dict[str, Any]:
    """The value, if it is an object.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected {shape}, got {told(value)}")
    return value


def told(value: object) -> str:
    """A value in a message: its kind, and how it begins."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    kind = next((name for known, name in kinds.items() if isinstance(value, known)), "a number")
    return f"{kind} ({json.dumps(value, ensure_ascii=False)[:60]})"


def told_ids(ids: list[str], most: int = 6) -> str:
    """Ids in a message: the first few, and how many there are."""
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(map(repr, ids[:most])) + more
