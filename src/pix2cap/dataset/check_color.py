"""Colours that a caption gives to its subject, against the pixels of its mask.

Light, shadow and tinted lamps change what a camera sees of a colour, so a claim is contradicted only where
hardly
a pixel of the segment could be called by its name, neither as it is nor after the picture's cast and exposure
were evened out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pix2cap.annotate.findings import Finding
from pix2cap.text.classes import lexicon
from pix2cap.text.color_claims import ColorClaim, color_claims
from pix2cap.text.color_ranges import could_be, is_clearly
from pix2cap.text.colors import name_colors, rgb_to_lab

_SAMPLE: Final = 1500
_LEAST_PIXELS: Final = 120
"""Smaller segments hold too few pixels that are free of their neighbours' blur."""
_LEAST_PERSON_PIXELS: Final = 1200
_GREY_PICTURE: Final = 5.0
"""Below this chroma (95th percentile) a picture is black and white, and tells no colour."""
_HARDLY_ANY: Final = 0.12
"""Share of a subject's pixels that must at least be able to bear its colour's name."""
_FEW: Final = 0.35
_CLEARLY: Final = 0.04
"""Where few could bear the name, this share must bear it clearly."""
_GARMENT: Final = 0.06


@dataclass(frozen=True, slots=True)
class PictureLight:
    """How a picture is lit.

    Args:
        gains: `(3,)` factors of R, G and B that even out cast and exposure.
        is_grey: True for black-and-white pictures.
    """

    gains: NDArray[np.float64]
    is_grey: bool


def picture_light(rgb: NDArray[np.uint8]) -> PictureLight:
    """Estimate cast and exposure from all pixels (grey world, tempered; the brightest parts are near white).

    Args:
        rgb: `(H, W, 3)` uint8.
    """
    pixels = _every(rgb.reshape(-1, 3), 8000)
    lab = rgb_to_lab(pixels)
    mean = np.maximum(pixels.mean(axis=0), 1.0)
    cast = 1 + 0.7 * (mean.mean() / mean - 1)
    exposure = np.clip(95 / max(float(np.percentile(lab[:, 0], 97)), 1.0), 1.0, 1.8)
    chroma = np.percentile(np.hypot(lab[:, 1], lab[:, 2]), 95)
    return PictureLight(cast * exposure, bool(chroma < _GREY_PICTURE))


class SegmentColors:
    """The colours of one segment; shares are worked out when they are asked for.

    Args:
        rgb: `(N, 3)` uint8, pixels of the segment.
        light: Of its picture.
        pixels: How many pixels it has in all.
    """

    def __init__(self, rgb: NDArray[np.uint8], light: PictureLight, pixels: int) -> None:
        self._rgb = rgb
        self._light = light
        self.pixels = pixels
        self._shares: dict[str, tuple[float, float]] = {}

    @cached_property
    def _labs(self) -> tuple[NDArray[np.float64], ...]:
        evened = np.clip(self._rgb * self._light.gains, 0, 255).astype(np.uint8)
        return rgb_to_lab(self._rgb), rgb_to_lab(evened)

    def shares(self, name: str) -> tuple[float, float]:
        """Shares of pixels that could, and that clearly do, bear a colour's name, in the kinder light."""
        if name not in self._shares:
            could = max(float(could_be(name, lab).mean()) for lab in self._labs)
            clearly = max(float(is_clearly(name, lab).mean()) for lab in self._labs)
            self._shares[name] = could, clearly
        return self._shares[name]

    def spoken(self) -> str:
        """The one or two colours that most of it has, for people."""
        names, counts = np.unique(name_colors(self._rgb), return_counts=True)
        order = np.argsort(-counts)[:2]
        kept = [str(names[i]) for i in order if counts[i] >= 0.2 * counts.sum()] or [str(names[order[0]])]
        return " and ".join(kept)


def segment_colors(
    rgb: NDArray[np.uint8], mask: NDArray[np.bool_], box_xyxy: Sequence[int], light: PictureLight
) -> SegmentColors:
    """Sample a segment's pixels evenly.

    Args:
        rgb: `(H, W, 3)` uint8, the picture.
        mask: The segment inside its box.
        box_xyxy: That box.
        light: Of the picture.
    """
    x0, y0, x1, y1 = box_xyxy
    pixels = rgb[y0:y1, x0:x1][mask]
    return SegmentColors(_every(pixels, _SAMPLE), light, len(pixels))


def claims_of(text: str, class_name: str) -> list[ColorClaim]:
    """Colours that an English caption gives to its subject, by the nouns of the class lexicon."""
    return color_claims(text, lexicon().knows, is_person=class_name == "person")


def check_color(text: str, class_name: str, colors: SegmentColors | None) -> Finding | None:
    """Find a colour of the subject that the segment's pixels contradict.

    Args:
        text: An English caption.
        class_name: The segment's class; people's colours are those of their clothes.
        colors: The segment's pixels; None where there are none to look at.
    """
    if colors is None or not is_told(colors, class_name):
        return None
    for claim in claims_of(text, class_name):
        sure = contradiction(claim, colors)
        if sure:
            named = " or ".join(claim.names)
            return Finding(
                "colour",
                f"The caption calls it {named} ({claim.words!r}), but its pixels are {colors.spoken()}.",
                confidence=sure,
            )
    return None


def is_told(colors: SegmentColors, class_name: str) -> bool:
    """True where a segment is large enough, in a picture with colours, to tell its own."""
    least = _LEAST_PERSON_PIXELS if class_name == "person" else _LEAST_PIXELS
    # The housing of a traffic light is not what a green light is about.
    return (
        not colors._light.is_grey and colors.pixels >= least and class_name not in {"traffic light", "light"}
    )


def contradiction(claim: ColorClaim, colors: SegmentColors) -> float:
    """How sure it is that none of the claim's colours is there: 0 where it may be, else 0.6 to 0.9."""
    could = max(colors.shares(name)[0] for name in claim.names)
    if not claim.is_whole:
        return 0.6 if could < _GARMENT else 0.0
    clearly = max(colors.shares(name)[1] for name in claim.names)
    if could < _HARDLY_ANY:
        return round(0.9 - 2 * could, 2)
    return 0.6 if could < _FEW and clearly < _CLEARLY else 0.0


def _every(pixels: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """At most so many rows, evenly spread, the same each time."""
    if len(pixels) <= most:
        return pixels
    return pixels[np.linspace(0, len(pixels) - 1, most).astype(np.intp)]
