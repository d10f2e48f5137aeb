"""A coloured overlay of all segments, for people."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.core import PanopticMap
from pix2cap.draw.index import dense_index
from pix2cap.draw.palette import choose_colors


def draw_overlay(rgb: NDArray[np.uint8], panoptic: PanopticMap, *, alpha: float = 0.45) -> NDArray[np.uint8]:
    """Tint every segment in its colour and draw a dark line where segments meet.

    Args:
        rgb: `(H, W, 3)` uint8, of the map's size.
        panoptic: The segments; void stays untinted.
        alpha: Share of the tint, 0 (picture only) to 1 (colours only).

    Returns:
        `(H, W, 3)` uint8.

    Raises:
        ValueError: Sizes differ, or `alpha` is outside 0..1.
    """
    if rgb.shape != (*panoptic.id_map.shape, 3) or rgb.dtype != np.uint8:
        raise ValueError(
            f"expected a picture of {(*panoptic.id_map.shape, 3)} uint8, got {rgb.shape} {rgb.dtype}"
        )
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"expected alpha in 0..1, got {alpha}")
    ids = [segment.id for segment in panoptic.segments]
    index = dense_index(panoptic.id_map, ids)
    table = np.zeros((len(ids) + 1, 3), np.uint8)
    table[1:] = np.array(choose_colors(index, len(ids), rgb), np.uint8).reshape(-1, 3)
    tint = np.where((index > 0)[..., None], table[index], rgb)
    blended = cv2.addWeighted(np.ascontiguousarray(rgb), 1.0 - alpha, tint, alpha, 0.0)
    line = np.zeros(index.shape, np.bool_)
    line[:, 1:] |= index[:, 1:] != index[:, :-1]
    line[1:] |= index[1:] != index[:-1]
    if alpha > 0.0:
        blended[line] = (blended[line] * (1.0 - 0.8 * min(1.0, 2 * alpha))).astype(np.uint8)
    return np.asarray(blended, np.uint8)
