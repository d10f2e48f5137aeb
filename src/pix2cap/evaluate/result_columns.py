"""Which scores a table shows, in which order and on which scale, and which result is the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pix2cap.evaluate.result import Interval, PanopticCaptioningResult

UNITS = "All scores x 100 but CIDEr, which is 0 to 10; brackets hold 95 % bootstrap intervals."


@dataclass(frozen=True, slots=True)
class Column:
    """One score of a table.

    Args:
        label: Heading.
        corrected: Its path in a corrected result.
        reference: Its path in a reference result, None where that mode has no such score.
        factor: What the score is multiplied with before it is shown.
        digits: Decimals shown.
        in_paper: One of the paper's columns; the others stand in longer tables only.
        optional: Shown only where some result has it.
    """

    label: str
    corrected: str
    reference: str | None
    factor: int = 100
    digits: int = 1
    in_paper: bool = True
    optional: bool = False

    def path(self, result: PanopticCaptioningResult) -> str | None:
        """Where the score stands in this result."""
        return self.corrected if result.mode == "corrected" else self.reference

    def value(self, result: PanopticCaptioningResult) -> float | None:
        """The score, 0..1 (CIDEr 0..10)."""
        path = self.path(result)
        return None if path is None else result.value(path)

    def interval(self, result: PanopticCaptioningResult) -> Interval | None:
        """Its interval on the same scale."""
        path = self.path(result)
        return None if path is None else result.intervals.get(path)

    def shown(self, value: float) -> str:
        """The number as a table has it.

        Example:
            >>> Column("PQ", "panoptic.all.pq", "panoptic.all.pq").shown(0.38217)
            '38.2'
        """
        return f"{value * self.factor:.{self.digits}f}"


def _plain(label: str, path: str, **options: bool) -> Column:
    return Column(label, path, path, **options)


COLUMNS = (
    _plain("PQ", "panoptic.all.pq"),
    _plain("SQ", "panoptic.all.sq"),
    _plain("RQ", "panoptic.all.rq"),
    _plain("PQ things", "panoptic.things.pq", in_paper=False),
    _plain("PQ stuff", "panoptic.stuff.pq", in_paper=False),
    Column("mAP", "map.class_aware.map", "map.map"),
    Column("mAP any class", "map.class_agnostic.map", None, in_paper=False),
    Column("detection mAP", "map.class_aware.detection_map", "map.detection_map", in_paper=False),
    _plain("BLEU-4", "captions.bleu_4"),
    _plain("METEOR", "captions.meteor"),
    Column("CIDEr", "captions.cider", "captions.cider", factor=1, digits=2),
    _plain("ROUGE-L", "captions.rouge_l"),
    _plain("SPICE", "captions.spice"),
    _plain("SPICE-SG", "captions.spice_sg", optional=True),
    Column("caption-PQ", "caption_pq.meteor", None),
    Column("caption-PQ (ROUGE-L)", "caption_pq.rouge_l", None, in_paper=False),
)
"""Every score of the tables, the paper's first among them."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One score of one result.

    Args:
        text: The number, `--` where it is missing.
        interval: `37.1, 39.4`, or None.
        best: The highest of several results of the same mode.
        note: Letter of the footnote that says why it is missing.
    """

    text: str
    interval: str | None = None
    best: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Scores of several results: `cells[column][result]`.

    Args:
        names: Of the results.
        columns: What is shown.
        cells: One row a column, one cell a result.
        notes: Letter to the reason why a score is missing.
        remarks: Sentences on units and modes.
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    cells: tuple[tuple[Cell, ...], ...]
    notes: Mapping[str, str]
    remarks: tuple[str, ...]


def score_table(
    results: Sequence[PanopticCaptioningResult], names: Sequence[str], *, full: bool = False
) -> ScoreTable:
    """Lay out results side by side.

    Args:
        results: One or more.
        names: One a result.
        full: More than the paper's columns.

    Raises:
        ValueError: No result, or another number of names.
    """
    if not results or len(results) != len(names):
        raise ValueError(
            f"expected one name for each of at least one result, got {len(names)} for {len(results)}"
        )
    columns = tuple(
        column
        for column in COLUMNS
        if (full or column.in_paper)
        and (not column.optional or any(column.value(result) is not None for result in results))
    )
    letters: dict[str, str] = {}
    cells = tuple(_cells(column, results, letters) for column in columns)
    notes = {letter: reason for reason, letter in letters.items()}
    return ScoreTable(tuple(names), columns, cells, notes, _remarks(results))


def _cells(
    column: Column, results: Sequence[PanopticCaptioningResult], letters: dict[str, str]
) -> tuple[Cell, ...]:
    cells = []
    for result, best in zip(results, best_of(column, results), strict=True):
        value, path = column.value(result), column.path(result)
        if value is None:
            reason = (path and result.reason(path)) or _why(column, result)
            cells.append(Cell("--", note=letters.setdefault(reason, _letter(len(letters)))))
            continue
        interval = column.interval(result)
        shown = None if interval is None else f"{column.shown(interval.low)}, {column.shown(interval.high)}"
        cells.append(Cell(column.shown(value), shown, best))
    return tuple(cells)


def best_of(column: Column, results: Sequence[PanopticCaptioningResult]) -> list[bool]:
    """Which results have the highest score; never across modes, and none where all are equal."""
    values = [column.value(result) for result in results]
    flags = []
    for result, value in zip(results, values, strict=True):
        rivals = [v for r, v in zip(results, values, strict=True) if r.mode == result.mode and v is not None]
        flags.append(value is not None and min(rivals) < max(rivals) == value)
    return flags


def _why(column: Column, result: PanopticCaptioningResult) -> str:
    if column.path(result) is None:
        return f"{result.mode} mode has no such score"
    return "no category of this kind" if column.corrected.startswith("panoptic.") else "not computed"


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else f"a{number}"


def _remarks(results: Sequence[PanopticCaptioningResult]) -> tuple[str, ...]:
    has_intervals = any(result.intervals for result in results)
    units = UNITS if has_intervals else UNITS.partition(";")[0] + "."
    modes = {result.mode for result in results}
    if len(modes) > 1:
        return (
            units,
            "Scores of reference and corrected mode follow other definitions: do not compare them.",
        )
    if modes == {"reference"}:
        return (
            units,
            "Reference mode: the released evaluator's numbers with its quirks (METEOR is hard-wired to 0).",
        )
    return (units,)
