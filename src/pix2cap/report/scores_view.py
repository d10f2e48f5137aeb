"""What the score page shows, worked out before the template: rows, bars and heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pix2cap.evaluate.result import (
    CategoryScores,
    MapsByClass,
    MapScores,
    PanopticCaptioningResult,
)
from pix2cap.evaluate.result_columns import Cell, Column, ScoreTable, score_table
from pix2cap.evaluate.result_compare import Comparison

LABELS: dict[str, tuple[str, int, int]] = {
    "meteor": ("METEOR", 100, 1),
    "rouge_l": ("ROUGE-L", 100, 1),
    "cider": ("CIDEr", 1, 2),
    "spice": ("SPICE", 100, 1),
    "spice_sg": ("SPICE-SG", 100, 1),
}
"""Metric of a pair to (label, factor, decimals)."""

_GROUPS = (
    ("Segmentation", ("panoptic.",)),
    ("Captions of matched segments", ("captions.",)),
    ("Both at once", ("map.", "caption_pq.")),
)
_CIDER_MAX = 10.0

MISSING = -1000.0
"""Sorts below every score; the page's script knows it too."""


@dataclass(frozen=True, slots=True)
class Whisker:
    """A score and its interval on an axis of 0..100."""

    x: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Gap:
    """How far a result is from the first.

    Args:
        text: `+1.9`, or `-` and the reason in `title`.
        interval: `0.7, 3.1`, None where it could not be bootstrapped.
        direction: `up`, `down` or "" where the interval holds 0 or is not there.
        title: For a pointer that rests on it.
    """

    text: str
    interval: str | None
    direction: str
    title: str


@dataclass(frozen=True, slots=True)
class HeadlineRow:
    """One score of all results."""

    label: str
    cells: tuple[Cell, ...]
    whiskers: tuple[Whisker | None, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """The first table of the page: groups of rows, and the small print below."""

    groups: tuple[tuple[str, tuple[HeadlineRow, ...]], ...]
    table: ScoreTable


def headline(
    results: Sequence[PanopticCaptioningResult], names: Sequence[str], comparisons: Sequence[Comparison]
) -> Headline:
    """Rows of all scores.

    Args:
        results: One or more.
        names: One a result.
        comparisons: Of the first with each of the others, in their order.
    """
    table = score_table(results, names, full=True)
    groups = []
    for title, prefixes in _GROUPS:
        rows = tuple(
            HeadlineRow(
                column.label,
                cells,
                tuple(_whisker(column, result) for result in results),
                tuple(
                    _gap(column, results[0], other, comparison)
                    for other, comparison in zip(results[1:], comparisons, strict=True)
                ),
            )
            for column, cells in zip(table.columns, table.cells, strict=True)
            if column.corrected.startswith(prefixes)
        )
        groups.append((title, rows))
    return Headline(tuple(groups), table)


def _whisker(column: Column, result: PanopticCaptioningResult) -> Whisker | None:
    value, interval = column.value(result), column.interval(result)
    if value is None:
        return None
    scale = 100.0 if column.factor == 100 else 100.0 / _CIDER_MAX
    at = [None if v is None else _bounded(v * scale) for v in (value, *(interval or (None, None)))]
    assert at[0] is not None
    return Whisker(at[0], at[1], at[2])


def _bounded(x: float) -> float:
    return round(min(100.0, max(0.0, x)), 2)


def _gap(
    column: Column,
    first: PanopticCaptioningResult,
    other: PanopticCaptioningResult,
    comparison: Comparison,
) -> Gap:
    a, b, path = column.value(first), column.value(other), column.path(other)
    if first.mode != other.mode or a is None or b is None or path is None:
        return Gap("", None, "", comparison.obstacle or "missing in one of the two")
    text = _signed(b - a, column)
    found = comparison.differences.get(path)
    if found is None:
        why = comparison.obstacle or "this score does not follow from counts by image and pairs"
        return Gap(text, None, "", f"no paired interval: {why}")
    shown = f"{_signed(found.interval.low, column)}, {_signed(found.interval.high, column)}"
    direction = ("up" if found.delta > 0 else "down") if found.is_clear else ""
    title = "95 % of paired bootstrap samples lie in the interval"
    return Gap(text, shown, direction, title + ("" if direction else "; it holds 0"))


def _signed(value: float, column: Column) -> str:
    return _plus(f"{value * column.factor:+.{column.digits}f}")


def _plus(text: str) -> str:
    """A number with its sign, a true minus, and none before 0."""
    return text.replace("-", "−") if text.strip("+-0.") else text.strip("+-")


@dataclass(frozen=True, slots=True)
class Bar:
    """One result's bar in a category: width 0..100 and its number, "" where there is none."""

    width: float
    text: str


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """One category.

    Args:
        name: Of the category.
        truths: Non-crowd ground truths (TP + FN).
        pq: One bar a result.
        captions: One bar a result.
        gap: PQ of the last result minus the first, as shown.
        order: Values to sort by: truths, PQ, caption score and difference of PQ; -1000 where missing.
        title: Counts of each result.
    """

    name: str
    truths: int
    pq: tuple[Bar, ...]
    captions: tuple[Bar, ...]
    gap: str
    order: dict[str, float]
    title: str


def category_rows(
    results: Sequence[PanopticCaptioningResult], names: Sequence[str], metric: str | None, *, things: bool
) -> tuple[CategoryRow, ...]:
    """Categories of one kind, most frequent first.

    Args:
        results: One or more.
        names: One a result.
        metric: The caption metric of the second bar; None leaves it out.
        things: Things or stuff.
    """
    ids = dict.fromkeys(
        i for result in results for i, c in result.per_category.items() if c.is_thing == things
    )
    rows = []
    for category_id in ids:
        each = [result.per_category.get(category_id) for result in results]
        known = [c for c in each if c is not None]
        truths = max(c.tp + c.fn for c in known)
        if not any(c.tp + c.fp + c.fn for c in known):
            continue
        quality = [None if c is None else c.pq for c in each]
        told = [None if c is None or metric is None else c.captions.get(metric) for c in each]
        title = "; ".join(f"{n}: {_told(c)}" for n, c in zip(names, each, strict=True) if c is not None)
        order = {"truths": truths, "pq": _top(quality), "captions": _top(told), "gap": _spread(quality)}
        pq, captions = tuple(_bar(v) for v in quality), tuple(_bar(v, metric) for v in told)
        gap = "–" if order["gap"] <= MISSING else _plus(f"{100 * order['gap']:+.1f}")
        rows.append(CategoryRow(known[0].name, truths, pq, captions, gap, order, title))
    return tuple(sorted(rows, key=lambda row: (-row.truths, row.name)))


def _told(c: CategoryScores) -> str:
    return f"{c.tp:,} matched, {c.fp:,} false, {c.fn:,} missed"


def _bar(value: float | None, metric: str | None = None) -> Bar:
    if value is None:
        return Bar(0.0, "")
    _, factor, digits = LABELS[metric] if metric else ("", 100, 1)
    return Bar(
        _bounded(value * (100.0 if factor == 100 else 100.0 / _CIDER_MAX)), f"{value * factor:.{digits}f}"
    )


def _top(values: Sequence[float | None]) -> float:
    return next((v for v in values if v is not None), MISSING)


def _spread(values: Sequence[float | None]) -> float:
    """Last minus first."""
    first, last = values[0], values[-1]
    return MISSING if first is None or last is None else last - first


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Average precision by thresholds on IoU (rows) and METEOR (columns).

    Args:
        title: What is compared.
        map: The mean, as shown.
        detection: The mean without captions, as shown.
        ious: Row heads.
        meteors: Column heads.
        cells: `(text, strength 0..1)` by row and column; text "" where it is missing.
    """

    title: str
    map: str
    detection: str
    ious: tuple[str, ...]
    meteors: tuple[str, ...]
    cells: tuple[tuple[tuple[str, float], ...], ...]


def heat_maps(result: PanopticCaptioningResult, strongest: float) -> tuple[HeatMap, ...]:
    """The mAP grids of a result.

    Args:
        result: Of either mode.
        strongest: The average precision that gets full colour, the same for all results of a page.
    """
    if isinstance(result.map, MapsByClass):
        return (
            _heat_map("classes compared", result.map.class_aware, strongest),
            _heat_map("any class", result.map.class_agnostic, strongest),
        )
    return (_heat_map("as released", result.map, strongest),)


def strongest_precision(results: Sequence[PanopticCaptioningResult]) -> float:
    """The highest average precision of all grids, at least 0.01."""
    grids = [
        grid.by_threshold.values()
        for result in results
        for grid in (
            (result.map.class_aware, result.map.class_agnostic)
            if isinstance(result.map, MapsByClass)
            else (result.map,)
        )
    ]
    return max([0.01, *(value for grid in grids for value in grid)])


def _heat_map(title: str, scores: MapScores, strongest: float) -> HeatMap:
    keys = [key.removeprefix("iou").split("_meteor") for key in scores.by_threshold if "_meteor" in key]
    ious = sorted({key[0] for key in keys}, key=_number)
    meteors = sorted({key[1] for key in keys}, key=_number)
    cells = []
    for iou in ious:
        row = []
        for meteor in meteors:
            value = scores.by_threshold.get(f"iou{iou}_meteor{meteor}")
            strength = 0.0 if value is None else round(min(1.0, max(0.0, value / strongest)), 3)
            row.append(("" if value is None else f"{100 * value:.1f}", strength))
        cells.append(tuple(row))
    return HeatMap(
        title, _hundred(scores.map), _hundred(scores.detection_map), tuple(ious), tuple(meteors), tuple(cells)
    )


def _number(text: str) -> tuple[bool, float, str]:
    try:
        return False, float(text), text
    except ValueError:  # a foreign key: last, by its text
        return True, 0.0, text


def _hundred(value: float | None) -> str:
    return "--" if value is None else f"{100 * value:.1f}"
