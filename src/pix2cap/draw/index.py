"""Sparse 32-bit segment ids to the dense small numbers that the drawing passes work on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_INDEX = 65_534

Index = NDArray[Any]
"""`(H, W)` uint8, or uint16 above 254 ids: n where the n-th id stands (from 1), 0 elsewhere."""


def dense_index(id_map: NDArray[np.uint32], segment_ids: Sequence[int]) -> Index:
    """Number the pixels of the given ids 1..N in their order, 0 everywhere else.

    Looks up runs of equal ids instead of pixels: a picture has a few thousand of them.

    Args:
        id_map: `(H, W)` uint32.
        segment_ids: Different ids, at most `MAX_INDEX`.

    Raises:
        ValueError: More ids than 16 bits can number.
    """
    count = len(segment_ids)
    if count > MAX_INDEX:
        raise ValueError(f"expected at most {MAX_INDEX} segments in one picture, got {count}")
    dtype = np.uint8 if count < 255 else np.uint16
    if id_map.size == 0 or count == 0:
        return np.zeros(id_map.shape, dtype)
    flat = id_map.reshape(-1)
    starts = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate([[0], starts])
    values = flat[starts]
    ids = np.asarray(segment_ids, np.uint32)
    order = np.argsort(ids, kind="stable")
    ascending = ids[order]
    place = np.minimum(np.searchsorted(ascending, values), count - 1)
    codes = np.where(ascending[place] == values, order[place] + 1, 0).astype(dtype)
    return np.repeat(codes, np.diff(starts, append=flat.size)).reshape(id_map.shape)


def sample_nearest(array: NDArray[Any], size_wh: tuple[int, int]) -> NDArray[Any]:
    """Resize by taking the pixel under each new pixel's centre; ids stay ids.

    Args:
        array: `(H, W)` of any type.
        size_wh: New width and height.
    """
    height, width = array.shape
    new_width, new_height = size_wh
    if (new_width, new_height) == (width, height):
        return array
    rows = (2 * np.arange(new_height) + 1) * height // (2 * new_height)
    columns = (2 * np.arange(new_width) + 1) * width // (2 * new_width)
    taken: NDArray[Any] = array[rows].take(columns, axis=1)
    return taken


def touching_pairs(index: Index, count: int) -> NDArray[np.int64]:
    """Pairs of numbers whose pixels touch (4-neighbourhood).

    Args:
        index: As `dense_index` gives it.
        count: The highest number in it.

    Returns:
        `(P, 2)` int64, each pair once as (lower, higher), ascending; 0 takes no part.
    """
    keys = []
    for first, second in ((index[:, :-1], index[:, 1:]), (index[:-1], index[1:])):
        differ = first != second
        a, b = first[differ].astype(np.int64), second[differ].astype(np.int64)
        keys.append(np.minimum(a, b) * (count + 1) + np.maximum(a, b))
    if count < 256:
        unique = np.flatnonzero(np.bincount(np.concatenate(keys)))
    else:
        unique = np.unique(np.concatenate(keys))
    low, high = np.divmod(unique, count + 1)
    return np.stack([low, high], 1)[low > 0]
