"""Refusals, error messages, markup, chat and placeholders in place of a caption."""

from __future__ import annotations

import re
from typing import Final

from pix2cap.annotate.findings import Finding
from pix2cap.text.words import word_set, words_of

_REFUSING: Final = (
    r"(?:i\W?m|i am|we are|we\W?re) (?:very |so |really )?(?:sorry|unable|not able|afraid|not sure)\b",
    r"(?:sorry|apologies|unfortunately)\b[,.!:;]?\s+(?:but\s+)?(?:i|we|this|the|there|it|for|no|an? error)\b",
    r"my apologies\b|i apologi[sz]e\b",
    r"(?:i|we) (?:can\W?t|cannot|can not|do not|don\W?t|could not|couldn\W?t|am|will|won\W?t|must|see"
    r"|think|believe"
    r"|assume|guess|have|would|notice|need)\b",
    r"as an? (?:ai|artificial|language|large language|vision|virtual assistant)\b",
    r"(?:it is|it\W?s) (?:not possible|impossible|unclear) (?:to|what)\b|unable to \w+",
    r"(?:cannot|could not|failed to) (?:be )?(?:see|identif|describ|determin|assist|provid|process"
    r"|generat|caption"
    r"|parse|load|recogni|read)\w*",
    r"(?:the|this) (?:\w+ )?(?:segment|region|object|image|picture|photo|area|caption) (?:cannot"
    r"|could not|can\W?t|is not"
    r"|isn\W?t|is too) (?:be )?\w+",
    r"there (?:is|are) no (?:\w+ )?(?:object|segment|region|number|mark|such|image|caption)s?\b",
    r"(?:please )(?:provide|upload|share|send|give|try|note|specify)\b|(?:es )?tut mir leid\b|leider kann\b",
    r"(?:je suis )?désolée?\b|lo siento\b|(?:mi )?dispiace\b|desculpe\b|很?抱歉|对不起|申し訳",
)
_CHATTING: Final = (
    r"(?:sure|certainly|of course|absolutely|okay|ok|great)[,!.:]\s",
    r"here(?:\W?s| is| are) (?:the|a|an|your|my)(?: \w+)? (?:caption|description|json|answer|response)s?\b",
    r"(?:the|this|a) (?:caption|description) (?:for|of|is)\b|(?:caption|description|answer)\s*:",
)
_PLACEHOLDERS: Final = (
    r"(?:n\s?/\s?a|null|none|nil|nan|undefined|unknown|todo|tbd|empty|placeholder|caption|description"
    r"|string|text)\W*$",
    r"(?:no|not) (?:caption|description|answer|response|content|text|data|available|applicable|visible"
    r"|found)\W*$",
    r"not applicable\b|insert caption\b|your caption\b|lorem ipsum\b|(?:not|nothing) (?:visible"
    r"|discernible)\W*$",
    r"no (?:caption|description|valid response|answer)\b[\w\s]*(?:available|possible|provided|generated)",
)
_FAILING: Final = (
    r"(?:internal |server |api |network |request |unknown |parse |time-?out )*error\s*[(\[]?(?::|#|-\s|\d"
    r"|\bcode\b|\W*$)",
    r"(?:http[/ ]?[\d.]*\s*)?(?:4\d\d|5\d\d)\s+(?:error|too many|bad|internal|service|gateway|not found"
    r"|unauthori|forbidden)",
    r"(?:too many requests|bad gateway|service unavailable|gateway time-?out|request timed out"
    r"|bad request)\b",
    r"traceback \(|exception\b\s*:|warning\s*:|could not (?:parse|connect|process|load)",
)
_OPENING: Final = re.compile(
    rf"^\W*(?:{'|'.join((*_REFUSING, *_CHATTING, *_PLACEHOLDERS, *_FAILING))})", re.I
)
_ANYWHERE: Final = re.compile(
    r"\b(?:rate[ -]limit\w*|quota exceeded|exceeded your (?:current )?quota|invalid api key|api key"
    r"|content[ _-](?:policy|filter|moderation)|safety (?:policy|guidelines|system)|maximum context length"
    r"|(?:cannot|can\W?t|unable to) (?:assist|help|comply) with|as an ai (?:language )?model|language model"
    r"|(?:i|we)(?: am|\W?m| are|\W?re)? (?:sorry|unable to|cannot (?:see|identify|describe|determine"
    r"|provide))"
    r"|(?:connection|request|server) (?:refused|timed out|reset by peer)|status code|\w+(?:Error"
    r"|Exception)\s*:)",
    re.I,
)
_MARKUP: Final = re.compile(
    r"</?[a-z!][a-z0-9]*(?:\s[^<>]*)?/?>|<!doctype|&(?:nbsp|lt|gt|amp|quot);|[{\[]\s*[\"'{\[]"
    r"|[\"']\s*:\s*[\"'{\[\dtfn]|[\"']\s*[}\]]|\\[nu\"]|```|\{\{|\}\}|<\|\w+\|>|\[/?INST\]|\\u[0-9a-f]{4}"
    r"|\[object object\]|[\[<{](?:caption|description|text|object|insert|your|class)[^\]>}]*[\]>}]",
    re.I,
)


_QUOTED: Final = re.compile(r"[\"“][^\"”]*[\"”]|(?<!\w)['‘](?:[^'’]|(?<=\w)['’](?=\w))*['’](?!\w)")
_SPEAKER: Final = re.compile(
    r"\bI(?:['’](?:m|ve|d|ll))?\s+(?:\w+ly\s+)?[a-z]+|\b(?:for|to|by|allow|let|tell|told|asked|gives?"
    r"|gave) me\b"
    r"|\b[Mm]y (?:guidelines?|polic\w+|instructions?|training|capabilit\w+|apolog\w+|knowledge|response"
    r"|answer)\b"
    r"|\b[Yy]ou(?:r)? (?:request|account|prompt|query|message|asked|sent|provided|may|can|could|have"
    r"|requested|input)\b"
)
"""A scene has no one who speaks: no I, no you whose request it is."""
_REGRET: Final = re.compile(
    r"^\W*(?:sorry|regrettabl\w+|unfortunat\w+|apolog\w+|pardon|alas|sadly|please|oops|whoops"
    r"|forgive)\b(?!-)",
    re.I,
)
_ABLE: Final = re.compile(
    r"\b(?:can(?:not| ?not|['’]t)|could(?: not|n['’]t)|unable|impossible|(?:is|are|was)(?: not"
    r"|n['’]t) (?:possible|clear|enough"
    r"|sufficient|available)|not (?:able|possible|enough|clear)|insufficient|too (?:blurr\w+|small|dark"
    r"|unclear)"
    r"|no (?:\w+ )?(?:description|caption|answer|details?|information)|declin\w+|refus\w+|fail\w+"
    r"|won['’]t)\b",
    re.I,
)
_TELL: Final = re.compile(
    r"\b(?:describ\w+|descriptions?|captions?|identif\w+|recogni[sz]\w+|determin\w+|tell|make out"
    r"|discern\w*|information"
    r"|details?|assist\w*|help|answer|comply|generat\w+|provid\w+|given|shown|segment|request\w*)\b",
    re.I,
)
_MACHINE: Final = word_set(
    """error errors exception request requests response responses reply output outputs input inputs invalid
    malformed
    format model models api server servers client timeout timeouts timed overloaded unavailable available
    failed failure
    fails fail policy policies guideline guidelines safety filter filters moderation content violate
    violates violation
    flagged blocked denied forbidden unauthorized unauthorised credit credits quota account billing token
    tokens
    limit limits exceeded retry later code status http https ssl dns socket json xml html null none
    undefined nan
    missing empty caption captions description descriptions prompt generation generated parse parsing decode
    file
    found load loading connection reset refused interrupted aborted cancelled canceled internal gateway usage
    image images corrupted unsupported unknown something wrong try again please segment result results"""
)
"""Words of programs and services; a scene has few of them, an error message has little else."""
_MACHINE_STRONG: Final = word_set(
    """error exception invalid malformed api server timeout overloaded unavailable failed failure policy
    policies
    guidelines moderation flagged violate violates violation credits quota tokens exceeded http null
    undefined nan
    caption captions description descriptions prompt parse connection request response unsupported corrupted
    output
    forbidden unauthorized retry json wrong generation"""
)


def check_refusal(text: str) -> Finding | None:
    """Find a refusal, an error message, markup, chat or a placeholder in place of a caption."""
    if match := _MARKUP.search(text):
        return Finding("refusal", f"The caption holds markup or JSON ({match[0]!r}); write plain words only.")
    if match := _OPENING.search(text) or _ANYWHERE.search(text):
        return Finding(
            "refusal",
            f"The text ({match[0].strip()[:40]!r}) is a refusal, an error or chat, not a caption; describe"
            ' what can be seen, or answer with "visible": false.',
        )
    if not any(char.isalpha() for char in text):
        return Finding("refusal", "The caption holds no words.")
    if reason := _no_scene(text):
        return Finding(
            "refusal",
            f"The text {reason}; it seems to be a refusal or an error, not a caption. Describe what can be"
            ' seen, or answer with "visible": false.',
            confidence=0.9,
        )
    return None


def _no_scene(text: str) -> str | None:
    """What shows that a text speaks of a speaker or a machine instead of a scene; quotes are the scene's."""
    plain = _QUOTED.sub(" ", text)
    if match := _REGRET.search(plain):
        return f"begins with {match[0].strip()!r}"
    if match := _SPEAKER.search(plain):
        return f"has a speaker ({match[0]!r})"
    if (unable := _ABLE.search(plain)) and (telling := _TELL.search(plain)):
        return f"says what cannot be told ({unable[0]!r}, {telling[0]!r})"
    words = words_of(plain)
    parts = [part for word in words for part in word.split("-")] + re.findall(r"[a-z]+", plain.lower())
    strong = {part for part in parts if part in _MACHINE_STRONG}
    share = sum(word in _MACHINE or word.isdigit() for word in words) / max(1, len(words))
    if strong and (share >= 0.5 or (len(strong) >= 2 and share >= 0.25)):
        return f"uses words of machines ({', '.join(sorted(strong)[:3])})"
    return None
