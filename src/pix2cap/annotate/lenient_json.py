"""A reader of JSON as models write it, that knows what was complete.

The usual repair libraries close whatever is open, so a caption cut in its middle comes out like a whole
one. Here a container that never closed gives only its complete children.
"""

from __future__ import annotations

import re
from typing import Any, Final

CUT: Final = object()
"""Stands for a value that the end of the text cut off."""

_OPEN_QUOTES: Final = {
    '"': '"',
    "'": "'",
    "“": "”",
    "”": "”",
    "„": "“",
    "‘": "’",
    "’": "’",
    "`": "`",
    "«": "»",
}
_SKIP: Final = re.compile(r"(?:[\s,]+|//[^\n]*|#[^\n\"'{}\[\]]{0,300}(?=\n)|/\*.*?(?:\*/|\Z))+", re.S)
_BARE: Final = re.compile(r"[^\s,:\[\]{}\"“”]+")
_START: Final = re.compile(r"[\[{](?=\s*(?:[\"'“”‘’{\[\d\w/#-]|[\]}]))")
_AFTER_KEY: Final = re.compile(r"\s{0,300}:")
_LONGEST_KEY: Final = 60
"""Characters after which a quote that opened a key is taken for a stray one."""
# Every look ahead is bounded, so that no reply costs more than its length.
_AFTER_VALUE: Final = re.compile(
    r"""\s{0,300}(?:(?://[^\n]{0,300}\n|/\*.{0,300}?\*/)\s{0,300}){0,3}(?:[}\]]|\Z|,\s*(?:[}\]]|//|/\*|\Z|
    (?:["'“”‘’`][^"'“”‘’`\n]{1,40}["'“”‘’`]|[A-Za-z_]\w{0,30})\s*:)|
    (?:["'“”‘’`](?:id|caption|visible)["'“”‘’`])\s*:)""",
    re.S | re.X,
)
_AFTER_ITEM: Final = re.compile(r"\s{0,300}(?:[\]}]|\Z|,)")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None, "none": None}
_NUMBER: Final = re.compile(r"[+-]?\d{1,15}(?:\.\d{0,15})?")


def lenient_values(text: str) -> tuple[list[Any], bool]:
    r"""All JSON-like values that stand in a text, prose around them skipped.

    Args:
        text: Anything.

    Returns:
        The values, and whether the last one was cut off by the end of the text.

    Example:
        >>> lenient_values("Here: {'a': [1, 2,], b: 'it's \"so\"'} and [3")
        ([{'a': [1, 2], 'b': 'it\'s "so"'}, []], True)
    """
    values: list[Any] = []
    position, unclosed = 0, False
    while match := _START.search(text, position):
        reader = _Reader(text, match.start())
        value = reader.read()
        values.append(value)
        position, unclosed = max(reader.position, match.end()), reader.unclosed
    return values, unclosed


class _Reader:
    """One value from one opening bracket on; its own stack, so nesting depth costs no recursion."""

    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.position = start
        self.unclosed = False
        self._stack: list[tuple[Any, list[Any]]] = []
        """Open containers with their pending keys (one list a container, empty or one key)."""
        self._open: dict[type, int] = {dict: 0, list: 0}
        """How many of each kind are open, so that a stray bracket need not search the stack."""

    def read(self) -> Any:
        """Read to the bracket that closes the first one, or to the end of the text."""
        root: Any = None
        while self.position < len(self.text):
            if skipped := _SKIP.match(self.text, self.position):
                self.position = skipped.end()
                continue
            char = self.text[self.position]
            if char in "{[":
                self.position += 1
                self._stack.append(({} if char == "{" else [], []))
                self._open[dict if char == "{" else list] += 1
            elif char in "}]":
                self.position += 1
                root = self._close(char)
                if not self._stack:
                    return root
            else:
                self._scalar(char)
        return self._end()

    def _close(self, char: str) -> Any:
        """Close the innermost container; a bracket of the other kind closes what was left open inside."""
        wanted: type = dict if char == "}" else list
        if self._open[wanted]:
            while not isinstance(self._stack[-1][0], wanted):
                inner = self._pop()
                self._put(inner)
        elif len(self._stack) > 1:
            return None  # a stray bracket
        container = self._pop()
        if self._stack:
            self._put(container)
        return container

    def _pop(self) -> Any:
        container = self._stack.pop()[0]
        self._open[type(container)] -= 1
        return container

    def _end(self) -> Any:
        """The text ended: open lists keep their complete items, open objects are dropped as incomplete."""
        self.unclosed = True
        kept: Any = None
        while self._stack:
            container, _ = self._stack.pop()
            if isinstance(container, list):
                kept = [*container, kept] if kept else container
            else:
                # The open object itself is incomplete, but what it already holds in brackets is not.
                inner = [v for v in container.values() if isinstance(v, dict | list)]
                kept = [*inner, kept] if kept else inner
        return kept

    def _put(self, value: Any) -> None:
        container, pending = self._stack[-1]
        if isinstance(container, list):
            container.append(value)
        elif pending:
            container.setdefault(pending.pop(), value)
        elif isinstance(value, dict | list):
            container.setdefault(f"({len(container)})", value)

    def _scalar(self, char: str) -> None:
        container, pending = self._stack[-1]
        if char in _OPEN_QUOTES:
            value = self._string(_OPEN_QUOTES[char], as_key=isinstance(container, dict) and not pending)
        else:
            value = self._bare()
        if value is CUT:
            return
        if isinstance(container, dict) and not pending:
            if colon := _AFTER_KEY.match(self.text, self.position):
                self.position = colon.end()
                pending.append(value if isinstance(value, str) else str(value))
            return
        self._put(value)

    def _bare(self) -> Any:
        match = _BARE.match(self.text, self.position)
        if match is None:
            self.position += 1
            return CUT
        self.position = match.end()
        if self.position == len(self.text):
            return CUT  # `tru` or `1` of 12: nobody knows how it would have gone on
        word = match[0]
        if word.lower() in _WORDS:
            return _WORDS[word.lower()]
        if _NUMBER.fullmatch(word):
            return float(word) if "." in word else int(word)
        return word

    def _string(self, closing: str, *, as_key: bool) -> Any:
        """Read a string; a quote ends it only where what follows can follow a value."""
        container, _ = self._stack[-1]
        after = _AFTER_KEY if as_key else _AFTER_VALUE if isinstance(container, dict) else _AFTER_ITEM
        text, start = self.text, self.position + 1
        index = start
        pieces: list[str] = []
        pattern = re.compile(rf"[\\{closing}]" if closing not in "”’" else rf"[\\{closing}\"']")
        end = min(len(text), start + _LONGEST_KEY) if as_key else len(text)
        while match := pattern.search(text, index, end):
            pieces.append(text[index : match.start()])
            index = match.end()
            if match[0] == "\\":
                piece, index = _unescape(text, index)
                pieces.append(piece)
            elif after.match(text, index):
                self.position = index
                return "".join(pieces)
            else:
                pieces.append(match[0])
        return self._unended(start)

    def _unended(self, start: int) -> Any:
        """No quote ended the string: the rest of the text belongs to it and is cut."""
        if isinstance(self._stack[-1][0], dict) and not self._stack[-1][1]:
            self.position = start  # not a key after all, but a stray quote
        else:
            self.position = len(self.text)
        return CUT


def _unescape(text: str, index: int) -> tuple[str, int]:
    """The character that an escape stands for, and where the text goes on."""
    if index >= len(text):
        return "", index
    char = text[index]
    if char == "u" and (digits := re.compile(r"[0-9a-fA-F]{4}").match(text, index + 1)):
        code = int(digits[0], 16)
        low = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match(text, digits.end())
        if 0xD800 <= code < 0xDC00 and low:
            return chr(0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00), low.end()
        return ("" if 0xD800 <= code < 0xE000 else chr(code)), digits.end()
    return _ESCAPES.get(char, char), index + 1
