"""One page with a training run's curves: losses, scores, rates. Geometry here, SVG in the template."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from pix2cap import __version__
from pix2cap.report.shell import asset, csp_hash, replacing, template

Points = Sequence[tuple[float, float]]

WIDTH: Final = 560.0
HEIGHT: Final = 230.0
MOST_POINTS: Final = 400
_LOSSES: Final = {"class": "class", "mask": "mask (BCE)", "dice": "mask (Dice)", "caption": "caption"}
_SCORES: Final = (
    (
        "Panoptic quality",
        {
            "panoptic.all.pq": "PQ",
            "panoptic.things.pq": "PQ of things",
            "panoptic.stuff.pq": "PQ of stuff",
            "panoptic.all.sq": "SQ",
            "panoptic.all.rq": "RQ",
        },
    ),
    (
        "Captions of matched segments",
        {
            "captions.meteor": "METEOR",
            "captions.rouge_l": "ROUGE-L",
            "captions.bleu_4": "BLEU-4",
            "captions.spice": "SPICE",
            "captions.spice_sg": "SPICE-sg",
        },
    ),
    ("CIDEr", {"captions.cider": "CIDEr"}),
    (
        "Captions and segments together",
        {
            "map.class_aware.map": "mAP",
            "caption_pq.meteor": "caption-PQ (METEOR)",
            "caption_pq.rouge_l": "caption-PQ (ROUGE-L)",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One curve.

    Args:
        name: For the legend.
        path: SVG path data.
        dots: `(x, y, text)` of single measurements; empty for dense curves.
        last: Its last value, in words.
        tone: Number of its colour.
    """

    name: str
    path: str
    dots: tuple[tuple[float, float, str], ...]
    last: str
    tone: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over steps, in user units.

    Args:
        title: Heading.
        lines: Curves.
        x_ticks: `(x, text)`.
        y_ticks: `(y, text)`.
    """

    title: str
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def write_curves(records: Sequence[Mapping[str, Any]], out: Path, *, title: str) -> Path:
    """Write one self-contained HTML file with the curves of a run.

    Args:
        records: Of `log.jsonl`: `train` with loss, losses, lr, grad_norm and images_per_s, `eval` with
            scores.
        out: The file.
        title: Heading.

    Returns:
        `out`.

    Raises:
        StorageFull: The disk took no more; an earlier page is untouched.
    """
    train = [record for record in records if record["event"] == "train"]
    return write_charts(charts_of(records), out, title=title, facts=_facts(records, train))


def write_charts(charts: Sequence[Chart], out: Path, *, title: str, facts: Mapping[str, str]) -> Path:
    """Write one self-contained HTML file with any charts, and facts above them.

    Raises:
        StorageFull: The disk took no more; an earlier page is untouched.
    """
    style = asset("report.css") + asset("scores.css") + asset("curves.css")
    page = {
        "title": title,
        "version": __version__,
        "style": Markup(style),
        "style_hash": csp_hash(style),
        "charts": charts,
        "facts": facts,
        "width": WIDTH,
        "height": HEIGHT,
    }
    with replacing(out) as file:
        file.writelines(template("curves.html.j2").generate(page))
    return out


def charts_of(records: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """All charts that the records have numbers for."""
    train = [record for record in records if record["event"] == "train"]
    scored = [record for record in records if record["event"] == "eval"]
    last = max((record["step"] for record in (*train, *scored)), default=0)
    charts = [
        chart("Loss", _by_stage(train), last),
        chart("Losses, summed over layers", _losses(train), last),
    ]
    for heading, names in _SCORES:
        series = {
            label: [(r["step"], r["scores"][path]) for r in scored if path in r["scores"]]
            for path, label in names.items()
        }
        charts.append(chart(heading, series, last, are_single=True))
    charts.append(chart("Learning rate", _rates(train), last, from_zero=True))
    charts.append(
        chart("Norm of the gradient", {"gradient": [(r["step"], r["grad_norm"]) for r in train]}, last)
    )
    return [one for one in charts if one is not None]


def chart(
    title: str,
    series: Mapping[str, Points],
    last_step: int,
    *,
    are_single: bool = False,
    from_zero: bool = False,
) -> Chart | None:
    """Curves with axes around them; None without any point.

    Args:
        title: Heading.
        series: Name to `(step, value)`, steps rising.
        last_step: Right end of the axis.
        are_single: Each point is shown, with its value.
        from_zero: The vertical axis starts at 0 even where no value is near it.
    """
    shown = {name: thinned(points) for name, points in series.items() if points}
    values = [value for points in shown.values() for _, value in points]
    if not values:
        return None
    low, high = min(values), max(values)
    if from_zero or (low >= 0 and low < 0.5 * high):
        low = min(0.0, low)
    ticks = nice_ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])

    def place(step: float, value: float) -> tuple[float, float]:
        return (
            round(WIDTH * step / max(1, last_step), 2),
            round(HEIGHT * (1 - (value - low) / (high - low)), 2),
        )

    lines = []
    for tone, (name, points) in enumerate(shown.items()):
        placed = [place(*point) for point in points]
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in placed)
        dots = tuple(
            (x, y, f"step {step:,.0f}: {name} {_told(value)}")
            for (x, y), (step, value) in zip(placed, points, strict=True)
        )
        lines.append(Line(name, path, dots if are_single else (), _told(points[-1][1]), tone % 8))
    steps = nice_ticks(0, max(1, last_step), most=6)
    x_ticks = tuple((place(step, low)[0], f"{step:,.0f}") for step in steps if step <= max(1, last_step))
    return Chart(title, tuple(lines), x_ticks, tuple((place(0, y)[1], _told(y)) for y in ticks))


def thinned(points: Points) -> list[tuple[float, float]]:
    """At most `MOST_POINTS` points: each stands for the mean of as many neighbours.

    Example:
        >>> len(thinned([(step, 1.0) for step in range(10_000)]))
        400
    """
    each = -(-len(points) // MOST_POINTS)
    groups = [points[start : start + each] for start in range(0, len(points), max(1, each))]
    return [
        (sum(step for step, _ in group) / len(group), sum(value for _, value in group) / len(group))
        for group in groups
    ]


def nice_ticks(low: float, high: float, *, most: int = 5) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`.

    Example:
        >>> nice_ticks(0.0, 0.83)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        high = low + (abs(low) or 1.0)  # One value: any axis around it will do.
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def _by_stage(train: Sequence[Mapping[str, Any]]) -> dict[str, Points]:
    """Stages may learn by different losses, and then make no one curve."""
    series: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for record in train:
        series[record.get("stage", "all losses")].append((record["step"], record["loss"]))
    return dict(series)


def _losses(train: Sequence[Mapping[str, Any]]) -> dict[str, Points]:
    series: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for record in train:
        sums: dict[str, float] = defaultdict(float)
        for name, value in record["losses"].items():
            kind = name.rpartition("_")[0] or name
            sums[_LOSSES.get(kind, kind)] += value
        for kind, value in sums.items():
            series[kind].append((record["step"], value))
    return dict(series)


def _rates(train: Sequence[Mapping[str, Any]]) -> dict[str, Points]:
    """One curve for each rate that differs, named by the parts that have it."""
    parts: dict[tuple[float, ...], list[str]] = defaultdict(list)
    for part in train[0]["lr"] if train else ():
        parts[tuple(record["lr"][part] for record in train)].append(part.replace("_", " "))
    steps = [record["step"] for record in train]
    return {", ".join(names): list(zip(steps, rates, strict=True)) for rates, names in parts.items()}


def _facts(records: Sequence[Mapping[str, Any]], train: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    sessions = [record for record in records if record["event"] == "session"]
    facts = {"steps": f"{max((r['step'] for r in records), default=0):,}"}
    if sessions:
        last = sessions[-1]
        facts["steps"] += f" of {last['total']:,}"
        facts["parameters"] = f"{last['parameters']:,}, of which {last['learning']:,} learn"
        facts["device"] = f"{last['devices']} x {last['device']}, {last['precision']}, torch {last['torch']}"
        facts["sessions"] = str(len(sessions))
    if train:
        rates = sorted(record["images_per_s"] for record in train)
        facts["pictures a second"] = f"{rates[len(rates) // 2]:.2f} (median)"
    return facts


def _told(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.1e}"
