"""Geometry of the two drawings in the head of a report; the template turns it into SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pix2cap.core import CaptionStatus

MAX_BARS = 44


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in user units of its drawing, and what it says."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars over word counts.

    Args:
        width: User units.
        height: User units, of the bars alone.
        bars: From short to long.
        ticks: `(x, text)` along the axis.
        first: Word count at the left edge.
        step: User units a word.
    """

    width: float
    height: float
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    first: float
    step: float

    def x(self, words: float) -> float:
        """Where a word count lies, in user units; whole counts sit at the middle of their bar."""
        return round(min(self.width, max(0.0, (words - self.first + 0.5) * self.step)), 2)


def histogram(lengths: Counter[int], *, width: float = 320.0, height: float = 128.0) -> Histogram | None:
    """Bars of caption lengths; None without captions.

    Up to `MAX_BARS` bars: beyond that span a bar stands for several word counts.
    """
    if not lengths:
        return None
    first, last = min(lengths), max(lengths)
    if last - first < 9:
        first = max(0, first - 4)
        last = first + max(9, last - first + 4)
    per_bar = -(-(last - first + 1) // MAX_BARS)
    count = -(-(last - first + 1) // per_bar)
    binned: Counter[int] = Counter()
    for length, captions in lengths.items():
        binned[(length - first) // per_bar] += captions
    step = width / (count * per_bar)
    tallest = max(binned.values())
    bars = []
    for index in range(count):
        low = first + index * per_bar
        span = f"{low}" if per_bar == 1 else f"{low} to {low + per_bar - 1}"
        bar_height = round(height * binned[index] / tallest, 2)
        title = f"{span} words: {binned[index]:,} caption{'' if binned[index] == 1 else 's'}"
        bars.append(
            Bar(
                round(index * per_bar * step, 2),
                round(height - bar_height, 2),
                round(per_bar * step, 2),
                bar_height,
                title,
            )
        )
    spacing = next(s for s in (1, 2, 5, 10, 20, 50, 100, 10**9) if (last - first) / s <= 8)
    ticks = tuple(
        (round((words - first + 0.5) * step, 2), str(words))
        for words in range(-(-first // spacing) * spacing, last + 1, spacing)
    )
    return Histogram(width, height, tuple(bars), ticks, float(first), step)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One status in the stacked bar, in percent of its width."""

    status: CaptionStatus
    start: float
    length: float
    title: str


def status_bar(statuses: Mapping[CaptionStatus, int]) -> tuple[Stretch, ...]:
    """The statuses of all segments side by side, in the order of `CaptionStatus`."""
    total = sum(statuses.values())
    stretches = []
    start = 0.0
    for status in CaptionStatus:
        count = statuses.get(status, 0)
        if not count:
            continue
        length = 100 * count / total
        title = f"{status.value.replace('_', ' ')}: {count:,} of {total:,} segments"
        stretches.append(Stretch(status, round(start, 3), round(length, 3), title))
        start += length
    return tuple(stretches)
