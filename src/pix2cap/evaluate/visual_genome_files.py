"""Visual Genome as published: `region_descriptions.json`, `image_data.json`, and lists of images.

Regions that no model can be asked about or that have nothing to compare with are not lost: each is named
with its reason, and the counts go into every result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ijson
import orjson

from pix2cap.errors import InputError
from pix2cap.formats.json_stream import is_int, is_number, skip_bom

EMPTY_PHRASE = "empty phrase"
NO_AREA = "no width or height"
OUTSIDE = "outside the picture"
TWICE = "region id twice"
UNREADABLE = "not a region"
REASONS = (EMPTY_PHRASE, NO_AREA, OUTSIDE, TWICE, UNREADABLE)
"""Why a region is left out."""

_KEYS = ("region_id", "image_id", "x", "y", "width", "height", "phrase")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Region:
    """One described region, as the file has it.

    Args:
        region_id: Visual Genome's number.
        image_id: Of the picture.
        box_xywh: Left, top, width, height in pixels.
        phrase: What a person said of it.
    """

    region_id: int
    image_id: int
    box_xywh: tuple[float, float, float, float]
    phrase: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A region that is not scored.

    Args:
        region_id: None where the entry has none.
        image_id: None where the entry has none.
        reason: Out of `REASONS`.
    """

    region_id: int | None
    image_id: int | None
    reason: str


@dataclass(frozen=True)
class RegionFile:
    """What a `region_descriptions.json` holds of the images asked for.

    Args:
        regions: Usable ones, in the order of the file.
        left_out: The others.
        image_ids: Images of the file among those asked for, with or without usable regions.
        crossing: Usable regions that reach over the edge of their picture.
    """

    regions: tuple[Region, ...]
    left_out: tuple[LeftOut, ...]
    image_ids: frozenset[int]
    crossing: int


@dataclass(frozen=True, slots=True)
class VgImage:
    """One entry of `image_data.json`; `url` is "" where it has none."""

    image_id: int
    width: int
    height: int
    url: str = ""


def read_regions(
    path: Path, *, image_ids: Collection[int] | None = None, images: Mapping[int, VgImage] | None = None
) -> RegionFile:
    """Read regions item by item: the published file has 5.4 million.

    Args:
        path: A list of `{id, regions: [{region_id, image_id, x, y, width, height, phrase}]}`.
        image_ids: Only these images.
        images: Sizes of the pictures, by which regions outside of them are found; without them only what
            lies wholly left of or above the picture is.

    Raises:
        InputError: The file is missing or damaged, or is no such list.
    """
    wanted = None if image_ids is None else frozenset(image_ids)
    sorter = _Sorter(images or {})
    for number, item in enumerate(_items(path, "a list of {id, regions}")):
        if not isinstance(item, dict) or not isinstance(item.get("regions"), list):
            raise InputError(f"{path}: expected {{id, regions: [...]}} as item {number}, got {_told(item)}")
        image_id = item.get("id", item.get("image_id"))
        if not is_int(image_id):
            image_id = next((_get(r, "image_id") for r in item["regions"] if _get(r, "image_id")), None)
        if wanted is None or image_id in wanted:
            sorter.add(image_id, item["regions"])
    return sorter.done()


class _Sorter:
    """Tells usable regions from others."""

    def __init__(self, images: Mapping[int, VgImage]) -> None:
        self._images = images
        self._regions: list[Region] = []
        self._left_out: list[LeftOut] = []
        self._seen: set[int] = set()
        self._image_ids: set[int] = set()
        self._crossing = 0

    def add(self, image_id: object, items: Iterable[object]) -> None:
        if is_int(image_id):
            self._image_ids.add(image_id)
        for item in items:
            region = _region(item, image_id)
            reason = UNREADABLE if region is None else self._fault(region)
            if region is None or reason is not None:
                known = (_get(item, "region_id"), _get(item, "image_id") or image_id)
                ids = [one if is_int(one) else None for one in known]
                self._left_out.append(LeftOut(ids[0], ids[1], reason or UNREADABLE))
                continue
            self._seen.add(region.region_id)
            self._image_ids.add(region.image_id)
            self._regions.append(region)
            self._crossing += self._crosses(region)

    def _fault(self, region: Region) -> str | None:
        x, y, width, height = region.box_xywh
        image = self._images.get(region.image_id)
        right, bottom = (math.inf, math.inf) if image is None else (image.width, image.height)
        if region.region_id in self._seen:
            return TWICE
        if not region.phrase.strip():
            return EMPTY_PHRASE
        if width <= 0 or height <= 0:
            return NO_AREA
        if x + width <= 0 or y + height <= 0 or x >= right or y >= bottom:
            return OUTSIDE
        return None

    def _crosses(self, region: Region) -> bool:
        x, y, width, height = region.box_xywh
        image = self._images.get(region.image_id)
        beyond = image is not None and (x + width > image.width or y + height > image.height)
        return x < 0 or y < 0 or beyond

    def done(self) -> RegionFile:
        return RegionFile(
            tuple(self._regions), tuple(self._left_out), frozenset(self._image_ids), self._crossing
        )


def _region(item: object, image_id: object) -> Region | None:
    if not isinstance(item, dict):
        return None
    values: list[Any] = [item.get(key) for key in _KEYS]
    if values[1] is None:
        values[1] = image_id
    *numbers, phrase = values
    is_whole = is_int(numbers[0]) and is_int(numbers[1])
    if not is_whole or not all(is_number(n) and math.isfinite(n) for n in numbers):
        return None
    if phrase is not None and not isinstance(phrase, str):
        return None
    x, y, width, height = (float(n) for n in numbers[2:])
    return Region(numbers[0], numbers[1], (x, y, width, height), phrase or "")


def read_images(path: Path) -> dict[int, VgImage]:
    """Read `image_data.json`, whose older form says `id` for `image_id`.

    Raises:
        InputError: The file is missing or damaged, or an entry lacks id or size.
    """
    images: dict[int, VgImage] = {}
    for number, item in enumerate(_items(path, "a list of {image_id, width, height, url}")):
        image_id = _get(item, "image_id", "id")
        size = _get(item, "width"), _get(item, "height")
        if not is_int(image_id) or not all(is_int(side) and side > 0 for side in size):
            raise InputError(
                f"{path}: expected image_id, width and height as whole numbers in item {number},"
                f" got {_told(item)}"
            )
        url = _get(item, "url")
        images[image_id] = VgImage(image_id, size[0], size[1], url if isinstance(url, str) else "")
    return images


def read_id_list(path: Path, what: str, *, part: str | None = None) -> tuple[int, ...]:
    """Read ids of images (or regions), in order, each once.

    Args:
        path: One id a line (`#` begins a comment); a JSON list of ids or of objects that have one; a COCO
            JSON, whose `images` are taken; or an object of lists by name, such as `densecap_splits.json`.
        what: `image` or `region`.
        part: Which list of an object of lists.

    Raises:
        InputError: The file is missing, or is none of these, or has no id.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected a list of {what} ids, got {error}") from error
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    values: list[Any] | Iterator[Any]
    if start in (b"[", b"{"):
        try:
            document = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError as error:
            raise InputError(f"{path}: expected a JSON list of {what} ids, got {error}") from error
        values = [
            value if is_int(value) else _get(value, f"{what}_id", "id")
            for value in _list_in(document, path, what, part)
        ]
    else:
        lines = data.decode("utf-8-sig", "replace").splitlines()
        texts = (line.partition("#")[0].strip() for line in lines)
        values = [int(t) if t.isascii() and t.isdecimal() else t for t in texts if t]
    ids = list(dict.fromkeys(values))
    wrong = [value for value in ids if not is_int(value)]
    if wrong or not ids:
        raise InputError(
            f"{path}: expected {what} ids as whole numbers, got {_told(wrong[0]) if wrong else 'none'}"
        )
    return tuple(ids)


def _list_in(document: Any, path: Path, what: str, part: str | None) -> list[Any]:
    if isinstance(document, list):
        return document
    lists = {name: value for name, value in document.items() if isinstance(value, list)}
    if part is None and what == "image" and "images" in lists:
        return lists["images"]
    if part is None and len(lists) == 1:
        return next(iter(lists.values()))
    if part not in lists:
        named = ", ".join(lists) or "none"
        asked = "--image-part to say which list" if part is None else f"a list named {part!r}"
        raise InputError(f"{path}: expected {asked}; it has lists named {named[:200]}")
    return lists[part]


def _items(path: Path, shape: str) -> Iterator[Any]:
    """The items of a list at the top of a JSON file, one after the other."""
    try:
        with path.open("rb") as file:
            skip_bom(file)
            begin = file.tell()
            start = file.read(64).lstrip()[:1]
            if start != b"[":
                got = "an empty file" if not start else f"{start!r} at its start"
                raise InputError(f"{path}: expected {shape}, got {got}")
            file.seek(begin)
            yield from ijson.items(file, "item", use_float=True)
    except FileNotFoundError:
        raise InputError(f"{path}: expected {shape}, found no such file") from None
    except OSError as error:
        raise InputError(f"{path}: expected {shape}, got {error.strerror}") from error
    except (ijson.JSONError, UnicodeDecodeError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise InputError(f"{path}: expected {shape} as whole, valid JSON, got {first[:160]}") from error


def _get(item: object, *keys: str) -> Any:
    if not isinstance(item, dict):
        return None
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _told(value: object) -> str:
    return repr(value)[:80]


def counted(left_out: Sequence[LeftOut]) -> dict[str, int]:
    """How many regions each reason left out, in the order of `REASONS`, reasons without any aside."""
    counts = {reason: sum(one.reason == reason for one in left_out) for reason in REASONS}
    return {reason: count for reason, count in counts.items() if count}


def named(items: Iterable[object], *, most: int = _SHOWN, of: Callable[[Any], object] = str) -> str:
    """The first of many by name.

    Example:
        >>> named([3, 4, 5], most=2)
        '3, 4 and 1 more'
    """
    told = [str(of(item)) for item in items]
    more = f" and {len(told) - most} more" if len(told) > most else ""
    return ", ".join(told[:most]) + more
