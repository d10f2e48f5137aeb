"""A folder of id-map PNGs with a small JSON: the format to write when one has masks in no known format.

    {"categories": [{"id": 1, "name": "person", "isthing": 1}, {"id": 2, "name": "sky", "isthing": 0}],
     "images": [{"id": 5, "file_name": "5.jpg", "mask": "5.png",
                 "segments": [{"id": 1, "category_id": 1}, {"id": 2, "category": "sky"}]}]}

A mask is a PNG whose values are the segment ids, 0 for nothing: 8 or 16-bit grey, palette (its indices)
or 8-bit RGB (R + 256 G + 65536 B). `mask` may be left out where it is the picture's name with `.png`;
`width`, `height`, `iscrowd` and `area` are optional; `category` may name the class instead of
`category_id`. `categories` may be a list of names, or be left out: then the names found are numbered in
alphabetical order and all are things.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from pix2cap.core import Category, Problem
from pix2cap.formats.file_places import FolderFiles, open_masks
from pix2cap.formats.file_source import PngSource
from pix2cap.formats.findings import Finding, bad_file
from pix2cap.formats.image_index import CategoryTable, ImageIndex
from pix2cap.formats.json_stream import stream_lists
from pix2cap.formats.records import ImageRecord, RecordReader, segment_row


class _Images:
    """Receives the items of `images`, with their segments inside."""

    def __init__(self, index: ImageIndex) -> None:
        self.index = index
        self.names: set[str] = set()

    def add(self, item: Any) -> None:
        if not isinstance(item, dict):
            self.index.add(item)
            return
        segments = item.get("segments")
        rows: Any = segments
        if isinstance(segments, list):
            rows = [self._row(segment) for segment in segments]
        self.index.add(item, item.get("mask"), rows)

    def _row(self, segment: Any) -> Any:
        row = segment_row(segment)
        if isinstance(row, list) and row[1] is None and isinstance(segment.get("category"), str):
            self.names.add(segment["category"])
            row[1] = segment["category"]
        return row


class IdMapSource(PngSource):
    """Id-map PNGs with a small JSON; made by `read_id_maps`."""

    def __init__(self, *others: Any, arguments: tuple[Any, ...], **masks: Any) -> None:
        super().__init__(*others, **masks, single_channel=True)
        self._reader = RecordReader(self.name, self.categories)
        self._id_by_name = {category.name: category.id for category in self.categories.values()}
        self._arguments = arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return read_id_maps, self._arguments

    def record(self, image_id: int) -> ImageRecord:
        """One image's checked entry.

        Raises:
            KeyError: No such image.
        """
        row = self._index.row(image_id)
        problems = self._duplicate_problems(image_id)
        *_, mask_name, segments = row
        if mask_name is None and isinstance(row[0], str) and row[0]:
            mask_name = PurePosixPath(row[0]).with_suffix(".png").as_posix()
        if isinstance(segments, list):
            segments = [self._numbered(image_id, segment, problems) for segment in segments]
        return self._reader.image(image_id, row, mask_name, segments, problems)

    def _numbered(self, image_id: int, row: Any, problems: list[Problem]) -> Any:
        """Put the category's id where a name stood."""
        if isinstance(row, list) and isinstance(row[1], str):
            known = self._id_by_name.get(row[1])
            return row if known is None else [row[0], known, *row[2:]]
        return row


def _category_items(items: list[Any]) -> list[Any]:
    return [
        {"id": number, "name": item} if isinstance(item, str) else item
        for number, item in enumerate(items, 1)
    ]


def read_id_maps(json_path: Path, masks: Path | None = None, images: Path | None = None) -> IdMapSource:
    """Open a folder of id-maps with its JSON (see the module's text for the format).

    Args:
        json_path: The JSON, or a folder with one JSON in it.
        masks: Folder or zip of the PNGs; `masks` beside the JSON, or its own folder, otherwise.
        images: Folder of pictures; without it `picture()` refuses and `check()` leaves pictures out.

    Raises:
        InputError: The JSON or a folder is missing, damaged or of another shape.
    """
    if json_path.is_dir():
        found = sorted(json_path.glob("*.json"))
        if len(found) != 1:
            got = f"{len(found)} JSON files"
            raise bad_file(str(json_path), Finding.MISSING_FILE, expected="one JSON in the folder", got=got)
        json_path = found[0]
    if masks is None:
        masks = json_path.parent / "masks"
        masks = masks if masks.is_dir() else json_path.parent
    file = json_path.name
    index, table = ImageIndex(file), CategoryTable(file)
    receiver, items = _Images(index), list[Any]()
    stream_lists(json_path, {"images": receiver.add, "categories": items.append}, optional=("categories",))
    for item in _category_items(items or sorted(receiver.names)):
        table.add(item)
    categories: dict[int, Category] = table.by_id
    pictures = FolderFiles(images) if images is not None else None
    problems = [*index.close(), *table.problems]
    arguments = (json_path, masks, images)
    return IdMapSource(
        file, categories, index, pictures, problems, arguments=arguments, masks=open_masks(masks)
    )
