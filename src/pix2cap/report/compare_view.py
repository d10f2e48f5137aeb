"""What the page of a comparison shows, worked out before the template: rows, axis, histogram, examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pix2cap.evaluate.bench_compare import BenchComparison, ItemChange, MetricChange, shown, signed
from pix2cap.evaluate.caption_metrics import LABELS
from pix2cap.evaluate.paired import Item, Scored
from pix2cap.metrics.bleu import NAMES as BLEU_NAMES
from pix2cap.report.compare_pictures import ItemPictures
from pix2cap.report.scores_examples import shared_words
from pix2cap.report.scores_pictures import Crop

_BINS = 20
_LEAST_REACH = 1.0
# BLEU of single captions says little; a card has no room for it.
_ITEM_LABELS = {
    **{n: (label, factor, digits) for n, (label, factor, digits, _) in LABELS.items() if n not in BLEU_NAMES},
    "iou": ("IoU", 100.0, 0),
    "grade": ("grade", 1.0, 2),
    "mean": ("score", 1.0, 2),
    "positive": ("positive", 1.0, 2),
    "negative": ("negative", 1.0, 2),
}


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One score: its texts, and its change on an axis of 0..100 whose middle is no change."""

    label: str
    before: str
    after: str
    delta: str
    interval: str
    direction: str
    title: str
    x: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the histogram of changes, in user units of a drawing 100 wide and 100 high."""

    x: float
    width: float
    height: float
    side: str
    title: str


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of a card: stretches of text, each with whether the reference has it too."""

    side: int
    name: str
    text: tuple[tuple[str, bool], ...] | None
    scores: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ChangeCard:
    """One item as the template has it."""

    item: Item
    file_name: str
    crop: Crop | None
    answers: tuple[Said, Said]
    deltas: tuple[tuple[str, str, str], ...]


def item_label(metric: str) -> str:
    """What a page calls a metric of items."""
    return _ITEM_LABELS.get(metric, (metric, 1.0, 2))[0]


def change_rows(comparison: BenchComparison) -> tuple[tuple[ChangeRow, ...], str]:
    """Rows of all scores, and what the ends of their common axis stand for."""
    reach = max([_LEAST_REACH, *(_reach(metric) for metric in comparison.metrics)])
    reach = float(-(-reach // 1))
    return tuple(_row(metric, reach) for metric in comparison.metrics), f"{reach:g}"


def _reach(metric: MetricChange) -> float:
    ends = [metric.delta or 0.0, *(metric.interval or ())]
    furthest: float = max(abs(end) for end in ends)
    return furthest * metric.factor * 100 / metric.top


def _row(metric: MetricChange, reach: float) -> ChangeRow:
    def at(value: float | None) -> float | None:
        if value is None:
            return None
        return round(50 + 50 * value * metric.factor * 100 / metric.top / reach, 2)

    delta, interval = metric.delta, metric.interval
    direction = ("up" if (delta or 0) > 0 else "down") if metric.is_clear else ""
    told = "" if interval is None else ", ".join(signed(end, metric) for end in interval)
    title = metric.why or "95 % of paired bootstrap samples lie in the interval"
    if interval is not None and not direction:
        title += "; it holds 0"
    return ChangeRow(
        metric.label,
        shown(metric.before, metric).replace("-", "–"),
        shown(metric.after, metric).replace("-", "–"),
        "–" if delta is None else signed(delta, metric),
        told,
        direction,
        title,
        at(delta),
        at(interval.low if interval else None),
        at(interval.high if interval else None),
    )


def histogram_of(comparison: BenchComparison) -> tuple[tuple[Bar, ...], str] | None:
    """How far items moved, and what the ends of the axis stand for; None where none moved.

    Items that stayed are in no bar: they are mostly many, and counted beside the drawing.
    """
    metric = comparison.ranked_by
    moves = [one.change for one in comparison.changes if one.change]
    if metric is None or not moves:
        return None
    _, factor, digits = _ITEM_LABELS.get(metric, (metric, 1.0, 2))
    reach = max(abs(move) for move in moves)
    counts = [0] * _BINS
    for move in moves:
        counts[min(_BINS - 1, int((move / reach + 1) / 2 * _BINS))] += 1
    tallest, width = max(counts), 100 / _BINS
    bars = []
    for number, count in enumerate(counts):
        low, high = (factor * reach * (2 * (number + k) / _BINS - 1) for k in (0, 1))
        told = f"{low:+.{digits}f} to {high:+.{digits}f}: {count:,}".replace("-", "−")
        side = "worse" if number < _BINS // 2 else "better"
        bars.append(Bar(round(number * width, 2), width, round(100 * count / tallest, 2), side, told))
    return tuple(bars), f"{factor * reach:.{digits}f}"


def choose_changes(
    comparison: BenchComparison, before: Scored, count: int
) -> tuple[tuple[ItemChange, ...], tuple[ItemChange, ...]]:
    """The greatest falls and the greatest rises; one of each picture first."""
    moved = [one for one in comparison.changes if one.change]
    falls = [one for one in moved if (one.change or 0) < 0]
    rises = [one for one in reversed(moved) if (one.change or 0) > 0]
    return _spread(falls, before, count), _spread(rises, before, count)


def _spread(ranked: Iterable[ItemChange], before: Scored, count: int) -> tuple[ItemChange, ...]:
    seen: dict[object, int] = {}
    turns = []
    for place, one in enumerate(ranked):
        where = before.items[one.key].place
        key = one.key if where is None else where.image_id
        turns.append((seen.setdefault(key, 0), place, one))
        seen[key] += 1
    chosen = sorted(turns, key=lambda turn: turn[:2])[:count]
    return tuple(one for _, _, one in sorted(chosen, key=lambda turn: turn[1]))


def cards_of(
    changes: Sequence[ItemChange],
    before: Scored,
    after: Scored,
    comparison: BenchComparison,
    pictures: ItemPictures,
) -> list[ChangeCard]:
    """Items with both answers."""
    cards = []
    for one in changes:
        first, second = before.items[one.key], after.items[one.key]
        answers = (_said(0, comparison.names[0], first), _said(1, comparison.names[1], second))
        crop = pictures.crop(first) if pictures.has_any else None
        deltas = tuple(_delta(name, move) for name, move in one.deltas.items() if name in _ITEM_LABELS)
        cards.append(ChangeCard(first, pictures.name(first), crop, answers, deltas))
    return cards


def _said(side: int, name: str, item: Item) -> Said:
    text = None if item.answer is None else tuple(shared_words(item.answer, " ".join(item.references)))
    scores = []
    for metric, (label, factor, digits) in _ITEM_LABELS.items():
        score = item.scores.get(metric)
        if score is not None:
            scores.append((label, f"{score * factor:.{digits}f}"))
    return Said(side, name, text, tuple(scores))


def _delta(metric: str, move: float) -> tuple[str, str, str]:
    label, factor, digits = _ITEM_LABELS[metric]
    text = f"{move * factor:+.{digits}f}"
    direction = "up" if text.startswith("+") and text.strip("+0.") else "down" if text.strip("-+0.") else ""
    return label, text.replace("-", "−") if text.strip("+-0.") else text.strip("+-"), direction
