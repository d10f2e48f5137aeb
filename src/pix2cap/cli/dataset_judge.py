"""The part of `pix2cap dataset check` that asks a second model."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pix2cap.cli.bench_progress import report_bench_progress
from pix2cap.cli.output import print_record, say
from pix2cap.cli.program import program
from pix2cap.errors import BudgetReached, InputError

if TYPE_CHECKING:
    from pix2cap.dataset.check import CheckReport
    from pix2cap.dataset.judge_options import JudgeOptions
    from pix2cap.dataset.judge_result import JudgeReport


def plan_judge(
    source: Path,
    options: JudgeOptions,
    *,
    masks: Path | None,
    images: Path | None,
    format: Literal["table", "json"],
) -> int:
    """Print what a judge would be sent and cost; nothing is sent."""
    from pix2cap.dataset.judge_plan import plan_judging

    planned = plan_judging(source, options, masks=masks, images=images)
    print_record(planned.to_json(), format=format, title=f"Plan for {source} with {options.judge} as judge")
    for note in planned.notes:
        say(note)
    return 0


def add_findings(report: CheckReport, rows: Sequence[dict[str, Any]], min_confidence: float) -> None:
    """Put a judge's findings among those of the checks, worst first; the checks' own come first of equals."""
    from pix2cap.dataset.check import CheckFinding

    report.findings += [CheckFinding(**row) for row in rows if row["confidence"] >= min_confidence]
    report.findings.sort(key=lambda found: -found.confidence)


def run_judge(
    source: Path, options: JudgeOptions, *, masks: Path | None, images: Path | None
) -> list[dict[str, Any]]:
    """Judge every caption, tell the counts on stderr, and give the findings, worst first.

    Raises:
        BudgetReached, KeyboardInterrupt: Stopped before its end; the counts are told all the same.
    """
    from pix2cap.dataset.judge import Listeners, judge_dataset
    from pix2cap.dataset.judge_result import JudgeReport

    out = options.require_out()
    try:
        with report_bench_progress() as on_progress:
            listeners = Listeners(say, on_progress, handle_signals=True)
            report = judge_dataset(source, options, masks=masks, images=images, listeners=listeners)
    except (BudgetReached, KeyboardInterrupt):
        with suppress(InputError):  # Stopped before anything was judged.
            _tell(JudgeReport.read(out), out)
        raise
    _tell(report, out)
    return report.findings()


def _tell(report: JudgeReport, out: Path) -> None:
    from pix2cap.dataset.judge_result import FINDINGS_NAME, RESULT_NAME

    counts, spend = report.counts(), report.spend
    cost = "price unknown" if spend.cost_usd is None else f"${spend.cost_usd:.4f}"
    mean = "" if report.mean_score is None else f", mean score {report.mean_score:.2f}"
    say(
        f"{report.judge} judged {counts['judged']} of {counts['captions']} captions{mean};"
        f" {counts['wrong']} with something wrong; {spend.requests} requests, {cost}"
    )
    for axis, told in counts["claims"].items():
        say(f"  {axis}: " + ", ".join(f"{n} {ruling}" for ruling, n in told.items()))
    if report.failed:
        say(f"no verdict on {len(report.failed)} captions; the same command with --retry-failed asks again")
    if report.pending:
        say(f"{report.pending} captions are still to be judged; the same command goes on")
    say(f"scores, claims and the queue for people: {out / RESULT_NAME}")
    say(f"next: {program()} review ... --findings {shlex.quote(str(out / FINDINGS_NAME))}")
