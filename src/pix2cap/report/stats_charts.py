"""Geometry of the plots on a page of figures; the template turns it into SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pix2cap.report.curves import nice_ticks

WIDTH: Final = 560.0
HEIGHT: Final = 210.0
_MOST_BINS: Final = 60
_TAIL: Final = 0.002
"""Share of all at the long end that goes into the last step: one caption of 300 words flattens no plot."""


@dataclass(frozen=True, slots=True)
class StepLine:
    """One dataset's outline.

    Args:
        name: For the legend.
        path: SVG path data of the outline.
        area: The same, closed along the axis.
        tone: Number of its colour.
    """

    name: str
    path: str
    area: str
    tone: int


@dataclass(frozen=True, slots=True)
class Steps:
    """A histogram: each dataset's share of its own total, so that small and large ones compare.

    Args:
        title: Heading.
        unit: What is along the axis.
        lines: One a dataset.
        hits: `(x, width, text)` of the columns that tell their numbers.
        x_ticks: `(x, text)`.
        y_ticks: `(y, text)`.
        mark: `(x, text)` of a value to compare with; None where it is out of the plot.
    """

    title: str
    unit: str
    lines: tuple[StepLine, ...]
    hits: tuple[tuple[float, float, str], ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    mark: tuple[float, str] | None


@dataclass(frozen=True, slots=True)
class Bars:
    """Groups of bars, one bar a dataset.

    Args:
        title: Heading.
        names: Datasets, for the legend.
        groups: `(label, ((width in percent or None, number in words), ...))`.
    """

    title: str
    names: tuple[str, ...]
    groups: tuple[tuple[str, tuple[tuple[float | None, str], ...]], ...]


def steps(
    title: str,
    series: Sequence[tuple[str, Mapping[int, int]]],
    *,
    unit: str,
    mark: float | None = None,
    mark_name: str = "",
) -> Steps | None:
    """Histograms of whole numbers over each other; None where there is nothing to show.

    Args:
        title: Heading.
        series: Name and value-to-count of each dataset.
        unit: Of the values.
        mark: A value to show as an upright line.
        mark_name: What it is.
    """
    shown = [(name, counts) for name, counts in series if sum(counts.values())]
    if not shown:
        return None
    first = min(min(counts) for _, counts in shown)
    last = max(first + 9, *(_end(counts) for _, counts in shown))
    first = 0 if first <= 3 else first
    per_bin = math.ceil((last - first + 1) / _MOST_BINS)
    bins = math.ceil((last - first + 1) / per_bin)
    width = WIDTH / bins
    shares = [_shares(counts, first, per_bin, bins) for _, counts in shown]
    y_ticks = nice_ticks(0.0, max(max(row) for row in shares), most=4)
    top = y_ticks[-1]

    def y(share: float) -> float:
        return round(HEIGHT * (1 - share / top), 2)

    lines = []
    for name, row in zip((name for name, _ in shown), shares, strict=True):
        tone = next(number for number, (other, _) in enumerate(series) if other == name)
        path = "".join(f"L{i * width:.2f} {y(v):g}L{(i + 1) * width:.2f} {y(v):g}" for i, v in enumerate(row))
        path = "M" + path[1:]
        lines.append(StepLine(name, path, f"{path}L{WIDTH:g} {HEIGHT:g}L0 {HEIGHT:g}Z", tone))
    hits = []
    for i in range(bins):
        low = first + i * per_bin
        span = f"{low}" if per_bin == 1 else f"{low} to {low + per_bin - 1}"
        span += " or more" if i == bins - 1 and any(max(counts) > last for _, counts in shown) else ""
        told = "; ".join(f"{name} {row[i]:.1f} %" for (name, _), row in zip(shown, shares, strict=True))
        hits.append((round(i * width, 2), round(width, 2), f"{span} {unit}: {told}"))
    spacing = next(s for s in (1, 2, 5, 10, 20, 50, 100, 10**9) if (last - first) / s <= 9)
    ticks = range(math.ceil(first / spacing) * spacing, last + 1, spacing)
    x_ticks = tuple((round((value - first + 0.5) / per_bin * width, 2), str(value)) for value in ticks)
    place = None
    if mark is not None and first <= mark <= last:
        place = (round((mark - first + 0.5) / per_bin * width, 2), f"{mark:g} {mark_name}".strip())
    return Steps(
        title, unit, tuple(lines), tuple(hits), x_ticks, tuple((y(t), f"{t:g} %") for t in y_ticks), place
    )


def _end(counts: Mapping[int, int]) -> int:
    """The value beyond which no more than `_TAIL` of all lie."""
    left = _TAIL * sum(counts.values())
    for value in sorted(counts, reverse=True):
        left -= counts[value]
        if left < 0:
            return value
    return max(counts)


def _shares(counts: Mapping[int, int], first: int, per_bin: int, bins: int) -> list[float]:
    row = [0.0] * bins
    whole = sum(counts.values())
    for value, count in counts.items():
        row[min(bins - 1, (value - first) // per_bin)] += 100 * count / whole
    return row


def bars(
    title: str,
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[float | None]]],
    *,
    unit: str = "",
) -> Bars | None:
    """Groups of bars from 0; None where no value is known.

    Args:
        title: Heading.
        labels: Of the groups.
        series: Name and values, one a group, of each dataset; None where one is not known.
        unit: Behind each number.
    """
    values = [value for _, row in series for value in row if value is not None]
    if not values:
        return None
    top = max(values) or 1.0
    groups = []
    for place, label in enumerate(labels):
        cells: list[tuple[float | None, str]] = []
        for _, row in series:
            value = row[place]
            if value is None:
                cells.append((None, "missing"))
            else:
                cells.append((round(100 * value / top, 2), f"{value:.1f}{' ' + unit if unit else ''}"))
        groups.append((label, tuple(cells)))
    return Bars(title, tuple(name for name, _ in series), tuple(groups))
