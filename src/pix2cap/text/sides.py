"""What a caption says of its segment's side of the picture.

"On the left" speaks of the picture; "left of the man", "his left hand", "facing left", "the left shelf"
and "on the left side of the plate" do not. Only the first kind is a claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pix2cap.text.subject import FINITE_VERBS

_SIDE: Final = r"(?:left|right)(?:-hand)?"
_LEVEL: Final = r"(?:top|bottom|upper|lower)(?:-?most)?"
_MIDDLE: Final = r"(?:mid|middle|cent(?:er|re))"
_PLACE: Final = (
    rf"(?:{_LEVEL}[\s-]+{_SIDE}|{_LEVEL}[\s-]+{_MIDDLE}|{_MIDDLE}[\s-]+{_SIDE}|{_SIDE}[\s-]+{_MIDDLE}"
    rf"|{_SIDE}|{_LEVEL})"
)
_FIELD: Final = (
    r"(?:foreground|background|corners?|edges?|side|half|part|portion|area|third|quarter|quadrant|section|margin"
    r"|border|distance|zone|region)"
)
_FRAME: Final = r"(?:picture|image|photo(?:graph)?|frame|scene|view|shot|composition|screen)"
_CLAIM: Final = re.compile(
    rf"""\b(?:
      (?:(?P<at>at|in|on|along|across|near|into|within|over|down|up|by|from|off|toward|towards|to
          |against)\s+)?
      (?P<article>the\s+)?
      (?:(?:very|far|extreme|immediate|outer|whole|entire)\s+)*
      (?P<place>{_PLACE})
      (?:\s*[-\s]\s*(?P<field>{_FIELD}(?:\s+{_FIELD})?))?
      (?P<frame>\s+of\s+(?:the|this)\s+(?:whole\s+)?{_FRAME}\b)?
    | (?:(?:just|slightly|well|far|a\ little)\s+)?(?P<from_centre>left|right|above
        |below)\s+(?:of\s+)?(?:the\s+)?cent(?:er|re)
    )\b(?!-)""",
    re.I | re.X,
)
_FRAMED: Final = re.compile(rf"^\s+(?:of|in)\s+(?:the|this)\s+(?:whole\s+)?{_FRAME}\b", re.I)
_BOUNDARY: Final = re.compile(
    r"""\s*(?:$|[,.;:)–—]|--|\b(?:and|or|but|with|behind|beside|below|above|beneath|under|over|near
        |next|just|in|on|at
    |by|from|to|toward|towards|against|along|between|among|where|while|as|is|are|was|stands?|sits?
        |lies|lie|rests?|hangs?
    |leans?|shows?|runs?|faces|walks?|holds?|wears?|looks?|covers?|fills?|rises?|stretch(?:es)?|seen
        |partly|partially
    |mostly|standing|sitting|lying|hanging|holding|wearing|facing|looking|resting|leaning|cut|half
        |has|have|its|his|her
    |their|appears?|peeks?|through|beyond|past|across|behind|not|only|almost|close|set|touching|which
        |who|that|framed
    |reach(?:es)?|pok(?:es|ing)|peeking|showing|rising|running|stretching|extending|filling|covering
        |\w+ing|\w+ly)\b)""",
    re.I | re.X,
)
_OBJECT_OF: Final = re.compile(
    r"\b(?:fill|cover|occup|span|line|hug|dominat|take)\w*\s+(?:up\s+)?(?:most\s+of\s+|much\s+of\s+|all\s+of\s+)?$",
    re.I,
)
_LEAD: Final = re.compile(r"(?:^|[,;]\s*)$")
_TURNING: Final = re.compile(
    r"""(?:fac(?:es?|ing)|look(?:s|ing)?|turn(?:s|ed|ing)?|point(?:s|ed|ing)?|lean(?:s|ing)?|head(?:s
        |ed|ing)|mov(?:es|ing)
    |glanc\w+|gaz\w+|tilt\w*|angl\w+|slop\w+|curv\w+|bend\w*|bent|swing\w*|walk\w*|runn?\w*|driv\w+
        |fl(?:y|ies|ying)|slant\w*
    |stretch\w*|extend\w*|reach\w*|taper\w*|trail\w*|sweep\w*|tow?ards?|direct\w*|aim\w*|goes|going
        |strid\w+|march\w*)
    (?:\s+(?:\w+ly|slightly|back|away|off|out|down|up|a\ little|more|to|toward|towards|the|its|his
        |her|far|and|left|right))*\s*$""",
    re.I | re.X,
)
_EDGE: Final = re.compile(r"\b(?:edge|corner|border|margin|far|very|extreme|outer|\w+most)", re.I)
_NEW_SUBJECT: Final = re.compile(
    r"(?:,\s*|\b)(?:and|plus|with|but)\s+(?:an?|another|some|more|two|three|several|one|others?|the)\b[^,;]*$",
    re.I,
)
"""What comes after "trees fill the background, and a bush ..." is another thing's place."""
_OTHER_FRAME: Final = re.compile(r"^\s+(?:of|in)\b", re.I)
_NEIGHBOUR: Final = re.compile(
    r"\b(?:behind|beside|near|above|below|under|beneath|over|between|against|to|toward|towards|past|from|before"
    r"|around|beyond|facing|holding|of|among|along|across|into|through|with|by|where|while)\s+(?:the|a|an|his|her|its|their|two"
    r"|three|some|several|another|other|\w+s)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class SideClaim:
    """One statement about a side of the picture.

    Args:
        side: `left`, `right`, `top` or `bottom`.
        words: The caption's own words.
        margin: Extra distance (share of the picture) that a contradiction needs: 0 where nothing but
            the subject has been named before it, more where the claim may be about a neighbour.
        is_edge: Whether it speaks of an edge, a corner or the far end, which leaves less room.
    """

    side: str
    words: str
    margin: float
    is_edge: bool = False


def side_claims(text: str) -> Iterator[SideClaim]:
    """Statements of an English caption about the side of the picture its segment is on.

    Example:
        >>> [c.side for c in side_claims("A man at the upper left, a bag in his right hand, left of a bus.")]
        ['top', 'left']
        >>> list(side_claims("A dog facing right on the left side of the sofa, to the right of the lamp."))
        []
    """
    for match in _CLAIM.finditer(text):
        for side in _sides(match, text):
            is_edge = bool(_EDGE.search(match[0]))
            yield SideClaim(side, match[0].strip(), _margin(text, match.start()), is_edge)


def _sides(match: re.Match[str], text: str) -> Iterator[str]:
    before, after = text[: match.start()], text[match.end() :]
    if match["from_centre"]:
        words = {"left": "left", "right": "right", "above": "top", "below": "bottom"}
        # "just below the centre of the table" has its own frame.
        if not _OTHER_FRAME.match(after):
            yield words[match["from_centre"].lower()]
        return
    place = match["place"].lower()
    if not _is_claim(match, before, after):
        return
    if "top" in place or "upper" in place:
        yield "top"
    elif "bottom" in place or "lower" in place:
        yield "bottom"
    if "left" in place:
        yield "left"
    elif "right" in place:
        yield "right"


def _is_claim(match: re.Match[str], before: str, after: str) -> bool:
    """True where the phrase gives a place in the picture."""
    place, field, preposition = match["place"].lower(), match["field"], (match["at"] or "").lower()
    framed = bool(match["frame"]) or bool(_FRAMED.match(after))
    if not framed and (_OTHER_FRAME.match(after) and after.split()[0].lower() == "of"):
        return False
    if not framed and not _BOUNDARY.match(after) and after.split()[0].lower() not in FINITE_VERBS:
        return False
    if preposition in {"to", "toward", "towards", "from", "into", "up", "down", "off", "against"} and not (
        field
        and field.lower().startswith(("edge", "corner", "side"))
        and preposition in {"from", "against", "down"}
    ):
        return False
    if _TURNING.search(before) and preposition not in {"at", "in", "on", "along", "across", "near"}:
        return False
    if not preposition:
        fills = bool(_OBJECT_OF.search(before)) and bool(field) and bool(match["article"])
        leads = bool(_LEAD.search(before)) and (bool(field) or "-" in place or " " in place)
        return fills or (leads and (framed or bool(field) or bool(re.search(r"^\s*[,:]", after))))
    if not match["article"]:
        return preposition == "at" or (preposition == "in" and bool(field))
    if place in {"upper", "lower"} and not field:
        return False
    # "on top", "at the top" of what? Only a field or the frame says that the picture is meant.
    if place in {"top", "bottom"} and not (field or framed):
        return preposition == "at" and bool(re.match(r"\s*(?:$|[,.;])", after))
    return not (preposition == "on" and place == "right" and re.match(r"\s+(?:track|way|path)\b", after))


def _margin(text: str, start: int) -> float:
    clause = re.split(r"[;:]", text[:start])[-1]
    if _NEW_SUBJECT.search(clause):
        return 0.2
    if not _NEIGHBOUR.search(clause):
        return 0.0
    # After a comma the sentence usually comes back to its subject; "beside a dog at the left" need not.
    return 0.04 if clause.rstrip().endswith(",") else 0.1
