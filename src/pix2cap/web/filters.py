"""Which segments a page shows: the query string, read strictly and written back for links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

SORTS: Final = (
    ("source", "Order of the source"),
    ("failed", "Most failed first"),
    ("findings", "Most findings first"),
    ("short", "Shortest caption first"),
    ("long", "Longest caption first"),
)
"""Orders of images. None depends on decisions, so that deciding never moves the next picture away."""

DECISIONS: Final = ("open", "accept", "edit", "reject", "ask_again", "conflict")
FACETS: Final = ("status", "class", "check", "finding", "decision", "attempt", "model", "reviewer")
"""Filters that choose one value out of those that occur."""

NAMES: Final = (*FACETS, "words_min", "words_max", "q", "sort")
_MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show; every one left at None lets everything pass.

    Args:
        equal: Facet to the value wanted, in the order of `FACETS`.
        words_min: Least words of the caption.
        words_max: Most words of it.
        q: Words that the caption holds; the last may be the beginning of one, `"..."` is a phrase.
        sort: Out of `SORTS`.
    """

    equal: tuple[tuple[str, str], ...] = ()
    words_min: int | None = None
    words_max: int | None = None
    q: str = ""
    sort: str = "source"

    @property
    def keep_all(self) -> bool:
        """True where every segment passes."""
        return not self.equal and self.words_min is None and self.words_max is None and not self.q

    def values(self) -> dict[str, str]:
        """Every filter as a form has it: "" for one that is not set."""
        given = dict.fromkeys(NAMES, "") | dict(self.equal)
        given |= {
            "words_min": "" if self.words_min is None else str(self.words_min),
            "words_max": "" if self.words_max is None else str(self.words_max),
            "q": self.q,
            "sort": "" if self.sort == "source" else self.sort,
        }
        return given

    def query(self, **changes: object) -> str:
        """The query string of these filters, changed; "" for none. `None` and "" leave a name out."""
        values: dict[str, object] = {**self.values(), **changes}
        return urlencode({name: value for name, value in values.items() if value not in (None, "")})


def read_filters(query: Mapping[str, str]) -> tuple[Filters, list[str]]:
    """Read filters from a query string.

    Returns:
        The filters, and a sentence on each value that was left out since nobody could tell what it means.
    """
    problems: list[str] = []

    def number(name: str) -> int | None:
        text = query.get(name, "").strip()
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) <= 6:
            return int(text)
        problems.append(f"{name}: expected a whole number, got {text[:40]!r}")
        return None

    equal = tuple((name, query[name][:_MAX_TEXT]) for name in FACETS if query.get(name))
    decision = dict(equal).get("decision")
    if decision is not None and decision not in DECISIONS:
        problems.append(f"decision: expected one of {', '.join(DECISIONS)}, got {decision[:40]!r}")
        equal = tuple(pair for pair in equal if pair[0] != "decision")
    sort = query.get("sort") or "source"
    if sort not in dict(SORTS):
        problems.append(f"sort: expected one of {', '.join(dict(SORTS))}, got {sort[:40]!r}")
        sort = "source"
    low, high = number("words_min"), number("words_max")
    text = " ".join(query.get("q", "").replace("\x00", " ").split())[:_MAX_TEXT]
    return Filters(equal, low, high, text, sort), problems


def read_page(query: Mapping[str, str]) -> int:
    """The page number asked for, from 1."""
    text = query.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) <= 9 else 1
