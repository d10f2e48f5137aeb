"""Penn Treebank tokens of a caption, as COCO caption evaluation counts them: lower case, without punctuation.

The same tokens as Stanford's PTBTokenizer 3.4.1 (`-preserveLines -lowerCase`) with the punctuation of
pycocoevalcap taken out, without a JVM. Because the text is lower-cased before punctuation is taken out, `(`
survives as `-lrb-`; marks in a row such as `!?` survive too. A line break inside a caption is white space
here, where the Java pipeline would shift every later caption by a line.
"""

from __future__ import annotations

import re
from typing import Final

from pix2cap.text.ptb_abbreviations import BEFORE_NUMBERS, PLAIN, TITLES
from pix2cap.text.ptb_lexer import lex

PUNCTUATION: Final = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])
"""Tokens that caption metrics do not count."""

_LINE_BREAKS: Final = str.maketrans(dict.fromkeys("\n\r\x0b\x0c\u2028\u2029", " "))
_READ_TOGETHER: Final = re.compile(r" \.|[0-9] \d")
"""Chunks that are one token across a space: `. . .`, `1 1/2`, `12 345 6789`."""

_PLAIN: Final = re.compile(
    r"(?:([A-Za-z]+(?:-[A-Za-z]+)*|[0-9]{1,9})"
    r"|([A-Za-z]*[A-MO-Za-mo-z])(n't)|([A-Za-z]+)('(?:s|d|m|re|ve|ll)))([,;.]?)"
)
"""Chunks that are read alike whatever stands around them, so that their tokens can be remembered."""

_SPLIT_WORDS: Final = frozenset(["cannot", "gonna", "gotta", "lemme", "gimme", "wanna"])
_MAY_KEEP_PERIOD: Final = re.compile(f"[A-Za-z]|{PLAIN}|{TITLES}|(?ai:{BEFORE_NUMBERS}|cont'd)")
_CHUNKS_KEPT: Final = 100_000
_chunks: dict[str, tuple[str, ...] | None] = {"": ()}


def _learn(chunk: str) -> tuple[str, ...] | None:
    """The tokens of a chunk between spaces, None where they depend on what follows or need the full rules."""
    match = _PLAIN.fullmatch(chunk)
    tokens: tuple[str, ...] | None = None
    if match is not None:
        word = chunk.removesuffix(".")
        keeps_period = word != chunk and _MAY_KEEP_PERIOD.fullmatch(word) is not None
        if not keeps_period and (match[1] or "").lower() not in _SPLIT_WORDS:
            tokens = tuple(part.lower() for part in match.groups()[:-1] if part)
    if len(_chunks) >= _CHUNKS_KEPT:
        _chunks.clear()
        _chunks[""] = ()
    _chunks[chunk] = tokens
    return tokens


def ptb_tokens(text: str) -> list[str]:
    """The tokens of one caption.

    Args:
        text: Any text; line breaks in it are white space.

    Returns:
        Tokens in lower case without punctuation. A fraction or telephone number with a space in it is one
        token with a no-break space.

    Source: Stanford PTBTokenizer 3.4.1 as pycocoevalcap calls it.

    >>> ptb_tokens("The dog isn't here; it's (red).")
    ['the', 'dog', 'is', "n't", 'here', 'it', "'s", '-lrb-', 'red', '-rrb-']
    """
    text = text.translate(_LINE_BREAKS)
    length = len(text)
    ended = text + "\n"
    if _READ_TOGETHER.search(text):
        return [token for token in lex(ended, 0, length)[0] if token not in PUNCTUATION]
    tokens: list[str] = []
    known = _chunks
    start = 0
    while start < length:
        end = ended.find(" ", start)
        if end < 0:
            end = length
        chunk = text[start:end]
        try:
            found = known[chunk]
        except KeyError:
            found = _learn(chunk)
        if found is None:
            more, start = lex(ended, start, end)
            tokens.extend(token for token in more if token not in PUNCTUATION)
        else:
            tokens.extend(found)
            start = end + 1
    return tokens
