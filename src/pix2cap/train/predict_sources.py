"""Which pictures to predict, what they are called in the output, and their image ids."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pix2cap.errors import InputError
from pix2cap.formats.json_stream import is_int, stream_lists

PICTURE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif"),
        *(".ppm", ".pgm", ".pnm", ".jp2"),
    )
)
"""What is taken out of a folder or a glob; a file named by itself may be called anything."""

_LONGEST_ID = 18
"""Digits: a longer number is a name, and no id that fits into 64 bits."""

_NAMED = 5
_MAGIC = re.compile(r"[*?\[]")

IdSource = Literal["image_json", "file_name", "numbered"]


@dataclass(frozen=True, slots=True)
class PictureFile:
    """One picture to predict.

    Args:
        path: The file.
        file_name: Its name relative to the root of all pictures, with `/`.
        image_id: The number that ties it to ground truth.
        id_source: Where the number came from.
        size_wh: Size in pixels as `--image-json` states it: tells whether the map lies on the upright or on
            the stored picture.
    """

    path: Path
    file_name: str
    image_id: int
    id_source: IdSource
    size_wh: tuple[int, int] | None = None

    def output_name(self, suffix: str, *, is_shared: bool) -> str:
        """`a/7.jpg` to `a/7.png`; to `a/7.jpg.png` where another picture would be called so too."""
        name = PurePosixPath(self.file_name)
        return f"{name.as_posix()}{suffix}" if is_shared else name.with_suffix(suffix).as_posix()


@dataclass(frozen=True)
class PictureList:
    """All pictures of a call.

    Args:
        files: In the order in which they are predicted.
        root: The folder that their names are relative to.
    """

    files: tuple[PictureFile, ...]
    root: Path

    def shared_stems(self) -> frozenset[str]:
        """Names without ending that more than one picture has."""
        counts = Counter(_stem(file.file_name) for file in self.files)
        return frozenset(stem for stem, count in counts.items() if count > 1)

    def mask_name(self, file: PictureFile, shared_stems: frozenset[str]) -> str:
        """The name of a picture's map below `panoptic/`."""
        return file.output_name(".png", is_shared=_stem(file.file_name) in shared_stems)

    def id_sources(self) -> dict[str, int]:
        """How many ids came from where."""
        return dict(Counter(file.id_source for file in self.files))


def find_pictures(
    images: Sequence[str | Path],
    *,
    image_json: Path | None = None,
    outside: Path | None = None,
    known_ids: Mapping[str, int] | None = None,
) -> PictureList:
    """Collect the pictures that files, folders and globs name, each once, with image ids.

    A picture's id is the one that `image_json` gives its name; else the number that its stem is
    (`000000000139.jpg` is 139); else a number of its own, from 1 in the order of names, past all ids in use.

    Args:
        images: Files, folders (what lies directly in them) and globs (`**` for folders below).
        image_json: A JSON with COCO's `images`: `file_name`, `id` and, where given, `width` and `height`.
        outside: What lies in this folder is no input: the pictures of an earlier prediction.
        known_ids: File name to the number it was given before, so that it keeps it.

    Raises:
        InputError: Nothing is found, two pictures would have one id, or the JSON is damaged.
    """
    if not images:
        raise InputError("expected pictures, folders or globs to predict, got none")
    skipped = None if outside is None else outside.resolve()
    paths: dict[Path, None] = {}
    bases: list[Path] = []
    for word in images:
        found, base = _named(Path(word))
        kept = [path for path in found if skipped is None or not path.is_relative_to(skipped)]
        if not kept:
            raise InputError(_nothing_in(Path(word), found))
        paths.update(dict.fromkeys(kept))
        bases.append(base)
    root = _common_folder(bases)
    named = {path.relative_to(root).as_posix(): path for path in paths}
    for name in named:
        name.encode()  # Names that are no UTF-8 cannot stand in a JSON; the command line tells so.
    table = _ImageTable() if image_json is None else _ImageTable.read(image_json)
    files = tuple(_with_ids(named, table, known_ids or {}))
    _check_ids(files)
    return PictureList(files, root)


def _named(word: Path) -> tuple[list[Path], Path]:
    """The pictures that one word names, and the folder that it names them in."""
    if word.is_dir():
        folder = word.resolve()
        return sorted(path for path in folder.iterdir() if _is_picture(path)), folder
    if word.exists():
        path = word.parent.resolve() / word.name
        return [path], path.parent
    if not _MAGIC.search(str(word)):
        raise InputError(
            f"{word}: expected a picture, a folder of pictures or a glob, got no such file;"
            " `pix2cap predict --help` has examples"
        )
    plain = next(i for i, part in enumerate(word.parts) if _MAGIC.search(part))
    base = Path(*word.parts[:plain]).resolve()
    pattern = Path(*word.parts[plain:]).as_posix()
    return sorted(path for path in base.glob(pattern) if _is_picture(path)), base


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _nothing_in(word: Path, found: Sequence[Path]) -> str:
    """Why a folder or glob brings nothing, and what would."""
    if found:
        return (
            f"{word}: expected pictures, got only those in the output folder; name the pictures' own folder"
        )
    if not word.is_dir():
        return (
            f"{word}: expected pictures that match, got none; `**` in a quoted glob stands for folders below"
        )
    files = sum(path.is_file() for path in word.iterdir())
    folders = sorted(path.name for path in word.iterdir() if path.is_dir())
    got = f"{files} other file{'' if files == 1 else 's'}" if files else "an empty folder"
    advice = "name another folder"
    if folders:
        more = ", ..." if len(folders) > _NAMED else ""
        advice = f"name one of its folders ({', '.join(folders[:_NAMED])}{more}) or '{word}/**/*.jpg'"
    return f"{word}: expected pictures (.jpg, .png, .webp, ...), got {got}; {advice}"


def _common_folder(folders: Iterable[Path]) -> Path:
    first, *others = folders
    for folder in others:
        while not folder.is_relative_to(first):
            first = first.parent
    return first


@dataclass
class _ImageTable:
    """What a JSON's `images` say: `(id, size)` by file name and by the last part of file names."""

    by_name: dict[str, tuple[int, tuple[int, int] | None]] = field(default_factory=dict)
    by_last: dict[str, list[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> _ImageTable:
        """Read a JSON with `images`.

        Raises:
            InputError: Damaged, without `images`, or an image without usable `id` and `file_name`.
        """
        table = cls()
        stream_lists(path, {"images": table.add})
        if table.wrong:
            raise InputError(
                f"{path}: expected a whole number `id` and a text `file_name` for each of `images`,"
                f" got {table.wrong[0]}"
            )
        return table

    def add(self, item: Any) -> None:
        name = item.get("file_name") if isinstance(item, dict) else None
        if not isinstance(name, str) or not is_int(item.get("id")):
            self.wrong.append(str(item)[:80])
            return
        width, height = item.get("width"), item.get("height")
        size_wh = (width, height) if is_int(width) and is_int(height) else None
        self.by_name[name] = item["id"], size_wh
        self.by_last.setdefault(PurePosixPath(name).name, []).append(name)

    def find(self, file_name: str) -> tuple[int, tuple[int, int] | None] | None:
        """The row of a picture, by its whole name or, where only one has it, by the last part of it."""
        if file_name in self.by_name:
            return self.by_name[file_name]
        same = self.by_last.get(PurePosixPath(file_name).name, [])
        return self.by_name[same[0]] if len(same) == 1 else None

    def ids(self) -> set[int]:
        return {image_id for image_id, _ in self.by_name.values()}


def _with_ids(
    named: Mapping[str, Path], table: _ImageTable, known_ids: Mapping[str, int]
) -> Iterator[PictureFile]:
    given: dict[str, tuple[int, IdSource, tuple[int, int] | None]] = {}
    for name in named:
        row = table.find(name)
        if row is not None:
            given[name] = row[0], "image_json", row[1]
        elif (number := _number_of(name)) is not None:
            given[name] = number, "file_name", None
    used = table.ids() | {image_id for image_id, _, _ in given.values()}
    kept = {name: known_ids[name] for name in named if name not in given and name in known_ids}
    used |= set(known_ids.values())
    following = 1
    for name in sorted(named.keys() - given.keys()):
        if name not in kept or kept[name] in table.ids():
            while following in used:
                following += 1
            used.add(following)
            kept[name] = following
    for name, path in named.items():
        image_id, source, size_wh = given.get(name) or (kept[name], "numbered", None)
        yield PictureFile(path, name, image_id, source, size_wh)


def _number_of(file_name: str) -> int | None:
    stem = PurePosixPath(file_name).stem
    return int(stem) if stem.isascii() and stem.isdigit() and len(stem) <= _LONGEST_ID else None


def _check_ids(files: Sequence[PictureFile]) -> None:
    first: dict[int, PictureFile] = {}
    for file in files:
        other = first.setdefault(file.image_id, file)
        if other is not file:
            raise InputError(
                f"expected an image id of its own for each picture, got {file.image_id} for"
                f" {other.file_name} and {file.file_name}; name ids with --image-json, or predict them apart"
            )


def _stem(file_name: str) -> str:
    return PurePosixPath(file_name).with_suffix("").as_posix()


__all__ = ["PICTURE_SUFFIXES", "IdSource", "PictureFile", "PictureList", "find_pictures"]
