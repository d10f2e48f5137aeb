"""The `images` and `categories` of a JSON, checked item by item and kept compactly."""

from __future__ import annotations

from typing import Any

import orjson

from pix2cap.core import Category, Problem
from pix2cap.errors import InputError
from pix2cap.formats.findings import Finding
from pix2cap.formats.json_stream import describe_type, is_int
from pix2cap.formats.row_store import RowStore

EXTRA_KEYS = ("license", "coco_url", "flickr_url", "date_captured")
"""What is carried from COCO's `images` into a dataset: where a photo is from and what one may do with it."""


class CategoryTable:
    """Receives the items of `categories`.

    Args:
        file: The JSON's name, for problems.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.by_id: dict[int, Category] = {}
        self.problems: list[Problem] = []

    def add(self, item: Any) -> None:
        """One item: `id` and `name` needed; without `isthing` it is a thing."""
        if not isinstance(item, dict) or not is_int(item.get("id")) or not isinstance(item.get("name"), str):
            expected = "a category with a whole number `id` and a text `name`"
            got = str(item)[:80] if isinstance(item, dict) else describe_type(item)
            self.problems.append(Problem(self.file, Finding.WRONG_TYPE, expected=expected, got=got))
            return
        category = Category(
            item["id"], item["name"], bool(item.get("isthing", 1)), item.get("supercategory") or None
        )
        if category.id in self.by_id:
            got = f"{category.id} for {self.by_id[category.id].name!r} and {category.name!r}"
            self.problems.append(
                Problem(self.file, Finding.DUPLICATE_CATEGORY, expected="one category an id", got=got)
            )
            return
        self.by_id[category.id] = category


class ImageIndex:
    """Receives the items of `images`; finds each again by its id.

    Args:
        file: The JSON's name, for problems.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.duplicates: set[int] = set()
        self._rows: dict[int, int] = {}
        self._store = RowStore()

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._rows

    @property
    def ids(self) -> list[int]:
        """Ids in the order of the file."""
        return list(self._rows)

    def add(self, item: Any, *more: Any) -> None:
        """Keep one item of `images`, with further values beside it."""
        if not isinstance(item, dict):
            got = describe_type(item)
            self.problems.append(
                Problem(self.file, Finding.WRONG_TYPE, expected="an object in `images`", got=got)
            )
            return
        image_id = item.get("id")
        if not is_int(image_id):
            got = f"{describe_type(image_id)} for {str(item.get('file_name'))[:60]!r}"
            expected = "a whole number as `id` of an image"
            self.problems.append(Problem(self.file, Finding.WRONG_TYPE, expected=expected, got=got))
            return
        if image_id in self._rows:
            self.duplicates.add(image_id)
            return
        extra = {key: item[key] for key in EXTRA_KEYS if key in item}
        row = [item.get("file_name"), item.get("width"), item.get("height"), extra, *more]
        self._rows[image_id] = self._store.append(orjson.dumps(row))

    def row(self, image_id: int) -> list[Any]:
        """`[file_name, width, height, extra, *more]` as the JSON had them.

        Raises:
            KeyError: No such image.
        """
        found: list[Any] = orjson.loads(self._store[self._rows[image_id]])
        return found

    def close(self) -> list[Problem]:
        """All problems of the list.

        Raises:
            InputError: There were images, but none with a usable id.
        """
        expected = "one entry an image id"
        self.problems += [
            Problem(self.file, Finding.DUPLICATE_IMAGE, image_id, expected=expected, got="several")
            for image_id in sorted(self.duplicates)
        ]
        if not self._rows and self.problems:
            first = self.problems[0]
            raise InputError(f"{first}; none of {len(self.problems)} images can be used", self.problems)
        if not self._rows:
            got = "an empty list `images`"
            self.problems.append(Problem(self.file, Finding.NO_IMAGES, expected="images", got=got))
        return self.problems
