"""How often raters say yes, how sure that is, and how far they agree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

_Z_95 = 1.959963984540054
"""Standard normal quantile of 0.975."""


def wilson_interval(successes: float, trials: float, *, z: float = _Z_95) -> tuple[float, float] | None:
    """Wilson's score interval of a share, without correction for continuity.

    Args:
        successes: May be a fraction, where raters of one item disagree.
        trials: May be a fraction: the effective number of a weighted sample.
        z: Quantile; 95 % by default.

    Returns:
        `(low, high)`; None without trials.

    Raises:
        ValueError: More successes than trials, or fewer than none.

    Example:
        >>> low, high = wilson_interval(8, 10)
        >>> round(low, 3), round(high, 3)
        (0.49, 0.943)
    """
    if trials <= 0:
        return None
    if not 0 <= successes <= trials * (1 + 1e-9):
        raise ValueError(f"expected 0 to {trials} successes, got {successes}")
    share = min(1.0, successes / trials)
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def effective_trials(weights: Sequence[float]) -> float:
    """How many equally weighted items would tell as much as these (Kish 1965): sum squared over squares.

    Example:
        >>> effective_trials([1, 1, 1, 1]), effective_trials([])
        (4.0, 0.0)
    """
    squares = sum(weight * weight for weight in weights)
    return sum(weights) ** 2 / squares if squares else 0.0


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Krippendorff's alpha for nominal values, any number of raters, missing values left out.

    1 less observed over expected disagreement, from the coincidence matrix (K. Krippendorff, "Content
    Analysis", 4th edition, chapter 12): every ordered pair of values of a unit counts as one over the number
    of its values less one.

    Args:
        units: The values that each unit was given; units with fewer than two say nothing of agreement.

    Returns:
        At most 1; 0 is what chance gives. None where there is nothing to agree on: no unit with two values,
        or one value everywhere.

    Example:
        >>> krippendorff_alpha([["a", "a"], ["b", "b"]]), krippendorff_alpha([["a", "a"]]) is None
        (1.0, True)
    """
    totals: Counter[Hashable] = Counter()
    observed = 0.0
    for values in units:
        if len(values) < 2:
            continue
        counts = Counter(values)
        totals.update(counts)
        alike = sum(n * (n - 1) for n in counts.values())
        observed += len(values) - alike / (len(values) - 1)
    n = totals.total()
    expected = (n * n - sum(count * count for count in totals.values())) / (n - 1) if n > 1 else 0.0
    return 1.0 - observed / expected if expected else None


def agreeing_share(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Share of the pairs of raters of one unit that say the same, each unit counting alike; None for none.

    Example:
        >>> agreeing_share([["a", "a"], ["a", "b"], ["b"]])
        0.5
    """
    shares = []
    for values in units:
        if len(values) > 1:
            alike = sum(n * (n - 1) for n in Counter(values).values())
            shares.append(alike / (len(values) * (len(values) - 1)))
    return sum(shares) / len(shares) if shares else None
