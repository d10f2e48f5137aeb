"""Any result that `bench compare` takes, read and seen as metrics over units with items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pix2cap.errors import InputError
from pix2cap.evaluate.bench_facts import digest_of, facts_of, files_of
from pix2cap.evaluate.bench_scored_items import read_dlc, read_vipbench
from pix2cap.evaluate.caption_metrics import caption_metrics
from pix2cap.evaluate.paired import Floats, Item, Metric, Place, Resample, Scored
from pix2cap.evaluate.region_dense import dense_metrics
from pix2cap.evaluate.region_result import RegionResult
from pix2cap.evaluate.result import PanopticCaptioningResult
from pix2cap.evaluate.result_columns import COLUMNS
from pix2cap.evaluate.result_compare import ResampledScores
from pix2cap.evaluate.result_files import read_json
from pix2cap.evaluate.visual_genome import region_metrics

NAMES = ("result.json", "scores.json", "vg.json", "vipbench.json", "dlc.json")
"""Files of a result folder, the first that is there."""

_COMMAND = "pix2cap bench vg, vipbench, dlc or pix2cap score"
_CAPTION_RANKS = ("meteor", "rouge_l", "cider", "meteor_exact_stem", "spice_sg", "spice")


def read_scored(path: Path) -> Scored:
    """Read a result of any bench, or of `pix2cap score`.

    Args:
        path: The JSON, or a folder with one.

    Raises:
        InputError: It is no such result, or one without its items.
    """
    file = _in_folder(path) if path.is_dir() else path
    record = read_json(file, _COMMAND)
    kind = record.get("bench") if isinstance(record, dict) else None
    if kind is None and isinstance(record, dict) and {"mode", "panoptic"} <= record.keys():
        return of_task(PanopticCaptioningResult.from_json(record, where=str(file)), where=str(file))
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        got = f'"bench": {kind!r}' if kind else "no such key"
        known = " or ".join(map(repr, _READERS))
        raise InputError(f'{file}: expected a result of `{_COMMAND}` ("bench": {known}), got {got}')
    return read(record, str(file))


def _in_folder(folder: Path) -> Path:
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if not found:
        raise InputError(f"{folder}: expected a folder with one of {', '.join(NAMES)}, found none")
    return found[0]


def of_regions(result: RegionResult, *, where: str = "result") -> Scored:
    """Visual Genome: units are images, items are regions.

    Raises:
        InputError: The result was stored without its regions.
    """
    if not result.regions:
        raise InputError(f"{where}: expected every region, got a result without; write it with --out")
    images = sorted({region.image_id for region in result.regions})
    if result.dense is not None and result.records is not None:
        ids = [region.image_id for region in result.regions]
        metrics = dense_metrics(result.records, result.dense, ids, result.missing)
    else:
        metrics = region_metrics(result.regions, result.scores, result.missing)
    split = result.split
    truth = sorted((r.region_id, r.image_id, r.references) for r in result.regions)
    identity = {
        "task": result.task,
        "split": f"{split.name} ({split.rule})",
        "images": str(split.images),
        "regions": str(split.regions),
        **files_of(result.provenance, ("regions", "image_list", "region_list")),
        "references": digest_of(truth),
    }
    items = {
        str(region.region_id): Item(
            str(region.region_id),
            f"region {region.region_id}",
            region.references,
            region.caption,
            {k: v for k, v in region.scores.items() if v is not None},
            place=Place(region.image_id, box_xywh=region.box_xywh),
        )
        for region in result.regions
    }
    title = "Visual Genome, " + ("dense captioning" if result.task == "dense" else "region captions")
    ranks = _CAPTION_RANKS if result.task == "captions" else ("meteor", "iou")
    return Scored(
        "vg", title, identity, images, metrics, items, ranks, facts_of(result.provenance), result.warnings
    )


def of_task(result: PanopticCaptioningResult, *, where: str = "result") -> Scored:
    """Panoptic segmentation-captioning: units are images, items are matched segments.

    Raises:
        InputError: The result was stored without its pairs, or is of reference mode.
    """
    if result.mode != "corrected":
        raise InputError(f"{where}: expected a result of corrected mode, got {result.mode} mode")
    if not result.per_image:
        raise InputError(
            f"{where}: expected pairs and counts by image, got a result without; write it with --out"
        )
    images = sorted(image.image_id for image in result.per_image)
    uncounted = sorted({pair.image_id for pair in result.pairs} - set(images))
    if uncounted:
        raise InputError(f"{where}: expected counts of every image with pairs, got none of {uncounted[:5]}")
    truth = sorted(
        (image.image_id, sorted((c, n.tp + n.fn) for c, n in image.categories.items() if n.tp + n.fn))
        for image in result.per_image
    )
    identity = {
        "mode": result.mode,
        "images": str(len(images)),
        **files_of(result.provenance, ("gt", "gt_masks")),
        "segments of the ground truth": digest_of(truth),
    }
    items = {}
    for pair in result.pairs:
        key = f"{pair.image_id}/{pair.gt_segment_id}"
        category = result.per_category.get(pair.category_id)
        title = category.name if category else f"category {pair.category_id}"
        scores = {name: score for name, score in pair.scores.items() if score is not None}
        place = Place(pair.image_id, segment_id=pair.gt_segment_id)
        items[key] = Item(
            key, title, (pair.gt_caption,), pair.pred_caption, {**scores, "iou": pair.iou}, place=place
        )
    return Scored(
        "score",
        "Panoptic segmentation-captioning",
        identity,
        images,
        _task_metrics(result, images),
        items,
        _CAPTION_RANKS,
        facts_of(result.provenance),
        result.warnings,
    )


def _task_metrics(result: PanopticCaptioningResult, images: Sequence[int]) -> dict[str, Metric]:
    row = {image_id: number for number, image_id in enumerate(images)}
    corpus = {
        name: result.value(f"captions.{name}")
        for name in (
            "bleu_1",
            "bleu_2",
            "bleu_3",
            "bleu_4",
            "rouge_l",
            "cider",
            "meteor",
            "spice",
            "spice_sg",
        )
    }
    captions = caption_metrics(
        [pair.pred_caption for pair in result.pairs],
        [[pair.gt_caption] for pair in result.pairs],
        [pair.scores for pair in result.pairs],
        np.array([row[pair.image_id] for pair in result.pairs], np.int64),
        len(images),
        corpus=corpus,
        missing=result.missing,
    )
    resampled = ResampledScores(result, images)
    found = {}
    for column in COLUMNS:
        path = column.corrected
        value = result.value(path)
        if path.startswith("captions."):
            metric = captions[path.removeprefix("captions.")]
            found[path] = Metric(
                column.label, value, metric.resample, metric.why, metric.factor, metric.digits, metric.top
            )
            continue
        resample = _on(resampled, path) if path in resampled.paths else None
        why = result.reason(path) or "single predictions, of which mAP is made, are not stored"
        found[path] = Metric(column.label, value, resample, why)
    return {
        path: metric for path, metric in found.items() if metric.value is not None or path in result.missing
    }


def _on(resampled: ResampledScores, path: str) -> Resample:
    def resample(drawn: Floats) -> Floats:
        values: Floats = resampled(drawn)[path]
        return values

    return resample


_READERS: dict[str, Callable[[Mapping[str, Any], str], Scored]] = {
    "vg": lambda record, where: of_regions(RegionResult.from_json(record, where=where), where=where),
    "vipbench": read_vipbench,
    "dlc": read_dlc,
}
