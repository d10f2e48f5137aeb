"""What the checks know of one image: captions, classes, places and, where there are pictures, colours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from pix2cap.annotate.findings import Box
from pix2cap.core import PanopticMap
from pix2cap.core.caption import CaptionStatus
from pix2cap.dataset.check_color import PictureLight, SegmentColors, picture_light, segment_colors
from pix2cap.errors import ImageRefused, InputError
from pix2cap.formats.coco_panoptic import read_coco_panoptic
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.open_source import detect_kind, find_images, masks_beside, open_source
from pix2cap.formats.records import ImageRecord

_STRAY: Final = 0.03
"""Share of a mask's pixels at either end that its box leaves out: loose masks have strays."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a segment lies, in shares of the picture.

    Args:
        box_unit: Its box; of a mask without the outermost pixels.
        centroid_unit: Centre of mass `(x, y)`, of the box where there is no mask.
        area_unit: Share of the picture that it covers.
    """

    box_unit: Box
    centroid_unit: tuple[float, float]
    area_unit: float


@dataclass(frozen=True, slots=True)
class CheckedScene:
    """One image with captions.

    Args:
        image_id: The dataset's number.
        texts: Segment id to caption, for those that have one.
        class_names: Segment id to class name, for segments whose class is known.
        places: Segment id to place; empty without masks and boxes.
        colors: Segment id to its colours; empty without picture or masks.
        has_masks: Whether `places` come from masks.
    """

    image_id: int
    texts: Mapping[int, str]
    class_names: Mapping[int, str]
    places: Mapping[int, Place] = field(default_factory=dict)
    colors: Mapping[int, SegmentColors] = field(default_factory=dict)
    has_masks: bool = False


def open_captioned(path: Path, *, masks: Path | None = None, images: Path | None = None) -> FileSource:
    """Open a dataset folder or any JSON of segments; a COCO panoptic JSON opens without its masks too.

    Raises:
        InputError: Missing, damaged or in no known format.
    """
    if path.is_dir() and (path / "panoptic.json").is_file() and not (path / "panoptic").is_dir():
        path, images = path / "panoptic.json", images or find_images(path)
    if path.is_file() and masks is None and detect_kind(path, has_masks=True) == "panoptic":
        try:
            masks = masks_beside(path)
        except InputError:
            masks = path.parent  # Perhaps the PNGs lie there; where they do not, each map refuses.
        return read_coco_panoptic(path, masks, images)
    return open_source(path, masks=masks, images=images)


def texts_of(record: ImageRecord) -> dict[int, str]:
    """Segment id to caption, of those that are published."""
    shown = (None, CaptionStatus.CAPTIONED)
    texts = {s.info.segment_id: s.info.description for s in record.segments if s.status in shown}
    return {segment_id: text for segment_id, text in texts.items() if text and text.strip()}


def read_scene(source: FileSource, image_id: int, *, placed: bool, colored: bool) -> CheckedScene:
    """Read what can be read of one image; what is missing or refused is left out.

    Args:
        source: The dataset.
        image_id: One of its images.
        placed: Whether masks are wanted.
        colored: Whether the picture is wanted.
    """
    record = source.record(image_id)
    texts = texts_of(record)
    names = {
        s.info.segment_id: source.categories[s.info.category_id].name
        for s in record.segments
        if s.info.category_id in source.categories
    }
    if not (texts and placed):
        return CheckedScene(image_id, texts, names)
    try:
        panoptic = source.panoptic(image_id)
    except ImageRefused:
        return CheckedScene(image_id, texts, names, _stated_places(record))
    places = {s: place for s in texts if (place := _place(panoptic, s)) is not None}
    colors = _colors(source, image_id, panoptic, texts) if colored else {}
    return CheckedScene(image_id, texts, names, places, colors, has_masks=True)


def _place(panoptic: PanopticMap, segment_id: int) -> Place | None:
    segment = panoptic.by_id.get(segment_id)
    if segment is None:
        return None
    width, height = panoptic.size_wh
    x0, y0, _, _ = segment.box_xyxy
    mask = panoptic.box_mask(segment_id)
    left, right, centre_x = _spread(mask.sum(axis=0))
    top, bottom, centre_y = _spread(mask.sum(axis=1))
    box = ((x0 + left) / width, (y0 + top) / height, (x0 + right) / width, (y0 + bottom) / height)
    centroid = ((x0 + centre_x) / width, (y0 + centre_y) / height)
    return Place(box, centroid, segment.area / (width * height))


def _spread(counts: np.ndarray[tuple[int, ...], np.dtype[np.int_]]) -> tuple[float, float, float]:
    """From where to where, and around where, a mask's pixels lie along one axis."""
    total = np.cumsum(counts)
    low = int(np.searchsorted(total, _STRAY * total[-1], side="right"))
    high = int(np.searchsorted(total, (1 - _STRAY) * total[-1])) + 1
    return float(low), float(high), float((counts * (np.arange(len(counts)) + 0.5)).sum() / total[-1])


def _stated_places(record: ImageRecord) -> dict[int, Place]:
    """Places by the boxes of the JSON."""
    if record.size_wh is None:
        return {}
    width, height = record.size_wh
    places = {}
    for segment in record.segments:
        if segment.bbox_xywh is None or min(segment.bbox_xywh[2:]) <= 0:
            continue
        x, y, w, h = segment.bbox_xywh
        box = (x / width, y / height, (x + w) / width, (y + h) / height)
        area = w * h if segment.area is None else segment.area
        centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        places[segment.info.segment_id] = Place(box, centre, area / (width * height))
    return places


def _colors(
    source: FileSource, image_id: int, panoptic: PanopticMap, segment_ids: Collection[int]
) -> dict[int, SegmentColors]:
    try:
        rgb = source.picture(image_id).rgb
    except ImageRefused:
        return {}
    if rgb.shape[:2] != panoptic.id_map.shape:
        return {}
    light: PictureLight = picture_light(rgb)
    return {
        s: segment_colors(rgb, panoptic.box_mask(s), panoptic.by_id[s].box_xyxy, light)
        for s in segment_ids
        if s in panoptic.by_id
    }
