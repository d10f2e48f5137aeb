"""Dense captioning on Visual Genome: boxes that a model found and captioned, as DenseCap scores them.

Ground-truth boxes of an image with an IoU above 0.7 become one box with several references. A prediction
takes the merged box that it overlaps most, if no better prediction has; mAP is the mean over thresholds on
IoU and on METEOR against the best reference. Source: Johnson, Karpathy, Fei-Fei, "DenseCap", CVPR 2016.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pix2cap.errors import InputError, MetricUnavailable
from pix2cap.evaluate.caption_metrics import shared_meteor
from pix2cap.evaluate.paired import Floats, Metric, Resample, intervals_of
from pix2cap.evaluate.region_predictions import Box, BoxFormat, RegionCaption, read_predictions
from pix2cap.evaluate.region_result import (
    DenseScores,
    RankedRecords,
    RegionCounts,
    RegionResult,
    ScoredRegion,
)
from pix2cap.evaluate.result import threshold_key
from pix2cap.evaluate.visual_genome import Answers, ScoreOptions, provenance
from pix2cap.evaluate.visual_genome_files import Region, counted
from pix2cap.evaluate.visual_genome_split import ChosenRegions, SplitOptions, choose_regions
from pix2cap.metrics.bootstrap import Resamples, precision_resamples
from pix2cap.metrics.dense_caption_map import (
    IOU_THRESHOLDS,
    AveragePrecision,
    Records,
    mean_average_precision,
    threshold_rows,
)
from pix2cap.metrics.region_boxes import box_records, group_box, merge_boxes, xywh_to_xyxy
from pix2cap.text.ptb import ptb_tokens


@dataclass(frozen=True, slots=True)
class MergedRegion:
    """One ground-truth box with all its references.

    Args:
        region_id: The lowest of those merged.
        image_id: Of the picture.
        box_xyxy: The mean of theirs.
        references: Their phrases, in the order of the file.
    """

    region_id: int
    image_id: int
    box_xyxy: tuple[float, float, float, float]
    references: tuple[str, ...]


def merge_regions(regions: Sequence[Region]) -> tuple[MergedRegion, ...]:
    """Merge the regions of each image; images by id."""
    by_image: dict[int, list[Region]] = defaultdict(list)
    for region in regions:
        by_image[region.image_id].append(region)
    merged = []
    for image_id in sorted(by_image):
        mine = by_image[image_id]
        boxes = xywh_to_xyxy(np.array([region.box_xywh for region in mine]))
        for group in merge_boxes(boxes):
            some = [mine[row] for row in group.tolist()]
            x0, y0, x1, y1 = group_box(boxes, group).tolist()
            lowest = min(region.region_id for region in some)
            merged.append(MergedRegion(lowest, image_id, (x0, y0, x1, y1), tuple(r.phrase for r in some)))
    return tuple(merged)


def evaluate_dense(
    regions: str | Path,
    predictions: str | Path,
    split: SplitOptions,
    options: ScoreOptions | None = None,
    *,
    box_format: BoxFormat = "xywh",
) -> RegionResult:
    """Score predicted boxes with captions.

    Args:
        regions: `region_descriptions.json`.
        predictions: Entries with image_id, box, caption and score; or a predictions folder.
        split: Which images; all regions of each count.
        options: How; `metrics` is not read, since the task has its own.
        box_format: What the four numbers of a predicted box are.

    Raises:
        InputError: A file is not what it should be, or a prediction has no box.
    """
    opts = options or ScoreOptions()
    path = Path(predictions)
    read = read_predictions(path, box_format=box_format)
    boxless = [one.name for one in read if one.box_xywh is None or one.image_id is None]
    if boxless:
        raise InputError(
            f"{path}: expected image_id and box in each entry for the dense task, got {boxless[0]}"
        )
    chosen = choose_regions(Path(regions), split)
    return _score_dense(Path(regions), path, chosen, read, split, opts, box_format)


def _score_dense(
    regions: Path,
    path: Path,
    chosen: ChosenRegions,
    predictions: Sequence[RegionCaption],
    split: SplitOptions,
    options: ScoreOptions,
    box_format: BoxFormat,
) -> RegionResult:
    truths = merge_regions(chosen.regions)
    image_ids = sorted({truth.image_id for truth in truths})
    mine = [one for one in predictions if one.image_id in set(image_ids)]
    extra = tuple(one.name for one in predictions if one.image_id not in set(image_ids))
    ranked = _records(truths, mine, image_ids)
    meteor, why = _meteor(ranked, truths, mine)
    found = mean_average_precision(ranked.iou, meteor, ranked.took, len(truths))
    scored = _scored(ranked, truths, mine, meteor)
    records = RankedRecords(*(tuple(c.tolist()) for c in (ranked.image_ids, ranked.iou, meteor, ranked.took)))
    missing = {} if why is None else {"dense.map": why}
    dense = _dense(found, len(truths), len(mine), has_meteor=why is None)
    answers = Answers(
        {}, extra, inputs={"predictions": path}, arguments={"box_format": box_format, "task": "dense"}
    )
    answered = sum(one.caption is not None for one in scored)
    counts = RegionCounts(
        answered, len(truths) - answered, 0, len(extra), chosen.file.crossing, counted(chosen.file.left_out)
    )
    metrics = dense_metrics(records, dense, [truth.image_id for truth in truths], missing)
    return RegionResult(
        "vg",
        "dense",
        chosen.split,
        counts,
        {},
        missing,
        intervals_of(metrics, len(image_ids), samples=options.bootstrap, seed=options.seed),
        dense=dense,
        left_out=chosen.file.left_out,
        missing_regions=tuple(one.region_id for one in scored if one.caption is None),
        extra=extra,
        warnings=chosen.warnings,
        provenance=provenance(regions, answers, split, options),
        regions=scored,
        records=records,
    )


def _records(
    truths: Sequence[MergedRegion], predictions: Sequence[RegionCaption], image_ids: Sequence[int]
) -> Records:
    """Ranked records; `gt_ids` are rows of `truths`, `pred_ids` rows of `predictions`."""
    truth_rows, rows = defaultdict(list), defaultdict(list)
    for row, truth in enumerate(truths):
        truth_rows[truth.image_id].append(row)
    for row, one in enumerate(predictions):
        rows[one.image_id].append(row)
    parts = []
    for image_id in image_ids:
        of_truth, of_image = np.array(truth_rows[image_id]), np.array(rows[image_id], np.int64)
        boxes = xywh_to_xyxy(np.array([predictions[row].box_xywh for row in of_image.tolist()]))
        part = box_records(
            image_id,
            np.array([truths[row].box_xyxy for row in of_truth.tolist()]),
            boxes,
            np.array([predictions[row].score for row in of_image.tolist()]),
            of_image,
        )
        gt_ids = np.where(part.gt_ids >= 0, of_truth[part.gt_ids], -1)
        parts.append(Records(part.image_ids, gt_ids, part.pred_ids, part.iou, part.scores, part.took))
    return Records.joined(parts).ranked()


def _meteor(
    ranked: Records, truths: Sequence[MergedRegion], predictions: Sequence[RegionCaption]
) -> tuple[NDArray[np.float64], str | None]:
    """METEOR of each record against its best reference; 0 where no threshold on IoU lets it through."""
    found = np.zeros(len(ranked))
    try:
        scorer = shared_meteor()
    except MetricUnavailable as error:
        return found, str(error)
    for row in np.flatnonzero(ranked.took & (ranked.iou >= IOU_THRESHOLDS[0])).tolist():
        said = " ".join(ptb_tokens(predictions[int(ranked.pred_ids[row])].caption))
        true = [" ".join(ptb_tokens(text)) for text in truths[int(ranked.gt_ids[row])].references]
        true = [text for text in true if text]
        found[row] = scorer.pair(said, true).score if said and true else 0.0
    return found, None


def _dense(found: AveragePrecision, truths: int, predictions: int, *, has_meteor: bool) -> DenseScores:
    by_threshold = {threshold_key(t, s): value for (t, s), value in found.by_threshold.items()}
    return DenseScores(
        found.map if has_meteor else None,
        found.detection_map,
        by_threshold if has_meteor else {},
        {f"{t:g}": value for t, value in found.by_iou.items()},
        truths,
        predictions,
    )


def _scored(
    ranked: Records,
    truths: Sequence[MergedRegion],
    predictions: Sequence[RegionCaption],
    meteor: NDArray[np.float64],
) -> tuple[ScoredRegion, ...]:
    took = {int(ranked.gt_ids[row]): row for row in np.flatnonzero(ranked.took).tolist()}
    scored = []
    for number, truth in enumerate(truths):
        x0, y0, x1, y1 = truth.box_xyxy
        box: Box = (x0, y0, x1 - x0, y1 - y0)
        row = took.get(number)
        caption, scores = None, {"iou": 0.0, "meteor": 0.0}
        if row is not None:
            caption = predictions[int(ranked.pred_ids[row])].caption
            scores = {"iou": float(ranked.iou[row]), "meteor": float(meteor[row])}
        scored.append(ScoredRegion(truth.region_id, truth.image_id, box, truth.references, caption, scores))
    return tuple(scored)


def dense_metrics(
    records: RankedRecords, dense: DenseScores, truth_image_ids: Sequence[int], missing: Mapping[str, str]
) -> dict[str, Metric]:
    """MAP and detection mAP, for a bootstrap over images.

    Args:
        records: In ranked order.
        dense: The scores.
        truth_image_ids: Image of each merged box.
        missing: Metric to why it is missing.
    """
    image_ids, counts = np.unique(np.array(truth_image_ids, np.int64), return_counts=True)
    rows = np.searchsorted(image_ids, np.array(records.image_ids, np.int64))
    iou, meteor = np.array(records.iou, np.float64), np.array(records.meteor, np.float64)
    true_rows = threshold_rows(iou, meteor, np.array(records.took, np.bool_))

    def means(columns: slice) -> Resample:
        def resample(drawn: Floats) -> Floats:
            weights = Resamples(drawn.astype(np.uint16))
            values = precision_resamples(weights, rows, true_rows[columns], counts.astype(np.float64))
            mean: Floats = values.mean(axis=1)
            return mean

        return resample

    located = len(IOU_THRESHOLDS)
    return {
        "dense.map": Metric("mAP", dense.map, means(slice(located, None)), missing.get("dense.map", "")),
        "dense.detection_map": Metric("detection mAP", dense.detection_map, means(slice(located))),
    }
