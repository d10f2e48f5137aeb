"""Which words two texts share, and which were taken out and put in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal

Mark = Literal["=", "-", "+"]
Marked = tuple[tuple[Mark, str], ...]

_PIECE = re.compile(r"\s+|\w+(?:['’-]\w+)*|[^\w\s]")
_WORD = re.compile(r"\w+")
_REWRITTEN = 1 / 3
"""Where a smaller share of the words stayed, the text was rewritten: marking "the" and "of" helps nobody."""
_MIRRORED: dict[Mark, Mark] = {"=": "=", "-": "+", "+": "-"}


def mark_words(before: str, after: str) -> Marked:
    """Runs of words that stayed (`=`), went (`-`) and came (`+`); what went stands before what came.

    A text that was rewritten, with hardly a word in its place, is one run of each. The runs of `=` and `-`
    make `before`, those of `=` and `+` make `after`, and the marks of the two texts the other way round are
    the mirrored ones.

    Example:
        >>> mark_words("A red car.", "A blue car.")
        (('=', 'A '), ('-', 'red'), ('+', 'blue'), ('=', ' car.'))
    """
    if after < before:
        return tuple(_ordered([(_MIRRORED[mark], text) for mark, text in mark_words(after, before)]))
    old, new = _PIECE.findall(before), _PIECE.findall(after)
    found: list[tuple[Mark, str]] = []
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(("=", "".join(old[i:j])))
            continue
        if i < j:
            found.append(("-", "".join(old[i:j])))
        if k < m:
            found.append(("+", "".join(new[k:m])))
    kept = sum(_n_words(text) for mark, text in found if mark == "=")
    if kept < _REWRITTEN * max(_n_words(before), _n_words(after)):
        found = [("-", before), ("+", after)]
    return tuple(_ordered(_joined(found)))


def _n_words(text: str) -> int:
    return len(_WORD.findall(text))


def _joined(runs: list[tuple[Mark, str]]) -> list[tuple[Mark, str]]:
    """A lone space between two changes is part of the change: whole phrases read better than a comb."""
    joined: list[tuple[Mark, str]] = []
    for number, (mark, text) in enumerate(runs):
        is_inside = 0 < number < len(runs) - 1
        if mark == "=" and text.isspace() and is_inside:
            joined += [("-", text), ("+", text)]
        else:
            joined.append((mark, text))
    return joined


def _ordered(runs: list[tuple[Mark, str]]) -> Iterator[tuple[Mark, str]]:
    """Between two runs that stayed: all that went as one run, then all that came."""
    gone = come = ""
    for mark, text in [*runs, ("=", "")]:
        if mark == "-":
            gone += text
        elif mark == "+":
            come += text
        else:
            if gone:
                yield "-", gone
            if come:
                yield "+", come
            gone = come = ""
            if text:
                yield "=", text


def plain(marked: Marked) -> str:
    """The marks as text, in the manner of `git diff --word-diff`.

    Example:
        >>> plain(mark_words("A red car.", "A blue car."))
        'A [-red-]{+blue+} car.'
    """
    shown = {"=": "{}", "-": "[-{}-]", "+": "{{+{}+}}"}
    return "".join(shown[mark].format(text) for mark, text in marked)
