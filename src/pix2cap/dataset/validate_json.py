"""What is wrong with a JSON that its reader has no use for: a second reading, item by item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pix2cap.core import Problem
from pix2cap.formats.findings import MANY, Finding
from pix2cap.formats.json_stream import describe_type, is_int, stream_lists

JsonKind = Literal["panoptic", "instances", "id_maps"]

_SOME_HAVE: Final = ("iscrowd", "area", "bbox")
"""Members of a panoptic segment that a file may leave out, but not here and there."""


@dataclass
class JsonFacts:
    """What a second reading of a JSON tells.

    Args:
        problems: Of the file as a whole, of images and of segments; none is fatal.
        is_captioned: Whether any segment has a description, a caption or a status that says something.
    """

    problems: list[Problem] = field(default_factory=list)
    is_captioned: bool = False


def read_json_facts(path: Path, kind: JsonKind) -> JsonFacts:
    """Read a JSON that opens without error once more, for what concerns several of its items.

    Args:
        path: The file.
        kind: Its format. Only COCO panoptic must state sizes and tell things from stuff.

    Raises:
        InputError: The file is damaged.
    """
    reading = _Reading(path.name, kind)
    handlers = {
        "images": reading.image,
        "annotations": reading.annotation,
        "categories": reading.category,
        "licenses": reading.license,
    }
    stream_lists(path, handlers, optional=tuple(handlers))
    reading.close()
    return reading.facts


class _Reading:
    """Receives the items; memory grows with names and ids only."""

    def __init__(self, file: str, kind: JsonKind) -> None:
        self.file = file
        self.kind = kind
        self.facts = JsonFacts()
        self._pictures: dict[str, int] = {}
        self._masks: dict[str, int] = {}
        self._things: dict[int, bool] = {}
        self._names: dict[tuple[str, bool], int] = {}
        self._licenses: set[Any] = set()
        self._license_of: dict[Any, int] = {}
        self._stated: list[tuple[int, int, int, bool]] = []
        self._having: set[str] = set()
        self._lacking: dict[str, list[tuple[int, int]]] = {key: [] for key in _SOME_HAVE}
        self._lacking_more: Counter[str] = Counter()

    def image(self, item: Any) -> None:
        if not isinstance(item, dict) or not is_int(item.get("id")):
            return
        image_id, name = item["id"], item.get("file_name")
        if isinstance(name, str) and name:
            self._once(self._pictures, name, image_id, Finding.SHARED_PICTURE)
        elif name == "":
            self._note(Finding.MISSING_FILE, image_id, None, "a name as `file_name`", "an empty text")
        if self.kind == "panoptic" and item.get("width") is None and item.get("height") is None:
            self._note(Finding.MISSING_KEY, image_id, None, "`width` and `height` of the image", "none")
        if isinstance(item.get("license"), int | str):
            self._license_of.setdefault(item["license"], image_id)
        for segment in _list(item.get("segments")):
            self._segment(image_id, segment)
        if isinstance(item.get("mask"), str):
            self._once(self._masks, item["mask"], image_id, Finding.SHARED_MASK)

    def annotation(self, item: Any) -> None:
        if not isinstance(item, dict) or not is_int(item.get("image_id")):
            return
        image_id = item["image_id"]
        if self.kind != "panoptic":
            self._segment(image_id, item)
            return
        if isinstance(item.get("file_name"), str):
            self._once(self._masks, item["file_name"], image_id, Finding.SHARED_MASK)
        for segment in _list(item.get("segments_info")):
            self._segment(image_id, segment)
            self._members(image_id, segment)

    def category(self, item: Any) -> None:
        if not isinstance(item, dict) or not is_int(item.get("id")) or not isinstance(item.get("name"), str):
            return
        is_thing, told = item.get("isthing"), f"category {item['id']}"
        if is_thing is None and self.kind == "panoptic":
            self._note(Finding.MISSING_KEY, None, None, f"key 'isthing' of {told}", "none")
        elif is_thing is not None and is_thing not in (0, 1):
            got = describe_type(is_thing)
            self._note(Finding.WRONG_TYPE, None, None, f"0 or 1 as `isthing` of {told}", got)
        if not item["name"].strip():
            self._note(Finding.WRONG_TYPE, None, None, f"a name of {told}", "an empty text")
        self._things.setdefault(item["id"], bool(is_thing if is_thing is not None else True))
        first = self._names.setdefault((item["name"], bool(is_thing)), item["id"])
        if first != item["id"]:
            got = f"{item['name']!r} for {first} and {item['id']}"
            self._note(Finding.SHARED_NAME, None, None, "one id a name", got)

    def license(self, item: Any) -> None:
        if isinstance(item, dict) and isinstance(item.get("id"), int | str):
            self._licenses.add(item["id"])

    def close(self) -> None:
        """Compare what had to wait for the lists at the end of the file."""
        for license_id, image_id in self._license_of.items():
            if self._licenses and license_id not in self._licenses:
                self._note(
                    Finding.UNKNOWN_LICENSE, image_id, None, "an id of `licenses`", str(license_id)[:40]
                )
        for image_id, segment_id, category_id, is_thing in self._stated:
            if self._things.get(category_id, is_thing) != is_thing:
                expected = f"{int(not is_thing)} as of category {category_id}"
                got = str(int(is_thing))
                self._note(Finding.THING_OR_STUFF, image_id, segment_id, expected, got)

        for key in _SOME_HAVE:
            if key in self._having:
                expected = f"key '{key}', as other segments have"
                for where in self._lacking[key]:
                    self._note(Finding.MISSING_KEY, *where, expected, "none")
                if more := self._lacking_more[key]:
                    self._note(Finding.MISSING_KEY, None, None, expected, f"none in {more} more segments")

    def _members(self, image_id: int, segment: Any) -> None:
        if not isinstance(segment, dict) or not is_int(segment.get("id")):
            return
        for key in _SOME_HAVE:
            if segment.get(key) is not None:
                self._having.add(key)
            elif len(self._lacking[key]) < MANY:
                self._lacking[key].append((image_id, segment["id"]))
            else:
                self._lacking_more[key] += 1

    def _segment(self, image_id: int, segment: Any) -> None:
        if not isinstance(segment, dict):
            return
        segment_id = segment.get("segment_id", segment.get("id"))
        segment_id = segment_id if is_int(segment_id) else None
        texts = [segment.get(key) for key in ("description", "caption")]
        said = [text for text in texts if isinstance(text, str)]
        if any(text.strip() for text in said) or segment.get("caption_status") is not None:
            self.facts.is_captioned = True
        if len(said) == 2 and said[0] != said[1]:
            got = f"{said[0]!r} and {said[1]!r}"[:100]
            self._note(Finding.TWO_TEXTS, image_id, segment_id, "one text a segment", got)
        stated, category_id = segment.get("isthing"), segment.get("category_id")
        # Only what disagrees is kept; categories mostly stand at the end of the file, and then all is.
        if stated in (0, 1) and is_int(category_id) and segment_id is not None:
            is_thing = bool(stated)
            if self._things.get(category_id) is not is_thing:
                self._stated.append((image_id, segment_id, category_id, is_thing))

    def _once(self, seen: dict[str, int], name: str, image_id: int, finding: Finding) -> None:
        first = seen.setdefault(name, image_id)
        if first != image_id:
            self._note(finding, image_id, None, "a file of its own", f"{name} as of image {first}"[:120])

    def _note(
        self, finding: Finding, image_id: int | None, segment_id: int | None, expected: str, got: str
    ) -> None:
        self.facts.problems.append(Problem(self.file, finding, image_id, segment_id, expected, got, False))


def _list(value: Any) -> Iterator[Any]:
    return iter(value) if isinstance(value, list) else iter(())
