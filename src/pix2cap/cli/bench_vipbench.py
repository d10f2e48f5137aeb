"""`pix2cap bench vipbench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.bench_progress import report_bench_progress
from pix2cap.cli.output import make_console, print_json, say
from pix2cap.errors import UsageError
from pix2cap.evaluate.bench_models import BenchModels

if TYPE_CHECKING:
    from pix2cap.evaluate.vipbench_result import ViPBenchResult


def vipbench(
    data: Path,
    *,
    models: Annotated[BenchModels, Parameter(name="*")] = BenchModels(),  # noqa: B008
    prompts: Literal["bbox", "human", "marks", "boxes"] = "bbox",
    predictions: Path | None = None,
    grades: Path | None = None,
    runs: int | None = None,
    out: Path | None = None,
    max_cost: float | None = None,
    limit: int | None = None,
    questions: Path | None = None,
    images: Path | None = None,
    allow_missing: Annotated[bool, Parameter(negative="")] = False,
    retry_failed: Annotated[bool, Parameter(negative="")] = False,
    rescore: Annotated[bool, Parameter(negative="")] = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """ViP-Bench: answers about marked regions, graded by a judge; the same command goes on where it stopped.

    Args:
        data: The published folder, or its vip-bench-meta-data.json.
        models: Answerer and judge.
        prompts: bbox or human (drawn into the published pictures), marks (drawn by us from the plain
            pictures) or boxes (coordinates in the question).
        predictions: File of answers in place of --model: {id: text}, or lines with question_id and text.
        grades: Aggregate these recorded grades and ask nobody.
        runs: Times that every answer is graded: 5 by default, 1 with --judge exact, all with --grades.
        out: Folder for journals, answers, grades and result.json.
        max_cost: Stop before this many USD are exceeded, answers and grades together (exit code 3).
        limit: Only the first so many items.
        questions: The question file, where it does not lie in DATA.
        images: The folder of pictures, where it does not lie in DATA.
        allow_missing: Grade items without an answer in --predictions as 0 instead of refusing the file.
        retry_failed: Ask again what failed in an earlier session.
        rescore: Send nothing: read the kept replies again and score what is there.
        format: table or json.
    """
    from pix2cap.evaluate.bench_session import BenchOptions
    from pix2cap.evaluate.vipbench import ViPBenchJob, run_vipbench, score_grades

    if grades is not None:
        given = {"--model": models.model, "--predictions": predictions, "--out": out, "--limit": limit}
        if extra := [flag for flag, value in given.items() if value is not None]:
            raise UsageError(
                f"expected --grades without {', '.join(extra)}: recorded grades are all it reads"
            )
        return _deliver(score_grades(data, grades, runs=runs, prompts=prompts), format)
    job = ViPBenchJob(
        prompts=prompts,
        answerer=models.open_answerer(),
        predictions=predictions,
        judge=models.open_judge(),
        runs=runs,
        questions=questions,
        images=images,
        limit=limit,
        allow_missing=allow_missing,
        answer_sampling=models.answer_sampling,
        judge_sampling=models.judge_sampling,
    )
    with report_bench_progress() as on_progress:
        options = BenchOptions(
            models.concurrency, max_cost, retry_failed, rescore, say, on_progress, handle_signals=True
        )
        result = run_vipbench(data, job, out=out, options=options)
    return _deliver(result, format)


def _deliver(result: ViPBenchResult, format: str) -> int:
    if format == "json":
        print_json(result.to_json())
    else:
        make_console().print(result.to_rich())
    for warning in result.warnings:
        say(f"warning: {warning}")
    for item_id, reason in result.failed.items():
        say(f"failed: {item_id}: {reason}")
    if result.missing:
        say(f"no answer, graded 0: {', '.join(result.missing)}")
    if result.empty:
        say(f"empty answer, graded 0: {', '.join(result.empty)}")
    if result.pending:
        say(f"not asked yet: {result.pending} items; the same command without --rescore goes on")
    if result.failed:
        say("the same command with --retry-failed asks again about those that failed")
    return 0 if result.is_clean else 1
