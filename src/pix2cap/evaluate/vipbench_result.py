"""The typed result of ViP-Bench, its JSON and its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from pix2cap.evaluate.result import Provenance
from pix2cap.evaluate.result_record import JudgedRecord

if TYPE_CHECKING:
    from rich.console import RenderableType

COMMAND = "pix2cap bench vipbench"

Status = Literal["graded", "failed", "pending"]


@dataclass(frozen=True, slots=True)
class GroupScore:
    """The score of some items, on the benchmark's scale 0..100.

    Args:
        capabilities: What the items have in common, sorted; empty for all items.
        items: How many there are.
        graded: How many have a grade; the others are in no mean.
        score: 100 x the mean grade, averaged over the runs; None where nothing is graded.
        std: Population deviation of the runs.
        by_run: The score of each run.
    """

    capabilities: tuple[str, ...]
    items: int
    graded: int
    score: float | None
    std: float | None
    by_run: tuple[float | None, ...]

    @property
    def name(self) -> str:
        """`total`, `ocr`, or `math_ocr` of a combination."""
        return "_".join(self.capabilities) or "total"


@dataclass(frozen=True, slots=True)
class ViPBenchItemResult:
    """What became of one item.

    Args:
        item_id: `v1_0`.
        capabilities: Sorted.
        question: As the answerer and the judge had it.
        reference: The answer of the meta data.
        prediction: What was answered; None where there is no answer.
        status: `graded`, `failed` (named with its reason) or `pending` (not asked yet).
        grades: One a run, 0..1; None where there is none.
        reason: Why there is none; or why it was not for the judge to say (an empty answer is worth 0).
        scores: `total` and each capability to the mean grade, for comparisons item by item.
        weight: In a mean; 1 for every item.
    """

    item_id: str
    capabilities: tuple[str, ...]
    question: str
    reference: str
    prediction: str | None
    status: Status
    grades: tuple[float | None, ...]
    reason: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    weight: float = 1.0


@dataclass(frozen=True)
class ViPBenchResult(JudgedRecord):
    """Scores on ViP-Bench, 0..100.

    Args:
        bench: Always `vipbench`.
        prompts: How regions were shown: `bbox` and `human` as published, `marks` drawn by us, `boxes` as
            coordinates in the question.
        model: Who answered: a model's name, or the file of answers.
        judge: Who graded: a model's name, `exact`, or the file of grades.
        runs: Times that every answer was graded.
        total: Of all items.
        capabilities: Each capability, by falling number of items.
        combinations: Each set of capabilities, likewise.
        failed: Item id to the reason why it has no grade in some run.
        missing: Items without an answer in the file of answers, graded 0.
        empty: Items that were answered with nothing or refused, graded 0.
        warnings: What a reader of the numbers should know.
        cost_usd: Spent on answers and grades; None where a price is unknown.
        provenance: What made this result.
        items: Every item.

    Raises:
        ValueError: A score is NaN or infinite.
    """

    prompts: str
    model: str
    judge: str
    runs: int
    total: GroupScore
    capabilities: tuple[GroupScore, ...]
    combinations: tuple[GroupScore, ...]
    failed: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    cost_usd: float | None = None
    provenance: Provenance | None = None
    items: tuple[ViPBenchItemResult, ...] = ()
    bench: Literal["vipbench"] = "vipbench"

    command: ClassVar[str] = COMMAND

    def __str__(self) -> str:
        from pix2cap.evaluate.bench_table import to_text

        return to_text(self.table())

    def table(self) -> list[list[str]]:
        """Head, capabilities, combinations and total as rows of text, rounded to one decimal."""
        rows = [["", "items", "score", "std", "by run"]]
        rows += [_row(group.name, group) for group in self.capabilities]
        for group in self.combinations:
            alone = len(group.capabilities) == 1
            rows.append(_row(f"{group.name} alone" if alone else " + ".join(group.capabilities), group))
        return [*rows, _row("total", self.total)]

    def to_rich(self) -> RenderableType:
        """The table for a terminal."""
        from pix2cap.evaluate.bench_table import to_rich

        return to_rich(self.table(), title=f"ViP-Bench {self.prompts}: {self.model}, judged by {self.judge}")


def _row(name: str, group: GroupScore) -> list[str]:
    by_run = " ".join(_shown(value) for value in group.by_run)
    return [name, _count(group), _shown(group.score), _shown(group.std), by_run]


def _count(group: GroupScore) -> str:
    return f"{group.items}" if group.graded == group.items else f"{group.graded} of {group.items}"


def _shown(value: float | None) -> str:
    from pix2cap.evaluate.vipbench_aggregate import rounded

    short = rounded(value)
    return "-" if short is None else f"{short:.1f}"
