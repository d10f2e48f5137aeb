"""What a caption has to say once its picture is mirrored.

A mirror swaps every left and right that speaks of space: of the picture ("on the left"), of neighbours ("left
of the bus"), of bodies and gazes ("his left hand", "facing left"), of rows ("second from the right"). It
leaves alone what speaks of something else: "left over", "left open", "right behind the sofa", "right angle".
Where words do not tell which is meant, or where the caption quotes lettering that a mirror makes unreadable,
there is no caption for the mirrored picture, and it is for the caller to leave that picture as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_SWAPS: Final = {
    "left": "right",
    "right": "left",
    "leftmost": "rightmost",
    "rightmost": "leftmost",
    "leftward": "rightward",
    "rightward": "leftward",
    "leftwards": "rightwards",
    "rightwards": "leftwards",
    "lefthand": "righthand",
    "righthand": "lefthand",
    "clockwise": "counterclockwise",
    "counterclockwise": "clockwise",
    "lefty": "righty",
    "righty": "lefty",
}
_SIDE_WORD: Final = re.compile(rf"\b(?:{'|'.join(sorted(_SWAPS, key=len, reverse=True))})\b", re.I)

_UNTOLD: Final = re.compile(
    r"""["“”«»]|(?<!\w)['‘](?=\w)[^'’]*\w['’](?!\w)
    |\b(?:read(?:s|ing)?|say(?:s|ing)?|spell(?:s|ed|ing)?|letter(?:ed|ing|s)?|label(?:l?ed|s)?|word(?:s|ed|ing)?|text
         |marked|numbered|number|initials?|inscribed|inscription|plate|printed|titled|named|logo|writing|written|signs?)
      (?:\s+(?:with|of|the|in|as|on|a|an|number|letters?|words?)){0,3}\s+(?:(?-i:[A-Z])|\d)
    |\b(?:starboard|port\s+(?:side|bow|quarter|wing)|anti-?clockwise|counter-clockwise|o['’]?clock)\b
    |\b(?:left|right)[\s-]?wing(?:er|ers|ed)?\b(?!\s+(?:of\s+(?:the|its|a)|of\s+an|feathers?|tip|panel|mirror))
    |\bright[\s-]hand\s+(?:man|woman)\b|\bleft[\s-]field\b|\b(?-i:Left|Right)\s+(?-i:Bank|Said)\b
    """,
    re.I | re.X,
)
"""Lettering, handed terms and names of which a mirrored caption cannot be made."""

_BEFORE_SPACE: Final = re.compile(
    r"""(?:^|[^\w'’])(?:
      the|its|his|her|their|my|your|our|\w+['’]s?|to|at|on|from|toward|towards|in|into|onto
     |far|extreme|extremely|upper|lower|top|bottom|uppermost|lowermost|middle|mid|front|rear|back|near|nearer|nearest
     |outer|inner|outermost|innermost|immediate|immediately|directly|slightly|somewhat|a\s+little|further|farther
     |farthest|furthest|centre|center|central|diagonally|entire|whole|very|opposite|first|second|third|fourth|fifth
     |sixth|next|left|right|up|down|hard|sharp|turns?|turning|turned|looks?|looking|looked|leans?|leaning|leant|leaned
     |points?|pointing|pointed|heads?|heading|headed|moves?|moving|glanc\w+|gaz\w+|tilt\w*|angl\w+|slop\w+|curv\w+
     |bend\w*|bent|swing\w*|swung|stepp?\w*|walk\w*|runn?\w*|driv\w+|fl(?:y|ies|ying)|slant\w*|stretch\w*|extend\w*
     |reach\w*|taper\w*|trail\w*|sweep\w*|swept|aim\w*|going|goes|strid\w+|march\w*|lies|lying|stands|standing|sits
     |sitting|hangs|hanging|visible|positioned|a|an|outstretched|extended|lowered|raised|gloved
     |(?:up|down|top|bottom|cent(?:er|re)|middle|left|right|above|below|forward|both(?:\s+the)?),?(?:\s+(?:and|or))?
    )[\s-]+$""",
    re.I | re.X,
)
_AFTER_SPACE: Final = re.compile(
    r"""^(?:
      -(?:hand|handed|hander|side|sided|facing|leaning|pointing|most|of|turning|to)
     |(?:\s*/\s*|\s+(?:and|or|to|than)\s+(?:the\s+)?|-to-)(?:left|right)\b
     |\s+(?:of|from|than)\b
     |[\s-]+(?:side|sides|half|third|quarter|part|portion|edge|edges|corner|corners|end|ends|hand|hands|arm|arms|leg
       |legs|foot|feet|paw|paws|hoof|ear|ears|eye|eyes|wing|wings|shoulder|knee|knees|elbow|wrist|thigh|hip|cheek
       |temple|forearm|ankle|thumb|fist|palm|sleeve|glove|shoe|boot|sock|strap|foreground|background|cent(?:er|re)
       |middle|margin|border|frame|lane|wheel|wheels|wall|walls|panel|panels|page|window|windows|door|doors|column|row
       |section|segment|area|region|field|flank|tusk|horn|headlight|headlamp|tail|front|rear|back|top|bottom
       |profile|direction|turn|neighbou?r|one|two|three|pair|tower|building|elephant|handlebar|handle|pillar|post
       |breast|chest|lapel|pocket|armrest|seat|monitor|screen|speaker|burner|tap|bank|shore|track|platform|lower|upper)\b
    )""",
    re.I | re.X,
)
_AT_END: Final = re.compile(r"^\s*(?:$|[,.;:)\]–—!?]|-\s|--)")

_LEFT_BEHIND: Final = re.compile(
    r"""^(?:-|\s+)(?:over|overs|open|ajar|behind|unattended|unfinished|alone|out|untouched|uncovered|exposed|bare|empty
       |blank|unpainted|unused|unmade|untidy|dirty|unlit|raw|intact|standing|lying|hanging|to\s+(?:dry|cool|rest|rot
       |rust|soak|melt|bake|grow|sit|stand|lie|hang))\b""",
    re.I | re.X,
)
_LEAVING: Final = re.compile(
    r"\b(?:has|have|had|having|been|being|is|are|was|were|be|gets?|got|what['’]?s|nothing|little|much|all|who|that"
    r"|which|it|he|she|they|bites?|food|crumbs|remains)\s+$",
    re.I,
)
_LEFT_OF_WHAT: Final = re.compile(
    r"\b(?:what|all|that|little|much|nothing)(?:\s+(?:is|was|are|were)|['’]s)?\s+$", re.I
)
_RIGHT_EXACTLY: Final = re.compile(
    r"""^(?:\s+(?:behind|next|beside|above|below|under|underneath|beneath|in\s+front|before|after|against|beyond|over
       |on\s+top|at\s+(?:the|its|his|her|their)|in(?:to)?\s+(?:the|its|his|her|their)\s+(?:middle|cent(?:er|re)|camera)
       |by\s+the|near|through|across|along|up|down|around|between|outside|inside|there|here|now|away|on\s+the|alongside
       |underfoot|overhead|amid|among)
     |[\s-]+(?:angle|angles|angled|triangle|triangles|side[\s-]up|way[\s-]up|side[\s-]out))\b""",
    re.I | re.X,
)
_RIGHT_FITTING: Final = re.compile(
    r"^\s+(?:size|amount|time|moment|tool|way|order|answer|choice|kind|spot|fit|word|temperature|conditions)s?\b",
    re.I,
)
_LEFT_IT: Final = re.compile(r"^\s+(?:the|an?|his|her|its|their|this|that|some|two|by|in|on|at)\b", re.I)
_RIGHT_PLACE: Final = re.compile(
    r"(?:^|[^\w'’])(?:the|at|on|to|far|upper|lower|top|bottom|extreme|from|its|his|her|their|slightly|mid|cent(?:er|re)"
    r"|front|rear|back|left\s+(?:and|or)|left\s+to)[\s-]+$",
    re.I,
)
_RIGHT_CORRECT: Final = re.compile(r"\b(?:all|civil|human|animal|quite|exactly)\s+$", re.I)


_FACING: Final = re.compile(r"\bfac(?:es?|ed|ing)[\s-]+$", re.I)
_TURNING: Final = re.compile(
    r"\b(?:look|turn|lean|point|head|mov|glanc|gaz|tilt|angl|slop|curv|bend|swing|stepp?|walk|runn?|driv|fly|slant"
    r"|stretch|extend|reach|taper|trail|sweep|direct|aim|strid|march|cross)(?:e?s|e?d|ing|e)?[\s-]+$",
    re.I,
)


def mirror_caption(text: str) -> str | None:
    """The caption for the mirrored picture; None where words do not tell what it would be.

    Mirroring what came back gives the caption again.

    Args:
        text: An English caption.

    Example:
        >>> mirror_caption("A dog right behind the sofa on the left, its right paw on left-over food.")
        'A dog right behind the sofa on the right, its left paw on left-over food.'
        >>> mirror_caption('A sign at right that reads "STOP".') is None
        True
    """
    if _SIDE_WORD.search(text) is None and _UNTOLD.search(text) is None:
        return text
    mirrored = _swap(text)
    # A word must mean the same after the swap as before, or nobody could tell which of the two was meant.
    if mirrored is None or _swap(mirrored) != text:
        return None
    return mirrored


def _swap(text: str) -> str | None:
    if _UNTOLD.search(text) is not None:
        return None
    parts: list[str] = []
    end = 0
    for match in _SIDE_WORD.finditer(text):
        is_side = _is_side(match[0].lower(), text[: match.start()], text[match.end() :])
        if is_side is None:
            return None
        parts += [text[end : match.start()], _like(match[0], _SWAPS) if is_side else match[0]]
        end = match.end()
    return "".join((*parts, text[end:]))


def _is_side(word: str, before: str, after: str) -> bool | None:
    """True where the word speaks of a side, False where of something else, None where nobody can tell."""
    decide: dict[str, Callable[[str, str], bool | None]] = {"left": _left, "right": _right}
    return decide[word](before, after) if word in decide else True


def _left(before: str, after: str) -> bool | None:
    if re.match(r"-(?:over|behind)s?\b", after, re.I):
        return False
    if _RIGHT_PLACE.search(before) or _FACING.search(before):
        return True
    if _LEFT_BEHIND.match(after):
        return None if _TURNING.search(before) else False
    if _LEFT_OF_WHAT.search(before):
        return False
    # "A bus that just left the stop", "a cup left on the table".
    if _LEFT_IT.match(after) and not _TURNING.search(before):
        return None
    if _LEAVING.search(before) and not _AFTER_SPACE.match(after):
        return False
    return _by_neighbours(before, after)


def _right(before: str, after: str) -> bool | None:
    if _RIGHT_CORRECT.search(before):
        return False
    if _RIGHT_FITTING.match(after):
        return None
    is_place = _RIGHT_PLACE.search(before) is not None or _FACING.search(before) is not None
    if _RIGHT_EXACTLY.match(after):
        if re.match(r"[\s-]+(?:angle|triangle|side[\s-]up|way[\s-]up|side[\s-]out)", after, re.I):
            return False
        # "Points right across the table": which way, or exactly across?
        return None if not is_place and _TURNING.search(before) else is_place
    return True if is_place else _by_neighbours(before, after)


def _by_neighbours(before: str, after: str) -> bool | None:
    if _AFTER_SPACE.match(after):
        return True
    if _BEFORE_SPACE.search(before):
        return True
    starts_caption = not before.strip() or before.rstrip()[-1:] in ",;:.("
    return True if starts_caption and _AT_END.match(after) else None


def _like(word: str, swaps: dict[str, str]) -> str:
    """The other word in the same letters: capital, capitals or small."""
    other = swaps[word.lower()]
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[:1].isupper() else other
