"""Splits of one dataset: no image in two of them, and one numbering of categories."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pix2cap.core import Category, Problem
from pix2cap.dataset.split import SPLITS
from pix2cap.errors import InputError
from pix2cap.formats.file_places import EscapeError
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.findings import Finding
from pix2cap.formats.json_stream import describe_type, is_int
from pix2cap.formats.manifest import read_manifest
from pix2cap.formats.open_source import detect_kind, masks_beside

_SPLIT_NAME: Final = re.compile(
    r"(?:^|[^a-z])(?:train|val|valid|validation|test|dev|minival|eval|holdout)(?![a-z])"
)


def find_splits(path: Path) -> list[Path]:
    """The splits that a folder holds, the path itself where it holds none.

    Splits are the parts that `splits.json` of `dataset split` names, or sub-folders called train, val, test
    and the like with a `panoptic.json`, or COCO panoptic JSONs with such names and their masks beside them.

    Args:
        path: A folder or a file.
    """
    if not path.is_dir() or (path / "panoptic.json").is_file():
        return [path]
    if parts := read_parts(path):
        return [path / name for name in parts]
    named = [child for child in sorted(path.iterdir()) if _SPLIT_NAME.search(child.name.lower())]
    folders = [child for child in named if (child / "panoptic.json").is_file()]
    return folders or [child for child in named if _is_panoptic(child)] or [path]


def read_parts(folder: Path) -> dict[str, list[Any]]:
    """Parts and their image ids, as `splits.json` tells them; empty where no whole one is."""
    try:
        parts = json.loads((folder / SPLITS).read_text("utf-8"))["images"]
        return {
            name: list(ids) for name, ids in parts.items() if name and "/" not in name and ".." not in name
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def splits_file_problems(folder: Path, sources: Mapping[Path, FileSource]) -> Iterator[Problem]:
    """Where `splits.json` and the parts beside it tell of different images.

    Args:
        folder: Where `splits.json` lies, if it does.
        sources: The parts that could be opened, by path.
    """

    def problem(finding: Finding, image_id: int | None, expected: str, got: str) -> Problem:
        return Problem(SPLITS, finding, image_id, None, expected, got, False)

    if not (folder / SPLITS).is_file() or (folder / "panoptic.json").is_file():
        return
    parts = read_parts(folder)
    if not parts:
        expected = "parts and their image ids under 'images'"
        yield problem(Finding.UNREADABLE_FILE, None, expected, "no such thing")
    told_in: dict[Any, str] = {}
    for name, ids in parts.items():
        source = sources.get(folder / name)
        rows = (read_manifest(folder / name) or {}).get("refused_images") or ()
        refused = {row["image_id"] for row in rows if isinstance(row, dict) and is_int(row.get("image_id"))}
        held: set[int] = set() if source is None else {*source.image_ids, *refused}
        for image_id in ids:
            if not is_int(image_id):
                got = describe_type(image_id)
                yield problem(Finding.WRONG_TYPE, None, f"whole numbers as image ids of {name}", got)
                continue
            first = told_in.setdefault(image_id, name)
            if first != name:
                yield problem(Finding.SPLIT_OVERLAP, image_id, "in one split only", f"in {first} and {name}")
            if source is not None and image_id not in held:
                yield problem(
                    Finding.STRANGE_ROW, image_id, f"an image of {name}/panoptic.json", "no such image"
                )
        for image_id in sorted(held - refused - {i for i in ids if is_int(i)}):
            yield problem(Finding.MISSING_ROW, image_id, f"{image_id} under {name}, which has it", "none")


def _is_panoptic(path: Path) -> bool:
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    try:
        masks_beside(path)
        return detect_kind(path) == "panoptic"
    except InputError:
        return False


def labels(paths: Sequence[Path]) -> list[str]:
    """Short names that tell paths apart: file names, with their folder where two are the same.

    Example:
        >>> labels([Path("a/train/panoptic.json"), Path("a/val/panoptic.json")])
        ['train/panoptic.json', 'val/panoptic.json']
    """
    for depth in (1, 2, 3):
        names = ["/".join(path.absolute().parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{number}/{path.name}" for number, path in enumerate(paths, 1)]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an image was seen."""

    split: int
    image_id: int
    file_name: str


@dataclass
class SplitGuard:
    """Looks at splits one after the other and tells which images an earlier one had.

    Pictures decide where both can be read: two that differ are two images even under one id or name, as when
    rendered scenes are numbered from 1 in each split; two of equal bytes are one image under whatever name.
    Memory grows by an entry an image.

    Args:
        by_path: The splits so far.
    """

    _names: list[str] = field(default_factory=list)
    _sources: list[FileSource] = field(default_factory=list)
    _by_id: dict[int, _Place] = field(default_factory=dict)
    _by_name: dict[str, _Place] = field(default_factory=dict)
    _by_size: dict[int, list[_Place]] = field(default_factory=dict)
    by_path: dict[Path, FileSource] = field(default_factory=dict)
    _categories: dict[int, tuple[Category, int]] = field(default_factory=dict)
    _digests: dict[tuple[int, int], str] = field(default_factory=dict)

    def add(self, name: str, path: Path, source: FileSource) -> Iterator[Problem]:
        """Take a split and yield what it has of the earlier ones.

        Args:
            name: What messages call it.
            path: Where it lies.
            source: Its images.
        """
        split = len(self._names)
        self._names.append(name)
        self._sources.append(source)
        self.by_path[path] = source
        yield from self._renamed(split, source)
        for image_id in source.image_ids:
            place = _Place(split, image_id, source.record(image_id).file_name)
            size = self._bytes(place)
            found = self._found(place, size)
            if found is not None:
                other, why = found
                got = f"also image {other.image_id} of {self._names[other.split]} ({why})"
                yield Problem(
                    source.name, Finding.SPLIT_OVERLAP, image_id, None, "in one split only", got, False
                )
            self._by_id.setdefault(image_id, place)
            self._by_name.setdefault(place.file_name, place)
            if size is not None:
                self._by_size.setdefault(size, []).append(place)

    def _found(self, place: _Place, size: int | None) -> tuple[_Place, str] | None:
        for other, why in (
            (self._by_id.get(place.image_id), "the same id"),
            (self._by_name.get(place.file_name) if place.file_name else None, "the same file name"),
        ):
            if (
                other is not None
                and other.split != place.split
                and self._same_picture(place, other) is not False
            ):
                return other, why
        for other in self._by_size.get(size, ()) if size is not None else ():
            if other.split != place.split and self._same_picture(place, other):
                return other, "the same picture"
        return None

    def _same_picture(self, one: _Place, other: _Place) -> bool | None:
        """Whether two files have the same bytes; None where one cannot be read."""
        digests = [self._digest(place) for place in (one, other)]
        return None if None in digests else digests[0] == digests[1]

    def _digest(self, place: _Place) -> str | None:
        key = (place.split, place.image_id)
        if key not in self._digests:
            path = self._path(place)
            if path is None:
                return None
            with path.open("rb") as file:
                self._digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digests[key]

    def _bytes(self, place: _Place) -> int | None:
        path = self._path(place)
        return None if path is None else path.stat().st_size

    def _path(self, place: _Place) -> Path | None:
        pictures = self._sources[place.split].pictures
        try:
            path = None if pictures is None else pictures.path(place.file_name)
        except EscapeError:
            return None
        return path if path is not None and path.is_file() else None

    def _renamed(self, split: int, source: FileSource) -> Iterator[Problem]:
        for category in source.categories.values():
            known, first = self._categories.setdefault(category.id, (category, split))
            if (known.name, known.is_thing) != (category.name, category.is_thing):
                kinds = [f"{c.name!r}, {'thing' if c.is_thing else 'stuff'}" for c in (known, category)]
                expected = f"{category.id}: {kinds[0]} as in {self._names[first]}"
                yield Problem(source.name, Finding.RENAMED_CATEGORY, None, None, expected, kinds[1], False)
