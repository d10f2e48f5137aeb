"""Captions of regions as files have them, and which region each is for."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from pix2cap.errors import InputError
from pix2cap.evaluate.visual_genome_files import Region
from pix2cap.formats.json_stream import is_int, is_number, stream_lists

BoxFormat = Literal["xywh", "xyxy"]
Box = tuple[float, float, float, float]

SAME_BOX_PX = 1.0
"""Boxes that differ by no more than this on every side are the same: writers round."""

_CAPTION_KEYS = ("caption", "description", "text", "phrase")
_BOX_KEYS = ("box", "bbox")
_SHAPES = "{region_id, caption} or {image_id, box, caption}"


@dataclass(frozen=True, slots=True)
class RegionCaption:
    """One predicted caption.

    Args:
        row: Its place in the file, from 0.
        caption: As the file has it.
        region_id: The region it names.
        image_id: The picture it names.
        box_xywh: Left, top, width, height in pixels.
        score: Confidence; 1 where the file has none.
    """

    row: int
    caption: str
    region_id: int | None = None
    image_id: int | None = None
    box_xywh: Box | None = None
    score: float = 1.0

    @property
    def name(self) -> str:
        """How messages call it."""
        if self.region_id is not None:
            return f"region {self.region_id}"
        box = ", ".join(f"{side:g}" for side in self.box_xywh or ())
        return f"image {self.image_id} [{box}]"


@dataclass(frozen=True)
class Assigned:
    """Which caption is for which region.

    Args:
        captions: Region id to caption, for regions that have one.
        extra: Predictions for no region that is asked for.
    """

    captions: dict[int, str]
    extra: tuple[RegionCaption, ...] = field(default=())


def read_predictions(path: Path, *, box_format: BoxFormat = "xywh") -> tuple[RegionCaption, ...]:
    """Read predictions.

    Args:
        path: JSON (a list, an object with one list, or an object of captions by region id), JSON lines, or a
            predictions folder with `panoptic.json`.
        box_format: What the four numbers of a box are; folders have COCO's `xywh`.

    Raises:
        InputError: The file is missing, damaged, or an entry says too little; or a region stands twice.
    """
    if path.is_dir():
        found = tuple(_of_folder(path))
    else:
        found = tuple(_prediction(row, item, path, box_format) for row, item in enumerate(_entries(path)))
    if not found:
        raise InputError(f"{path}: expected at least one prediction {_SHAPES}, got none")
    seen: set[int] = set()
    for one in found:
        if one.region_id is not None and one.region_id in seen:
            raise InputError(f"{path}: expected one caption a region, got two for region {one.region_id}")
        seen |= {one.region_id} if one.region_id is not None else set()
    return found


def _entries(path: Path) -> Iterator[Any]:
    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise InputError(f"{path}: expected predictions {_SHAPES}, got {error}") from error
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        yield from _lines(path, data, error)
        return
    if isinstance(document, dict) and not {"caption", "region_id"} & document.keys():
        lists = [value for value in document.values() if isinstance(value, list)]
        if len(lists) == 1:
            document = lists[0]
        elif all(isinstance(value, str) for value in document.values()):
            document = [{"region_id": key, "caption": text} for key, text in document.items()]
    yield from document if isinstance(document, list) else [document]


def _lines(path: Path, data: bytes, whole: Exception) -> Iterator[Any]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError as error:
            told = whole if number == 1 else f"line {number}: {error}"
            raise InputError(f"{path}: expected JSON or JSON lines {_SHAPES}, got {told}") from error


def _prediction(row: int, item: Any, path: Path, box_format: BoxFormat) -> RegionCaption:
    def wrong(expected: str) -> InputError:
        return InputError(f"{path}, entry {row}: expected {expected}, got {str(item)[:120]}")

    if not isinstance(item, dict):
        raise wrong(f"an object {_SHAPES}")
    caption = next((item[key] for key in _CAPTION_KEYS if item.get(key) is not None), "")
    region_id, image_id = _whole(item.get("region_id")), _whole(item.get("image_id"))
    box = next((item[key] for key in _BOX_KEYS if item.get(key) is not None), None)
    score = item.get("score", 1.0)
    if not isinstance(caption, str):
        raise wrong("a text as caption")
    if not is_number(score) or not math.isfinite(score):
        raise wrong("a number as score")
    if box is None and all(is_number(item.get(key)) for key in ("x", "y", "width", "height")):
        box, box_format = [item[key] for key in ("x", "y", "width", "height")], "xywh"
    if region_id is None and (image_id is None or box is None):
        raise wrong("a region_id, or an image_id with a box")
    return RegionCaption(
        row, caption, region_id, image_id, None if box is None else _box(box, box_format, wrong), float(score)
    )


def _whole(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    return value if is_int(value) else None


def _box(value: Any, box_format: BoxFormat, wrong: Any) -> Box:
    if not isinstance(value, list) or len(value) != 4 or not all(is_number(n) for n in value):
        raise wrong(f"four numbers {box_format} as box")
    x, y, third, fourth = (float(n) for n in value)
    return (x, y, third, fourth) if box_format == "xywh" else (x, y, third - x, fourth - y)


def _of_folder(folder: Path) -> Iterator[RegionCaption]:
    """Each segment of a predictions folder is a box with a caption and a score."""
    path = folder / "panoptic.json"
    if not path.is_file():
        raise InputError(f"{folder}: expected a predictions folder with panoptic.json, found none")
    items: list[Any] = []
    stream_lists(path, {"annotations": items.append})
    row = 0
    for item in items:
        segments = item.get("segments_info") if isinstance(item, dict) else None
        for segment in segments if isinstance(segments, list) else []:
            if isinstance(segment, dict) and not segment.get("iscrowd"):
                known = {"image_id": item.get("image_id"), "bbox": segment.get("bbox")}
                yield _prediction(row, {**segment, **known, "region_id": None}, path, "xywh")
                row += 1


def assign(predictions: Sequence[RegionCaption], regions: Sequence[Region]) -> Assigned:
    """Give each region its caption.

    A prediction that names a region is for that; one with a box is for the regions of its image whose box is
    the same to `SAME_BOX_PX`. Where several regions and several predictions share a box, they are paired in
    the order of their files; where predictions are fewer, the last serves the rest.

    Args:
        predictions: As read.
        regions: Those that are asked for.
    """
    by_region = {p.region_id: p for p in predictions if p.region_id is not None}
    by_image: dict[int, list[RegionCaption]] = defaultdict(list)
    for p in predictions:
        if p.region_id is None and p.image_id is not None:
            by_image[p.image_id].append(p)
    captions: dict[int, str] = {}
    used: set[int] = set()
    turns: dict[tuple[int, Box], int] = defaultdict(int)
    for region in regions:
        found = by_region.get(region.region_id)
        if found is None:
            alike = _alike(region, by_image.get(region.image_id, ()))
            turn = turns[region.image_id, region.box_xywh]
            turns[region.image_id, region.box_xywh] += 1
            found = alike[min(turn, len(alike) - 1)] if alike else None
        if found is not None:
            used.add(found.row)
            captions[region.region_id] = found.caption
    return Assigned(captions, tuple(p for p in predictions if p.row not in used))


def _alike(region: Region, predictions: Sequence[RegionCaption]) -> list[RegionCaption]:
    """Predictions of the same box: of those near enough, the nearest, in the order of the file."""
    apart = [_apart(region.box_xywh, p.box_xywh) for p in predictions]
    nearest = min(apart, default=math.inf)
    if nearest > SAME_BOX_PX:
        return []
    return [p for p, distance in zip(predictions, apart, strict=True) if distance == nearest]


def _apart(first_xywh: Box, second_xywh: Box | None) -> float:
    """The largest distance between the same sides of two boxes, in pixels."""
    if second_xywh is None:
        return math.inf
    (x, y, w, h), (a, b, c, d) = first_xywh, second_xywh
    return max(abs(x - a), abs(y - b), abs(x + w - a - c), abs(y + h - b - d))
