"""Sentences out of phrases: several plans, chosen by the image and segment, none twice in a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pix2cap.text.words import content_stems
from pix2cap.vlm.describe_looks import Look
from pix2cap.vlm.describe_nouns import with_article
from pix2cap.vlm.describe_phrases import (
    Chooser,
    color_adjective,
    color_clause,
    edge_phrase,
    form_phrase,
    parts_phrase,
    place,
    rank_phrase,
    size_phrase,
)
from pix2cap.vlm.describe_relations import relations_of

_MOST_WORDS: Final = 27
_ALIKE: Final = 0.8
_VARIANTS: Final = 8
_LOOK_BACK: Final = 300
"""Captions that a new one is compared with closely; equal ones are found however long ago they came."""
_VERBS: Final = {"is": ("is", "is", "is visible", "appears"), "are": ("are", "are", "are visible", "appear")}
_REACHING: Final = {"is": ("stretches", "extends", "runs"), "are": ("stretch", "extend", "run")}
_LEADING: Final = (
    "just",
    "directly",
    "immediately",
    "to the",
    "next",
    "beside",
    "alongside",
    "close",
    "near",
)
"""Beginnings of relations that read well at the head of a sentence."""
_HEARD_ONCE: Final = ("touching", "mostly", "largely", "reaching", "next", "beside", "partly")
"""Beginnings that jingle when two phrases of a sentence share one."""


def write_captions(looks: Mapping[int, Look], key: str) -> dict[int, str]:
    """A caption for every segment but crowds, no two of them alike.

    Args:
        looks: All segments of one picture.
        key: What the choices hang on besides the segment id, the image's id say.
    """
    captions: dict[int, str] = {}
    taken: list[frozenset[str]] = []
    said: set[frozenset[str]] = set()
    for look in looks.values():
        if look.is_crowd:
            continue
        text = ""
        for variant in range(_VARIANTS):
            text = _write(look, looks, Chooser(f"{key}:{look.segment_id}:{variant}"))
            stems = content_stems(text)
            if stems not in said and not any(_is_alike(stems, other) for other in taken[-_LOOK_BACK:]):
                break
        else:
            text = f"{text[:-1]}, {_whereabouts(look)}."
            stems = content_stems(text)
        taken.append(stems)
        said.add(stems)
        captions[look.segment_id] = text
    return captions


def _is_alike(stems: frozenset[str], other: frozenset[str]) -> bool:
    return len(stems & other) >= _ALIKE * len(stems | other)


def _whereabouts(look: Look) -> str:
    """Where and how large to the pixel, for segments that words cannot tell apart."""
    x0, y0, x1, y1 = look.box_xyxy
    x, y = (round(100 * value, 1) for value in look.center_unit)
    return (
        f"its middle {x:g} percent across and {y:g} percent down, {x1 - x0} pixels wide and {y1 - y0} tall"
        f" with {look.area} of them its own"
    )


@dataclass(frozen=True)
class _Parts:
    """The phrases of one segment: drawn once, put in order by one of the plans."""

    subject: str
    indefinite: str
    demonstrative: str
    is_ranked: bool
    place: str
    relation: str
    can_lead: bool
    tail: tuple[str, ...]
    be: str
    verb: str


def _write(look: Look, looks: Mapping[int, Look], choose: Chooser) -> str:
    parts = _draw(look, looks, choose)
    plans = [_plan_subject_first, _plan_subject_first]
    if parts.place:
        plans.append(_plan_place_first)
        if parts.indefinite:
            plans.append(_plan_there)
    if parts.can_lead:
        plans.append(_plan_relation_first)
    if parts.tail and not parts.is_ranked:
        plans.append(_plan_apposition)
    text, used = choose.pick(plans)(parts, choose)
    target = choose.pick(range(14, 22))
    for phrase in parts.tail:
        words = len(text.split())
        if words >= target:
            break
        jingles = phrase.split()[0] in _HEARD_ONCE and f" {phrase.split()[0]} " in f" {text.lower()} "
        if phrase != used and not jingles and words + len(phrase.split()) <= _MOST_WORDS:
            text += f", {phrase}"
    return f"{text[0].upper()}{text[1:]}."


def _draw(look: Look, looks: Mapping[int, Look], choose: Chooser) -> _Parts:
    """Draw the phrases of one segment, so that plans only have to order them."""
    noun = look.noun
    adjective = color_adjective(look)
    rank = rank_phrase(look, choose) if choose.chance(70) else ""
    named = f"{adjective} {noun.text}".strip()
    indefinite = "" if rank else with_article(named) if noun.number == "one" else named
    where = place(look, choose)
    is_across = where.startswith(("across", "along", "from"))
    relations = relations_of(look, looks, choose)
    color = color_clause(look, choose) if rank or not adjective else ""
    verb = choose.pick(_VERBS[noun.verb])
    return _Parts(
        subject=rank or (indefinite if look.is_thing or choose.chance(50) else f"the {named}"),
        indefinite=indefinite,
        demonstrative=f"{'these' if noun.number == 'many' else 'this'} {named}",
        is_ranked=bool(rank),
        place=where,
        relation=relations[0] if relations else "",
        can_lead=bool(relations) and relations[0].startswith(_LEADING) and noun.text not in relations[0],
        tail=_tail(look, relations, color, choose, is_ranked=bool(rank), is_across=is_across),
        be=noun.verb,
        verb=choose.pick(_REACHING[noun.verb]) if is_across and not look.is_thing else verb,
    )


def _tail(
    look: Look, relations: list[str], color: str, choose: Chooser, *, is_ranked: bool, is_across: bool
) -> tuple[str, ...]:
    """What may follow the main clause, most telling first; the caller stops when it is long enough."""
    form = "" if is_across and look.form in ("band", "wide", "tall") else form_phrase(look, choose)
    extras = [parts_phrase(look, choose), form, edge_phrase(look, choose)]
    start = choose.pick(range(len(extras)))
    is_large = look.share >= 0.21
    rank = rank_phrase(look, choose, is_aside=True) if not is_ranked and choose.chance(80) else ""
    tail = [
        color,
        rank,
        size_phrase(look) if is_large else "",
        *extras[start:],
        *extras[:start],
        *relations[1:],
        "" if is_large else size_phrase(look) or "taking up a modest part of the view",
    ]
    return tuple(phrase for phrase in tail if phrase)


def _seen(parts: _Parts, choose: Chooser) -> str:
    """A verb that the relation can follow."""
    if parts.relation.startswith("with "):
        return f"{parts.be} seen"
    if parts.relation.startswith(("seen", "mostly", "largely", "wholly", "surrounded")):
        return parts.be
    return choose.pick((parts.be, f"{parts.be} visible"))


def _plan_subject_first(parts: _Parts, choose: Chooser) -> tuple[str, str]:
    """`A brown horse is in the center, just above the grass`."""
    if not parts.place:
        return f"{parts.subject} {_seen(parts, choose)} {parts.relation or 'in plain view'}", ""
    text = f"{parts.subject} {parts.verb} {parts.place}"
    return (f"{text}, {parts.relation}" if parts.relation else text), ""


def _plan_place_first(parts: _Parts, choose: Chooser) -> tuple[str, str]:
    """`In the center, a brown horse is visible just above the grass`."""
    if not parts.relation:
        return f"{parts.place}, {parts.subject} {parts.be} visible", ""
    if not parts.is_ranked and not parts.place.endswith(("scene", "across")) and choose.chance(40):
        return f"{parts.place} {parts.be} {parts.subject}, {parts.relation}", ""
    return f"{parts.place}, {parts.subject} {_seen(parts, choose)} {parts.relation}", ""


def _plan_there(parts: _Parts, choose: Chooser) -> tuple[str, str]:
    """`There is a brown horse in the center, just above the grass`."""
    text = f"there {parts.be} {parts.indefinite} {parts.place}"
    return (f"{text}, {parts.relation}" if parts.relation else text), ""


def _plan_relation_first(parts: _Parts, choose: Chooser) -> tuple[str, str]:
    """`Just above the grass, a brown horse appears in the center`."""
    if not parts.place:
        return f"{parts.relation} {parts.be} {parts.subject}", ""
    return f"{parts.relation}, {parts.subject} {parts.verb} {parts.place}", ""


def _plan_apposition(parts: _Parts, choose: Chooser) -> tuple[str, str]:
    """`This brown horse, upright, is in the center, just above the grass`."""
    fact = parts.tail[0]
    verb = parts.be if parts.place else _seen(parts, choose)
    text = f"{parts.demonstrative}, {fact}, {verb} {parts.place or parts.relation or 'in plain view'}"
    return (f"{text}, {parts.relation}" if parts.place and parts.relation else text), fact
