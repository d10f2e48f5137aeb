"""Captions of Visual Genome's regions scored against what people said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pix2cap.errors import InputError
from pix2cap.evaluate.caption_metrics import LABELS, caption_metrics
from pix2cap.evaluate.caption_suite import (
    CaptionSuiteResult,
    SuiteProgress,
    check_metrics,
    score_captions,
)
from pix2cap.evaluate.paired import Metric, intervals_of
from pix2cap.evaluate.region_predictions import BoxFormat, assign, read_predictions
from pix2cap.evaluate.region_result import RegionCounts, RegionResult, ScoredRegion
from pix2cap.evaluate.result import Provenance
from pix2cap.evaluate.result_provenance import collect_provenance
from pix2cap.evaluate.visual_genome_files import Region, counted, named
from pix2cap.evaluate.visual_genome_split import ChosenRegions, SplitOptions, choose_regions

DEFAULT_METRICS = ("bleu", "meteor", "rouge_l", "cider", "spice")

Told = Callable[[SuiteProgress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOptions:
    """How captions are scored.

    Args:
        metrics: Names as `caption_suite` has them; where `spice` cannot run, `spice_sg` stands beside it.
        require_all: Refuse regions without a prediction instead of scoring them as empty.
        bootstrap: Resamples of images behind the 95 % intervals; 0 for none.
        seed: Of the bootstrap.
        on_progress: Told as slow metrics go on.
        processes: Processes that slow metrics may use.
    """

    metrics: Sequence[str] = DEFAULT_METRICS
    require_all: bool = False
    bootstrap: int = 1000
    seed: int = 0
    on_progress: Told | None = None
    processes: int | None = None


@dataclass(frozen=True)
class Answers:
    """What was said of the regions.

    Args:
        captions: Region id to caption, for regions that have one.
        extra: Predictions for no region of the split, by name.
        failed: Region id to why a model gave no caption.
        inputs: Files that were read, by role.
        arguments: What else made them, for the provenance (model, prompt).
        warnings: What a reader should know.
    """

    captions: Mapping[int, str]
    extra: tuple[str, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)
    inputs: Mapping[str, Path | None] = field(default_factory=dict)
    arguments: Mapping[str, object] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def evaluate_regions(
    regions: str | Path,
    predictions: str | Path,
    split: SplitOptions,
    options: ScoreOptions | None = None,
    *,
    box_format: BoxFormat = "xywh",
) -> RegionResult:
    """Score a file of predictions.

    Args:
        regions: `region_descriptions.json`.
        predictions: JSON, JSON lines, or a predictions folder; see `read_predictions`.
        split: Which regions.
        options: How.
        box_format: What the four numbers of a predicted box are.

    Raises:
        InputError: A file is not what it should be, or predictions are missing where all are required.
        UsageError: An unknown metric.

    Example:
        >>> split = SplitOptions(split="all-regions", image_list=Path("test.txt"))
        >>> evaluate_regions("region_descriptions.json", "captions.json", split)  # doctest: +SKIP
    """
    opts = options or ScoreOptions()
    check_metrics(opts.metrics)
    path = Path(predictions)
    read = read_predictions(path, box_format=box_format)
    chosen = choose_regions(Path(regions), split)
    assigned = assign(read, chosen.regions)
    answers = Answers(
        assigned.captions,
        tuple(one.name for one in assigned.extra),
        inputs={"predictions": path},
        arguments={"box_format": box_format},
    )
    return score_regions(Path(regions), chosen, answers, split, opts)


def score_regions(
    path: Path, chosen: ChosenRegions, answers: Answers, split: SplitOptions, options: ScoreOptions
) -> RegionResult:
    """Score what was said of the regions of a split; what has no caption is scored as empty.

    Args:
        path: `region_descriptions.json`, for the provenance.
        chosen: The regions.
        answers: What was said of them.
        split: How they were chosen.
        options: How to score.

    Raises:
        InputError: Predictions are missing where all are required.
    """
    missing = tuple(r.region_id for r in chosen.regions if r.region_id not in answers.captions)
    if missing and options.require_all:
        raise InputError(
            f"expected a prediction for each of {len(chosen.regions):,} regions, got none for"
            f" {len(missing):,}: {named(missing)}"
        )
    suite = _score(chosen.regions, answers.captions, options)
    scored = tuple(
        ScoredRegion(
            region.region_id,
            region.image_id,
            region.box_xywh,
            (region.phrase,),
            answers.captions.get(region.region_id),
            suite.per_item[str(region.region_id)],
        )
        for region in chosen.regions
    )
    metrics = region_metrics(scored, suite.corpus, suite.missing)
    n_units = chosen.split.images
    return RegionResult(
        "vg",
        "captions",
        chosen.split,
        _counts(chosen, answers, missing),
        suite.corpus,
        suite.missing,
        intervals_of(metrics, n_units, samples=options.bootstrap, seed=options.seed),
        left_out=chosen.file.left_out,
        missing_regions=missing,
        extra=answers.extra,
        failed=dict(answers.failed),
        warnings=(*chosen.warnings, *answers.warnings, *_warnings(chosen, answers, missing)),
        provenance=provenance(path, answers, split, options),
        regions=scored,
    )


def region_metrics(
    regions: Sequence[ScoredRegion], corpus: Mapping[str, float | None], missing: Mapping[str, str]
) -> dict[str, Metric]:
    """The metrics of scored regions, for a bootstrap over their images."""
    image_ids, rows = np.unique([region.image_id for region in regions], return_inverse=True)
    return caption_metrics(
        [region.caption or "" for region in regions],
        [region.references for region in regions],
        [region.scores for region in regions],
        rows.astype(np.int64),
        len(image_ids),
        corpus=corpus,
        missing=missing,
    )


def _score(
    regions: Sequence[Region], captions: Mapping[int, str], options: ScoreOptions
) -> CaptionSuiteResult:
    """As `pix2cap caption-score` has it, region ids for ids; `spice_sg` where SPICE cannot run."""
    candidates = {str(r.region_id): captions.get(r.region_id, "") for r in regions}
    references = {str(r.region_id): [r.phrase] for r in regions}

    def score(metrics: Sequence[str]) -> CaptionSuiteResult:
        return score_captions(
            candidates,
            references,
            metrics=metrics,
            on_progress=options.on_progress,
            processes=options.processes,
        )

    suite = score(options.metrics)
    if "spice" in suite.missing and "spice_sg" not in suite.corpus:
        other = score(["spice_sg"])
        per_item = {key: scores | other.per_item[key] for key, scores in suite.per_item.items()}
        suite = CaptionSuiteResult(suite.corpus | other.corpus, per_item, suite.missing | other.missing)
    order = {name: place for place, name in enumerate(LABELS)}
    corpus = dict(sorted(suite.corpus.items(), key=lambda item: order.get(item[0], len(order))))
    return CaptionSuiteResult(corpus, suite.per_item, suite.missing)


def _counts(chosen: ChosenRegions, answers: Answers, missing: Sequence[int]) -> RegionCounts:
    ids = {region.region_id for region in chosen.regions}
    said = sum(bool(text.strip()) for i, text in answers.captions.items() if i in ids)
    return RegionCounts(
        said,
        len(missing),
        len(ids) - len(missing) - said,
        len(answers.extra),
        chosen.file.crossing,
        counted(chosen.file.left_out),
    )


def _warnings(chosen: ChosenRegions, answers: Answers, missing: Sequence[int]) -> list[str]:
    told = []
    if missing:
        told.append(
            f"{len(missing):,} of {len(chosen.regions):,} regions have no prediction and are scored as empty:"
            f" {named(missing)}"
        )
    if answers.extra:
        told.append(
            f"{len(answers.extra):,} predictions are for no region of the split: {named(answers.extra)}"
        )
    return told


def provenance(path: Path, answers: Answers, split: SplitOptions, options: ScoreOptions) -> Provenance:
    """What made a result: software, options, and hashes of all that was read."""
    arguments = {
        "split": split.split,
        "image_part": split.image_part,
        "metrics": list(options.metrics),
        "bootstrap": options.bootstrap,
        **answers.arguments,
    }
    inputs = {**split.inputs(path), **answers.inputs}
    return collect_provenance(arguments=arguments, inputs=inputs, seed=options.seed)
