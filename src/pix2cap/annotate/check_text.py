"""Checks that read nothing but the caption: refusal, mark talk, length, language, cut."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from pix2cap.annotate.findings import CheckSettings, Finding
from pix2cap.text.language import language_name, other_language
from pix2cap.text.words import count_words, ends_dangling

_REFUSAL: Final = re.compile(
    r"""^\W*(?:
      (?:i\W?m|i\ am|we\ are|we\W?re)\ (?:very\ |so\ |really\ )?(?:sorry|unable|not\ able|afraid|not\ sure)\b
    | (?:sorry|apologies|unfortunately)\b[,.!:;]?\s+(?:but\s+)?(?:i|we|this|the|there|it|for|no|an?\ error)\b
    | my\ apologies\b | i\ apologi[sz]e\b
    | (?:i|we)\ (?:can\W?t|cannot|can\ not|do\ not|don\W?t|could\ not|couldn\W?t|am\ unable|will\ not|won\W?t|must)\b
    | as\ an?\ (?:ai|artificial|language|large\ language|vision|virtual\ assistant)\b
    | (?:it\ is|it\W?s)\ not\ possible\ to\b
    | unable\ to\ \w+ | cannot\ (?:be\ )?(?:see|identif|describ|determin|assist|provid|process|generat|caption)\w*
    | (?:n\s?/\s?a|null|none|nil|nan|undefined|unknown|todo|tbd|empty|placeholder|caption|description|string)\W*$
    | (?:no|not)\ (?:caption|description|answer|response|content|text|data|available|applicable|visible|found)\W*$
    | no\ (?:caption|description|valid\ response|answer)\b[\w\s]*(?:available|possible|provided|generated)
    | (?:not|nothing)\ (?:visible|discernible)\W*$ | insert\ caption\b | your\ caption\b | lorem\ ipsum\b
    | (?:internal\ |server\ |api\ |network\ |request\ |unknown\ |parse\ |time-?out\ )*error\s*(?::|\#|-\s|\d|\bcode\b|\W*$)
    | (?:http[/ ]?[\d.]*\s*)?(?:4\d\d|5\d\d)\s+(?:error|too\ many|bad|internal|service|gateway|not\ found|unauthori|forbidden)
    | (?:too\ many\ requests|bad\ gateway|service\ unavailable|gateway\ time-?out|request\ timed\ out|bad\ request)\b
    | traceback\ \( | exception\b\s*: | warning\s*: | (?:es\ tut\ mir\ leid|tut\ mir\ leid|leider\ kann)\b
    | (?:je\ suis\ )?désolée?\b | lo\ siento\b | (?:mi\ )?dispiace\b | desculpe\b | 很?抱歉 | 对不起 | 申し訳
    )""",
    re.I | re.X,
)
_ERROR_ANYWHERE: Final = re.compile(
    r"""\b(?:rate[\ -]limit\w*|quota\ exceeded|exceeded\ your\ (?:current\ )?quota|invalid\ api\ key|api\ key
    | content[\ _-](?:policy|filter|moderation)|safety\ (?:policy|guidelines|system)|maximum\ context\ length
    | (?:cannot|can\W?t|unable\ to)\ (?:assist|help|comply)\ with|as\ an\ ai\ (?:language\ )?model|language\ model
    | (?:i|we)(?:\ am|\W?m|\ are|\W?re)?\ (?:sorry|unable\ to|cannot\ (?:see|identify|describe|determine|provide))
    | (?:connection|request|server)\ (?:refused|timed\ out|reset\ by\ peer)|status\ code|JSONDecodeError
    | \w+(?:Error|Exception)\s*:)""",
    re.I | re.X,
)
_MARKUP: Final = re.compile(
    r"""</?[a-z!][a-z0-9]*(?:\s[^<>]*)?/?> | <!doctype | &(?:nbsp|lt|gt|amp|quot);
    | [{\[]\s*["'{\[] | ["']\s*:\s*["'{\[\dtfn] | ["']\s*[}\]] | \\[nu"] | ``` | \{\{ | \}\} | <\|\w+\|> | \[/?INST\]
    | \\u[0-9a-f]{4} | [\[<{](?:caption|description|text|object|insert|your|class)[^\]>}]*[\]>}]""",
    re.I | re.X,
)
_THING: Final = (
    r"(?:object|segment|region|mark|marker|label|item|instance|mask|entity|id|annotation|index|contour|area)"
)
_COLOUR: Final = (
    r"(?:(?:bright|dark|light|thin|thick|bold|solid|vivid|neon|pale)[ -])*(?:red|green|blue|yellow|orange|purple|pink"
    r"|magenta|cyan|white|black|lime|teal|violet|brown|gr[ae]y|turquoise|gold|colou?red)"
)
_PICTURE: Final = r"(?:image|photo|photograph|picture|snapshot|screenshot)"
_MARK_TALK: Final = re.compile(
    rf"""\b(?:
      {_THING}\s*(?:number|no\.?|nr\.?|id|label|labell?ed)?\s*[\#:]?\s*\(?\d{{1,3}}\b(?!\s*(?:%|cm|mm|m\b|km|feet|inch))
    | {_THING}s\ \d{{1,3}}(?:,?\ (?:and|or|,)\ \d{{1,3}})+
    | (?:marked|tagged|numbered|annotated|designated|identified|indicated|denoted)\ (?:as\ |by\ |with\ )?
        (?:(?:the\ |a\ )?(?:number|id|label|digit|numeral|mark)s?\ )?[\#"']?\d{{1,3}}\b
    | labell?ed\ (?:as\ )?(?:with\ )?(?:(?:the\ )?(?:number|id|digit)\ )?[\#"']?\d{{1,3}}(?!\w|[.,]?\d|-)
    | (?:the\ |a\ )?number\ \#?\d{{1,3}}\ (?:mark|marker|label|tag\ drawn|annotation|segment|region|object|outline|contour)
    | (?:marked|tagged|indicated|denoted|annotated|identified|shown)\ (?:with|by|in)\ (?:the\ |an?\ )?
        (?:{_COLOUR}\ )?(?:number|id|label|digit|numeral|contour|outline|bounding\ box|mask|overlay|highlight)\b
    | (?:marked|tagged|indicated|annotated|identified)\ (?:in|by)\ {_COLOUR}(?=\W*(?:$|,|\.|and\b|is\b|stands?\b|sits?\b|lies\b))
    | outlined\ (?:in|by|with)\ (?:the\ |a\ |an\ )?{_COLOUR}(?!\ (?:chalk|paint|tape|thread|stone|brick|piping|trim|light|tile|frost|
        snow|stitch|icing|neon|fabric|rope|bead|ink|marker\ pen))
    | (?:the|this|that)\ (?:\w+\ )?(?:outlined|highlighted|segmented|annotated|masked|labell?ed|numbered|circled|encircled|delineated)
        \ (?:object|area|region|segment|item|part|portion|shape|section|thing|person|animal|figure|subject|element)s?
    | (?:object|area|region|segment|item|thing|person|animal|figure|element|part|portion)s?\ 
        (?:that\ is\ |which\ is\ |is\ )?(?:outlined|highlighted|annotated|masked|segmented|delineated|circled|encircled)\b
    | (?:highlighted|circled|encircled|delineated|enclosed|surrounded|bounded|framed|traced)\ (?:in|by|with|within)
        \ (?:the\ |an?\ )?{_COLOUR}\ (?:outline|contour|line|border|box|mask|highlight|overlay|circle|polygon|rectangle)
    | highlighted\ (?:in|with)\ (?:the\ |a\ )?{_COLOUR}(?=\W*(?:$|,|\.|and\b|is\b|on\b|at\b|stands?\b))
    | (?:inside|within|in|by)\ (?:the|its|an?)\ (?:{_COLOUR}\ )?(?:outline|contour|bounding\ box|polygon|segmentation\ mask|mask\ region)\b
    | bounding[\ -]?box(?:es)? | segmentation | set[\ -]of[\ -]marks? | (?:colou?red|drawn|overlaid|numbered)\ (?:contours?|outlines?|labels?|marks?|overlay)
    | (?:its|the)\ (?:number|numeric|numbered)\ (?:label|mark|marker|tag)\b | marked\ (?:region|area|segment|object|part|section)
    | (?:the|this|that)\ (?:marked|labell?ed|numbered)\ (?:person|animal|thing|item|figure|one|subject)
    | (?:the|this|that|our)\ (?:\w+\ )?(?:{_PICTURE}|crop|close-?up|view|scene)\ (?:clearly\ |also\ )?
        (?:shows|depicts|displays|features|captures|contains|presents|illustrates|portrays|is\ (?:of|showing|a|an)\b)
    | {_PICTURE}\ (?:shows|depicts|portrays)\ (?:an?|the|two|three|some)\b
    | (?:in|of|from|throughout)\ (?:this|the\ (?:given|provided|current|first|second|original|clean|marked|input))\ {_PICTURE}
    | (?:in|within|throughout|from)\ the\ (?:image|photo|photograph|snapshot|screenshot)\b(?!\ (?:frame|on|hanging|stuck|album|printed|booth))
    | (?:shown|seen|visible|depicted|pictured|displayed)\ in\ (?:the|this)\ {_PICTURE}
    | (?:class|category)\ (?:name|label|hint)\b | (?:labell?ed|classified|categori[sz]ed|annotated)\ as\ an?\b
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
_FINAL: Final = re.compile(r"[.!?。！？।؟…]['\"”’»)\]]*$")
_TRAILING_OFF: Final = re.compile(r"(?:\.\.\.|…)['\"”’]*$")


def check_text(text: str, settings: CheckSettings, *, peers: Collection[str]) -> Iterator[Finding]:
    """Findings on one visible caption.

    Args:
        text: The caption, not empty.
        settings: Language and length bands.
        peers: The other captions of the picture; they show whether this model ends its sentences.
    """
    if finding := check_refusal(text):
        yield finding
        return  # what else could be said of an error message helps nobody
    if settings.is_english and (finding := check_mark_talk(text)):
        yield finding
    if finding := check_cut(text, settings, peers=peers):
        yield finding
    if finding := check_language(text, settings):
        yield finding
    if finding := check_length(text, settings):
        yield finding


def check_refusal(text: str) -> Finding | None:
    """A refusal, an error message, markup or a placeholder in place of a caption."""
    if match := _MARKUP.search(text):
        return Finding("refusal", f"The caption holds markup or JSON ({match[0]!r}); write plain words only.")
    if match := _REFUSAL.search(text) or _ERROR_ANYWHERE.search(text):
        return Finding(
            "refusal",
            f"The text ({match[0].strip()[:40]!r}) is a refusal or an error, not a caption; describe what can"
            ' be seen, or answer with "visible": false.',
        )
    if not any(char.isalpha() for char in text):
        return Finding("refusal", "The caption holds no words.")
    return None


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


def check_length(text: str, settings: CheckSettings) -> Finding | None:
    """Words (for scripts without spaces, what would be words) outside the bands."""
    words = count_words(text, language=settings.language)
    for (low, high), hard in ((settings.hard_words, True), (settings.soft_words, False)):
        if not low <= words <= high:
            which = "short" if words < low else "long"
            return Finding(
                "length",
                f"The caption is too {which} with {words:.0f} words; write about 23, between {low} and {high}.",
                hard=hard,
                confidence=1.0 if hard else 0.3,
            )
    return None


def check_language(text: str, settings: CheckSettings) -> Finding | None:
    """Another language than the one asked for."""
    other = other_language(text, settings.language)
    if other is None:
        return None
    return Finding(
        "language",
        f"The caption is written in {other[0]}; write it in {language_name(settings.language)}.",
        confidence=other[1],
    )


def check_cut(text: str, settings: CheckSettings, *, peers: Collection[str]) -> Finding | None:
    """A caption that stops in the middle of its sentence.

    A missing full stop alone proves nothing, since some models never write one; it does where the
    other captions of the picture have theirs.
    """
    tail = text.rstrip()
    reason = "The caption stops in the middle of a sentence; write whole sentences, shorter if need be."
    if _TRAILING_OFF.search(tail):
        return Finding("cut", reason, confidence=0.9)
    if _FINAL.search(tail):
        return None
    if settings.is_english and ends_dangling(tail):
        return Finding("cut", reason)
    if tail.endswith((",", ";", ":", "-", "–", "—", "(", "、", "，")) or _is_open(tail):
        return Finding("cut", reason)
    ended = sum(bool(_FINAL.search(peer.rstrip())) for peer in peers)
    if peers and ended >= 0.6 * len(peers):
        return Finding("cut", reason, confidence=0.8)
    if count_words(tail, language=settings.language) >= settings.hard_words[0] and not peers:
        return Finding("cut", "The caption has no full stop and may be cut.", hard=False, confidence=0.3)
    return None


def _is_open(text: str) -> bool:
    """A bracket or a pair of quotes that never closes."""
    return text.count("(") > text.count(")") or text.count("“") > text.count("”") or text.count('"') % 2 == 1
