"""Before and after: two results of one bench, every score's difference with a paired interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pix2cap import __version__
from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.paired import Gap, Item, Metric, Scored, gaps_of
from pix2cap.evaluate.result import Interval
from pix2cap.evaluate.result_files import parse_as, plain, read_json, write_json

COMMAND = "pix2cap bench compare"

_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class MetricChange:
    """One score before and after.

    Args:
        path: Its name in the results.
        label: As tables show it.
        before: None where it is missing.
        after: None where it is missing.
        delta: After minus before.
        interval: 95 % of the paired bootstrap's differences.
        is_clear: The interval does not hold 0.
        why: Why there is no difference or no interval.
        factor: What all of them are multiplied with before they are shown.
        digits: Decimals shown.
        top: The end of the score's axis, as shown.
    """

    path: str
    label: str
    before: float | None
    after: float | None
    delta: float | None
    interval: Interval | None
    is_clear: bool
    why: str
    factor: float
    digits: int
    top: float


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One caption or answer before and after.

    Args:
        key: Of the item.
        change: By the metric that items are ranked by; None where only one result has it.
        deltas: Metric to after minus before.
    """

    key: str
    change: float | None
    deltas: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BenchComparison:
    """Two results of one bench compared.

    Args:
        kind: Always `comparison`.
        bench: `vg`, `score`, `vipbench`, ...
        title: The bench for people.
        names: Before and after.
        identity: What both share: split, files, questions.
        units: How many images or questions were drawn from.
        unit_name: What they are.
        samples: Of the bootstrap.
        seed: Of the bootstrap.
        metrics: Every score that either has.
        ranked_by: The metric of items; None where none is in both.
        better: Items whose score rose.
        worse: Items whose score fell.
        same: Items whose score stayed.
        only_before: Items that the second result has not.
        only_after: Items that the first has not.
        changes: Items of both, the greatest fall first.
        pix2cap: Version that compared.
    """

    kind: Literal["comparison"]
    bench: str
    title: str
    names: tuple[str, str]
    identity: Mapping[str, str]
    units: int
    unit_name: str
    samples: int
    seed: int
    metrics: tuple[MetricChange, ...]
    ranked_by: str | None
    better: int
    worse: int
    same: int
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    changes: tuple[ItemChange, ...]
    pix2cap: str = __version__

    def to_json(self, *, changes: bool = True) -> dict[str, Any]:
        """Plain dictionaries, lists and scalars.

        Args:
            changes: Keep every item's change.
        """
        record: dict[str, Any] = plain(self)
        if not changes:
            del record["changes"], record["only_before"], record["only_after"]
        return record

    def write(self, path: str | Path) -> Path:
        """Write the JSON.

        Raises:
            StorageFull: The disk took no more.
        """
        return write_json(self.to_json(), Path(path))

    @classmethod
    def read(cls, path: str | Path) -> BenchComparison:
        """Read what `write` made.

        Raises:
            InputError: The file is missing, no JSON, or no comparison.
        """
        return parse_as(cls, read_json(Path(path), COMMAND), where=str(path), command=COMMAND)

    def table(self) -> list[list[str]]:
        """Head and one row a score, as text; a clear change has an arrow."""
        rows = [["", *self.names, "change", "95 % interval"]]
        for metric in self.metrics:
            arrow = ("▲ " if (metric.delta or 0) > 0 else "▼ ") if metric.is_clear else ""
            ends = metric.interval and ", ".join(signed(end, metric) for end in metric.interval)
            rows.append(
                [
                    metric.label,
                    shown(metric.before, metric),
                    shown(metric.after, metric),
                    "-" if metric.delta is None else arrow + signed(metric.delta, metric),
                    f"[{ends}]" if ends else "-",
                ]
            )
        return rows


def compare_results(
    before: Scored,
    after: Scored,
    *,
    names: tuple[str, str] = ("before", "after"),
    samples: int = 1000,
    seed: int = 0,
    rank_by: str | None = None,
) -> BenchComparison:
    """Compare two results of one bench.

    Args:
        before: The baseline.
        after: On the same split, files and questions.
        names: What to call them.
        samples: Of the paired bootstrap; 0 for no intervals.
        seed: The same seed gives the same intervals.
        rank_by: Metric of the items by which changes are ranked; the bench's own choice by default.

    Raises:
        InputError: The results are of different benches, splits, files or questions.
        UsageError: No item has that metric in both.
    """
    require_alike(before, after, names)
    gaps = gaps_of(before, after, samples=samples, seed=seed)
    ranked_by = _ranked_by(before, after, rank_by)
    shared = [key for key in before.items if key in after.items]
    changes = [_change(before.items[key], after.items[key], ranked_by) for key in shared]
    moves = [one.change for one in changes if one.change is not None]
    return BenchComparison(
        "comparison",
        before.bench,
        before.title,
        names,
        before.identity,
        len(before.units),
        before.unit_name,
        samples,
        seed,
        tuple(_metric(path, before, after, gap) for path, gap in gaps.items()),
        ranked_by,
        sum(move > _SAME for move in moves),
        sum(move < -_SAME for move in moves),
        sum(abs(move) <= _SAME for move in moves),
        tuple(key for key in before.items if key not in after.items),
        tuple(key for key in after.items if key not in before.items),
        tuple(sorted(changes, key=lambda one: (one.change is None, one.change or 0.0, one.key))),
    )


def require_alike(before: Scored, after: Scored, names: tuple[str, str]) -> None:
    """Refuse to compare what was not measured on the same things.

    Raises:
        InputError: Names everything that differs.
    """
    first, second = names
    if before.bench != after.bench:
        raise InputError(
            f"expected two results of one bench, got {before.title} ({first}) and {after.title} ({second})"
        )
    differing = [
        f"{name}: {before.identity.get(name, 'not recorded')} in {first},"
        f" {after.identity.get(name, 'not recorded')} in {second}"
        for name in dict.fromkeys([*before.identity, *after.identity])
        if before.identity.get(name) != after.identity.get(name)
    ]
    if differing:
        raise InputError(
            "expected results of the same split, files and questions, which alone can be compared;"
            f" got different ones: {'; '.join(differing)}"
        )
    if list(before.units) != list(after.units):
        raise InputError(
            f"expected results on the same {before.unit_name}, got {len(before.units):,} in {first} and"
            f" {len(after.units):,} in {second}"
        )


def _ranked_by(before: Scored, after: Scored, asked: str | None) -> str | None:
    sides = (before.items.values(), after.items.values())
    in_both = [set().union(*(item.scores for item in side)) for side in sides]
    known = in_both[0] & in_both[1]
    if asked is not None and asked not in known:
        raise UsageError(
            f"expected --rank-by out of {', '.join(sorted(known)) or 'nothing: items have no scores'},"
            f" got {asked!r}"
        )
    return asked or next((name for name in before.rank_by if name in known), None)


def _change(a: Item, b: Item, ranked_by: str | None) -> ItemChange:
    deltas = {name: b.scores[name] - a.scores[name] for name in a.scores if name in b.scores}
    return ItemChange(a.key, None if ranked_by is None else deltas.get(ranked_by), deltas)


def _metric(path: str, before: Scored, after: Scored, gap: Gap) -> MetricChange:
    a, b = before.metrics.get(path), after.metrics.get(path)
    known: Metric = a or after.metrics[path]
    return MetricChange(
        path,
        known.label,
        None if a is None else a.value,
        None if b is None else b.value,
        gap.delta,
        gap.interval,
        gap.is_clear,
        "" if gap.interval is not None else gap.why,
        known.factor,
        known.digits,
        known.top,
    )


def shown(value: float | None, metric: MetricChange) -> str:
    """A score as tables have it; a dash where it is missing."""
    return "-" if value is None else f"{value * metric.factor:.{metric.digits}f}"


def signed(value: float, metric: MetricChange) -> str:
    """A difference with its sign, a true minus, and none before 0."""
    text = f"{value * metric.factor:+.{metric.digits}f}"
    return text.replace("-", "−") if text.strip("+-0.") else text.strip("+-")
