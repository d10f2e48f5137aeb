"""Render parameters, and the short hash by which a journal knows them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

DRAW_VERSION = 1
"""Raised whenever the same parameters would draw other pixels."""


def _fingerprint(name: str, values: dict[str, object]) -> str:
    record = {"style": name, "draw_version": DRAW_VERSION, **values}
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class MarkStyle:
    """How marks are drawn. Lengths are pixels on a picture whose short side is 480; they grow with it.

    Args:
        enlarge_below: A picture with a shorter short side is enlarged first.
        enlarge_to: The short side it gets.
        max_enlarge: Largest factor of enlargement.
        max_enlarged_side: No picture is enlarged beyond this long side.
        max_long_side: A longer picture is reduced first.
        contour_px: Width of the coloured line, without its halo.
        label_px: Height of a label.
        compact_label_px: Height of a label where the normal one finds no place.
        hide_at_most: Largest share of a segment that a label may cover, its own or another's. A segment
            smaller than a label divided by this share is `small`: no label is put on it.
        max_labels_per_mark: Labels of one segment that is in several parts.
        part_share: Share of its segment from which a disjoint part gets a label of its own.
    """

    enlarge_below: int = 400
    enlarge_to: int = 480
    max_enlarge: float = 4.0
    max_enlarged_side: int = 1024
    max_long_side: int = 2048
    contour_px: int = 2
    label_px: int = 20
    compact_label_px: int = 15
    hide_at_most: float = 1 / 16
    max_labels_per_mark: int = 3
    part_share: float = 0.15

    def fingerprint(self) -> str:
        """Stable short hash of all parameters and of `DRAW_VERSION`."""
        return _fingerprint("marks", asdict(self))


@dataclass(frozen=True, slots=True)
class CropStyle:
    """How focal crops are cut and which segments get one.

    Args:
        context: Side of the crop as a multiple of the segment's box.
        min_side: Smallest side of the crop, in pixels of the picture.
        enlarge_to: The short side is enlarged to this,
        max_long_side: but the long side never beyond this.
        max_area_share: Segments up to this share of the picture need a crop,
        max_box_share: unless their box is longer than this share of the picture's long side, when a crop
            would show little more than the picture does.
    """

    context: float = 3.0
    min_side: int = 48
    enlarge_to: int = 224
    max_long_side: int = 448
    max_area_share: float = 0.003
    max_box_share: float = 0.25

    def fingerprint(self) -> str:
        """Stable short hash of all parameters and of `DRAW_VERSION`."""
        return _fingerprint("crops", asdict(self))
