"""The typed result of DLC-Bench, its JSON and its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from pix2cap.evaluate.result import Provenance
from pix2cap.evaluate.result_record import JudgedRecord

if TYPE_CHECKING:
    from rich.console import RenderableType

COMMAND = "pix2cap bench dlc"

Status = Literal["judged", "failed", "pending"]


@dataclass(frozen=True, slots=True)
class JudgedQuestion:
    """One question and what was chosen.

    Args:
        kind: `recognition`, `positive` or `negative`.
        question: Its text.
        choice: The option chosen; None where there is none.
        value: What it is worth: -1..1, or `correct` and `incorrect`.
    """

    kind: str
    question: str
    choice: str | None
    value: float | str | None


@dataclass(frozen=True, slots=True)
class DLCRegionResult:
    """What became of one region.

    Args:
        region_id: As in the question file.
        description: What was said of it; None where there is no description.
        status: `judged`, `failed` (named with its reason) or `pending` (not asked yet).
        recognised: Whether the description is of the right thing; None where nobody asked.
        questions: All of its questions.
        reason: Why it has no score; or why no judge was needed (an empty description).
        scores: `positive`, `negative` and `mean`, -1..1, for comparisons region by region.
        weight: In a mean; 1 for every region.
    """

    region_id: str
    description: str | None
    status: Status
    recognised: bool | None
    questions: tuple[JudgedQuestion, ...]
    reason: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    weight: float = 1.0


@dataclass(frozen=True)
class DLCResult(JudgedRecord):
    """Scores on DLC-Bench, -1..1.

    Args:
        bench: Always `dlc`.
        model: Who described: a model's name, or the file of descriptions.
        judge: Who judged: a model's name, `exact`, or `recorded`.
        regions: How many there are.
        judged: How many have a score; the others are in no mean.
        avg_pos: Mean over the regions of the mean over their positive questions.
        avg_neg: The same of the negative questions.
        score: Mean of both.
        not_recognised: Regions whose description is of something else.
        failed: Region id to the reason why it has no score.
        missing: Regions without a description in the file, judged as empty.
        warnings: What a reader of the numbers should know.
        cost_usd: Spent on descriptions and judgements; None where a price is unknown.
        provenance: What made this result.
        items: Every region.

    Raises:
        ValueError: A score is NaN or infinite.
    """

    model: str
    judge: str
    regions: int
    judged: int
    avg_pos: float | None
    avg_neg: float | None
    score: float | None
    not_recognised: int
    failed: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    cost_usd: float | None = None
    provenance: Provenance | None = None
    items: tuple[DLCRegionResult, ...] = ()
    bench: Literal["dlc"] = "dlc"

    command: ClassVar[str] = COMMAND

    def __str__(self) -> str:
        from pix2cap.evaluate.bench_table import to_text

        return to_text(dlc_table([self]))


def dlc_table(results: Sequence[DLCResult]) -> list[list[str]]:
    """Results as rows of text, scores x 100 with one decimal; the mean comes last."""
    rows = [["", *(result.model for result in results)]]
    rows.append(["regions", *(_count(result) for result in results)])
    rows.append(["not recognised", *(str(result.not_recognised) for result in results)])
    for name, label in (("avg_pos", "positive"), ("avg_neg", "negative"), ("score", "mean")):
        rows.append([label, *(_shown(getattr(result, name)) for result in results)])
    return rows


def dlc_rich(results: Sequence[DLCResult]) -> RenderableType:
    """The table for a terminal."""
    from pix2cap.evaluate.bench_table import to_rich

    judges = ", ".join(dict.fromkeys(result.judge for result in results))
    return to_rich(dlc_table(results), title=f"DLC-Bench, x 100, judged by {judges}")


def _count(result: DLCResult) -> str:
    if result.judged == result.regions:
        return f"{result.regions}"
    return f"{result.judged} of {result.regions}"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.1f}"
