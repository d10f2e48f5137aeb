"""From a model's reply to captions: strict where it can be, lenient where models are sloppy."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from pix2cap.annotate.lenient_json import CUT, lenient_values

_ID_KEYS: Final = ("id", "number", "mark", "segment", "segment_id", "object_id", "object", "index", "no")
_TEXT_KEYS: Final = ("caption", "description", "text")
_VISIBLE_KEYS: Final = ("visible", "is_visible", "visibility")
_NO_WORDS: Final = frozenset({"false", "no", "0", "none", "null", "not visible", "invisible", "hidden", "n"})
_ID: Final = re.compile(
    r"\s*(?:(?:id|object|segment|mark|number|no\.?|region|label)\s*)?#?\s*(\d{1,9})(?:\.0+)?\s*", re.I
)
_LINE: Final = re.compile(
    r"^\s*(?:[-*•]\s+)?(?:\*\*)?(?:(?:id|object|segment|mark|number|region)\s+)?[#\[(]?(\d{1,4})[\])]?"
    r"(?:\*\*)?\s*[:.)|–-]\s*(?:\*\*)?\s*(.*\S)\s*$",
    re.I,
)
_ROW: Final = re.compile(r"\|\s*\[[\d.]+(?:,\s*[\d.]+){3}\]\s*$")
_THINKING: Final = re.compile(r"^\s*<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.S | re.I)
_INVISIBLE: Final = re.compile("[\u200b\u2060\ufeff\u00ad\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class ParsedCaption:
    """What a reply says of one id.

    Args:
        text: The caption with whitespace set right; may be empty.
        visible: False where the model says that it cannot make the segment out.
    """

    text: str
    visible: bool


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """What could be read out of a reply.

    Args:
        captions: Row number to caption, for ids that were asked for and given completely.
        findings: What was odd about the reply, as short sentences.
        cut: True where the reply ended before its JSON did.
        dropped: Ids asked for whose entries contradict each other, with the reason.
    """

    captions: dict[int, ParsedCaption]
    findings: tuple[str, ...] = ()
    cut: bool = False
    dropped: tuple[tuple[int, str], ...] = ()

    @property
    def reasons(self) -> dict[int, str]:
        """Id to why its caption was not taken."""
        return dict(self.dropped)


def parse_reply(text: str, asked: Sequence[int], *, finish_reason: str = "stop") -> ParsedReply:
    r"""Read the captions out of a reply; never raises, whatever the string.

    Valid JSON is read strictly. Anything else goes through a lenient reader that takes fences, prose,
    comments, trailing commas, single or curly quotes and unescaped quotes, and knows which entries
    were complete; plain text lines `3: a caption` are the last resort.

    Args:
        text: The reply.
        asked: Row numbers that were asked for.
        finish_reason: `length` where the provider cut the reply.

    Example:
        >>> text = 'Sure! [{"id": "#2", "caption": "A red\n bus.", "visible": true,},'
        >>> reply = parse_reply(text, [2])
        >>> reply.captions, reply.cut
        ({2: ParsedCaption(text='A red bus.', visible=True)}, True)
    """
    body = _THINKING.sub("", text, count=1)
    cut = finish_reason == "length"
    try:
        values: list[Any] = [orjson.loads(body)]
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        values, unclosed = lenient_values(body)
        cut = cut or unclosed
    entries = [entry for value in values for entry in _entries(value)]
    if not entries:
        entries = list(_line_entries(body, drop_last=cut))
    return _settle(entries, asked, cut=cut, empty=not body.strip())


def clean_caption(text: str) -> str:
    r"""Whitespace to single spaces, control and invisible characters out; the words stay as they are.

    Example:
        >>> clean_caption(" A\tred\u2028bus\x00. ")
        'A red bus.'
    """
    text = _INVISIBLE.sub("", text)
    spaced = "".join(" " if c.isspace() else c for c in text)
    kept = "".join(c for c in spaced if unicodedata.category(c) not in {"Cc", "Cs"})
    return " ".join(kept.split())


def _settle(
    entries: Sequence[tuple[int | None, str, bool]], asked: Sequence[int], *, cut: bool, empty: bool
) -> ParsedReply:
    """Choose one caption an id and say what was odd."""
    wanted = set(asked)
    captions: dict[int, ParsedCaption] = {}
    contradicted: dict[int, str] = {}
    extra: list[int] = []
    nameless = 0
    for number, caption, visible in entries:
        if number is None:
            nameless += 1
        elif number not in wanted:
            extra.append(number)
        elif number in captions and captions[number] != ParsedCaption(caption, visible):
            contradicted[number] = f"the reply gave two different captions for {number}"
        else:
            captions[number] = ParsedCaption(caption, visible)
    for number in contradicted:
        del captions[number]
    findings = list(contradicted.values())
    if extra:
        findings.append(f"ids that were not asked for: {', '.join(map(str, dict.fromkeys(extra)))}")
    if nameless:
        findings.append(f"{nameless} entries without a usable id")
    if empty:
        findings.append("the reply is empty")
    elif not entries:
        findings.append("no captions could be read out of the reply")
    if cut:
        findings.append("the reply was cut before its end")
    if missing := [n for n in dict.fromkeys(asked) if n not in captions and n not in contradicted]:
        findings.append(f"ids missing from the reply: {', '.join(map(str, missing))}")
    return ParsedReply(captions, tuple(findings), cut, tuple(contradicted.items()))


def _entries(value: Any) -> Iterator[tuple[int | None, str, bool]]:
    """All caption entries anywhere in a value, in the order they stand."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, dict):
            keyed = {str(key).strip().lower(): child for key, child in node.items()}
            entry = _entry(keyed)
            if entry is not None:
                yield entry
                continue
            by_number = {key: number for key in keyed if (number := read_id(key)) is not None}
            for key, number in by_number.items():
                if (mapped := _mapped(number, keyed[key])) is not None:
                    yield mapped
            stack.extend(keyed[key] for key in reversed(list(keyed)) if key not in by_number)


def _entry(keyed: dict[str, Any]) -> tuple[int | None, str, bool] | None:
    """`{"id": ..., "caption": ..., "visible": ...}` under the names that models give these keys."""
    text_key = next((key for key in _TEXT_KEYS if key in keyed), None)
    id_key = next((key for key in _ID_KEYS if key in keyed), None)
    if text_key is None and not (id_key and any(key in keyed for key in _VISIBLE_KEYS)):
        return None
    caption = keyed[text_key] if text_key else ""
    if caption is not None and not isinstance(caption, str):
        return None
    shown = next((keyed[key] for key in _VISIBLE_KEYS if key in keyed), None)
    number = read_id(keyed[id_key]) if id_key else None
    return number, clean_caption(caption or ""), read_visible(shown)


def _mapped(number: int, value: Any) -> tuple[int | None, str, bool] | None:
    """The value of `{"3": "caption"}` or `{"3": {"caption": ..., "visible": ...}}`."""
    if isinstance(value, str):
        return number, clean_caption(value), True
    if isinstance(value, dict):
        entry = _entry({"id": number, **{str(k).strip().lower(): v for k, v in value.items() if k != "id"}})
        return entry and (number, entry[1], entry[2])
    return None


def _line_entries(text: str, *, drop_last: bool) -> Iterator[tuple[int | None, str, bool]]:
    """Plain lines `3: a caption`, from models that cannot write JSON."""
    if re.search(r'["\'“](?:id|caption|captions)["\'”]\s*:', text):
        return  # broken JSON is no list of lines
    lines = [line for line in text.splitlines() if line.strip()]
    for line in lines[:-1] if drop_last else lines:
        if (match := _LINE.match(line)) and not _ROW.search(line):
            yield int(match[1]), clean_caption(match[2].strip('*"“” ')), True


def read_id(value: Any) -> int | None:
    """A row number out of `3`, `3.0`, `"3"`, `"#3"`, `"id 3"`; None where it is none.

    Example:
        >>> [read_id(v) for v in (3, 3.0, "#3", "id 3", True, 2.5, "three", float("nan"))]
        [3, 3, 3, 3, None, None, None, None]
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 10**9 else None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value == int(value) and abs(value) < 10**9 else None
    if isinstance(value, str) and (match := _ID.fullmatch(value)):
        return int(match[1])
    return None


def read_visible(value: Any) -> bool:
    """False only where the model says so; a missing flag means that it made the segment out."""
    if value is None or value is CUT:
        return True
    if isinstance(value, str):
        return value.strip().lower() not in _NO_WORDS
    return bool(value)
