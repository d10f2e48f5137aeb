"""Pixels as data URIs: the picture as a bounded JPEG, the map as a PNG of row numbers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from pix2cap.core import PanopticMap
from pix2cap.draw.index import MAX_INDEX, dense_index
from pix2cap.report.item import Row

MAX_ROWS = MAX_INDEX
"""The page keeps row numbers in 16 bits."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture as the page carries it."""

    width: int
    height: int
    jpeg_base64: str
    map_png_base64: str


def embed(
    rgb: NDArray[np.uint8], panoptic: PanopticMap, rows: Sequence[Row], *, max_side: int, quality: int
) -> Embedded:
    """Encode one picture and its map at the same bounded size.

    Args:
        rgb: `(H, W, 3)` uint8.
        panoptic: The map of that size.
        rows: All its segments, numbered 1..N.
        max_side: Longest side in pixels; larger pictures are reduced.
        quality: JPEG quality, 1..100.

    Raises:
        ValueError: More segments than `MAX_ROWS`.
    """
    if len(rows) > MAX_ROWS:
        raise ValueError(f"expected at most {MAX_ROWS} segments in a picture, got {len(rows)}")
    numbers = _row_numbers(panoptic, rows)
    height, width = numbers.shape
    if max(width, height) > max_side:
        scale = max_side / max(width, height)
        size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
        rgb = np.asarray(cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
        numbers = _reduce(numbers, rows, size_wh)
        width, height = size_wh
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), quality=quality, colorspace="RGB")
    return Embedded(width, height, _base64(jpeg), _base64(_number_png(numbers)))


def _row_numbers(panoptic: PanopticMap, rows: Sequence[Row]) -> NDArray[np.uint16]:
    """The map with each segment's row number in place of its id; `(H, W)`, 0 for void."""
    return dense_index(panoptic.id_map, [row.segment.id for row in rows]).astype(np.uint16, copy=False)


def _reduce(numbers: NDArray[np.uint16], rows: Sequence[Row], size_wh: tuple[int, int]) -> NDArray[np.uint16]:
    """Nearest neighbour, but no segment vanishes: a lost one keeps the pixel at its box's first row."""
    small = np.asarray(cv2.resize(numbers, size_wh, interpolation=cv2.INTER_NEAREST), np.uint16)
    kept = set(np.unique(small).tolist())
    for row in rows:
        if row.number in kept:
            continue
        x0, y0, x1, _ = row.segment.box_xyxy
        x = x0 + int(np.argmax(numbers[y0, x0:x1] == row.number))
        small[
            min(size_wh[1] - 1, y0 * size_wh[1] // numbers.shape[0]),
            min(size_wh[0] - 1, x * size_wh[0] // numbers.shape[1]),
        ] = row.number
    return small


def _number_png(numbers: NDArray[np.uint16]) -> bytes:
    """Row numbers as an RGB PNG: number = R + 256 G."""
    bgr = np.zeros((*numbers.shape, 3), np.uint8)
    bgr[..., 2] = numbers & 0xFF
    bgr[..., 1] = numbers >> 8
    done, png = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise ValueError(f"the map of {numbers.shape} could not be encoded as PNG")
    return png.tobytes()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
