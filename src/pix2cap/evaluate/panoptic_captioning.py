"""Panoptic segmentation-captioning: one call from files to a result.

result = evaluate_panoptic_captioning("gt.json", "pred.json", gt_masks="gt", pred_masks="pred")
result.panoptic.all.pq, result.captions.cider, result.map.class_aware.map
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.caption_suite import DEFAULT_METRICS, check_metrics
from pix2cap.evaluate.corrected import CaptionOptions, score_corrected
from pix2cap.evaluate.inputs import Progress, open_inputs
from pix2cap.evaluate.panoptic_captioning_captions import Told
from pix2cap.evaluate.panoptic_captioning_pairs import PairKey
from pix2cap.evaluate.reference import score_released
from pix2cap.evaluate.result import Mode, PanopticCaptioningResult
from pix2cap.evaluate.result_provenance import collect_provenance


def evaluate_panoptic_captioning(
    gt: str | Path,
    pred: str | Path,
    *,
    gt_masks: str | Path | None = None,
    pred_masks: str | Path | None = None,
    mode: Mode = "corrected",
    workers: int = 1,
    metrics: Sequence[str] = DEFAULT_METRICS,
    allow_missing: bool = False,
    bootstrap: int = 1000,
    seed: int = 0,
    meteor_pairs: Mapping[str, float] | None = None,
    on_image: Progress | None = None,
    on_metric: Told | None = None,
) -> PanopticCaptioningResult:
    """Score predictions against a ground truth.

    Args:
        gt: COCO panoptic JSON with `description` or `caption` a segment, or a dataset folder.
        pred: COCO panoptic results with `caption` or `description` and, if known, `score` a segment (an
            absent score counts as 1), or a dataset folder. `images` and `categories` may be left out.
        gt_masks: Folder or zip of the ground truth's PNGs; found beside the JSON where it has its name.
        pred_masks: The same of the predictions.
        mode: `corrected`, or `reference` for the released evaluator's numbers.
        workers: Processes that read maps (in a script of your own this needs the usual
            `if __name__ == "__main__":`). In corrected mode the result does not depend on it; in reference
            mode it is also the number of the released evaluator's shards.
        metrics: Caption metrics out of bleu, rouge_l, cider, meteor, spice, spice_sg. mAP and caption-PQ are
            always computed.
        allow_missing: Score images whose prediction is missing or unusable as if nothing was predicted.
        bootstrap: Resamples behind the intervals of corrected mode; 0 for none.
        seed: Of the bootstrap.
        meteor_pairs: `image_gt_prediction` to METEOR 1.5, computed elsewhere; used in place of ours wherever
            single pairs are scored (corrected mode).
        on_image: Told after each image read.
        on_metric: Told as slow metrics go on.

    Raises:
        UsageError: An argument makes no sense.
        InputError: A file is missing, damaged, or both sides disagree; the message says where.

    Example:
        >>> evaluate_panoptic_captioning("gt.json", "pred.json").panoptic.all.pq  # doctest: +SKIP
    """
    _check_arguments(mode, workers, bootstrap, seed)
    metrics = check_metrics(metrics)
    given = None if meteor_pairs is None else _pair_keys(meteor_pairs)
    paths = {
        role: None if path is None else Path(path)
        for role, path in {"gt": gt, "pred": pred, "gt_masks": gt_masks, "pred_masks": pred_masks}.items()
    }
    inputs = open_inputs(
        Path(gt),
        Path(pred),
        gt_masks=paths["gt_masks"],
        pred_masks=paths["pred_masks"],
        allow_missing=allow_missing,
    )
    images = list(inputs.images(workers=workers, progress=on_image))
    if mode == "reference":
        result = score_released(images, inputs.categories, metrics, shards=workers, on_progress=on_metric)
    else:
        options = CaptionOptions(metrics, given, on_metric)
        result = score_corrected(images, inputs.categories, options, resamples=bootstrap, seed=seed)
    provenance = collect_provenance(
        arguments={
            "mode": mode,
            "workers": workers,
            "metrics": ",".join(metrics),
            "allow_missing": allow_missing,
            "bootstrap": bootstrap,
            "meteor_pairs": None if given is None else len(given),
        },
        inputs=paths,
        seed=seed,
    )
    return replace(result, warnings=(*inputs.warnings, *result.warnings), provenance=provenance)


def _check_arguments(mode: str, workers: int, bootstrap: int, seed: int) -> None:
    if mode not in get_args(Mode):
        raise UsageError(f"mode: expected {' or '.join(get_args(Mode))}, got {mode!r}")
    if workers < 1:
        raise UsageError(f"workers: expected 1 or more, got {workers}")
    if bootstrap < 0 or seed < 0:
        raise UsageError(f"bootstrap and seed: expected 0 or more, got {bootstrap} and {seed}")


def _pair_keys(meteor_pairs: Mapping[str, float]) -> dict[PairKey, float]:
    found: dict[PairKey, float] = {}
    for key, value in meteor_pairs.items():
        parts = str(key).split("_")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if len(parts) != 3 or not all(part.isdecimal() for part in parts) or not is_number:
            raise InputError(
                f"METEOR of pairs: expected image_gt_prediction with a number, got {key!r}: {value!r}"
            )
        found[int(parts[0]), int(parts[1]), int(parts[2])] = float(value)
    return found
