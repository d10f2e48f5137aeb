"""Whether a caption gives its segment a place in the picture, on either axis.

`sides.side_claims` finds what may be held against a caption. Here little may be missed, and centres count
too: what is found makes a caption doubtful once its picture was cropped.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from pix2cap.text.sides import side_claims

Axis = Literal["horizontal", "vertical"]

_WORD: Final = (
    r"(?:top|upper|uppermost|bottom|lower|lowermost|left|right|leftmost|rightmost|cent(?:er|re)|middle|mid)"
    r"(?:-hand|most)?"
)
_FRAME: Final = (
    r"(?:picture|image|photo(?:graph)?|frame|scene|view|shot|composition|screen"
    r"|top|bottom|upper|lower|left|right)"
)
_PHRASE: Final = re.compile(
    rf"""(?:\b(?:at|in|on|near|along|toward|towards|from|across|within|into|by|to|over|up|down|fills?|covers?
        |spans?|running\ out\ of\ view\ at|cut\ off\ by)\s+
      (?:the\s+)?(?:(?:very|far|extreme|immediate|exact|dead|whole|entire)\s+)*
      (?P<words>{_WORD}(?:(?:[\s-]+|\s+and\s+){_WORD})*)
    | \b(?P<half>halfway|midway)\s+(?:up|down)
    | ^\s*(?P<head>{_WORD}(?:[\s-]+{_WORD})*)\s*,
    | \b(?P<beside>left|right|above|below)\s+(?:of\s+)?(?:the\s+)?cent(?:er|re))\b
    (?!\s+of\s+(?!(?:the|this)\s+(?:whole\s+)?{_FRAME}\b))
    (?!\s+(?:side|half|part|edge|end|corner)\s+of\s+(?!(?:the|this)\s+(?:whole\s+)?{_FRAME}\b))
    """,
    re.I | re.X,
)
_HORIZONTAL: Final = re.compile(r"left|right|cent(?:er|re)|mid", re.I)
_VERTICAL: Final = re.compile(r"top|upper|bottom|lower|cent(?:er|re)|mid|above|below", re.I)


def place_axes(text: str) -> frozenset[Axis]:
    """The axes on which an English caption says where in the picture its segment is.

    Example:
        >>> sorted(place_axes("A cup in the top left, left of a plate."))
        ['horizontal', 'vertical']
        >>> place_axes("A cup left of a plate, on the right side of the table.")
        frozenset()
    """
    found: set[Axis] = set()
    for claim in side_claims(text):
        found.add("horizontal" if claim.side in ("left", "right") else "vertical")
    for match in _PHRASE.finditer(text):
        if match["half"]:
            found.add("vertical")
            continue
        words = match["words"] or match["head"] or match["beside"]
        found |= {"horizontal"} if _HORIZONTAL.search(words) else set()
        found |= {"vertical"} if _VERTICAL.search(words) else set()
    return frozenset(found)
