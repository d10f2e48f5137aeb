"""Colours for segments: neighbours far apart in CIELAB, and apart from the picture beneath."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import PanopticMap
from pix2cap.draw.digits import Rgb
from pix2cap.draw.index import Index, dense_index, touching_pairs

# Twenty vivid colours found by farthest-point search over sRGB under CIEDE2000 with lightness 48..96, so that
# each stands out from a dark halo. Ordered so that every prefix is well spread too.
PALETTE: tuple[Rgb, ...] = (
    (237, 0, 0),
    (0, 255, 55),
    (0, 164, 237),
    (255, 91, 255),
    (237, 182, 0),
    (0, 146, 55),
    (146, 109, 0),
    (146, 237, 255),
    (255, 128, 128),
    (164, 164, 255),
    (0, 200, 164),
    (237, 0, 128),
    (200, 219, 164),
    (255, 200, 164),
    (146, 164, 0),
    (36, 109, 255),
    (237, 128, 18),
    (255, 200, 255),
    (146, 91, 182),
    (237, 255, 0),
)
MIN_DELTA_E2000 = 20.0
"""Least CIEDE2000 between two palette colours, so between touching segments (see `segment_colors`)."""
MIN_DELTA_E76 = 29.0
"""The same as Euclidean distance in CIELAB (CIE76)."""

# A colour shared with a segment elsewhere is bad, but less than one that is near a touching neighbour's.
_ELSEWHERE_OFFSET = 9.0
_PICTURE_OFFSET = 12.0


def rgb_to_lab(rgb: NDArray[np.floating] | NDArray[np.integer]) -> NDArray[np.float64]:
    """Colours of sRGB, 0..255, to CIELAB (D65, 2 degrees); any leading shape, colours in the last axis."""
    share = np.asarray(rgb, np.float64) / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = linear @ matrix.T / (0.95047, 1.0, 1.08883)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )


@cache
def palette_lab() -> NDArray[np.float64]:
    """CIELAB of the palette, `(20, 3)`."""
    return rgb_to_lab(np.array(PALETTE))


def delta_e2000(first_lab: NDArray[np.float64], second_lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIEDE2000 colour difference (Sharma, Wu and Dalal 2005), broadcast over all axes but the last."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(first_lab, -1, 0), np.moveaxis(second_lab, -1, 0)
    chroma7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(chroma7 / (chroma7 + 25.0**7))
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1, h2 = np.arctan2(b1, a1 * stretch), np.arctan2(b2, a2 * stretch)
    turn = (h2 - h1 + np.pi) % (2 * np.pi) - np.pi
    hue = np.where(c1 * c2 == 0, h1 + h2, h1 + turn / 2)
    delta_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.where(c1 * c2 == 0, 0.0, turn) / 2)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(hue - np.radians(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.radians(6))
        - 0.20 * np.cos(4 * hue - np.radians(63))
    )
    s_l = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    from_blue = np.degrees(hue % (2 * np.pi)) - 275
    spin = np.radians(60 * np.exp(-((from_blue / 25) ** 2)))
    r_t = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(spin)
    l_term, c_term, h_term = (l2 - l1) / s_l, (c2 - c1) / s_c, delta_hue / s_h
    distance: NDArray[np.float64] = np.sqrt(l_term**2 + c_term**2 + h_term**2 + r_t * c_term * h_term)
    return distance


@cache
def palette_distances() -> NDArray[np.float64]:
    """CIEDE2000 of every pair of palette colours, `(20, 20)`."""
    lab = palette_lab()
    return delta_e2000(lab[:, None], lab[None])


def segment_colors(
    panoptic: PanopticMap, segment_ids: Sequence[int], rgb: NDArray[np.uint8] | None = None
) -> dict[int, Rgb]:
    """Choose a palette colour for each segment.

    Up to 20 segments all get different colours. Beyond that colours repeat, but not between touching
    segments: those are at least `MIN_DELTA_E2000` apart unless a segment touches 20 others that were coloured
    before it, which no planar map has (segments in several parts could).

    Args:
        panoptic: The segments.
        segment_ids: Those that get a colour; others do not count as neighbours.
        rgb: `(H, W, 3)` uint8 picture of the map's size; with it, colours like a segment's own are avoided.

    Returns:
        Segment id to colour, in the order of `segment_ids`.

    Raises:
        ValueError: More segments than 65,534.
    """
    index = dense_index(panoptic.id_map, segment_ids)
    chosen = choose_colors(index, len(segment_ids), rgb)
    return dict(zip(segment_ids, chosen, strict=True))


def choose_colors(
    index: Index, count: int, rgb: NDArray[np.uint8] | None = None, *, coarse: Index | None = None
) -> list[Rgb]:
    """Greedy colouring of the numbers 1..count of an index map, in that order.

    Args:
        index: As `dense_index` gives it.
        count: How many numbers.
        rgb: Picture of the same height and width.
        coarse: A subsampled index map; read instead where all colours differ anyway, so that a missed
            contact of single pixels costs no guarantee.
    """
    if count == 0:
        return []
    neighbours: list[list[int]] = [[] for _ in range(count)]
    for low, high in touching_pairs(
        index if coarse is None or count > len(PALETTE) else coarse, count
    ).tolist():
        neighbours[low - 1].append(high - 1)
        neighbours[high - 1].append(low - 1)
    from_picture = _distance_from_picture(index, count, rgb)
    distances = palette_distances()
    all_different = count <= len(PALETTE)
    chosen = [-1] * count
    elsewhere = np.full(len(PALETTE), np.inf)
    for node in _smallest_last(neighbours):
        score = np.minimum(from_picture[node], elsewhere)
        near = [chosen[other] for other in neighbours[node] if chosen[other] >= 0]
        if near:
            np.minimum(score, distances[near].min(0), out=score)
        best = int(score.argmax())
        chosen[node] = best
        np.minimum(elsewhere, distances[best] + _ELSEWHERE_OFFSET, out=elsewhere)
        if all_different:
            elsewhere[best] = -1.0
    return [PALETTE[i] for i in chosen]


def _distance_from_picture(index: Index, count: int, rgb: NDArray[np.uint8] | None) -> NDArray[np.float64]:
    """CIE76 distance of each palette colour from each segment's mean colour, `(count, 20)`."""
    if rgb is None:
        return np.full((count, len(PALETTE)), 100.0)
    step = max(1, round((index.size / 4096) ** 0.5))
    codes = index[::step, ::step].reshape(-1)
    pixels = rgb[::step, ::step].reshape(-1, 3)
    weights = np.bincount(codes, minlength=count + 1)[1:]
    sums = np.stack(
        [np.bincount(codes, weights=pixels[:, c], minlength=count + 1)[1:] for c in range(3)], axis=-1
    )
    means = rgb_to_lab(sums / np.maximum(weights, 1)[:, None])
    distances = np.linalg.norm(means[:, None] - palette_lab()[None], axis=-1) / 2 + _PICTURE_OFFSET
    return np.where(weights[:, None] > 0, distances, 100.0)


def _smallest_last(neighbours: list[list[int]]) -> list[int]:
    """An order in which each node has few earlier neighbours (at most 5 in a planar map)."""
    degree = [len(near) for near in neighbours]
    heap = [(d, node) for node, d in enumerate(degree)]
    heapq.heapify(heap)
    removed = [False] * len(neighbours)
    order: list[int] = []
    while heap:
        d, node = heapq.heappop(heap)
        if removed[node] or d != degree[node]:
            continue
        removed[node] = True
        order.append(node)
        for other in neighbours[node]:
            if not removed[other]:
                degree[other] -= 1
                heapq.heappush(heap, (degree[other], other))
    return order[::-1]
