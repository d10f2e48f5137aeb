"""What made a result: versions, arguments, and hashes of what was read. No folder of this machine."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pix2cap import __version__
from pix2cap.evaluate.result import InputFile, Provenance

LIBRARIES = ("numpy", "scipy", "opencv-python-headless", "pycocoevalcap", "spacy", "snowballstemmer")
"""Distributions whose version can change a score."""


def collect_provenance(
    *,
    arguments: Mapping[str, object],
    inputs: Mapping[str, Path | None],
    seed: int | None = None,
    created_at: str | None = None,
    libraries: Sequence[str] = LIBRARIES,
) -> Provenance:
    """Record what a result rests on.

    Args:
        arguments: Of the call; a path is kept by its name alone.
        inputs: Role (`gt`, `pred`, `gt_masks`, `pred_masks`) to what was read; None is left out.
        seed: Of the bootstrap.
        created_at: ISO 8601 with zone; nothing here looks at a clock.
        libraries: Distributions to name; those not installed are left out.

    Raises:
        OSError: An input cannot be read.
    """
    return Provenance(
        __version__,
        platform.python_version(),
        dict(_versions(libraries)),
        {name: _plain(value) for name, value in arguments.items()},
        {role: hash_input(path) for role, path in inputs.items() if path is not None},
        seed,
        created_at,
    )


def hash_input(path: Path) -> InputFile:
    """SHA-256 of a file, or of a folder's files by name and content.

    Of a dataset folder only what is scored counts: `panoptic.json` and `panoptic/`. A folder's hash does not
    depend on where it lies.

    Raises:
        OSError: It cannot be read.
    """
    if not path.is_dir():
        return InputFile(path.name, _digest(path))
    whole = hashlib.sha256()
    is_dataset = (path / "panoptic.json").is_file()
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_file() and (not is_dataset or name.startswith(("panoptic.json", "panoptic/"))):
            whole.update(f"{name}\0{_digest(file)}\n".encode("utf-8", "surrogateescape"))
    return InputFile(path.absolute().name, whole.hexdigest())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _versions(libraries: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in libraries:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _plain(value: object) -> str | int | float | bool | list[str] | None:
    if isinstance(value, Path):
        return value.name
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Sequence | set | frozenset):
        parts = [part.name if isinstance(part, Path) else str(part) for part in value]
        return sorted(parts) if isinstance(value, set | frozenset) else parts
    return str(value)
