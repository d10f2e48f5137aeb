"""A segment's colours in words, said only where a clear share of its pixels agrees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.core import PanopticMap
from pix2cap.text.colors import name_colors, shade_color

_MOST_SAMPLES: Final = 420
_FEWEST_SAMPLES: Final = 12
_ALONE: Final = 0.62
_PAIR: Final = 0.27
_TOGETHER: Final = 0.70
_HUES: Final = frozenset({"red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink"})
_EARTHY: Final = ("brown", "tan", "beige", "orange")
_FAMILIES: Final = (
    ("black", "gray", "white"),
    (*_EARTHY, "yellow"),
    ("red", "pink"),
    ("green",),
    ("blue", "turquoise"),
    ("purple",),
)
"""Names that only light may tell apart; something is of many colours where three families take part."""
_LUMA: Final = np.array([0.299, 0.587, 0.114])
_COLORLESS: Final = 12
"""Largest minus smallest channel below which a picture counts as black and white."""
_TINTED: Final = 15
"""The same difference from which something nearly black may have been of any colour by daylight."""


@dataclass(frozen=True, slots=True)
class Colors:
    """What may be said of a segment's colours.

    Args:
        kind: `one` (nearly all of it), `pair` (two of similar weight), `mostly` (one, with a little of
            the second where there is one), `partly` (a vivid colour covers a quarter or more), `many` (no
            colour prevails), `tone` (light, dark or warm, no more), `none` (nothing, or too few pixels).
        names: The colours meant, the commonest first, with `dark` or `light` where that is sure.
        shares: Share of each of `names`.
    """

    kind: Literal["one", "pair", "mostly", "partly", "many", "tone", "none"]
    names: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()


def segment_colors(rgb: NDArray[np.uint8], panoptic: PanopticMap) -> dict[int, Colors]:
    """Colours of every segment, all named in one call.

    Args:
        rgb: `(H, W, 3)` uint8.
        panoptic: The map of the same size.
    """
    samples = {segment.id: _sample(rgb, panoptic, segment.id) for segment in panoptic.segments}
    if not samples:
        return {}
    pool = np.concatenate(list(samples.values()))
    is_gray_picture = float(np.percentile(np.ptp(pool, axis=1), 97)) < _COLORLESS
    names = name_colors(pool)
    colors = {}
    start = 0
    for segment_id, pixels in samples.items():
        found = _sum_up(names[start : start + len(pixels)], pixels)
        colors[segment_id] = _as_tone(found) if is_gray_picture else found
        start += len(pixels)
    return colors


def _sample(rgb: NDArray[np.uint8], panoptic: PanopticMap, segment_id: int) -> NDArray[np.uint8]:
    """Up to `_MOST_SAMPLES` pixels, evenly spread, away from the mask's rim where there is room."""
    x0, y0, x1, y1 = panoptic.by_id[segment_id].box_xyxy
    step = max(1, int(((x1 - x0) * (y1 - y0) / 12_000) ** 0.5))
    view = panoptic.id_map[y0:y1:step, x0:x1:step]
    mask = (view == segment_id).astype(np.uint8)
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    places = np.flatnonzero(inner)
    if len(places) < 40:
        places = np.flatnonzero(mask)
    if len(places) > _MOST_SAMPLES:
        places = places[np.linspace(0, len(places) - 1, _MOST_SAMPLES).astype(np.intp)]
    rows, columns = np.divmod(places, mask.shape[1])
    pixels: NDArray[np.uint8] = rgb[y0 + rows * step, x0 + columns * step]
    return pixels


def _sum_up(names: NDArray[np.str_], pixels: NDArray[np.uint8]) -> Colors:
    if len(names) < _FEWEST_SAMPLES:
        return Colors("none")
    found, inverse, counts = np.unique(names, return_inverse=True, return_counts=True)
    order = np.lexsort((found, -counts))
    shares = counts[order] / len(names)
    top = str(found[order[0]])
    if shares[0] >= _ALONE:
        red, green, blue = (int(v) for v in np.median(pixels[inverse == order[0]], axis=0))
        shade = shade_color((red, green, blue))
        if top == "black" and max(red, green, blue) - min(red, green, blue) >= _TINTED:
            shade = top = "very dark"  # a colour in deep shadow: darkness is all that is sure
        return Colors("one", (shade if shade.endswith(top) else top,), (float(shares[0]),))
    second = str(found[order[1]])
    both = float(shares[0] + shares[1])
    if shares[1] >= _PAIR and both >= _TOGETHER:
        return Colors("pair", (top, second), (float(shares[0]), float(shares[1])))
    if shares[0] >= 0.45 and both >= _TOGETHER:
        return Colors("mostly", (top, second), (float(shares[0]), float(shares[1])))
    if shares[0] >= 0.52:
        return Colors("mostly", (top,), (float(shares[0]),))
    by_name = dict(zip((str(name) for name in found[order]), shares.tolist(), strict=True))
    if sum(sum(by_name.get(name, 0.0) for name in family) >= 0.13 for family in _FAMILIES) >= 3:
        return Colors("many")
    earthy = sum(by_name.get(name, 0.0) for name in _EARTHY)
    if earthy >= 0.7:
        return Colors("tone", ("in warm brownish tones",), (earthy,))
    for place in order[:3]:
        if str(found[place]) in _HUES and counts[place] >= 0.24 * len(names):
            return Colors("partly", (str(found[place]),), (float(counts[place] / len(names)),))
    light = pixels.astype(np.float64) @ _LUMA
    for tone, agree in (("pale in tone", (light > 165).mean()), ("dark in tone", (light < 75).mean())):
        if agree >= 0.75:
            return Colors("tone", (tone,), (float(agree),))
    return Colors("none")


def _as_tone(colors: Colors) -> Colors:
    """In a black-and-white picture a gray says nothing of the thing's colour, only how light it is."""
    if colors.kind == "tone":
        return colors
    tone = {"black": "dark", "dark gray": "dark", "white": "pale", "light gray": "pale"}.get(
        colors.names[0] if colors.kind == "one" else ""
    )
    return Colors("one", (tone,), colors.shares) if tone else Colors("none")
