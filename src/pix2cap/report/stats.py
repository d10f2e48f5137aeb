"""One page with the figures of captioned datasets beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from pix2cap import __version__
from pix2cap.core.caption import CaptionStatus
from pix2cap.report.figures import Stretch, status_bar
from pix2cap.report.shell import asset, csp_hash, replacing, template
from pix2cap.report.stats_charts import Bars, Steps, bars, steps

MAX_SOURCES: Final = 8
"""As many as the page has colours that can be told apart."""

_CLASSES: Final = 400
_WORDS: Final = 48

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TableRow:
    """A line of the table of figures.

    Args:
        label: What is told.
        values: As text, by source; None where it is not known.
        theirs: What the paper states, "" where it states nothing.
        group: Heading that starts with this line, "" within a group.
    """

    label: str
    values: tuple[str | None, ...]
    theirs: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class _ClassRow:
    name: str
    kind: str
    cells: tuple[tuple[str, str, float], ...]


def write_stats(stats: Figures, out: Path, *, title: str = "Captions in figures") -> Path:
    """Write one self-contained HTML file: a table of figures, plots, frequent words and classes.

    Args:
        stats: What `pix2cap dataset stats --format json` prints.
        out: The file.
        title: Heading.

    Returns:
        `out`.

    Raises:
        ValueError: More sources than the page has colours.
        StorageFull: The disk took no more; an earlier page is untouched.
    """
    sources: Sequence[Figures] = stats["sources"]
    if len(sources) > MAX_SOURCES:
        raise ValueError(f"expected at most {MAX_SOURCES} datasets on a page, got {len(sources)}")
    style = "".join(asset(name) for name in ("report.css", "scores.css", "curves.css", "stats.css"))
    page = {
        "title": title,
        "version": __version__,
        "style": Markup(style),
        "style_hash": csp_hash(style),
        "columns": columns(stats),
        "rows": table_rows(stats),
        "notes": notes(stats),
        "published": stats["published"],
        "charts": list(_step_charts(stats)),
        "bars": list(_bar_charts(stats)),
        "statuses": [(figures["name"], _statuses(figures)) for figures in sources],
        "status_names": [s for s in CaptionStatus if any(f["statuses"].get(s) for f in sources)],
        "words": [(figures["name"], figures["frequent_words"][:_WORDS]) for figures in sources],
        "names": [figures["name"] for figures in sources],
        "classes": _class_rows(sources),
        "more_classes": max(0, len(_class_totals(sources)) - _CLASSES),
    }
    with replacing(out) as file:
        file.writelines(template("stats.html.j2").generate(page))
    return out


def columns(stats: Figures) -> list[str]:
    """Names of the table's columns: sources, and all together where there are several."""
    return [figures["name"] for figures in stats["sources"]] + (["together"] if stats["together"] else [])


def table_rows(stats: Figures) -> list[TableRow]:
    """The figures that a table tells, line by line; the same for page and terminal."""
    every = [*stats["sources"], *([stats["together"]] if stats["together"] else [])]
    rows = []
    for group, lines in _groups(every):
        for number, (label, take, published) in enumerate(lines):
            theirs = told(stats["published"][published]) or "" if published else ""
            values = tuple(told(take(figures)) for figures in every)
            rows.append(TableRow(label, values, theirs, "" if number else group))
    return rows


_Line = tuple[str, Callable[[Figures], Any], str]


def _groups(every: Sequence[Figures]) -> Iterator[tuple[str, list[_Line]]]:
    """Groups of lines: label, where the figure stands, and the paper's word for it."""
    yield (
        "How many",
        [
            ("images", _at("images"), "images"),
            ("images with captions", _at("images_with_captions"), ""),
            ("segments (crowd left out)", _at("segments"), ""),
            ("captions", _at("captions"), "captions"),
            ("captions an image, mean", _at("captions_per_image", "mean"), "captions_per_image"),
            ("captions an image, median", _at("captions_per_image", "median"), ""),
        ],
    )
    yield (
        "How long",
        [
            ("words a caption, mean", _at("words", "mean"), "words_mean"),
            ("median", _at("words", "median"), ""),
            ("5th percentile", _at("words", "p5"), ""),
            ("95th percentile", _at("words", "p95"), ""),
        ],
    )
    yield (
        "How varied",
        [
            ("different words", _at("vocabulary"), ""),
            ("distinct-1", _at("distinct_1"), ""),
            ("distinct-2", _at("distinct_2"), ""),
            ("repeats within an image", _at("duplicates", "in_one_image"), ""),
            ("repeats in the dataset", _at("duplicates", "in_dataset"), ""),
        ],
    )
    kinds = ("nouns", "adjectives", "verbs")
    yield "Parts of speech", [(f"{kind} a caption", _at("parts_of_speech", kind), "") for kind in kinds]
    yield "Things and stuff", [line for kind in ("things", "stuff") for line in _kind_lines(kind, kind)]
    bands = _bands(every)
    yield "By size of the segment", [line for band in bands for line in _kind_lines(band, "by_size", band)]
    statuses = [(s.value.replace("_", " "), _at("statuses", s.value), "") for s in CaptionStatus]
    yield "What became of segments", statuses


def _at(*keys: str) -> Callable[[Figures], Any]:
    """Follows keys; None where one leads to nothing."""

    def take(figures: Figures) -> Any:
        value: Any = figures
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    return take


def _kind_lines(label: str, *keys: str) -> list[_Line]:
    names = (("segments", "segments"), ("captions", "captions"), ("words_mean", "words a caption"))
    return [(f"{label}: {told_as}", _at(*keys, name), "") for name, told_as in names]


def _bands(every: Sequence[Figures]) -> list[str]:
    return [b for b in ("small", "medium", "large", "unknown") if any(b in f["by_size"] for f in every)]


def told(value: float | None) -> str | None:
    """A number as people read it; None stays None.

    Example:
        >>> told(167254), told(22.943), told(0.0312), told(25.0)
        ('167,254', '22.94', '0.0312', '25')
    """
    if value is None:
        return None
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{value:,.4f}" if abs(value) < 1 else f"{value:,.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def notes(stats: Figures) -> list[str]:
    """What a reader must know to read the figures right."""
    found = [
        "Words are counted without punctuation; hyphenated compounds count once. distinct-n is the number of"
        " different n-grams divided by all of them, and falls as a dataset grows.",
        "Size bands are COCO's: small below 32 x 32 pixels of area, medium below 96 x 96, by the areas that"
        " the JSON states.",
    ]
    tagger = stats["tagger"]
    if tagger is None:
        found.append(f"Nouns, adjectives and verbs are missing: {stats['tagger_missing']}.")
    else:
        share = "" if stats["tag_share"] == 1 else f" on a {stats['tag_share']:.1%} sample of the captions"
        found.append(
            f"Nouns, adjectives and verbs by {tagger['model']} ({tagger['library']}, {tagger['tags']} tags)"
            f"{share}: NN*, JJ* and VB*; forms of be and participles are verbs, modal verbs are not."
        )
    unread = sum(figures["unreadable_entries"] for figures in stats["sources"])
    if unread:
        found.append(f"{unread:,} entries could not be read and are left out; `dataset validate` names them.")
    return found


def _step_charts(stats: Figures) -> Iterator[Steps]:
    sources, theirs = stats["sources"], stats["published"]
    for title, key, unit, mark in (
        ("Words in a caption", "words", "words", theirs["words_mean"]),
        ("Captions in an image", "captions_per_image", "captions", theirs["captions_per_image"]),
    ):
        series = [(f["name"], {int(v): n for v, n in f[key]["histogram"].items()}) for f in sources]
        chart = steps(title, series, unit=unit, mark=mark, mark_name="mean the paper states")
        if chart is not None:
            yield chart


def _bar_charts(stats: Figures) -> Iterator[Bars]:
    sources: Sequence[Figures] = stats["sources"]
    names = [figures["name"] for figures in sources]
    bands = _bands(sources)
    groups: list[tuple[str, list[str], list[list[float | None]], str]] = [
        (
            "Segments by size",
            bands,
            [[_part(f, f["by_size"].get(b, {})) for b in bands] for f in sources],
            "%",
        ),
        (
            "Words a caption, by size",
            bands,
            [[f["by_size"].get(b, {}).get("words_mean") for b in bands] for f in sources],
            "",
        ),
        (
            "Words a caption, things and stuff",
            ["things", "stuff"],
            [[f[kind]["words_mean"] for kind in ("things", "stuff")] for f in sources],
            "",
        ),
    ]
    if stats["tagger"] is not None:
        kinds = ("nouns", "adjectives", "verbs")
        values = [[(f["parts_of_speech"] or {}).get(kind) for kind in kinds] for f in sources]
        groups.append(("Parts of speech, a caption", list(kinds), values, ""))
    for title, labels, rows, unit in groups:
        chart = bars(title, labels, list(zip(names, rows, strict=True)), unit=unit)
        if chart is not None:
            yield chart


def _part(figures: Figures, group: Figures) -> float | None:
    return 100 * group.get("segments", 0) / figures["segments"] if figures["segments"] else None


def _statuses(figures: Figures) -> tuple[Stretch, ...]:
    known = {CaptionStatus(name): count for name, count in figures["statuses"].items()}
    return status_bar(known) if sum(known.values()) else ()


def _class_totals(sources: Sequence[Figures]) -> dict[tuple[str, bool | None], int]:
    totals: dict[tuple[str, bool | None], int] = {}
    for figures in sources:
        for row in figures["by_class"]:
            key = (row["name"], row["is_thing"])
            totals[key] = totals.get(key, 0) + row["segments"]
    return totals


def _class_rows(sources: Sequence[Figures]) -> list[_ClassRow]:
    """Classes by their segments in all sources; for each source count, words and length of its bar."""
    totals = _class_totals(sources)
    known = [{(row["name"], row["is_thing"]): row for row in figures["by_class"]} for figures in sources]
    most = max((row["segments"] for rows in known for row in rows.values()), default=1) or 1
    found = []
    for key in sorted(totals, key=lambda key: (-totals[key], key[0]))[:_CLASSES]:
        cells = []
        for rows in known:
            row = rows.get(key)
            words = told(row["words_mean"]) if row is not None else None
            count = row["segments"] if row is not None else 0
            cells.append((f"{count:,}", words or "-", round(100 * count / most, 2)))
        kind = "unknown" if key[1] is None else "thing" if key[1] else "stuff"
        found.append(_ClassRow(key[0], kind, tuple(cells)))
    return found
