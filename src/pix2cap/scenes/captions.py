"""True captions by rule: every clause is a fact of the scene, phrased in one of several ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from pix2cap.scenes.facts import GroundFacts, Horizontal, ObjectFacts, Vertical

PLACES: Final[dict[tuple[Horizontal, Vertical], tuple[str, str]]] = {
    ("left", "top"): ("in the top left", "toward the upper left corner"),
    ("center", "top"): ("at the top center", "in the middle of the top third"),
    ("right", "top"): ("in the top right", "toward the upper right corner"),
    ("left", "middle"): ("on the left side, halfway down", "in the middle of the left side"),
    ("center", "middle"): ("in the center", "near the middle of the scene"),
    ("right", "middle"): ("on the right side, halfway down", "in the middle of the right side"),
    ("left", "bottom"): ("in the bottom left", "toward the lower left corner"),
    ("center", "bottom"): ("at the bottom center", "in the middle of the bottom third"),
    ("right", "bottom"): ("in the bottom right", "toward the lower right corner"),
}
_MARKS: Final = {
    "striped": "stripes",
    "dotted": "dots",
    "checkered": "squares",
    "zigzag": "zigzag stripes",
}
_BEFORE: Final = {
    "sky": ("against the sky", "up in the sky"),
    "grass": ("on the grass", "over the green grass"),
    "sand": ("on the sand", "over the pale sand"),
    "water": ("on the water", "over the rippling water"),
    "brick wall": ("against the brick wall", "in front of the brick wall"),
    "wooden floor": ("on the wooden floor", "over the floor boards"),
    "snow": ("on the snow", "over the white snow"),
    "road": ("on the road", "over the gray road"),
}
_GROUND_LOOKS: Final = {
    "sky": "Blue sky with pale soft clouds",
    "grass": "A patch of green grass with fine upright blades",
    "sand": "Fine tan sand with faint ripples",
    "water": "Dark blue water with small pale glints",
    "brick wall": "A reddish brown brick wall with pale mortar lines",
    "wooden floor": "A brown wooden floor of long horizontal boards",
    "snow": "Smooth white snow with faint bluish drifts",
    "road": "A gray stretch of plain grainy road",
}
OBJECT_TEMPLATES: Final[tuple[str, ...]] = (
    "A {size} {pattern} {shape} {place}{relation}.",
    "{Place}, a {size} {shape} in {color}{marks}{relation}.",
    "The {shape} {place} is {size} and {color}{marks}{relation}.",
    "There is a {color} {shape}{marks} {place}, {size}{relation}.",
    "{Color}{marks} and {size}, this {shape} is {place}{relation}.",
    "A {shape} of {size_noun} size, {color}{marks}, lies {place}{relation}.",
    "This {size} {shape} {place} is {surface}{relation}.",
)
_NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def caption_object(rng: np.random.Generator, segment_id: int, objects: Mapping[int, ObjectFacts]) -> str:
    """One sentence about an object: colour, texture, shape, size, place and what surrounds it."""
    fact = objects[segment_id]
    place = _either(rng, *PLACES[fact.horizontal, fact.vertical])
    marks = "" if fact.accent is None else f" with {fact.accent} {_MARKS[fact.texture]}"
    words = {
        "size": fact.size,
        "size_noun": fact.size.removesuffix("-sized"),
        "shape": fact.shape,
        "color": fact.color,
        "Color": fact.color.capitalize(),
        "pattern": _pattern(fact),
        "surface": f"plain {fact.color}" if fact.accent is None else f"{fact.color}{marks}",
        "marks": marks,
        "place": place,
        "Place": place[0].upper() + place[1:],
        "relation": _relation_clause(rng, fact, objects),
    }
    template = OBJECT_TEMPLATES[int(rng.integers(len(OBJECT_TEMPLATES)))]
    return _fix_articles(template.format(**words))


def caption_ground(rng: np.random.Generator, ground: GroundFacts, objects: Mapping[int, ObjectFacts]) -> str:
    """One sentence about a ground: its look, its place and what stands before it."""
    look = _GROUND_LOOKS[ground.name]
    if ground.above is None and ground.below is None:
        place = "fills the whole background"
    elif ground.above is None:
        place = f"fills the upper part of the scene, above the {ground.below}"
    elif ground.below is None:
        place = f"covers the bottom of the scene, below the {ground.above}"
    else:
        place = f"runs across the scene between the {ground.above} and the {ground.below}"
    ids = ground.object_ids
    if not ids:
        return f"{look} {place}, with no single shape wholly inside it."
    first = objects[ids[int(rng.integers(len(ids)))]]
    named = f"the {first.color} {first.shape}"
    if len(ids) == 1:
        return f"{look} {place}, behind {named}."
    others = f"{_NUMBERS[len(ids) - 1]} other shape{'s' if len(ids) > 2 else ''}"
    return f"{look} {place}, behind {named} and {others}."


def _pattern(fact: ObjectFacts) -> str:
    color, accent = fact.color, fact.accent
    return {
        "plain": f"plain {color}",
        "striped": f"{accent}-striped {color}",
        "dotted": f"{accent}-dotted {color}",
        "checkered": f"{color} and {accent} checkered",
        "zigzag": f"{accent}-zigzagged {color}",
    }[fact.texture]


def _either(rng: np.random.Generator, one: str, other: str) -> str:
    return (one, other)[int(rng.integers(2))]


def _named(fact: ObjectFacts) -> str:
    return f"the {fact.color} {fact.shape}"


def _relation_clause(rng: np.random.Generator, fact: ObjectFacts, objects: Mapping[int, ObjectFacts]) -> str:
    """Up to two facts about the surroundings, each beginning with a comma or a space."""
    clauses = []
    if fact.hidden_by:
        others = " and ".join(_named(objects[i]) for i in fact.hidden_by)
        clauses.append(
            _either(rng, f", partly hidden behind {others}", f", with a part of it behind {others}")
        )
    elif fact.hides:
        others = _named(objects[fact.hides[0]])
        clauses.append(_either(rng, f", partly covering {others}", f", in front of {others}"))
    if fact.cut_by:
        edges = " and ".join(fact.cut_by)
        noun = "edges" if len(fact.cut_by) > 1 else "edge"
        cut = f", cut off by the {edges} {noun}"
        clauses.append(_either(rng, cut, f", running out of view at the {edges} {noun}"))
    tangled = {*fact.hidden_by, *fact.hides}
    near = [relation for relation in fact.relations if relation.other_id not in tangled]
    if near and rng.random() < 0.75:
        relation = near[0]
        kind = {"left of": "to the left of", "right of": "to the right of"}.get(relation.kind, relation.kind)
        just = "just " if relation.is_near else ""
        clauses.append(f", {just}{kind} {_named(objects[relation.other_id])}")
    if fact.ground is not None and len(clauses) < 2:
        clauses.append(f", {_either(rng, *_BEFORE[fact.ground])}")
    return "".join(clauses[:2]) or ", in full view"


def _fix_articles(text: str) -> str:
    """`a orange` to `an orange`; the only vowels at stake are the ones of our own short vocabulary."""
    for word in ("orange", "arrow"):
        text = text.replace(f" a {word}", f" an {word}").replace(f"A {word}", f"An {word}")
    return text
