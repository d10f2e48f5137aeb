"""`pix2cap score`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pix2cap.cli.image_progress import report_images
from pix2cap.cli.output import print_json, say
from pix2cap.cli.suite_progress import report_suite_progress
from pix2cap.errors import InputError, UsageError

if TYPE_CHECKING:
    from pix2cap.evaluate.result import PanopticCaptioningResult

Format = Literal["table", "json", "latex", "csv"]

_BY_SUFFIX: dict[str, Format] = {".json": "json", ".tex": "latex", ".csv": "csv"}


def score(
    gt: Path,
    pred: Path,
    *,
    gt_masks: Path | None = None,
    pred_masks: Path | None = None,
    mode: Literal["corrected", "reference"] = "corrected",
    workers: int = 1,
    metrics: str = "bleu,rouge_l,cider,meteor",
    allow_missing: bool = False,
    bootstrap: int = 1000,
    seed: int = 0,
    meteor_pairs: Path | None = None,
    format: Format | None = None,
    out: Path | None = None,
) -> int:
    """Score panoptic segmentation-captioning: PQ, captions of matched segments, mAP, caption-PQ.

    Args:
        gt: Ground truth: COCO panoptic JSON with a caption a segment, or a dataset folder.
        pred: Predictions: COCO panoptic results with caption (and score) a segment, or a dataset folder.
        gt_masks: Folder or zip of the ground truth's PNGs, where they do not lie beside the JSON.
        pred_masks: Folder or zip of the predictions' PNGs.
        mode: corrected, or reference for the released evaluator's numbers with all their quirks.
        workers: Processes that read maps; in reference mode also the released evaluator's shards.
        metrics: Some of bleu, rouge_l, cider, meteor, spice and spice_sg, with commas.
        allow_missing: Count images without a usable prediction as nothing predicted, instead of stopping.
        bootstrap: Resamples behind the 95 % intervals (corrected mode); 0 for none.
        seed: Of the bootstrap.
        meteor_pairs: JSON file {image_gt_prediction: score} with METEOR 1.5 of single pairs from elsewhere.
        format: table, json, latex or csv; by the ending of --out where that is given.
        out: Write to this file; its JSON has every matched pair, for `pix2cap report`.
    """
    from pix2cap.evaluate.panoptic_captioning import evaluate_panoptic_captioning

    chosen = format or (_BY_SUFFIX.get(out.suffix.lower(), "table") if out is not None else "table")
    if out is not None and out.is_dir():
        raise UsageError(
            f"expected a file to write with --out, got the folder {out}; name {out / 'scores.json'}"
        )
    with report_images() as on_image, report_suite_progress() as on_metric:
        result = evaluate_panoptic_captioning(
            gt,
            pred,
            gt_masks=gt_masks,
            pred_masks=pred_masks,
            mode=mode,
            workers=workers,
            metrics=[name.strip() for name in metrics.split(",") if name.strip()],
            allow_missing=allow_missing,
            bootstrap=bootstrap,
            seed=seed,
            meteor_pairs=None if meteor_pairs is None else _read_meteor_pairs(meteor_pairs),
            on_image=on_image,
            on_metric=on_metric,
        )
    _deliver(result, pred.absolute().stem, chosen, out)
    return 0


def _deliver(result: PanopticCaptioningResult, name: str, format: Format, out: Path | None) -> None:
    for warning in result.warnings:
        say(f"warning: {warning}")
    if out is None:
        _print(result, name, format)
    else:
        _write(result, name, format, out)
        print(out)
    if format == "table":
        for metric, reason in result.missing.items():
            if not reason.startswith("not asked for"):
                say(f"{metric} is missing: {reason}")


def _print(result: PanopticCaptioningResult, name: str, format: Format) -> None:
    if format == "json":
        print_json(result.to_json())
    elif format == "table":
        from rich.console import Console

        from pix2cap.evaluate.result_tables import to_rich

        Console().print(to_rich([result], [name]))
    else:
        sys.stdout.write(_text(result, name, format))


def _write(result: PanopticCaptioningResult, name: str, format: Format, out: Path) -> None:
    if format == "json":
        result.write(out)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(_text(result, name, format), encoding="utf-8")


def _text(result: PanopticCaptioningResult, name: str, format: Format) -> str:
    from pix2cap.evaluate.result_tables import to_csv, to_latex, to_text

    write = {"latex": to_latex, "csv": to_csv, "table": to_text}[format]
    return write([result], [name]).rstrip("\n") + "\n"


def _read_meteor_pairs(path: Path) -> dict[str, float]:
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected a JSON object of METEOR by image_gt_prediction, got {error}"
        ) from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: expected a JSON object of METEOR by image_gt_prediction, got no object")
    return record
