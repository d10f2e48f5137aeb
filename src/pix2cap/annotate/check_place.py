"""Captions that put a segment on the wrong side of the picture."""

from __future__ import annotations

from typing import Final

from pix2cap.annotate.findings import Box, Finding
from pix2cap.text.sides import side_claims

_CLEAR: Final[dict[str, str]] = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}


def check_side(
    text: str, box_unit: Box, *, centroid_unit: tuple[float, float] | None = None
) -> Finding | None:
    """Find a claim about the picture's sides that the segment's box clearly contradicts.

    Args:
        text: An English caption.
        box_unit: The segment's box, 0..1.
        centroid_unit: Its centre of mass `(x, y)`, 0..1, where known.
    """
    for claim in side_claims(text):
        if contradicted(
            claim.side, box_unit, centroid_unit=centroid_unit, margin=claim.margin, is_edge=claim.is_edge
        ):
            return Finding(
                "side",
                f"The caption puts it at the {claim.side} of the picture ({claim.words!r}), but it lies"
                f" at the {_CLEAR[claim.side]}.",
                confidence=0.85,
            )
    return None


def contradicted(
    side: str,
    box_unit: Box,
    *,
    centroid_unit: tuple[float, float] | None = None,
    margin: float = 0.0,
    is_edge: bool = False,
) -> bool:
    """True where a segment lies clearly on the other side: hardly any of it on the side claimed.

    Measured on 1,029 claims of real captions: of those that speak of their own segment none has more than
    these distances.

    Args:
        side: `left`, `right`, `top` or `bottom`.
        box_unit: The segment's box, 0..1.
        centroid_unit: Its centre of mass, where known; else the box's centre stands for it.
        margin: How much further over the segment must lie, for claims that may be about a neighbour.
        is_edge: Whether the claim is of an edge or corner, so that the segment may reach nearer to it.
    """
    axis = 0 if side in {"left", "right"} else 1
    low, high = box_unit[axis], box_unit[axis + 2]
    centre = centroid_unit[axis] if centroid_unit else (low + high) / 2
    if side in {"right", "bottom"}:
        low, high, centre = 1 - high, 1 - low, 1 - centre
    nearer = 0.05 if is_edge and not margin else 0.0
    return low > 0.36 + margin - nearer and centre > 0.58 + 0.9 * margin - nearer
