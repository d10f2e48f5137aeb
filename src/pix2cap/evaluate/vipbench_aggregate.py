"""From grades to ViP-Bench's numbers: per capability, per combination, in all, with counts and deviation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pix2cap.evaluate.vipbench_result import GroupScore

Names = tuple[str, ...]
Grades = Sequence[float | None]
"""One grade a run, 0..1; None where the judge gave none."""


def aggregate(
    capabilities: Mapping[str, Sequence[str]], grades: Mapping[str, Grades], runs: int
) -> tuple[GroupScore, tuple[GroupScore, ...], tuple[GroupScore, ...]]:
    """The total, the score of each capability, and that of each combination of capabilities.

    As in the released evaluation, every item weighs the same, an item counts for each of its capabilities, a
    combination is a set, a score is 100 x the mean grade of a run averaged over the runs, and the deviation
    is that of the population of runs. Items without a grade are left out of a run's mean; `graded` tells.

    Args:
        capabilities: Item id to its capabilities.
        grades: Item id to its grades; items may be missing.
        runs: How many runs.

    Returns:
        Total; capabilities and combinations, both by falling number of items, then by name.
    """
    sets = {item_id: tuple(sorted(set(named))) for item_id, named in capabilities.items()}
    singles: Counter[Names] = Counter((name,) for named in sets.values() for name in named)
    combinations: Counter[Names] = Counter(sets.values())
    rows = {item_id: grades.get(item_id, ()) for item_id in capabilities}

    def score(names: Names, members: Iterable[str]) -> GroupScore:
        return _score(names, [rows[item_id] for item_id in members], runs)

    total = score((), sets)
    by_capability = [
        score(names, (i for i, named in sets.items() if names[0] in named)) for names in _by_count(singles)
    ]
    by_combination = [
        score(names, (i for i, named in sets.items() if named == names)) for names in _by_count(combinations)
    ]
    return total, tuple(by_capability), tuple(by_combination)


def _by_count(counter: Counter[Names]) -> list[Names]:
    return sorted(counter, key=lambda names: (-counter[names], names))


def _score(names: Names, rows: Sequence[Grades], runs: int) -> GroupScore:
    by_run = tuple(_mean([row[run] for row in rows if run < len(row)]) for run in range(runs))
    known = [value for value in by_run if value is not None]
    return GroupScore(
        capabilities=names,
        items=len(rows),
        graded=sum(any(value is not None for value in row[:runs]) for row in rows),
        score=float(np.mean(known)) if known else None,
        std=float(np.std(known)) if known else None,
        by_run=by_run,
    )


def _mean(grades: Iterable[float | None]) -> float | None:
    """100 x the mean, added up one by one as the released code does, so that roundings agree."""
    total, count = 0.0, 0
    for value in grades:
        if value is not None:
            total += value
            count += 1
    return total / count * 100 if count else None


def rounded(value: float | None, decimals: int = 1) -> float | None:
    """A score as published tables have it: numpy's rounding, which is not that of a format string.

    Example:
        >>> rounded(48.45), f"{48.45:.1f}"
        (48.4, '48.5')
    """
    if value is None or math.isnan(value):
        return None
    return float(np.round(value, decimals))
