"""The folder of an export: written beside itself, moved to its place at the end, the manifest last."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from pix2cap.errors import StorageFull, UsageError

FORMAT: Final = "pix2cap-sft"
MANIFEST: Final = "manifest.json"
_PARTIAL: Final = ".pix2cap-partial"
_ENTRIES: Final = (
    *("train", "validation", "images", "dataset_info.json"),
    *(f"{split}.{kind}" for split in ("train", "validation") for kind in ("jsonl", "json")),
    MANIFEST,
)
"""All that any export writes at the top of its folder, the manifest last."""


class ExportFolder:
    """Writes into a folder inside the target; nothing appears before `finish`.

    Args:
        out: Made if missing. An earlier export there is replaced, other files in it stay.
        overwrite: Write even into a folder with files of other origin; only names of ours are replaced.

    Raises:
        UsageError: The folder has files, is no export, and `overwrite` is off; or a file stands there.
    """

    def __init__(self, out: Path, *, overwrite: bool = False) -> None:
        _check(out, overwrite=overwrite)
        self.out = out
        self.partial = out / _PARTIAL

    def __enter__(self) -> Self:
        with storage():
            shutil.rmtree(self.partial, ignore_errors=True)
            self.partial.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.partial, ignore_errors=True)

    def path(self, name: str) -> Path:
        """Where a file is to be written; its folder is there."""
        path = self.partial / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name: str, value: Any) -> None:
        """Write a small JSON file for people and programs."""
        self.path(name).write_bytes(
            orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )

    def finish(self, manifest: dict[str, Any]) -> None:
        """Move all to its place; a folder with a manifest is whole."""
        self.write_json(MANIFEST, {"format": FORMAT, "format_version": 1, **manifest})
        old = self.partial / ".old"
        old.mkdir()
        for name in reversed(
            _ENTRIES
        ):  # Without manifest the folder reads as unfinished, never as a mixture.
            if (self.out / name).exists():
                (self.out / name).rename(old / name)
        for name in _ENTRIES:
            if (self.partial / name).exists():
                (self.partial / name).rename(self.out / name)


def read_export_manifest(folder: Path) -> dict[str, Any] | None:
    """An export's manifest; None where there is none of ours."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("format") == FORMAT else None


@contextmanager
def storage() -> Iterator[None]:
    """Turn a full disk into `StorageFull`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"the disk is full ({error.filename or 'while writing the export'})") from error
        raise


def _check(out: Path, *, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"expected a folder to write to, got the file {out}")
    if overwrite or not out.exists() or read_export_manifest(out) is not None:
        return
    others = sorted(path.name for path in out.iterdir() if path.name != _PARTIAL)
    is_unfinished = (out / _PARTIAL).is_dir() and set(others) <= set(_ENTRIES)
    if others and not is_unfinished:
        more = " and more" if len(others) > 3 else ""
        raise UsageError(
            f"expected an empty folder or an export of pix2cap at {out}, got {', '.join(others[:3])}{more};"
            " name another folder, or allow it with --overwrite"
        )
