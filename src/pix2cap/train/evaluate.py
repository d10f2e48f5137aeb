"""Scores as training goes on: predict the validation set and score it as `pix2cap score` does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pix2cap.core import PanopticMap
from pix2cap.core.boxes import xyxy_to_xywh
from pix2cap.core.interrupt import Interrupt
from pix2cap.errors import UsageError
from pix2cap.evaluate.panoptic_captioning import evaluate_panoptic_captioning
from pix2cap.formats.open_source import detect_kind, masks_beside
from pix2cap.formats.png import encode_id_png
from pix2cap.model.captioner import PanopticCaptioner, PanopticPrediction
from pix2cap.model.config import ModelConfig
from pix2cap.model.records import Batch, pack_images
from pix2cap.model.vocabulary import CaptionVocabulary
from pix2cap.train.predictor import fitted_size
from pix2cap.train.samples import TrainingSet
from pix2cap.train.settings import SCORES, DataSettings, EvalSettings

FOLDER: Final = "evaluation"
_GROUND_TRUTH: Final = "ground_truth.json"
_CHEAPEST: Final = ("rouge_l",)


@dataclass(frozen=True)
class _Picture:
    image_id: int
    rgb: NDArray[np.uint8]
    shown: Tensor


class Validation:
    """A validation set, ready to be predicted again and again.

    Args:
        pictures: What to predict.
        data: Where its ground truth lies.
        settings: Table [eval].
        config: Of the model: at which size it wants to see pictures.
        vocabulary: Turns token ids into captions.

    Raises:
        UsageError: `eval.limit` with ground truth that is no COCO panoptic.
    """

    def __init__(
        self,
        pictures: TrainingSet,
        *,
        data: DataSettings,
        settings: EvalSettings,
        config: ModelConfig,
        vocabulary: CaptionVocabulary,
    ) -> None:
        assert data.val is not None
        self._pictures, self._settings, self._vocabulary = pictures, settings, vocabulary
        self._config = config
        self._truth, self._masks = data.val, data.val_masks
        self._is_cut = len(pictures) < len(pictures.source.image_ids)
        self._json = data.val / "panoptic.json" if data.val.is_dir() else data.val
        if self._is_cut and not (self._json.is_file() and detect_kind(self._json) == "panoptic"):
            raise UsageError(f"eval.limit: expected COCO panoptic as data.val, got {data.val}; leave it at 0")

    def score(
        self,
        model: PanopticCaptioner,
        class_embeddings: Tensor,
        run_dir: Path,
        *,
        accelerator: Accelerator,
        interrupt: Interrupt,
    ) -> dict[str, float]:
        """Predict into `evaluation/` of the run folder, and score that.

        Args:
            model: In `eval()` mode, on the accelerator's device.
            class_embeddings: As for testing.
            run_dir: The run folder.
            accelerator: Each of its processes predicts a part.
            interrupt: Looked at between pictures.

        Returns:
            Those of `SCORES` that can be computed.

        Raises:
            KeyboardInterrupt: Somebody asked to stop.
        """
        folder = run_dir / FOLDER
        if accelerator.is_main_process:
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "panoptic").mkdir(parents=True)
        accelerator.wait_for_everyone()
        rank, devices = accelerator.process_index, accelerator.num_processes
        annotations = []
        for pictures in self._batches(range(rank, len(self._pictures), devices), accelerator.device):
            interrupt.check()
            annotations += self._predict(pictures, model, class_embeddings, folder / "panoptic")
        if devices > 1:
            annotations = gather_object(annotations)
        scores: list[dict[str, float]] = [{}]
        if accelerator.is_main_process:
            scores = [self._score(folder, annotations)]
        if devices > 1:
            broadcast_object_list(scores)
        return scores[0]

    def _batches(self, numbers: Sequence[int], device: torch.device) -> Iterator[list[_Picture]]:
        read = (self._read(number, device) for number in numbers)
        for _, some in groupby(read, key=lambda picture: (picture.rgb.shape, picture.shown.shape)):
            while batch := list(islice(some, self._settings.batch)):
                yield batch

    def _read(self, number: int, device: torch.device) -> _Picture:
        source = self._pictures.source
        image_id = self._pictures.image_ids[number]
        rgb = source.picture(image_id).rgb
        size_wh = (rgb.shape[1], rgb.shape[0])
        sides = {"short_side": self._config.test_short_side, "max_side": self._config.test_max_side}
        shown_wh = fitted_size(size_wh, **sides)
        shown = rgb if shown_wh == size_wh else _resized(rgb, shown_wh)
        tensor = torch.from_numpy(np.ascontiguousarray(shown.transpose(2, 0, 1)))
        return _Picture(image_id, rgb, tensor.to(device))

    def _predict(
        self, pictures: Sequence[_Picture], model: PanopticCaptioner, class_embeddings: Tensor, folder: Path
    ) -> list[dict[str, Any]]:
        config = self._config
        images, sizes_hw = pack_images(
            [picture.shown for picture in pictures],
            mean=config.pixel_mean,
            std=config.pixel_std,
            divisibility=config.size_divisibility,
        )
        predictions = model.predict(
            Batch(images, sizes_hw),
            class_embeddings,
            is_thing=[category.is_thing for category in self._pictures.categories],
            out_sizes_hw=[(p.rgb.shape[0], p.rgb.shape[1]) for p in pictures],
            beam_size=self._settings.beam_size,
            captions=self._settings.captions,
        )
        return [self._written(p, said, folder) for p, said in zip(pictures, predictions, strict=True)]

    def _written(self, picture: _Picture, said: PanopticPrediction, folder: Path) -> dict[str, Any]:
        categories = self._pictures.categories
        id_map = said.id_map.numpy().astype(np.uint32)
        there = set(np.unique(id_map).tolist())
        segments = {s.id: s for s in said.segments if s.id in there}
        infos = {
            s.id: (categories[s.class_index].id, categories[s.class_index].is_thing, False)
            for s in segments.values()
        }
        panoptic = PanopticMap.from_id_map(id_map, infos)
        name = f"{picture.image_id:012d}.png"
        (folder / name).write_bytes(encode_id_png(panoptic.id_map))
        rows = [
            {
                "id": s.id,
                "category_id": s.category_id,
                "iscrowd": 0,
                "bbox": list(xyxy_to_xywh(s.box_xyxy)),
                "area": s.area,
                "caption": self._vocabulary.decode(segments[s.id].caption_ids).strip(),
                "score": round(segments[s.id].score, 6),
            }
            for s in panoptic.segments
        ]
        return {"image_id": picture.image_id, "file_name": name, "segments_info": rows}

    def _score(self, folder: Path, annotations: Sequence[dict[str, Any]]) -> dict[str, float]:
        categories = [
            {"id": c.id, "name": c.name, "isthing": int(c.is_thing)} for c in self._pictures.categories
        ]
        document = {"annotations": list(annotations), "categories": categories}
        (folder / "panoptic.json").write_bytes(orjson.dumps(document))
        truth, masks = self._truth, self._masks
        if self._is_cut:
            truth, masks = self._cut_truth(folder), self._masks or self._mask_folder()
        result = evaluate_panoptic_captioning(
            truth,
            folder,
            gt_masks=masks,
            pred_masks=folder / "panoptic",
            metrics=self._settings.metrics if self._settings.captions else _CHEAPEST,
            bootstrap=0,
        )
        result.write(folder / "scores.json")
        values = {path: result.value(path) for path in SCORES}
        wanted = values if self._settings.captions else {p: v for p, v in values.items() if "panoptic" in p}
        return {path: float(value) for path, value in wanted.items() if value is not None}

    def _mask_folder(self) -> Path:
        return self._truth / "panoptic" if self._truth.is_dir() else masks_beside(self._json)

    def _cut_truth(self, folder: Path) -> Path:
        """The ground truth of the pictures that are predicted, and of no other."""
        document = orjson.loads(self._json.read_bytes())
        kept = set(self._pictures.image_ids)
        document["images"] = [row for row in document["images"] if row["id"] in kept]
        document["annotations"] = [row for row in document["annotations"] if row["image_id"] in kept]
        path = folder / _GROUND_TRUTH
        path.write_bytes(orjson.dumps(document))
        return path


def _resized(rgb: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """As `predict` shows pictures to the model."""
    return np.asarray(Image.fromarray(rgb).resize(size_wh, Image.Resampling.BILINEAR))
