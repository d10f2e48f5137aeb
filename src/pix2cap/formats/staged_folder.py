"""A folder that is written beside its place and moved there at the end, its manifest last."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any, Final, Self

from pix2cap.errors import UsageError
from pix2cap.formats.file_places import EscapeError, check_relative
from pix2cap.formats.manifest import MANIFEST, SUMS, file_hash, read_manifest
from pix2cap.formats.storage import pretty_json, storage

PARTIAL: Final = ".pix2cap-partial"
"""Folder inside the output folder in which everything is written before it moves to its place."""


@dataclass(frozen=True, slots=True)
class FolderKind:
    """What pix2cap writes into a folder.

    Args:
        format: What its manifest says of itself.
        told: How messages call such a folder: "an earlier conversion".
        entries: All that may stand at its top; none where each manifest names the files beside it.
    """

    format: str
    told: str
    entries: tuple[str, ...] = ()

    def read_manifest(self, folder: Path) -> dict[str, Any] | None:
        """A folder's manifest; None where there is none of this kind."""
        return read_manifest(folder, self.format)


CONVERSION: Final = FolderKind("pix2cap-converted", "an earlier conversion")


class StagedFolder:
    """Writes into a folder inside the target; nothing appears in its place before `finish`.

    Args:
        out: Made if missing. An earlier folder of the kind there is replaced, other files in it stay.
        kind: What is written.
        overwrite: Write even into a folder with files of other origin; only names of ours are replaced.

    Raises:
        UsageError: The folder has files, is not of the kind, and `overwrite` is off; or a file stands there.
    """

    def __init__(self, out: Path, kind: FolderKind = CONVERSION, *, overwrite: bool = False) -> None:
        _check(out, kind, overwrite=overwrite)
        self.out = out
        self.kind = kind
        self.partial = out / PARTIAL

    def begin(self) -> None:
        """Make the folder to write to; what a killed process left in it goes.

        Raises:
            StorageFull: The disk took no more.
        """
        with storage():
            self.discard()
            self.partial.mkdir(parents=True)

    def discard(self) -> None:
        """Throw away what has not been moved to its place."""
        shutil.rmtree(self.partial, ignore_errors=True)

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

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
        """Write the manifest and move all to its place; a folder with a manifest is whole.

        Args:
            manifest: What it says, but for its format. Without `files`, each file is named there with its
                size and SHA-256.

        Returns:
            The whole manifest.

        Raises:
            StorageFull: The disk took no more; an earlier folder is as it was.
        """
        with storage():
            whole = {"format": self.kind.format, "format_version": 1, **manifest}
            if "files" not in whole:
                whole["files"] = self._hashes()
            self.write(MANIFEST, pretty_json(whole))
            self.move()
        return whole

    def move(self, *, keep: Collection[str] = ()) -> None:
        """Move all to its place, the manifest last; what an earlier folder of the kind had there goes.

        Args:
            keep: Names at the top that stay as they are where nothing new takes their place.
        """
        new = {path.name for path in self.partial.iterdir()}
        gone = self._earlier() - set(keep) | new
        old = self.partial / ".old"
        old.mkdir()
        # Without manifest the folder reads as unfinished, never as a mixture of two.
        for name in (MANIFEST, *sorted(gone - {MANIFEST})):
            if (self.out / name).exists():
                (self.out / name).rename(old / name)
        for name in (*sorted(new - {MANIFEST}), MANIFEST):
            (self.partial / name).rename(self.out / name)

    def _hashes(self) -> dict[str, Any]:
        files = (path for path in self.partial.rglob("*") if path.is_file())
        hashes = {path.relative_to(self.partial).as_posix(): file_hash(path) for path in files}
        return dict(sorted(hashes.items()))

    def _earlier(self) -> set[str]:
        """Names at the top of an earlier folder of the kind."""
        if self.kind.entries:
            return set(self.kind.entries)
        manifest = self.kind.read_manifest(self.out)
        if manifest is None:
            return set()
        named = {PurePosixPath(name).parts[0] for name in manifest.get("files", {}) if _is_relative(name)}
        return named | {SUMS, "croissant.json"}  # Of its card, which does not speak of the new files.


def _is_relative(name: str) -> bool:
    try:
        return bool(check_relative(name))
    except EscapeError:
        return False


def _check(out: Path, kind: FolderKind, *, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"expected a folder to write to, got the file {out}")
    if overwrite or not out.exists() or kind.read_manifest(out) is not None:
        return
    others = sorted(path.name for path in out.iterdir() if path.name != PARTIAL)
    is_unfinished = (out / PARTIAL).is_dir() and set(others) <= set(kind.entries)
    if others and not is_unfinished:
        more = " and more" if len(others) > 3 else ""
        raise UsageError(
            f"expected an empty folder or {kind.told} at {out}, got {', '.join(others[:3])}{more};"
            " name another folder, or allow it with --overwrite"
        )
