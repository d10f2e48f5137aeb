"""Which settings can be meant: one way to refuse a number before anything is done with it."""

from __future__ import annotations

import math

from pix2cap.errors import UsageError
from pix2cap.text.language import LANGUAGES

_CODE_OF = {name.lower(): code for code, name in LANGUAGES.items()}


def require_range(
    flag: str,
    value: float | None,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> None:
    """Check a number where one was given.

    Args:
        flag: The option as a person types it.
        value: None passes.
        least: The smallest that is allowed.
        above: It must be larger than this.
        most: The largest that is allowed.

    Raises:
        UsageError: It is outside, or no number.

    Example:
        >>> require_range("--limit", 3, least=1)
    """
    if value is None:
        return
    fits = (
        math.isfinite(value)
        and (least is None or value >= least)
        and (above is None or value > above)
        and (most is None or value <= most)
    )
    if not fits:
        told = [
            f"{word} {_told(bound)}"
            for word, bound in (("at least", least), ("above", above), ("at most", most))
            if bound is not None
        ]
        raise UsageError(f"expected {flag} to be {' and '.join(told)}, got {_told(value)}")


def require_language(code: str) -> None:
    """Check that `--language` names a language which a prompt and the checks can speak of.

    Raises:
        UsageError: An unknown code, or the name of a language that has one.

    Example:
        >>> require_language("de"), require_language("pt-BR"), require_language("Swahili")
        (None, None, None)
    """
    short = code.split("-")[0].strip().lower()
    if short in LANGUAGES:
        return
    if short in _CODE_OF:
        raise UsageError(f"expected --language as an ISO 639-1 code, got {code!r}: write {_CODE_OF[short]}")
    if len(short) <= 3:
        raise UsageError(
            f"expected --language out of {', '.join(LANGUAGES)}, or another language's English name,"
            f" got {code!r}"
        )


def _told(value: float) -> str:
    return f"{value:g}"
