"""Folders that are about to be written to."""

from __future__ import annotations

from pathlib import Path

from pix2cap.errors import UsageError


def make_out_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        UsageError: A file stands there, or the place cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next((p for p in (folder, *folder.parents) if p.exists() and not p.is_dir()), folder)
        raise UsageError(
            f"{folder}: expected a folder to write to, got the file {file}; give another"
        ) from error
    except OSError as error:
        raise UsageError(
            f"{folder}: expected a folder that can be made and written to, got: {error.strerror};"
            " give another, or mend its permissions"
        ) from error
