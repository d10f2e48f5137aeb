"""A model with its weights and vocabularies on a device, ready to predict."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pix2cap.core import Category
from pix2cap.errors import InputError, UsageError
from pix2cap.model.captioner import PanopticCaptioner, PanopticPrediction
from pix2cap.model.config import ModelConfig
from pix2cap.model.prompts import class_prompts
from pix2cap.model.records import Batch, pack_images
from pix2cap.model.vocabulary import CAPTION_FILE, CLASS_FILE, CaptionVocabulary, ClassVocabulary
from pix2cap.model.weights import load_weights
from pix2cap.train.predict_options import Device, PredictOptions
from pix2cap.train.predicted import PredictedPicture, PredictedSegment, Rgb


class WeightsPredictor:
    """Pictures in, segments with classes and captions out; `load_predictor` makes one.

    Args:
        model: On its device, in `eval()` mode.
        categories: In class-index order.
        vocabulary: Of the captions.
        class_embeddings: `(classes + 1, projection_dim)` on the device.
        options: How to predict.
    """

    def __init__(
        self,
        model: PanopticCaptioner,
        *,
        categories: Sequence[Category],
        vocabulary: CaptionVocabulary,
        class_embeddings: torch.Tensor,
        options: PredictOptions,
    ) -> None:
        self.categories = tuple(categories)
        self.device = class_embeddings.device
        self._model, self._vocabulary = model, vocabulary
        self._class_embeddings, self._options = class_embeddings, options

    def input_size(self, size_wh: tuple[int, int]) -> tuple[int, int]:
        """The short side as asked for, unless that makes the long side too long; see `fitted_size`."""
        short = self._options.short_side or self._model.config.test_short_side
        long = self._options.max_side or max(self._model.config.test_max_side, self._options.short_side or 0)
        return fitted_size(size_wh, short_side=short, max_side=long)

    def predict(
        self, pictures: Sequence[Rgb], out_sizes_wh: Sequence[tuple[int, int]]
    ) -> list[PredictedPicture]:
        """See `Predictor.predict`.

        Raises:
            UsageError: The device has too little memory.
        """
        try:
            predictions = self._model_predicts(pictures, out_sizes_wh)
        except torch.OutOfMemoryError as error:
            raise UsageError(
                f"{self.device} has too little memory ({str(error).splitlines()[0][:120]}); --batch-size 1 or"
                " --device cpu goes on from here, --precision bf16 or a smaller --max-side with --overwrite"
                " starts anew"
            ) from error
        return [self._in_words(prediction) for prediction in predictions]

    def _model_predicts(
        self, pictures: Sequence[Rgb], out_sizes_wh: Sequence[tuple[int, int]]
    ) -> list[PanopticPrediction]:
        config = self._model.config
        tensors = [
            torch.from_numpy(np.ascontiguousarray(p.transpose(2, 0, 1))).to(self.device) for p in pictures
        ]
        images, sizes_hw = pack_images(
            tensors, mean=config.pixel_mean, std=config.pixel_std, divisibility=config.size_divisibility
        )
        with torch.inference_mode(), self._autocast():
            return self._model.predict(
                Batch(images, sizes_hw),
                self._class_embeddings,
                is_thing=[category.is_thing for category in self.categories],
                out_sizes_hw=[(height, width) for width, height in out_sizes_wh],
                beam_size=self._options.beam_size,
                max_tokens=self._options.max_tokens,
            )

    def _in_words(self, prediction: PanopticPrediction) -> PredictedPicture:
        segments = tuple(
            PredictedSegment(
                segment.id,
                self.categories[segment.class_index].id,
                segment.score,
                self._vocabulary.decode(segment.caption_ids).strip(),
                segment.caption_log_prob,
            )
            for segment in prediction.segments
        )
        return PredictedPicture(prediction.id_map.numpy().astype(np.uint32), segments)

    def _autocast(self) -> AbstractContextManager[object]:
        if self._options.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def load_predictor(weights: Path, options: PredictOptions) -> WeightsPredictor:
    """Load a weights folder with its vocabularies.

    Args:
        weights: The folder.
        options: How to predict; thresholds and the caption length take the place of the weights' own.

    Raises:
        InputError: The weights, their configuration and their vocabularies do not belong together.
        UsageError: There is no such device, or captions cannot be that long.
    """
    device = find_device(options.device)
    _check_files(weights)
    captions, classes = CaptionVocabulary.load(weights), ClassVocabulary.load(weights)
    loaded = load_weights(weights)
    config = _with_options(loaded.config, options)
    _check_vocabularies(weights, config, captions, classes)
    with torch.device("meta"):
        model = PanopticCaptioner(config)
    model.load_state_dict(loaded.state, strict=True, assign=True)
    model = model.to(device=device, dtype=torch.float32).eval()
    most = 1 if config.class_sentences == "first" else None
    prompts = class_prompts([category.name for category in loaded.categories])
    template_ids = [torch.from_numpy(classes.encode(rows[:most])).to(device) for rows in prompts]
    with torch.inference_mode():
        embeddings = model.class_embeddings(template_ids)
    return WeightsPredictor(
        model,
        categories=loaded.categories,
        vocabulary=captions,
        class_embeddings=embeddings,
        options=options,
    )


def find_device(name: Device) -> torch.device:
    """The device of that name; `auto` is the first of CUDA, MPS and CPU that is there.

    Raises:
        UsageError: It is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, is_there in there.items() if is_there))
    if not there[name]:
        others = ", ".join(device for device, is_there in there.items() if is_there)
        raise UsageError(f"--device {name}: torch {torch.__version__} finds none here; take auto or {others}")
    return torch.device(name)


def fitted_size(size_wh: tuple[int, int], *, short_side: int, max_side: int) -> tuple[int, int]:
    """Scale a size to a short side, or to less where the long side would pass its limit.

    Both sides have at least one pixel, however long and thin the picture is.

    Example:
        >>> fitted_size((640, 480), short_side=800, max_side=1333)
        (1067, 800)
        >>> fitted_size((2000, 50), short_side=800, max_side=1333)
        (1333, 33)
    """
    width, height = size_wh
    scale = min(short_side / min(size_wh), max_side / max(size_wh))
    return max(1, int(width * scale + 0.5)), max(1, int(height * scale + 0.5))


def _check_files(weights: Path) -> None:
    missing = [name for name in (CAPTION_FILE, CLASS_FILE) if not (weights / name).is_file()]
    if missing:
        raise InputError(
            f"{weights}: expected vocabularies beside the weights, got no {' and no '.join(missing)}; for"
            " published weights `pix2cap weights convert FILE --out W --clip-bpe bpe_simple_vocab_16e6.txt.gz"
            " --bert-vocab vocab.txt` puts them there"
        )


def _with_options(config: ModelConfig, options: PredictOptions) -> ModelConfig:
    if options.max_tokens is not None and options.max_tokens > config.caption_positions:
        raise UsageError(
            f"--max-tokens: expected at most {config.caption_positions}, the positions of these weights, got"
            f" {options.max_tokens}"
        )
    given = {
        name: value
        for name in ("object_threshold", "overlap_threshold")
        if (value := getattr(options, name)) is not None
    }
    return replace(config, **given)


def _check_vocabularies(
    weights: Path, config: ModelConfig, captions: CaptionVocabulary, classes: ClassVocabulary
) -> None:
    sizes = (
        ("caption tokens", config.caption_vocabulary, captions.size),
        ("class-name tokens", config.text_vocabulary, classes.size),
        ("tokens a class name", config.text_context, classes.context),
    )
    for what, expected, got in sizes:
        # A smaller one would fit too, and every word would be another than the one that was learnt.
        if got != expected:
            raise InputError(
                f"{weights}: expected vocabularies with {expected} {what}, got {got}; they belong to other"
                " weights"
            )
    marks = (captions.begin_id, captions.end_id)
    if marks != (config.caption_begin_id, config.caption_end_id):
        expected_marks = (config.caption_begin_id, config.caption_end_id)
        raise InputError(
            f"{weights}: expected captions that begin and end with tokens {expected_marks}, got {marks};"
            " the caption vocabulary belongs to other weights"
        )
