"""Where a segment lies seen from others, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from pix2cap.vlm.describe_contacts import Neighbour
from pix2cap.vlm.describe_looks import Look
from pix2cap.vlm.describe_nouns import with_article
from pix2cap.vlm.describe_phrases import Chooser, color_adjective

_SIDES: Final[Mapping[str, tuple[str, ...]]] = {
    "above": ("just above {}", "directly above {}", "immediately above {}"),
    "below": ("just below {}", "directly below {}", "immediately below {}"),
    "left": ("to the left of {}", "just left of {}"),
    "right": ("to the right of {}", "just right of {}"),
}


def relations_of(look: Look, looks: Mapping[int, Look], choose: Chooser) -> list[str]:
    """Up to two relations to segments of different classes, the most telling first."""
    links = [link for link in look.neighbours if link.share >= 0.04]
    links.sort(key=lambda link: (-_worth(link, look, looks[link.other_id]), link.other_id))
    phrases: list[str] = []
    names: set[str] = set()
    for link in links:
        name = looks[link.other_id].noun.text
        if name in names or len(phrases) == 2:
            continue
        names.add(name)
        phrase = relation_phrase(link, look, looks, choose)
        for _ in range(3):
            # Two relations with the same preposition would jingle.
            if not phrases or phrase.split()[0] != phrases[0].split()[0]:
                break
            phrase = relation_phrase(link, look, looks, choose)
        phrases.append(phrase)
        if link.kind == "surrounding":
            break
    if len(phrases) < 2:
        phrases += _far_relation(look, looks, choose, names)
    return phrases


def _worth(link: Neighbour, look: Look, other: Look) -> float:
    """How much a neighbour tells: long borders, things, clear sides; hardly anything where it is a speck."""
    value = math.sqrt(link.share) * (1.5 if other.is_thing else 1.0)
    value *= 1.35 if link.side or link.kind == "surrounding" else 1.0
    return value * (0.3 if other.area < 0.25 * look.area and other.share < 0.004 else 1.0)


def _far_relation(look: Look, looks: Mapping[int, Look], choose: Chooser, names: set[str]) -> list[str]:
    """The nearest other thing that lies clearly on one side, in a list of one, or nothing."""
    found: list[tuple[float, int, str]] = []
    x, y = look.center_unit
    box = look.box_unit
    for other in looks.values():
        if other.segment_id == look.segment_id or not other.is_thing or other.noun.text in names:
            continue
        if other.share < 0.004 and other.area < look.area:
            continue
        dx, dy = other.center_unit[0] - x, other.center_unit[1] - y
        there = other.box_unit
        side = ""
        if abs(dx) >= 1.5 * abs(dy) and (there[0] >= box[2] or there[2] <= box[0]):
            side = "to the left of" if dx > 0 else "to the right of"
        elif abs(dy) >= 1.5 * abs(dx) and (there[1] >= box[3] or there[3] <= box[1]):
            side = "above" if dy > 0 else "below"
        if side:
            found.append((dx * dx + dy * dy, other.segment_id, side))
    if not found:
        return []
    _, other_id, side = min(found)
    return [f"{side} {refer_to(looks[other_id], look, looks, choose)}"]


def refer_to(other: Look, look: Look, looks: Mapping[int, Look], choose: Chooser) -> str:
    """How a caption about `look` names another segment."""
    noun = other.noun
    if other.is_crowd:
        return f"a group of {noun.plural}"
    if noun.number != "one" or not other.is_thing:
        return f"the {noun.text}"
    kin = sum(candidate.noun.text == noun.text for candidate in looks.values())
    if noun.text == look.noun.text:
        return f"{'the other' if kin == 2 else 'another'} {noun.text}"
    adjective = color_adjective(other) if other.colors.kind == "one" and choose.chance(60) else ""
    named = f"{adjective} {noun.text}".strip()
    return f"the {named}" if kin == 1 else with_article(named)


def relation_phrase(link: Neighbour, look: Look, looks: Mapping[int, Look], choose: Chooser) -> str:
    """`just above the grass`: where it lies seen from a neighbour."""
    other = looks[link.other_id]
    name = refer_to(other, look, looks, choose)
    return choose.pick(_options(link, look, other)).format(name)


def _options(link: Neighbour, look: Look, other: Look) -> tuple[str, ...]:
    """The wordings that are true of a border."""
    if link.kind == "surrounding":
        return "surrounded by {}", "with {} on all sides", "wholly surrounded by {}"
    if link.side is not None and _centers_agree(link, look, other):
        return _SIDES[link.side]
    if link.share >= 0.55 and link.kind == "touching":
        most = "it" if look.noun.verb == "is" else "them"
        options = ("mostly surrounded by {}", f"with {{}} around most of {most}", "largely enclosed by {}")
        return (*options, "seen against {}") if look.is_thing and not other.is_thing else options
    if not look.is_thing and _share_of(other, look) >= 0.6:
        return "around {}", "on most sides of {}"
    if link.kind == "near":
        return "close to {}", "near {}", "a little way from {}"
    return "next to {}", "beside {}", "touching {}", "alongside {}", "against {}"


def _share_of(other: Look, look: Look) -> float:
    """The part of the other's border that faces `look`."""
    return next((link.share for link in other.neighbours if link.other_id == look.segment_id), 0.0)


def _centers_agree(link: Neighbour, look: Look, other: Look) -> bool:
    """A border may run along one side while the bulk lies on another; then no side is named."""
    dx = look.center_unit[0] - other.center_unit[0]
    dy = look.center_unit[1] - other.center_unit[1]
    return {"left": dx < -0.02, "right": dx > 0.02, "above": dy < -0.02, "below": dy > 0.02}[
        link.side or "left"
    ]
