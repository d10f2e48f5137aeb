"""Captions exchanged between two segments of a picture, told by class, colour, place and size together.

Classes alone tell a swap of a dog and a chair (`annotate.check_class`). Of two zebras only what the
captions say of
colour and place can: each caption is held against both segments, and a swap is found where both fit the
other one
better, and one of them clearly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from pix2cap.annotate.findings import Finding
from pix2cap.dataset.check_color import claims_of, is_told
from pix2cap.dataset.check_scene import CheckedScene, Place
from pix2cap.text.classes import ClassSense, are_kin, fit, sense_of, subject_of
from pix2cap.text.color_claims import ColorClaim
from pix2cap.text.sides import SideClaim, side_claims
from pix2cap.text.subject import Subject

_CLEAR: Final = 1.2
"""Least gain of both captions together, in units of one claim that fits there fully and here not at all.

Measured on 2,867 pairs of real captions that could be exchanged by class: none gains more than 1.0.
"""
_BOTH: Final = 0.7
_EACH: Final = 0.1
"""Where each of the two gains this, that much together is enough; no real pair has both."""
_SURE: Final = 1.8
_SMALL: Final = re.compile(
    r"^\W*(?:an?|the|one|only)?\s*(?:\w+\s+)?(?:tiny|small|little|sliver|distant|smallest|fragment)\b", re.I
)
_LARGE: Final = re.compile(
    r"^\W*(?:an?|the|one)?\s*(?:\w+\s+)?(?:large|huge|big|largest|nearest|massive|giant)\b", re.I
)
_FIRST: Final = re.compile(r"\b(leftmost|rightmost|left one|right one|left-hand one|right-hand one)\b", re.I)


@dataclass(frozen=True, slots=True)
class _Told:
    """What one caption says that can be held against any segment."""

    subject: Subject
    sides: tuple[SideClaim, ...]
    colors: tuple[ColorClaim, ...]
    first: str
    size: int


def check_swaps(texts: Mapping[int, str], scene: CheckedScene) -> dict[int, Finding]:
    """Find pairs of captions that fit each other's segments clearly better than their own.

    Args:
        texts: Segment id to English caption; those in which a surer fault was found are left out.
        scene: The image, with places and colours where they are known.

    Returns:
        Segment id to a `swap` finding.
    """
    names = frozenset(scene.class_names.values())
    told = {
        s: _read(t, scene.class_names[s], names)
        for s, t in texts.items()
        if s in scene.places and s in scene.class_names
    }
    senses = {s: sense_of(scene.class_names[s]) for s in told}
    pairs = []
    for first, second in combinations(sorted(told), 2):
        if not _may_be(told[first].subject, senses[first], told[second].subject, senses[second]):
            continue
        gains = _gain(told[first], first, second, scene), _gain(told[second], second, first, scene)
        if min(gains) >= 0 and (sum(gains) >= _CLEAR or (sum(gains) >= _BOTH and min(gains) >= _EACH)):
            pairs.append((sum(gains), first, second))
    found: dict[int, Finding] = {}
    for gain, first, second in sorted(pairs, reverse=True):
        if first in found or second in found:
            continue
        for s, other in ((first, second), (second, first)):
            found[s] = Finding(
                "swap",
                f"Place, colour and size fit segment {other} ({scene.class_names[other]!r}) better than this"
                " one; two captions seem to be exchanged.",
                confidence=0.75 if gain >= _SURE else 0.6,
            )
    return found


def _read(text: str, class_name: str, names: frozenset[str]) -> _Told:
    first = _FIRST.search(text)
    size = bool(_LARGE.search(text)) - bool(_SMALL.search(text))
    return _Told(
        subject_of(text, names),
        tuple(claim for claim in side_claims(text) if claim.margin < 0.2),
        tuple(claims_of(text, class_name)),
        "" if first is None else first[0].split("-")[0].split()[0].removesuffix("most").lower(),
        size,
    )


def _may_be(first: Subject, sense_a: ClassSense, second: Subject, sense_b: ClassSense) -> bool:
    """True where by class each caption could belong to the other's segment as well as to its own."""
    if sense_a.name == sense_b.name:
        return True
    if not are_kin(sense_a.classes, sense_b.classes):
        return False
    return fit(first, sense_b) >= fit(first, sense_a) and fit(second, sense_a) >= fit(second, sense_b)


def _gain(told: _Told, own: int, other: int, scene: CheckedScene) -> float:
    """How much better what a caption tells fits the other segment, 1 a claim that fits there and not here."""
    here, there = scene.places[own], scene.places[other]
    gain = sum(
        (0.5 if claim.margin else 1.0) * (_lies(claim.side, there) - _lies(claim.side, here))
        for claim in told.sides
    )
    if told.first:
        apart = there.centroid_unit[0] - here.centroid_unit[0]
        gain += max(-1.0, min(1.0, 3 * (-apart if told.first == "left" else apart)))
    if told.size:
        ratio = math.log2(max(there.area_unit, 1e-6) / max(here.area_unit, 1e-6))
        gain += 0.5 * max(-1.0, min(1.0, told.size * ratio / 4))
    colors, others = scene.colors.get(own), scene.colors.get(other)
    name = scene.class_names[own]
    if colors and others and is_told(colors, name) and is_told(others, name):
        for claim in told.colors:
            weight = 1.0 if claim.is_whole else 0.7
            shares = [max(c.shares(n)[1] for n in claim.names) for c in (others, colors)]
            gain += weight * (_bears(shares[0], claim) - _bears(shares[1], claim))
    return gain


def _lies(side: str, place: Place) -> float:
    """How far a segment lies on a side: 1 well on it, 0 well off it."""
    at = place.centroid_unit[0 if side in {"left", "right"} else 1]
    at = 1 - at if side in {"right", "bottom"} else at
    return max(0.0, min(1.0, (0.75 - at) / 0.5))


def _bears(share: float, claim: ColorClaim) -> float:
    """How far pixels bear a colour: 1 where about as many as a subject, or a garment, would have."""
    return min(1.0, share / (0.35 if claim.is_whole else 0.12))
