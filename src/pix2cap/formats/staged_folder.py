"""A folder that is written beside its place and moved there at the end, its manifest last."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any, Final, Self

import orjson

from pix2cap.errors import StorageFull, UsageError
from pix2cap.formats.file_places import EscapeError, check_relative
from pix2cap.formats.manifest import MANIFEST, SUMS, file_hash

FORMAT: Final = "pix2cap-converted"
_PARTIAL: Final = ".pix2cap-partial"


class StagedFolder:
    """Writes into a folder inside the target; nothing appears in its place before `finish`.

    Args:
        out: Made if missing. An earlier conversion there is replaced, other files in it stay.
        overwrite: Write even into a folder with files of other origin; only names written are replaced.

    Raises:
        UsageError: The folder has files, is no conversion, and `overwrite` is off; or a file stands there.
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

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file.

        Raises:
            StorageFull: The disk took no more.
        """
        with storage():
            self.path(name).write_bytes(data)

    def open(self, name: str) -> IO[bytes]:
        """Open a file to write to."""
        return self.path(name).open("wb")

    def finish(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Move all to its place; a folder with a manifest is whole.

        Returns:
            The manifest, which names every file with its size and SHA-256.
        """
        with storage():
            names = sorted(
                p.relative_to(self.partial).as_posix() for p in self.partial.rglob("*") if p.is_file()
            )
            files = {name: file_hash(self.partial / name) for name in names}
            whole = {"format": FORMAT, "format_version": 1, **manifest, "files": files}
            self.write(MANIFEST, orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            self._move({PurePosixPath(name).parts[0] for name in names})
        return whole

    def _move(self, tops: set[str]) -> None:
        old = self.partial / ".old"
        old.mkdir()
        earlier = read_conversion_manifest(self.out)
        named = earlier.get("files", {}) if earlier is not None else {}
        gone = {PurePosixPath(name).parts[0] for name in named if _is_relative(name)}
        if earlier is not None:
            gone |= {SUMS, "croissant.json"}  # Of its card, which does not speak of the new files.
        # Without manifest the folder reads as unfinished, never as a mixture of two conversions.
        for name in (MANIFEST, *sorted(gone | tops)):
            if (self.out / name).exists():
                (self.out / name).rename(old / name)
        for name in (*sorted(tops), MANIFEST):
            (self.partial / name).rename(self.out / name)


def _is_relative(name: str) -> bool:
    try:
        return bool(check_relative(name))
    except EscapeError:
        return False


def read_conversion_manifest(folder: Path) -> dict[str, Any] | None:
    """A converted folder's manifest; None where there is none of ours."""
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
            raise StorageFull(f"the disk is full ({error.filename or 'while writing'})") from error
        raise


def _check(out: Path, *, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"expected a folder to write to, got the file {out}")
    if overwrite or not out.exists() or read_conversion_manifest(out) is not None:
        return
    others = sorted(path.name for path in out.iterdir() if path.name != _PARTIAL)
    if others:
        more = " and more" if len(others) > 3 else ""
        raise UsageError(
            f"expected an empty folder or an earlier conversion at {out}, got {', '.join(others[:3])}{more};"
            " name another folder, or allow it with --overwrite"
        )
