"""Crops around segments: the picture as a JPEG, the segment's outline as an SVG path over it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from pix2cap.core import PanopticMap
from pix2cap.errors import ImageRefused, InputError
from pix2cap.formats.open_source import open_source
from pix2cap.formats.pictures import read_picture

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
_SIZE_WH = (480, 360)
_MARGIN = 0.35
_LEAST_PIXELS = 96
_QUALITY = 84
_GREY = 128


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a picture as the page carries it.

    Args:
        width: Pixels.
        height: Pixels.
        jpeg_base64: The picture's part.
        outline: SVG path data of the segment in these pixels, "" where no map is known.
    """

    width: int
    height: int
    jpeg_base64: str
    outline: str


class SegmentPictures:
    """Pictures and maps of the ground truth, for crops around its segments.

    Args:
        images: Folder of the pictures; without it, and where the ground truth knows no folder, segments
            stand on grey.
        gt: The ground truth, for the segments' shapes; without it pictures are shown whole, found by
            their id in the file name (`000000000139.jpg`).
        gt_masks: Folder or zip of its masks.

    Raises:
        InputError: The folder is missing, or the ground truth is damaged.
    """

    def __init__(self, images: Path | None, gt: Path | None, gt_masks: Path | None) -> None:
        if images is not None and not images.is_dir():
            raise InputError(f"{images}: expected a folder of pictures, found none")
        self._source = None if gt is None else open_source(gt, masks=gt_masks, images=images)
        self._by_id = files_by_id(images) if gt is None and images is not None else {}
        self.refused: dict[int, str] = {}
        # Examples come sorted by score, not by image: a few decoded images are kept.
        self._load = lru_cache(maxsize=8)(self._decode)

    @property
    def has_any(self) -> bool:
        """Whether there is anything to show at all."""
        return self._source is not None or bool(self._by_id)

    @property
    def has_pictures(self) -> bool:
        """Whether pixels are known, not only shapes."""
        return bool(self._by_id) or (self._source is not None and self._source.pictures is not None)

    @property
    def has_shapes(self) -> bool:
        """Whether segments can be lit."""
        return self._source is not None

    def file_name(self, image_id: int) -> str | None:
        """The picture's name, where it is known."""
        if self._source is None:
            path = self._by_id.get(image_id)
            return path.name if path else None
        try:
            return self._source.entry(image_id).image.file_name
        except KeyError:
            return None

    def crop(self, image_id: int, segment_id: int) -> Crop | None:
        """The surroundings of a segment; None where neither picture nor map is known.

        What cannot be decoded is kept in `refused` by image id.
        """
        rgb, panoptic = self._load(image_id)
        if panoptic is None or segment_id not in panoptic.by_id:
            return None if rgb is None else whole_picture(rgb)
        width, height = panoptic.size_wh
        if rgb is None:
            rgb = np.full((height, width, 3), _GREY, np.uint8)
        x0, y0, x1, y1 = around(panoptic.by_id[segment_id].box_xyxy, (width, height))
        part = panoptic.id_map[y0:y1, x0:x1] == segment_id
        shown, (w, h) = scaled(rgb[y0:y1, x0:x1])
        return Crop(w, h, jpeg_base64(shown), outline(part, (w, h)))

    def _decode(self, image_id: int) -> tuple[NDArray[np.uint8] | None, PanopticMap | None]:
        try:
            if self._source is None:
                path = self._by_id.get(image_id)
                return (None if path is None else read_picture(path).rgb), None
            panoptic = self._source.panoptic(image_id)
        except (ImageRefused, KeyError) as error:
            self.refused[image_id] = (
                str(error) if isinstance(error, ImageRefused) else "not in the ground truth"
            )
            return None, None
        try:
            return (None if self._source.pictures is None else self._source.picture(image_id).rgb), panoptic
        except ImageRefused as error:
            self.refused[image_id] = str(error)
            return None, panoptic


def files_by_id(folder: Path) -> Mapping[int, Path]:
    """Pictures whose name ends in a number (`139.jpg`, `COCO_val2014_000000000139.jpg`)."""
    found: dict[int, Path] = {}
    for path in sorted(folder.rglob("*")):
        digits = path.stem.rpartition("_")[2]
        if path.suffix.lower() in _SUFFIXES and digits.isascii() and digits.isdecimal():
            found.setdefault(int(digits), path)
    return found


def around(box_xyxy: tuple[int, int, int, int], size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """A window of 4:3 around a box, within the picture: half-open `(x0, y0, x1, y1)`.

    Example:
        >>> around((100, 100, 160, 130), (640, 480))
        (79, 77, 181, 153)
    """
    x0, y0, x1, y1 = box_xyxy
    width = max(_LEAST_PIXELS, (x1 - x0) * (1 + 2 * _MARGIN))
    height = max(_LEAST_PIXELS * 3 / 4, (y1 - y0) * (1 + 2 * _MARGIN))
    width, height = max(width, height * 4 / 3), max(height, width * 3 / 4)
    spans = []
    for low, high, want, most in ((x0, x1, width, size_wh[0]), (y0, y1, height, size_wh[1])):
        length = min(most, round(want))
        start = min(max(0, round((low + high - length) / 2)), most - length)
        spans.append((start, start + length))
    (left, right), (top, bottom) = spans
    return left, top, right, bottom


def outline(mask: NDArray[np.bool_], size_wh: tuple[int, int]) -> str:
    """The edge of a mask as SVG path data, holes included, for the even-odd rule.

    Args:
        mask: `(h, w)` bool.
        size_wh: Width and height of the drawing; the mask is scaled to it.
    """
    # Scaled as grey, cut at one half: a staircase of large pixels becomes a line.
    grey = cv2.resize(mask.astype(np.uint8) * 255, size_wh, interpolation=cv2.INTER_LINEAR)
    contours, _ = cv2.findContours((grey > 127).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parts = []
    for contour in contours:
        points = cv2.approxPolyDP(contour, 0.7, True)[:, 0].tolist()
        if len(points) < 3:
            (x, y), *_ = points
            parts.append(f"M{x} {y}h1v1h-1Z")
            continue
        (x, y), *rest = points
        parts.append(f"M{x} {y}L" + " ".join(f"{a} {b}" for a, b in rest) + "Z")
    return "".join(parts)


def whole_picture(rgb: NDArray[np.uint8]) -> Crop:
    """A picture as it is, without an outline."""
    shown, (width, height) = scaled(rgb)
    return Crop(width, height, jpeg_base64(shown), "")


def scaled(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Fit into the frame; small parts are enlarged so that their outline is smooth."""
    height, width = rgb.shape[:2]
    scale = min(_SIZE_WH[0] / width, _SIZE_WH[1] / height)
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, size_wh, interpolation=way), np.uint8), size_wh


def jpeg_base64(rgb: NDArray[np.uint8]) -> str:
    """Encoded for a data URL."""
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), quality=_QUALITY, colorspace="RGB")
    return base64.b64encode(data).decode("ascii")
