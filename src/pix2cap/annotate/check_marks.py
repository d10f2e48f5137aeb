"""Talk of the drawn marks, their numbers, or the picture as such."""

from __future__ import annotations

import re
from typing import Final

from pix2cap.annotate.findings import Finding

_THING: Final = (
    r"(?:object|segment|region|mark|marker|label|item|instance|mask|entity|id|annotation|index|contour|area)"
)
_COLOUR: Final = (
    r"(?:(?:bright|dark|light|thin|thick|bold|solid|vivid|neon|pale)[ -])*(?:red|green|blue|yellow|orange"
    r"|purple|pink|magenta|cyan|white|black|lime|teal|violet|brown|gr[ae]y|turquoise|gold|colou?red)"
)
_PICTURE: Final = r"(?:image|photo|photograph|picture|snapshot|screenshot)"
_MARK_TALK: Final = re.compile(
    rf"""\b(?:
      {_THING}\s*(?:number|no\.?|nr\.?|id|label|labell?ed)?\s*[\#:]?\s*\(?\d{{1,3}}\b(?!\s*(?:%|cm|mm
          |m\b|km|feet|inch))
    | {_THING}s\ \d{{1,3}}(?:,?\ (?:and|or|,)\ \d{{1,3}})+
    | (?:marked|tagged|numbered|annotated|designated|identified|indicated|denoted)\ (?:as\ |by\ 
        |with\ )?
        (?:(?:the\ |a\ )?(?:number|id|label|digit|numeral|mark)s?\ )?[\#"']?\d{{1,3}}\b
    | labell?ed\ (?:as\ )?(?:with\ )?(?:(?:the\ )?(?:number|id|digit)\ )?[\#"']?\d{{1,3}}(?!\w
        |[.,]?\d|-)
    | (?:the\ |a\ )?number\ \#?\d{{1,3}}\ (?:mark|marker|label|tag\ drawn|annotation|segment|region
        |object|outline|contour)
    | (?:marked|tagged|indicated|denoted|annotated|identified|shown)\ (?:with|by|in)\ (?:the\ |an?\ )?
        (?:{_COLOUR}\ )?(?:number|id|label|digit|numeral|contour|outline|bounding\ box|mask|overlay
        |highlight)\b
    | (?:marked|tagged|indicated|annotated|identified)\ (?:in|by)\ {_COLOUR}(?=\W*(?:$|,|\.|and\b
        |is\b|stands?\b|sits?\b|lies\b))
    | outlined\ (?:in|by|with)\ (?:the\ |a\ |an\ )?{_COLOUR}(?!\ (?:chalk|paint|tape|thread|stone
        |brick|piping|trim|light|tile|frost|
        snow|stitch|icing|neon|fabric|rope|bead|ink|marker\ pen))
    | (?:the|this|that)\ (?:\w+\ )?(?:outlined|highlighted|segmented|annotated|masked|labell?ed
        |numbered|circled|encircled|delineated)
        \ (?:object|area|region|segment|item|part|portion|shape|section|thing|person|animal|figure
        |subject|element)s?
    | (?:object|area|region|segment|item|thing|person|animal|figure|element|part|portion)s?\ 
        (?:that\ is\ |which\ is\ |is\ )?(?:outlined|highlighted|annotated|masked|segmented|delineated
        |circled|encircled)\b
    | (?:highlighted|circled|encircled|delineated|enclosed|surrounded|bounded|framed|traced)\ (?:in
        |by|with|within)
        \ (?:the\ |an?\ )?{_COLOUR}\ (?:outline|contour|line|border|box|mask|highlight|overlay|circle
        |polygon|rectangle)
    | highlighted\ (?:in|with)\ (?:the\ |a\ )?{_COLOUR}(?=\W*(?:$|,|\.|and\b|is\b|on\b|at\b|stands?\b))
    | (?:inside|within|in|by)\ (?:the|its|an?)\ (?:{_COLOUR}\ )?(?:outline|contour|bounding\ box
        |polygon|segmentation\ mask|mask\ region)\b
    | bounding[\ -]?box(?:es)? | segmentation | set[\ -]of[\ -]marks? | (?:colou?red|drawn|overlaid
        |numbered)\ (?:contours?|outlines?|labels?|marks?|overlay)
    | (?:its|the)\ (?:number|numeric|numbered)\ (?:label|mark|marker|tag)\b | marked\ (?:region|area
        |segment|object|part|section)
    | (?:the|this|that)\ (?:marked|labell?ed|numbered)\ (?:person|animal|thing|item|figure|one|subject)
    | (?:the|this|that|our)\ (?:\w+\ )?(?:{_PICTURE}|crop|close-?up|view|scene)\ (?:clearly\ |also\ )?
        (?:shows|depicts|displays|features|captures|contains|presents|illustrates|portrays|is\ (?:of
        |showing|a|an)\b)
    | {_PICTURE}\ (?:shows|depicts|portrays)\ (?:an?|the|two|three|some)\b
    | (?:in|of|from|throughout)\ (?:this|the\ (?:given|provided|current|first|second|original|clean
        |marked|input))\ {_PICTURE}
    | (?:in|within|throughout|from)\ the\ (?:image|photo|photograph|snapshot
        |screenshot)\b(?!\ (?:frame|on|hanging|stuck|album|printed|booth))
    | (?:shown|seen|visible|depicted|pictured|displayed)\ in\ (?:the|this)\ {_PICTURE}
    | (?:class|category)\ (?:name|label|hint)\b | (?:labell?ed|classified|categori[sz]ed
        |annotated)\ as\ an?\b
    | as\ (?:indicated|marked|labell?ed|numbered|requested|instructed|given\ in\ the\ prompt)\b
    )""",
    re.I | re.X,
)
_LEADING_NUMBER: Final = re.compile(
    r"^\W*(?:\#|no\.?\s*)?\d{1,3}\s*[:.)|]\s+\S|^\W*\[\d{1,3}\]|^\W*\#\d{1,3}\b", re.I
)
_HASH_NUMBER: Final = re.compile(r"(?:^|\s)\(?\#\d{1,3}\)?(?=[\s,.)]|$)")
_WORN_NUMBER: Final = re.compile(
    r"\b(?:jersey|shirt|bib|number|numbered|vest|uniform|bus|train|sign|plate|tag|gate|lane|car|player|route|tram"
    r"|racer|runner|boat|locomotive|platform|door|house|locker|ball|engine|back|sticker)\b",
    re.I,
)


def check_mark_talk(text: str) -> Finding | None:
    """Talk of the drawn marks, their numbers, or the picture as such."""
    match = _MARK_TALK.search(text) or _LEADING_NUMBER.search(text)
    if match is None and not _WORN_NUMBER.search(text):
        match = _HASH_NUMBER.search(text)
    if match is None:
        return None
    return Finding(
        "mark_talk",
        f"The caption speaks of marks, numbers, outlines or the picture itself ({match[0].strip()[:50]!r});"
        " describe only the scene.",
        confidence=0.95,
    )
