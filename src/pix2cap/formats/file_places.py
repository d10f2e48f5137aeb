"""Where the files that a JSON names lie: folders of pictures, and folders or zips of masks."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Protocol

from pix2cap.errors import InputError
from pix2cap.formats.findings import Finding, bad_file

MAX_MASK_BYTES = 512 * 2**20
"""No id-map is larger; a zip entry that claims to be is an attack or an error."""


class EscapeError(ValueError):
    """A file name leads out of its folder."""


def check_relative(file_name: str) -> str:
    """Return a relative name unchanged.

    Raises:
        EscapeError: Absolute, with a drive, with `..`, or empty.

    Example:
        >>> check_relative("val/1.jpg")
        'val/1.jpg'
    """
    windows = PureWindowsPath(file_name)
    if (
        not file_name
        or "\x00" in file_name
        or PurePosixPath(file_name).is_absolute()
        or windows.drive
        or windows.root
        or ".." in windows.parts
        or not windows.parts
    ):
        raise EscapeError(file_name)
    return file_name


class MaskFiles(Protocol):
    """A place with mask files."""

    @property
    def name(self) -> str:
        """The folder's or zip's own name, for messages."""
        ...

    def read(self, file_name: str, *, first: int | None = None) -> bytes:
        """A file's bytes, or only the first so many.

        Raises:
            FileNotFoundError: No such file here.
            EscapeError: The name leads out of the folder.
            OSError: It cannot be read.
        """
        ...


class FolderFiles:
    """Files in a folder.

    Raises:
        InputError: The folder does not exist.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            got = "a file" if folder.exists() else "no such folder"
            raise bad_file(str(folder), Finding.MISSING_FILE, expected="a folder", got=got)
        self.folder = folder
        self.name = folder.name

    def path(self, file_name: str) -> Path:
        """The file's path, inside the folder by name.

        Raises:
            EscapeError: The name leads out of the folder.
        """
        return self.folder / check_relative(file_name)

    def read(self, file_name: str, *, first: int | None = None) -> bytes:
        """See `MaskFiles.read`."""
        with self.path(file_name).open("rb") as file:
            return file.read(-1 if first is None else first)


class ZipFiles:
    """Files in a zip, found with or without the folders that lead to them inside the zip.

    Raises:
        InputError: Missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.zip_path = path
        self.name = path.name
        self._open_in: tuple[int, zipfile.ZipFile] | None = None
        archive = self._archive()
        names = [n for n in archive.namelist() if n.lower().endswith(".png") and not n.startswith("__MACOSX")]
        self._inner = {PurePosixPath(n).name: n for n in names}
        if len(self._inner) < len(
            names
        ):  # The same base name in two folders: only full names tell them apart.
            self._inner = {}

    def _archive(self) -> zipfile.ZipFile:
        """The open zip; a forked process opens its own, as two must not share one file position."""
        if self._open_in is None or self._open_in[0] != os.getpid():
            try:
                self._open_in = (os.getpid(), zipfile.ZipFile(self.zip_path))
            except FileNotFoundError:
                got = "no such file"
                raise bad_file(
                    str(self.zip_path), Finding.MISSING_FILE, expected="a zip of PNGs", got=got
                ) from None
            except (zipfile.BadZipFile, OSError) as error:
                raise bad_file(
                    str(self.zip_path), Finding.UNREADABLE_FILE, expected="a zip of PNGs", got=str(error)
                ) from error
        return self._open_in[1]

    def read(self, file_name: str, *, first: int | None = None) -> bytes:
        """See `MaskFiles.read`."""
        check_relative(file_name)
        archive = self._archive()
        inner = self._inner.get(PurePosixPath(file_name).name, file_name)
        try:
            info = archive.getinfo(inner)
            if info.file_size > MAX_MASK_BYTES:
                raise OSError(f"its zip entry unpacks to {info.file_size} bytes")
            with archive.open(info) as file:
                return file.read(-1 if first is None else first)
        except KeyError:
            raise FileNotFoundError(f"{file_name} in {self.name}") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise OSError(f"zip entry {inner}: {error}") from error

    def close(self) -> None:
        """Close the zip."""
        if self._open_in is not None:
            self._open_in[1].close()
            self._open_in = None

    def __del__(self) -> None:
        self.close()


def open_masks(masks: Path) -> MaskFiles:
    """A folder or a `.zip` of masks.

    Raises:
        InputError: Neither.
    """
    if masks.is_dir():
        return FolderFiles(masks)
    if masks.suffix.lower() == ".zip" or masks.is_file():
        return ZipFiles(masks)
    raise bad_file(str(masks), Finding.MISSING_FILE, expected="a folder or a zip of PNGs", got="no such file")


__all__ = [
    "EscapeError",
    "FolderFiles",
    "InputError",
    "MaskFiles",
    "ZipFiles",
    "check_relative",
    "open_masks",
]
