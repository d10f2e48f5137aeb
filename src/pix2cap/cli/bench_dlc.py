"""`pix2cap bench dlc`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.bench_progress import report_bench_progress
from pix2cap.cli.output import make_console, print_json, say
from pix2cap.errors import UsageError
from pix2cap.evaluate.bench_models import BenchModels

if TYPE_CHECKING:
    from pix2cap.evaluate.dlcbench_result import DLCResult


def dlc(
    questions: Path | None = None,
    *,
    models: Annotated[BenchModels, Parameter(name="*")] = BenchModels(),  # noqa: B008
    predictions: Path | None = None,
    annotations: Path | None = None,
    images: Path | None = None,
    class_names: Path | None = None,
    replay: Path | None = None,
    out: Path | None = None,
    max_cost: float | None = None,
    limit: int | None = None,
    allow_missing: Annotated[bool, Parameter(negative="")] = False,
    retry_failed: Annotated[bool, Parameter(negative="")] = False,
    rescore: Annotated[bool, Parameter(negative="")] = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """DLC-Bench: detailed descriptions of regions, checked by a judge question by question.

    Args:
        questions: Question file {region id: [{question, choices, type}, ...]}.
        models: Answerer and judge.
        predictions: File of descriptions in place of --model: {region id: text}.
        annotations: COCO instances with the regions' masks, for --model.
        images: Folder of the pictures, for --model.
        class_names: File {region id: name}, where the question file has no recognition questions.
        replay: Score these recorded judgements and ask nobody; a result for each model in the file.
        out: Folder for journals, descriptions and result.json; with --replay for one JSON a model.
        max_cost: Stop before this many USD are exceeded, descriptions and judgements together (exit code 3).
        limit: Only the first so many regions.
        allow_missing: Judge regions without a description in --predictions as empty instead of refusing.
        retry_failed: Ask again what failed in an earlier session.
        rescore: Send nothing: read the kept replies again and score what is there.
        format: table or json.
    """
    from pix2cap.evaluate.bench_session import BenchOptions
    from pix2cap.evaluate.dlcbench import DLCJob, run_dlcbench

    if replay is not None:
        given = {"QUESTIONS": questions, "--model": models.model, "--predictions": predictions}
        if extra := [name for name, value in given.items() if value is not None]:
            raise UsageError(
                f"expected --replay without {', '.join(extra)}: recorded judgements are all it reads"
            )
        return _replay(replay, out, format)
    if questions is None:
        raise UsageError("expected a question file, or --replay FILE; got neither")
    job = DLCJob(
        answerer=models.open_answerer(),
        predictions=predictions,
        annotations=annotations,
        images=images,
        judge=models.open_judge(),
        class_names=class_names,
        limit=limit,
        allow_missing=allow_missing,
        answer_sampling=models.answer_sampling,
        judge_sampling=models.judge_sampling,
    )
    with report_bench_progress() as on_progress:
        options = BenchOptions(
            models.concurrency, max_cost, retry_failed, rescore, say, on_progress, handle_signals=True
        )
        result = run_dlcbench(questions, job, out=out, options=options)
    if format == "json":
        print_json(result.to_json())
    return _tell([result], format)


def _replay(path: Path, out: Path | None, format: str) -> int:
    from pix2cap.evaluate.dlcbench import replay_dlcbench

    results = replay_dlcbench(path)
    for name, result in results.items() if out is not None else ():
        assert out is not None
        result.write(out / f"{Path(name).name}.json")
    if format == "json":
        print_json({name: result.to_json() for name, result in results.items()})
    return _tell(list(results.values()), format)


def _tell(results: list[DLCResult], format: str) -> int:
    from pix2cap.evaluate.dlcbench_result import dlc_rich

    if format == "table":
        make_console().print(dlc_rich(results))
    for result in results:
        for warning in result.warnings:
            say(f"warning: {result.model}: {warning}")
        for region_id, reason in result.failed.items():
            say(f"failed: {result.model}, {region_id}: {reason}")
        if result.missing:
            say(f"no description, worth 0: {', '.join(result.missing)}")
        if result.pending:
            say(f"not asked yet: {result.pending} regions; the same command without --rescore goes on")
        if result.failed and result.judge != "recorded":
            say("the same command with --retry-failed asks again about those that failed")
    return 0 if all(result.is_clean for result in results) else 1
