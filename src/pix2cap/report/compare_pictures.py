"""Where an item of a comparison lies: a crop around its box or segment, or its whole picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pix2cap.errors import ImageRefused, InputError
from pix2cap.evaluate.paired import Item, Place
from pix2cap.formats.pictures import read_picture
from pix2cap.report.scores_pictures import (
    Crop,
    SegmentPictures,
    around,
    files_by_id,
    jpeg_base64,
    outline,
    scaled,
    whole_picture,
)


class ItemPictures:
    """Pictures of items.

    Args:
        images: Folder of the pictures; names end in image ids, or are those that items name.
        gt: The ground truth of `pix2cap score`, for the segments' shapes.
        gt_masks: Folder or zip of its masks.

    Raises:
        InputError: The folder is missing, or the ground truth is damaged.
    """

    def __init__(self, images: Path | None, gt: Path | None, gt_masks: Path | None) -> None:
        self._segments = SegmentPictures(images, gt, gt_masks)
        self._images = images
        self._by_id = files_by_id(images) if images is not None else {}
        self._refused: dict[object, str] = {}
        # Examples come sorted by change, not by picture: a few decoded pictures are kept.
        self._load = lru_cache(maxsize=8)(self._decode)

    @property
    def has_any(self) -> bool:
        """Whether there is anything to show at all."""
        return self._images is not None or self._segments.has_any

    @property
    def refused(self) -> Mapping[object, str]:
        """What could not be shown, by image id or file name."""
        return {key: why for known in (self._segments.refused, self._refused) for key, why in known.items()}

    def name(self, item: Item) -> str:
        """What a page calls the picture."""
        if item.place is None:
            return item.picture
        image_id = item.place.image_id
        path = self._by_id.get(image_id)
        return path.name if path else self._segments.file_name(image_id) or f"image {image_id}"

    def crop(self, item: Item) -> Crop | None:
        """The surroundings of an item; None where its picture is not known."""
        place = item.place
        if place is None:
            return self._named(item.picture) if item.picture and self._images is not None else None
        if place.segment_id is not None:
            return self._segments.crop(place.image_id, place.segment_id)
        path = self._by_id.get(place.image_id)
        rgb = None if path is None else self._load(path, place.image_id)
        return None if rgb is None else _around_box(rgb, place)

    def _named(self, name: str) -> Crop | None:
        assert self._images is not None
        path = self._images / name
        if not path.resolve().is_relative_to(self._images.resolve()) or not path.is_file():
            self._refused[name] = f"no picture {name} in {self._images.name}"
            return None
        rgb = self._load(path, name)
        return None if rgb is None else whole_picture(rgb)

    def _decode(self, path: Path, key: object) -> NDArray[np.uint8] | None:
        try:
            return read_picture(path, name=path.name).rgb
        except (ImageRefused, InputError) as error:
            self._refused[key] = str(error)
            return None


def _around_box(rgb: NDArray[np.uint8], place: Place) -> Crop:
    height, width = rgb.shape[:2]
    if place.box_xywh is None:
        return whole_picture(rgb)
    x, y, w, h = place.box_xywh
    box = (
        min(max(0, math.floor(x)), width - 1),
        min(max(0, math.floor(y)), height - 1),
        max(1, min(width, math.ceil(x + w))),
        max(1, min(height, math.ceil(y + h))),
    )
    x0, y0, x1, y1 = around(box, (width, height))
    mask = np.zeros((y1 - y0, x1 - x0), np.bool_)
    mask[max(0, box[1] - y0) : box[3] - y0, max(0, box[0] - x0) : box[2] - x0] = True
    shown, size_wh = scaled(rgb[y0:y1, x0:x1])
    return Crop(*size_wh, jpeg_base64(shown), outline(mask, size_wh))
