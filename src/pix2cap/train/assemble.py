"""Settings into a model, its vocabularies and its data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import Accelerator
from torch import Tensor

from pix2cap.core import Category
from pix2cap.core.interrupt import Interrupt
from pix2cap.errors import InputError, UsageError
from pix2cap.model.captioner import PanopticCaptioner
from pix2cap.model.config import ModelConfig, preset
from pix2cap.model.keys import compare_keys
from pix2cap.model.prompts import class_prompts
from pix2cap.model.records import Batch
from pix2cap.model.vocabulary import CAPTION_FILE, CLASS_FILE, CaptionVocabulary, ClassVocabulary
from pix2cap.model.weights import LoadedWeights, load_weights, save_weights
from pix2cap.train.augment import AugmentConfig
from pix2cap.train.class_sentences import ClassSentences
from pix2cap.train.collate import Collator
from pix2cap.train.evaluate import Validation
from pix2cap.train.loader import VariedSet, iterate_batches
from pix2cap.train.order import BatchOrder, OrderState
from pix2cap.train.run_folder import file_hash
from pix2cap.train.samples import TrainingSet, open_training_set
from pix2cap.train.schedule import total_steps
from pix2cap.train.settings import DataSettings, TrainSettings
from pix2cap.train.settings_file import configure_model

VOCABULARY: Final = "vocabulary"
_PUBLISHED_SIZE: Final = 1024
_PER_CLASS: Final = "criterion.empty_weight"
"""The one tensor whose shape follows the classes: weights start other classes all the same."""


class CaptionerTask:
    """A panoptic captioner, what it learns from and what it is scored on; see `task.Task`.

    Args:
        model: To train.
        data: What it learns from.
        settings: Of the run.
        captions: Vocabulary.
        classes: Vocabulary.
        validation: What it is scored on.
    """

    def __init__(
        self,
        model: PanopticCaptioner,
        data: TrainingSet,
        settings: TrainSettings,
        *,
        captions: CaptionVocabulary,
        classes: ClassVocabulary,
        validation: Validation | None,
    ) -> None:
        self.model, self.data, self.settings = model, data, settings
        self.captions, self.classes, self._validation = captions, classes, validation
        self._sentences = ClassSentences(
            [category.name for category in data.categories],
            classes,
            sentences=model.config.class_sentences,
            is_frozen="text_encoder" in settings.optim.freeze,
            seed=settings.seed,
        )

    @property
    def evaluates(self) -> bool:
        """Whether there is something to evaluate on."""
        return self._validation is not None

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Weighted losses of a batch."""
        return self.model.losses(batch, self._sentences.embed(self.model, step))

    def batches(self, first_step: int, *, rank: int, devices: int) -> Generator[Sequence[Batch], None, None]:
        """For each step from `first_step` on, the batches of its passes on this device.

        Raises:
            UsageError: A batch cannot be split evenly.
        """
        optim, data, seed = self.settings.optim, self.settings.data, self.settings.seed
        each, rest = divmod(optim.batch, devices * optim.accumulate)
        if rest or not each:
            raise UsageError(
                f"optim.batch: expected a multiple of {devices} devices x {optim.accumulate} passes, got"
                f" {optim.batch}"
            )
        start = OrderState(*divmod(first_step * optim.batch, len(self.data)))
        order = BatchOrder(len(self.data), each, seed=seed, rank=rank, devices=devices, start=start)
        varied = VariedSet(self.data, augmentation(data), seed=seed)
        passes = iterate_batches(
            varied, order, Collator(self.captions, self.model.config), workers=data.workers
        )
        with closing(passes):
            while True:
                yield [next(passes) for _ in range(optim.accumulate)]

    def evaluate(self, folder: Path, accelerator: Accelerator, interrupt: Interrupt) -> dict[str, float]:
        """Scores on the validation set."""
        assert self._validation is not None
        return self._validation.score(
            self.model,
            self._sentences.embed_for_test(self.model),
            folder,
            accelerator=accelerator,
            interrupt=interrupt,
        )

    def save(self, folder: Path, state: dict[str, Tensor]) -> None:
        """Write a weights folder that `predict` takes."""
        save_weights(folder, state, self.model.config, self.data.categories)
        self.captions.save(folder)
        self.classes.save(folder)


def augmentation(data: DataSettings) -> AugmentConfig:
    """Table [data] as the augmentation takes it."""
    return AugmentConfig(
        side=data.image_size,
        min_scale=data.min_scale,
        max_scale=data.max_scale,
        flip=data.flip,
        pad=data.pad,
        color_jitter=data.color_jitter,
        place_captions=data.place_captions,
        min_visible=data.min_visible,
    )


def assemble(
    settings: TrainSettings, run_dir: Path, *, tell: Callable[[str], None]
) -> tuple[CaptionerTask, int, dict[str, Any]]:
    """Open the data, make or load vocabularies and the model.

    Args:
        settings: Of the run.
        run_dir: Vocabularies learnt here are kept in it, and a resumed run takes them from there.
        tell: Told sentences.

    Returns:
        The task, the number of steps, and what has to be the same when the run is resumed.

    Raises:
        InputError: Data, weights or vocabularies are not what they should be or do not belong together.
    """
    loaded = None if settings.model.weights is None else load_weights(settings.model.weights)
    data = _open_training(settings.data, loaded)
    captions, classes = _vocabularies(settings, data, run_dir, loaded, tell)
    config = _resolved(settings, data.categories, captions, classes, loaded)
    torch.manual_seed(settings.seed)
    model = PanopticCaptioner(config)
    if loaded is not None:
        _start_from(model, loaded, settings.model.weights or loaded.folder, tell)
    validation = _open_validation(settings, data.categories, config, captions)
    task = CaptionerTask(model, data, settings, captions=captions, classes=classes, validation=validation)
    total = total_steps(settings.schedule, images=len(data), batch=settings.optim.batch)
    facts = {
        "train_sha256": file_hash(settings.data.train),
        "train_images": len(data),
        "total_steps": total,
        "weights_sha256": None if loaded is None else file_hash(loaded.folder / "model.safetensors"),
        "model": dataclasses.asdict(config),
    }
    return task, total, facts


def _open_training(data: DataSettings, loaded: LoadedWeights | None) -> TrainingSet:
    def opened(categories: Sequence[Category] | None) -> TrainingSet:
        return open_training_set(
            data.train,
            masks=data.train_masks,
            images=data.train_images,
            categories=categories,
            min_caption_chars=data.min_caption_chars,
            limit=data.limit,
            cache_bytes=data.cache_mib * 2**20,
        )

    if loaded is None:
        return opened(None)
    known = {(category.id, category.name) for category in loaded.categories}
    own = opened(None)
    fits = all((category.id, category.name) in known for category in own.categories)
    return opened(loaded.categories) if fits else own


def _open_validation(
    settings: TrainSettings, categories: Sequence[Category], config: ModelConfig, captions: CaptionVocabulary
) -> Validation | None:
    data = settings.data
    if data.val is None:
        return None
    pictures = open_training_set(
        data.val,
        masks=data.val_masks,
        images=data.val_images,
        categories=categories,
        limit=settings.eval.limit,
    )
    return Validation(pictures, data=data, settings=settings.eval, config=config, vocabulary=captions)


def _vocabularies(
    settings: TrainSettings,
    data: TrainingSet,
    run_dir: Path,
    loaded: LoadedWeights | None,
    tell: Callable[[str], None],
) -> tuple[CaptionVocabulary, ClassVocabulary]:
    folder = settings.model.vocabularies or (None if loaded is None else loaded.folder)
    if folder is not None:
        return CaptionVocabulary.load(folder), ClassVocabulary.load(folder)
    folder = run_dir / VOCABULARY
    if not ((folder / CAPTION_FILE).is_file() and (folder / CLASS_FILE).is_file()):
        base = configure_model(settings, preset(settings.model.preset))
        sentences = class_prompts([category.name for category in data.categories])
        texts = [text for rows in sentences for text in rows]
        captions = CaptionVocabulary.train(data.captions(), base.caption_vocabulary)
        classes = ClassVocabulary.train(texts, base.text_vocabulary, base.text_context)
        folder.mkdir(exist_ok=True)
        captions.save(folder)
        classes.save(folder)
        tell(f"vocabularies learnt: {captions.size} tokens of captions, {classes.size} of class names")
    return CaptionVocabulary.load(folder), ClassVocabulary.load(folder)


def _resolved(
    settings: TrainSettings,
    categories: Sequence[Category],
    captions: CaptionVocabulary,
    classes: ClassVocabulary,
    loaded: LoadedWeights | None,
) -> ModelConfig:
    base = preset(settings.model.preset) if loaded is None else loaded.config
    config = configure_model(settings, base)
    sizes: dict[str, Any] = {
        "classes": len(categories),
        "caption_begin_id": captions.begin_id,
        "caption_end_id": captions.end_id,
    }
    if loaded is None:
        sizes |= {
            "caption_vocabulary": captions.size,
            "text_vocabulary": classes.size,
            "text_context": classes.context,
        }
    elif captions.size > config.caption_vocabulary or classes.size > config.text_vocabulary:
        raise InputError(
            f"expected the weights' vocabularies, at most {config.caption_vocabulary} tokens of captions and"
            f" {config.text_vocabulary} tokens of class names, got {captions.size} and {classes.size}"
        )
    named = {"test_short_side", "test_max_side"} & settings.model.overrides.keys()
    if settings.data.image_size != _PUBLISHED_SIZE and not named:
        sizes |= {"test_short_side": settings.data.image_size, "test_max_side": settings.data.image_size}
    return dataclasses.replace(config, **sizes)


def _start_from(
    model: PanopticCaptioner, loaded: LoadedWeights, path: Path, tell: Callable[[str], None]
) -> None:
    """Put weights into a model; what the configuration adds to them stays as it was initialised."""
    report = compare_keys(loaded.state, model.config)
    wrong = [key for key, _, _ in report.mis_shaped if key != _PER_CLASS] + [key for key, _ in report.extra]
    if wrong:
        raise InputError(
            f"{path}: expected weights of the configuration in [model], got {report.summary()};"
            " leave out of [model] what changes these sizes"
        )
    state = {key: value for key, value in loaded.state.items() if key != _PER_CLASS}
    if not report.mis_shaped:
        state = loaded.state
    model.load_state_dict(state, strict=False)
    new = [key for key, _ in report.missing]
    if new:
        shown = ", ".join(new[:3]) + (", ..." if len(new) > 3 else "")
        tell(f"{len(new)} tensors are not in {path} and start at random: {shown}")
