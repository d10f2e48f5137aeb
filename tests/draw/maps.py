"""Builders of id-maps for the drawing tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from pix2cap.core import PanopticMap


def panoptic_of(id_map: NDArray[np.integer]) -> PanopticMap:
    ids = [int(i) for i in np.unique(id_map) if i != 0]
    return PanopticMap.from_id_map(id_map, {i: (1 + i % 7, i % 2 == 0, False) for i in ids})


def voronoi(size_wh: tuple[int, int], count: int, seed: int, *, noise: float = 0.0) -> PanopticMap:
    """Random cells with ids far apart, some void; `noise` is the share of pixels given a random id."""
    width, height = size_wh
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.choice(2**24 - 1, count, replace=False)) + 1
    ids[rng.random(count) < 0.1] = 0
    seeds = rng.random((count, 2)) * (width, height)
    ys, xs = np.mgrid[0:height, 0:width]
    nearest = np.full((height, width), np.inf)
    id_map = np.zeros((height, width), np.uint32)
    for (x, y), segment_id in zip(seeds, ids, strict=True):
        distance = np.hypot(xs - x, ys - y) * rng.uniform(0.5, 1.5)
        closer = distance < nearest
        nearest[closer], id_map[closer] = distance[closer], segment_id
    if noise:
        where = rng.random(id_map.shape) < noise
        id_map[where] = rng.choice(ids, int(where.sum()))
    return panoptic_of(id_map)


def photo(size_wh: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (size_wh[1], size_wh[0], 3), dtype=np.uint8)


def maps(max_side: int = 160, max_segments: int = 24) -> st.SearchStrategy[PanopticMap]:
    """Maps from one pixel up, with slivers, specks and many parts."""
    side = st.integers(1, max_side)
    return st.builds(
        lambda width, height, count, seed, noise: voronoi((width, height), count, seed, noise=noise),
        side,
        side,
        st.integers(1, max_segments),
        st.integers(0, 2**32 - 1),
        st.sampled_from([0.0, 0.0, 0.01, 0.3]),
    )
