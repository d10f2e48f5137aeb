"""Talk of the drawn marks, their numbers, or the picture as such.

Numbers, outlines and pictures also belong to scenes: a jersey 23, a court outlined in chalk, a photo in
a frame on the wall. Each pattern therefore needs the words with which a caption leaves the scene.
"""

from __future__ import annotations

import re
from typing import Final

from pix2cap.annotate.findings import Finding

_THING: Final = (
    r"(?:object|segment|region|mark|marker|label|item|instance|mask|entity|id|annotation|index|contour|area)"
)
_SUBJECT: Final = r"(?:object|area|region|segment|item|part|portion|shape|section|thing|element|subject)"
_BEING: Final = rf"(?:{_SUBJECT}|person|man|woman|animal|figure|one)"
_COLOUR: Final = (
    r"(?:(?:bright|dark|light|thin|thick|bold|solid|vivid|neon|pale)[ -])*(?:red|green|blue|yellow|orange"
    r"|purple|pink|magenta|cyan|white|black|lime|teal|violet|brown|gr[ae]y|turquoise|gold|colou?red)"
)
_MATERIAL: Final = (
    r"(?:chalk|paint|tape|thread|stone|brick|piping|trim|light|tile|frost|snow|stitch|icing|neon|fabric|rope"
    r"|bead|ink|marker pen|stripe|marble|concrete|wood|metal)"
)
_PICTURE: Final = r"(?:image|photo|photograph|picture|snapshot|screenshot)"
_DRAWN: Final = r"(?:outlined|highlighted|segmented|annotated|masked|labell?ed|numbered|circled|delineated)"
_DRAWN_ONLY: Final = r"(?:outlined|highlighted|segmented|annotated|masked|circled|delineated)"
_SHOWS: Final = r"(?:shows|depicts|displays|features|captures|contains|presents|illustrates|portrays)"
_OVER: Final = r"(?=\W*(?:$|[,.;]|(?:and|is|are|on|at|in|beside|stands?|sits?|lies|lie|next|with)\b))"

_NUMBERS: Final = (
    rf"{_THING}\s*(?:number|no\.?|nr\.?|id|label|labell?ed|marked)?\s*[#:]?\s*[\"'(]?\d{{1,3}}\b"
    r"(?!\s*(?:%|cm|mm|m\b|km|feet|inch))",
    rf"{_THING}s \d{{1,3}}(?:,? (?:and|or|,) \d{{1,3}})+",
    rf"{_BEING} (?:with|of|at) (?:the )?(?:id|label|mark|number label)\b",
    r"(?:marked|tagged|annotated|designated|identified|indicated|denoted) (?:as |by |with )?"
    r"(?:(?:the |an? )?(?:number|id|label|digit|numeral|mark)s? )?[#\"']?\d{1,3}\b",
    rf"{_BEING} numbered [#\"']?\d{{1,3}}\b",
    r"labell?ed (?:as )?(?:with )?(?:(?:the )?(?:number|id|digit) )?[#\"']?\d{1,3}(?!\w|[.,]?\d|-)",
    rf"number #?\d{{1,3}} (?:mark|marker|label|annotation|outline|{_SUBJECT})",
    r"(?:the|a|an?) (?:numbered |numeric |number )(?:label|mark|marker|tag)\b",
    r"(?:label|mark|tag) #?\d{1,3} (?:on|over|above|drawn)",
)
_OUTLINES: Final = (
    r"(?:marked|tagged|indicated|denoted|annotated|identified|highlighted|shown) (?:with|by|in) (?:the "
    r"|an? )?"
    rf"(?:{_COLOUR} )?(?:number|id|label|digit|numeral|contour|outline|border|bounding box|mask|overlay"
    r"|highlight)\b",
    rf"(?:marked|tagged|indicated|annotated|identified|highlighted) (?:in|by|with) (?:the "
    rf"|an? )?{_COLOUR}{_OVER}",
    rf"outlined (?:in|by|with) (?:the |an? )?{_COLOUR}(?! {_MATERIAL})",
    rf"the (?:{_COLOUR})[- ]outlined (?!letter|text|sign|word|logo|window|number)",
    rf"(?:the|this|that) (?:\w+ )?{_DRAWN} {_BEING}s?\b",
    rf"(?:the|this|that) marked (?:{_BEING}|photo|image|picture)s?\b",
    rf"{_BEING}s? (?:that is |which is |is )?{_DRAWN_ONLY}\b"
    r"(?! (?:by|against|with|in) (?:the |an? )?(?:\w+ )?(?:sun|light|glow|sky|lamp))",
    r"(?:highlighted|circled|encircled|delineated|enclosed|surrounded|bounded|framed|traced) (?:in|by"
    r"|with|within)"
    rf" (?:the |an? )?{_COLOUR} (?:outline|contour|highlight|overlay|mask|polygon|bounding box)",
    rf"(?:highlighted|circled|encircled|delineated) (?:in|by|with|within) (?:the |an? )?(?:{_COLOUR} )?"
    r"(?:line|border|box|circle|rectangle)",
    rf"(?:inside|within|in|by) (?:the|its|an?) (?:{_COLOUR} )?(?:outline|contour|polygon|mask region)\b",
    rf"{_COLOUR} (?:outline|contour) (?:around|surrounding|surrounds|drawn|encloses|marks)",
    r"bounding[ -]?box(?:es)?|segmentation|set[ -]of[ -]marks?",
    r"(?:colou?red|drawn|overlaid|numbered) (?:contours?|outlines?|labels?|marks?|overlay)",
)
_DRAWING: Final = (
    r"(?:contours?|outlines?|polygons?|overlays?|bounding box(?:es)?|segmentation masks?|(?:number"
    r"|numeric|id) (?:labels?"
    r"|tags?|marks?)) (?:is|are|was|were|has been|have been) (?:\w+ly )?(?:drawn|placed|put|traced"
    r"|overlaid|rendered|shown"
    r"|colou?red|painted|added|highlighted|set|located|displayed|superimposed)",
    r"(?:annotated|tagged|numbered|labell?ed|marked|identified|designated|denoted|referenced) (?:with|as"
    r"|by) (?:an? |the )?"
    r"(?:number |digit |numeral |id |label |mark )?[\"'#(]?\d{1,3}\b(?!\s*(?:%|cm|mm|km|feet|inch))",
    r"(?:the )?(?:label|mark|tag|marker|number tag|id|index)s? #?\d{1,3} (?:is|are|sits?|points?|lies|was"
    r"|has|refers|stands"
    r"|belongs|marks?|indicates?)\b",
    r"the (?:mark|marker|number tag|number label|numeric label|annotation|overlay) (?:sits?|is|lies"
    r"|covers?|points?|stands"
    r"|appears?|refers|marks)\b",
    r"number #?\d{1,3} (?:marks|indicates|denotes|labels|refers|points|designates|is placed|is drawn)\b",
    r"the (?:numeral|digit) \d",
    rf"(?:the |an? )?(?:\w+ )?{_COLOUR} (?:line|border|contour|outline|polygon|box|frame|mask"
    rf"|circle) (?:traces|outlines"
    r"|delineates|encloses|marks|highlights|indicates|bounds|encircles|follows) (?:it|its|the (?:object"
    r"|segment|area|region))\b",
    r"(?:it|which|that|this|and) (?:is|was|has been|are|have been) (?:\w+ly )?(?:annotated|delineated"
    r"|segmented|highlighted"
    r"|outlined|circled|encircled|boxed) (?:in|with|by|as)\b(?! (?:by|with|in) (?:the )?(?:sun|light|glow"
    r"|sky|lamp))",
    rf"(?:this|the) {_SUBJECT} (?:is|was|has been) (?:masked|marked|highlighted|annotated|outlined"
    rf"|segmented|boxed)\b",
    rf"{_BEING}s? (?:tagged|labell?ed|marked|numbered|annotated|under label|with label"
    rf"|carrying label) [\"'#(]?\d",
)
_PICTURES: Final = (
    rf"(?:the|this|that|our) (?:\w+ )?(?:{_PICTURE}|crop|close-?up|view|scene) (?:clearly |also )?"
    rf"(?:{_SHOWS}|is (?:of|showing|an?)\b)",
    rf"{_PICTURE} {_SHOWS} (?:an?|the|two|three|some)\b",
    rf"(?:in|of|from|throughout) (?:this|the (?:given|provided|current|first|second|original|clean"
    rf"|input)) {_PICTURE}",
    r"(?:in|within|throughout|from) the (?:image|photo|photograph|snapshot|screenshot)\b"
    r"(?! (?:frame|on|hanging|stuck|album|printed|booth))",
    rf"(?:shown|seen|visible|depicted|pictured|displayed) in (?:the|this) {_PICTURE}",
)
_TASK: Final = (
    rf"(?:this|the) (?:segment|region) (?:is|{_SHOWS}|covers|represents|appears|consists|could|cannot|has"
    rf"|lies)\b",
    r"(?:class|category) (?:name|label|hint)\b|(?:labell?ed|classified|categori[sz]ed|annotated) as an?\b",
    r"as (?:indicated|marked|labell?ed|numbered|requested|instructed|given in the prompt)\b",
)
_MARK_TALK: Final = re.compile(
    rf"\b(?:{'|'.join((*_NUMBERS, *_OUTLINES, *_DRAWING, *_PICTURES, *_TASK))})", re.I
)
_OPENING: Final = re.compile(
    rf"^\W*(?:(?:#|no\.?\s*)?\d{{1,3}}\s*[:.)|]\s+\S|\[\d{{1,3}}\]|#\d{{1,3}}\b"
    rf"|(?:an?|this) (?:cropped |close-?up |zoomed )?(?P<picture>{_PICTURE}|close-?up|crop) of\b)",
    re.I,
)
_PICTURED: Final = re.compile(
    r"\b(?:fram\w+|wall|hang\w*|hung|print\w*|poster|magazine|newspaper|page|cover|stuck|pinned|screen"
    r"|monitor|shirt"
    r"|billboard|banner|canvas|album|mount\w*|painted|side of|front of|postcard|box|package|shelf|desk"
    r"|fridge)\b",
    re.I,
)
_LONE_NUMBER: Final = re.compile(r"(?:^|\s)(?:#\d{1,3}|[(\[]#?\d{1,2}[)\]])(?=[\s,.;]|$)")
_WORN_NUMBER: Final = re.compile(
    r"\b(?:jersey|shirt|bib|number|numbered|vest|uniform|bus|train|sign|plate|tag|gate|lane|car|player"
    r"|route|tram"
    r"|racer|runner|boat|locomotive|platform|door|house|locker|ball|engine|back|sticker)\b",
    re.I,
)


def check_mark_talk(text: str) -> Finding | None:
    """Find talk of the drawn marks, their numbers, or the picture as such."""
    match = _MARK_TALK.search(text)
    if match is None and (opening := _OPENING.search(text)):
        # A photo that hangs on a wall is a thing of the scene.
        match = None if opening["picture"] and _PICTURED.search(text) else opening
    if match is None and (lone := _LONE_NUMBER.search(text)):
        # "the player (23)" wears his number.
        match = None if _WORN_NUMBER.search(text[max(0, lone.start() - 25) : lone.end()]) else lone
    if match is None:
        return None
    return Finding(
        "mark_talk",
        f"The caption speaks of marks, numbers, outlines or the picture itself ({match[0].strip()[:50]!r});"
        " describe only the scene.",
        confidence=0.95,
    )
