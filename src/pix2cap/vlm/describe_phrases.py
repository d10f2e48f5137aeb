"""Facts of one segment as phrases: colours, place, size, shape, edges, parts, rank, neighbours."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from pix2cap.text.words import word_set
from pix2cap.vlm.describe_looks import Look

_T = TypeVar("_T")
_COUNTS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ORDINALS: Final = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
)
_COMPARED: Final[Mapping[str, tuple[str, str]]] = {
    "largest": ("largest", "larger"),
    "smallest": ("smallest", "smaller"),
    "highest": ("highest placed", "higher"),
    "lowest": ("lowest placed", "lower"),
}
LIVING: Final = word_set(
    "person people child man woman bird cat dog horse sheep cow elephant bear zebra giraffe"
)
_HUES_OF_CLOTHES: Final = frozenset({"blue", "green", "yellow", "purple", "turquoise", "red"})
"""Colours that on a person can only be what they wear; skin and hair are nobody's colour to name."""


class Chooser:
    """Choices that look free and are a function of a key."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._drawn = 0

    def pick(self, options: Sequence[_T]) -> _T:
        """One of the options; each call draws anew."""
        self._drawn += 1
        digest = hashlib.blake2b(f"{self._key}/{self._drawn}".encode(), digest_size=4).digest()
        return options[int.from_bytes(digest, "big") % len(options)]

    def chance(self, percent: int) -> bool:
        """True in about `percent` of all keys."""
        return self.pick(range(100)) < percent


def is_person(look: Look) -> bool:
    """People get no colour adjective."""
    return look.noun.text in ("person", "people", "man", "woman", "child")


def color_adjective(look: Look) -> str:
    """`dark blue`, `gray and white`, `multicolored`, or nothing where the pixels do not agree."""
    if is_person(look):
        return ""
    adjective = {
        "one": look.colors.names[0] if look.colors.names else "",
        "pair": " and ".join(look.colors.names),
        "many": "multicolored",
    }.get(look.colors.kind, "")
    return "" if look.noun.text in adjective.split() else adjective


def color_clause(look: Look, choose: Chooser) -> str:
    """A clause such as `mostly gray with some white`; nothing where no colour is sure."""
    colors = look.colors
    if is_person(look):
        for name, share in zip(colors.names, colors.shares, strict=True):
            if share >= 0.36 and name.split()[-1] in _HUES_OF_CLOTHES:
                return choose.pick(("with a lot of {} on show", "showing a good deal of {}")).format(name)
        return ""
    if colors.kind == "mostly" and len(colors.names) == 2:
        return choose.pick(("mostly {} with some {}", "largely {} with touches of {}")).format(*colors.names)
    if colors.kind == "mostly":
        return choose.pick(("mostly {}", "largely {}")).format(*colors.names)
    if colors.kind == "pair":
        return choose.pick(("{} and {} in color", "colored {} and {}")).format(*colors.names)
    if colors.kind == "partly":
        return choose.pick(("partly {}", "with a good deal of {} on {}")).format(
            colors.names[0], "it" if look.noun.verb == "is" else "them"
        )
    if colors.kind == "tone":
        return colors.names[0]
    if colors.kind == "one" and colors.names[0] in ("dark", "pale", "very dark"):
        return f"{colors.names[0]} nearly all over"
    if colors.kind == "one":
        return choose.pick(("{} nearly all over", "{} in color")).format(*colors.names)
    return choose.pick(("in many mixed colors", "with no single main color")) if colors.kind == "many" else ""


def place(look: Look, choose: Chooser) -> str:
    """Where it is in the picture, from centre and box; nothing where that is not clear."""
    x, y = look.center_unit
    x0, y0, x1, y1 = look.box_unit
    column = "left" if x < 0.36 else "right" if x > 0.64 else "center" if 0.41 <= x <= 0.59 else ""
    row = "top" if y < 0.35 else "bottom" if y > 0.65 else "middle" if 0.40 <= y <= 0.60 else ""
    if x1 - x0 >= 0.9 and y1 - y0 < 0.75:
        return {
            "top": choose.pick(("across the top", "along the top", "across the upper part")),
            "middle": "across the middle",
            "bottom": choose.pick(("across the bottom", "along the bottom", "across the lower part")),
        }.get(row, "from side to side")
    if y1 - y0 >= 0.9 and x1 - x0 < 0.6:
        return {"left": "from top to bottom on the left", "right": "from top to bottom on the right"}.get(
            column, "from top to bottom"
        )
    if x1 - x0 >= 0.85 and y1 - y0 >= 0.75:
        return ""
    return choose.pick(_PLACES[column, row])


def size_phrase(look: Look) -> str:
    """Its share of the picture as a participle or adjective phrase; nothing for a middling size."""
    for below, phrase in _SIZES:
        if look.share < below:
            return phrase
    return "taking up well over half of the view"


def form_phrase(look: Look, choose: Chooser) -> str:
    """Its shape, where the mask proves one."""
    if look.noun.text in LIVING:
        options = {"tall": ("upright", "much taller than wide"), "wide": ("stretched out sideways",)}
        return choose.pick(options.get(look.form, ("",)))
    return choose.pick(_FORMS[look.form])


def edge_phrase(look: Look, choose: Chooser) -> str:
    """The edges of the frame that it meets; nothing for three or more, which say little."""
    if not look.edges or len(look.edges) > 2 or look.form == "band":
        return ""
    edges = " and ".join(look.edges)
    noun = "edge" if len(look.edges) == 1 else "edges"
    return choose.pick(
        ("reaching the {} {}", "touching the {} {} of the view", "going all the way to the {} {}")
    ).format(edges, noun)


def parts_phrase(look: Look, choose: Chooser) -> str:
    """That it shows in several parts."""
    if look.parts < 2:
        return ""
    count = _COUNTS[look.parts] if look.parts < 5 else "several"
    return choose.pick(
        ("in {} separate parts", "broken up into {} parts", "showing in {} separate pieces")
    ).format(count)


def rank_phrase(look: Look, choose: Chooser, *, is_aside: bool = False) -> str:
    """`the leftmost of three chairs`: its place among its kind, where one is clear.

    Args:
        look: The segment.
        choose: Picks among the ranks that it has.
        is_aside: Leave the noun out (`the leftmost of three`), since the sentence has named it.
    """
    rank = look.rank
    if rank is None or rank.count > 10:
        return ""
    of = f"of {_COUNTS[rank.count]}" if is_aside else f"of {_COUNTS[rank.count]} {look.noun.plural}"
    options = []
    if rank.size:
        options.append(f"the {_COMPARED[rank.size][rank.count == 2]} {of}")
    if rank.height and rank.count <= 6:
        options.append(f"the {_COMPARED[rank.height][rank.count == 2]} {of}")
    if rank.order is not None and rank.count <= 6:
        options.append(_ordinal(rank.order, rank.count, of))
    return choose.pick(options) if options else ""


def _ordinal(order: int, count: int, of: str) -> str:
    if count == 2:
        return f"the {('left', 'right')[order]} one {of}"
    if order in (0, count - 1):
        return f"the {'leftmost' if order == 0 else 'rightmost'} {of}"
    if 2 * order == count - 1:
        return f"the middle one {of}"
    if 2 * order < count - 1:
        return f"the {_ORDINALS[order]} from the left {of}"
    return f"the {_ORDINALS[count - 1 - order]} from the right {of}"


_PLACES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("left", "top"): ("in the upper left", "toward the top left"),
    ("left", "middle"): ("on the left", "on the left side, about halfway down"),
    ("left", "bottom"): ("in the lower left", "toward the bottom left"),
    ("left", ""): ("on the left", "on the left side"),
    ("center", "top"): ("at the top center", "near the top, about halfway across"),
    ("center", "middle"): ("in the center", "near the middle of the scene"),
    ("center", "bottom"): ("at the bottom center", "near the bottom, about halfway across"),
    ("center", ""): ("about halfway across the scene", "near the center"),
    ("right", "top"): ("in the upper right", "toward the top right"),
    ("right", "middle"): ("on the right", "on the right side, about halfway down"),
    ("right", "bottom"): ("in the lower right", "toward the bottom right"),
    ("right", ""): ("on the right", "on the right side"),
    ("", "top"): ("near the top", "in the upper part of the scene"),
    ("", "middle"): ("about halfway down", "near the middle of the scene"),
    ("", "bottom"): ("near the bottom", "in the lower part of the scene"),
    ("", ""): ("",),
}
_SIZES: Final[tuple[tuple[float, str], ...]] = (
    (0.0025, "very small in the view"),
    (0.012, "quite small in the view"),
    (0.10, ""),
    (0.21, "fairly large in the view"),
    (0.29, "taking up about a quarter of the view"),
    (0.38, "taking up about a third of the view"),
    (0.45, "taking up well over a third of the view"),
    (0.55, "taking up about half of the view"),
)
_FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "tall": ("tall and narrow", "much taller than wide"),
    "wide": ("long and low", "much wider than tall"),
    "slanted": ("long and slanting", "stretched out at a slant"),
    "round": ("round in shape", "nearly circular"),
    "boxy": ("roughly rectangular", "rectangular in shape"),
    "band": ("in a long band from side to side", "as a wide strip"),
    "none": ("",),
}
