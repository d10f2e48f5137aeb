"""What a dataset card tells beyond the counts that grow while a dataset is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LicenceCount:
    """Pictures under one licence."""

    name: str
    url: str | None
    images: int


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """What people said along one axis.

    Args:
        axis: `object`, `attributes`, `relations`, `place`, or `caption` for all of it.
        n: Captions that somebody found right or wrong along it.
        accepted: Share found right, 0..1, weighted to all captions; None without verdicts.
        low: Lower end of its 95 % Wilson interval.
        high: Upper end.
        alpha: Krippendorff's alpha; None where no item has two raters.
    """

    axis: str
    n: int
    accepted: float | None
    low: float | None
    high: float | None
    alpha: float | None

    def told_rate(self) -> str:
        """Rate and interval in percent.

        Example:
            >>> AgreementRow("object", 40, 0.9, 0.769, 0.96, None).told_rate()
            '90.0 % (76.9 to 96.0)'
        """
        if self.accepted is None:
            return "-"
        told = f"{100 * self.accepted:.1f} %"
        if self.low is None or self.high is None:
            return told
        return f"{told} ({100 * self.low:.1f} to {100 * self.high:.1f})"


@dataclass(frozen=True, slots=True)
class Verified:
    """What people said of a frozen sample.

    Args:
        items: Captions in the sample.
        rated: Those that somebody rated.
        raters: People.
        covered: Share of all captions for which the figures stand, 0..1.
        rows: A row an axis.
    """

    items: int
    rated: int
    raters: int
    covered: float
    rows: tuple[AgreementRow, ...]


@dataclass(frozen=True)
class Evidence:
    """What a look at the whole dataset tells.

    Args:
        things: Segments of things, crowd aside.
        stuff: Segments of stuff.
        thing_classes: Classes of things that occur.
        stuff_classes: Classes of stuff that occur.
        most_classes: The most frequent classes with their number of segments.
        words: Mean, median, 5th and 95th percentile of words a caption; None without captions.
        repeated: Captions whose words another caption has too.
        reviewed: Segments that people decided about; None where the files do not tell.
        licences: Pictures by licence.
        unlicensed: Pictures that state none.
        sources: What the dataset was made of, a line each.
        checks: Findings by check; None where no results were given.
        doubted: Captions with at least one finding.
        verified: What people said; None where no verdicts were given.
    """

    things: int
    stuff: int
    thing_classes: int
    stuff_classes: int
    most_classes: tuple[tuple[str, int], ...]
    words: tuple[float, float, float, float] | None
    repeated: int
    reviewed: int | None
    licences: tuple[LicenceCount, ...]
    unlicensed: int
    sources: tuple[str, ...] = ()
    checks: Mapping[str, int] | None = None
    doubted: int = 0
    verified: Verified | None = None

    def told_words(self) -> str:
        """The lengths of captions in one line."""
        if self.words is None:
            return "no captions"
        mean, median, low, high = self.words
        return f"{mean:.1f} on average, median {median:g}, 5th to 95th percentile {low:g} to {high:g}"
