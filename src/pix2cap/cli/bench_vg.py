"""`pix2cap bench vg`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.annotate_progress import report_progress
from pix2cap.cli.output import make_console, print_json, say
from pix2cap.cli.suite_progress import report_suite_progress
from pix2cap.errors import UsageError
from pix2cap.evaluate.model_options import ModelOptions
from pix2cap.evaluate.visual_genome_split import SplitOptions

if TYPE_CHECKING:
    from pix2cap.evaluate.region_result import RegionResult
    from pix2cap.evaluate.visual_genome import ScoreOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """Whose captions are scored: a file's, or those of a model that is asked.

    Args:
        predictions: JSON (lines) of {region_id, caption} or {image_id, box, caption}, or our predictions.
        box_format: What the four numbers of a predicted box are.
        model: Ask this model instead of reading predictions: openai:MODEL, replay:FILE, ...
        images: With --model: folder of the pictures, named by their ids, in any folders below.
        run: With --model: the run folder; the same call goes on there and pays for nothing twice.
        view: With --model: the picture with the region's box drawn, a close-up with the box, or both.
        max_cost: With --model: stop before this many USD are exceeded (exit code 3).
        retry_failed: With --model: ask again about regions that brought no caption.
    """

    predictions: Path | None = None
    box_format: Literal["xywh", "xyxy"] = "xywh"
    model: str | None = None
    images: Path | None = None
    run: Path | None = None
    view: Literal["marked", "crop", "both"] = "marked"
    max_cost: float | None = None
    retry_failed: Annotated[bool, Parameter(negative="")] = False


def vg(
    regions: Path,
    *,
    split: Annotated[SplitOptions, Parameter(name="*")],
    by: Annotated[Answerer, Parameter(name="*")] = Answerer(),
    task: Literal["captions", "dense"] = "captions",
    drive: Annotated[ModelOptions, Parameter(name="*")] = ModelOptions(),  # noqa: B008
    metrics: str = "bleu,meteor,rouge_l,cider,spice",
    require_all: Annotated[bool, Parameter(negative="")] = False,
    bootstrap: int = 1000,
    seed: int = 0,
    processes: int | None = None,
    format: Literal["table", "json"] = "table",
    out: Path | None = None,
) -> int:
    """Score region captions on Visual Genome, of a file or of a model; the split is part of every result.

    Args:
        regions: Visual Genome's region_descriptions.json.
        split: Which regions count.
        by: Whose captions.
        task: captions of the given regions, or dense: boxes found and captioned (mAP, merged references).
        drive: How to drive the model.
        metrics: Some of bleu, rouge_l, cider, meteor, spice and spice_sg, with commas. Where spice cannot
            run, spice_sg stands beside it under its own name.
        require_all: Refuse predictions that leave a region out (exit code 2), instead of scoring it as empty.
        bootstrap: Resamples of images behind the 95 % intervals; 0 for none.
        seed: Of the bootstrap.
        processes: How many processes slow metrics may use; as many as cores by default.
        format: table, or json without the single regions.
        out: Write the JSON with every region, for bench compare.
    """
    from pix2cap.evaluate.visual_genome import ScoreOptions

    _check(by, task, out)
    with report_suite_progress() as on_metric:
        options = ScoreOptions(
            metrics=[name.strip() for name in metrics.split(",") if name.strip()],
            require_all=require_all,
            bootstrap=bootstrap,
            seed=seed,
            on_progress=on_metric,
            processes=processes,
        )
        if by.model is None:
            result = _of_file(regions, split, by, options, task)
        else:
            result = _of_model(regions, split, by, options, drive)
    return _deliver(result, format, out)


def _check(by: Answerer, task: str, out: Path | None) -> None:
    if (by.predictions is None) == (by.model is None):
        raise UsageError("expected either --predictions FILE or --model MODEL, got " + _both(by))
    if by.model is not None:
        lacking = [flag for flag, path in (("--images", by.images), ("--run", by.run)) if path is None]
        if lacking:
            raise UsageError(f"expected {' and '.join(lacking)} with --model {by.model}, got none")
        if task == "dense":
            raise UsageError(
                "expected --predictions with --task dense: models are asked about given regions only"
            )
    if out is not None and out.is_dir():
        raise UsageError(f"expected a file to write with --out, got the folder {out}; name {out / 'vg.json'}")


def _both(by: Answerer) -> str:
    return "neither" if by.model is None else "both"


def _of_file(
    regions: Path, split: SplitOptions, by: Answerer, options: ScoreOptions, task: str
) -> RegionResult:
    assert by.predictions is not None
    if task == "dense":
        from pix2cap.evaluate.region_dense import evaluate_dense

        return evaluate_dense(regions, by.predictions, split, options, box_format=by.box_format)
    from pix2cap.evaluate.visual_genome import evaluate_regions

    return evaluate_regions(regions, by.predictions, split, options, box_format=by.box_format)


def _of_model(
    regions: Path, split: SplitOptions, by: Answerer, options: ScoreOptions, drive: ModelOptions
) -> RegionResult:
    from pix2cap.evaluate.asking import AskOptions
    from pix2cap.evaluate.caption_suite import check_metrics
    from pix2cap.evaluate.visual_genome import score_regions
    from pix2cap.evaluate.visual_genome_ask import RegionAskOptions, ask_regions
    from pix2cap.evaluate.visual_genome_split import choose_regions

    assert by.model is not None and by.images is not None and by.run is not None
    check_metrics(options.metrics)
    chosen, model = choose_regions(regions, split), drive.open(by.model)
    with report_progress() as on_progress:
        asking = RegionAskOptions(
            images=by.images,
            run_dir=by.run,
            view=by.view,
            sampling=drive.sampling,
            ask=AskOptions(drive.concurrency, by.max_cost, by.retry_failed, say, handle_signals=True),
            on_progress=on_progress,
        )
        answers = ask_regions(regions, chosen, model, asking)
    return score_regions(regions, chosen, answers, split, options)


def _deliver(result: RegionResult, format: Literal["table", "json"], out: Path | None) -> int:
    for warning in result.warnings:
        say(f"warning: {warning}")
    if out is not None:
        result.write(out)
    if format == "json":
        print_json(replace(result, regions=(), records=None).to_json())
    else:
        from pix2cap.evaluate.region_tables import to_rich

        make_console().print(to_rich(result))
        for metric, reason in result.missing.items():
            say(f"{metric} is missing: {reason}")
    if out is not None:
        say(f"wrote {out}")
    return 1 if result.task == "captions" and result.counts.missing else 0
