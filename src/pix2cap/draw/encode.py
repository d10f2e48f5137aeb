"""RGB arrays to JPEG and PNG bytes, the same bytes each time."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

MAX_JPEG_SIDE = 65_500


def encode_jpeg(rgb: NDArray[np.uint8], quality: int = 90) -> bytes:
    """Baseline JPEG with 4:2:0 chroma.

    Args:
        rgb: `(H, W, 3)` uint8.
        quality: 1..100.

    Raises:
        ValueError: Another shape or type, an empty picture, or a side beyond JPEG's 65,500 pixels.
    """
    _check(rgb)
    if max(rgb.shape[:2]) > MAX_JPEG_SIDE:
        raise ValueError(
            f"expected sides up to {MAX_JPEG_SIDE} pixels for JPEG, got {rgb.shape[1]}x{rgb.shape[0]}"
        )
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), quality, "RGB", "420")
    return data


def encode_png(rgb: NDArray[np.uint8]) -> bytes:
    """8-bit RGB PNG.

    Args:
        rgb: `(H, W, 3)` uint8.

    Raises:
        ValueError: Another shape or type, or an empty picture.
    """
    _check(rgb)
    done, data = cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise ValueError(f"OpenCV could not write a PNG of {rgb.shape[1]}x{rgb.shape[0]} pixels")
    return bytes(data)


def _check(rgb: NDArray[Any]) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ValueError(f"expected a non-empty (H, W, 3) uint8 picture, got {rgb.dtype} {rgb.shape}")
