"""Ground truth and predictions written to disk, to be broken one way at a time."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pix2cap.evaluate.panoptic_captioning import evaluate_panoptic_captioning
from pix2cap.evaluate.result import PanopticCaptioningResult
from tests.builders.panoptic import CocoPaths, build_coco_panoptic


@dataclass
class ScoredSet:
    """A ground truth and predictions beside it."""

    gt: CocoPaths
    pred: CocoPaths

    def score(self, **options: Any) -> PanopticCaptioningResult:
        """Score the set, few resamples unless told otherwise."""
        options = {"bootstrap": 0, "metrics": ("bleu", "rouge_l", "cider"), **options}
        self.gt.save()
        self.pred.save()
        return evaluate_panoptic_captioning(
            self.gt.json_path,
            self.pred.json_path,
            gt_masks=self.gt.masks,
            pred_masks=self.pred.masks,
            **options,
        )


def build_set(folder: Path, *, n_images: int = 3, crowd: bool = False) -> ScoredSet:
    """Random maps; the predictions are the ground truth, captions under `caption`, no areas."""
    gt = build_coco_panoptic(folder / "gt", n_images=n_images, captions=True, crowd=crowd)
    (folder / "pred").mkdir()
    document = json.loads(gt.json_path.read_text())
    for annotation in document["annotations"]:
        for row in annotation["segments_info"]:
            row["caption"] = row.pop("description")
            del row["area"], row["bbox"], row["iscrowd"]
    pred = CocoPaths(
        folder / "pred", folder / "pred" / "pred.json", folder / "pred" / "masks", folder / "pred", document
    )
    shutil.copytree(gt.masks, pred.masks)
    return ScoredSet(gt, pred.save())


def score_golden(golden: Path, name: str, **options: Any) -> PanopticCaptioningResult:
    """Score one of the golden sets."""
    folder = golden / name
    return evaluate_panoptic_captioning(
        folder / "gt.json",
        folder / "pred.json",
        **{"gt_masks": folder / "gt", "pred_masks": folder / "pred", "bootstrap": 0, **options},
    )
