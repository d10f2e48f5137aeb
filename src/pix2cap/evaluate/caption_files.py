"""Captions for `pix2cap caption-score`: JSON files of candidates and of references."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from pix2cap.errors import InputError


def read_candidates(path: Path) -> dict[str, str]:
    """Read `{id: text}`.

    Raises:
        InputError: The file is missing, empty, no such JSON, or an id stands in it twice.
    """
    captions = _read_object(path, "{id: text}")
    for key, text in captions.items():
        if not isinstance(text, str):
            raise InputError(f"{path}: expected a text for id {key!r}, got {_told(text)}")
        _check_unicode(text, path, key)
    return captions


def read_references(path: Path) -> dict[str, list[str]]:
    """Read `{id: [text, ...]}`; a text by itself is one reference.

    Raises:
        InputError: The file is missing, empty, no such JSON, or an id stands in it twice.
    """
    references: dict[str, list[str]] = {}
    for key, value in _read_object(path, "{id: [text, ...]}").items():
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not texts:
            raise InputError(f"{path}: expected a list of texts for id {key!r}, got {_told(value)}")
        for text in texts:
            if not isinstance(text, str):
                raise InputError(f"{path}: expected only texts in the list of id {key!r}, got {_told(text)}")
            _check_unicode(text, path, key)
        references[key] = texts
    return references


def _read_object(path: Path, shape: str) -> dict[str, Any]:
    def without_duplicates(members: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(members)
        if len(record) < len(members):
            counts = Counter(key for key, _ in members)
            twice = ", ".join(repr(key) for key, count in counts.items() if count > 1)
            raise InputError(f"{path}: expected each id once, got twice: {twice[:500]}")
        return record

    try:
        content = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a JSON file {shape}, got {error}") from error
    if not content.strip():
        raise InputError(f"{path}: expected {shape}, got an empty file")
    try:
        document = json.loads(content, object_pairs_hook=without_duplicates)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected JSON {shape}, got {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: expected an object {shape}, got {_told(document)}")
    if not document:
        raise InputError(f"{path}: expected at least one caption, got an empty object")
    for key in document:
        _check_unicode(key, path, key)
    return document


def _check_unicode(text: str, path: Path, key: str) -> None:
    """JSON can spell half of a character (D800 by itself), which no file can hold."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path}: expected Unicode text for id {key!r}, got {text[:60]!r}: {error}"
        ) from error


def _told(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    kind = next((told for known, told in kinds.items() if isinstance(value, known)), "a number")
    return f"{kind} ({json.dumps(value)[:60]})"
