"""What decides a training run; `settings_file.py` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import ConfigDict, Field

Precision = Literal["fp32", "bf16"]
Part = Literal[
    "backbone", "pixel_decoder", "text_encoder", "query_embeddings", "query_decoder", "caption_decoder"
]
Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]

LOSS_FIELDS: Final = (
    "class_weight",
    "mask_weight",
    "dice_weight",
    "caption_weight",
    "caption_gradient",
    "caption_loss_layers",
    "no_object_weight",
    "label_smoothing",
    "points",
    "oversample_ratio",
    "importance_ratio",
)
"""Fields of the model's configuration that stand in the table [loss]; all others stand in [model]."""

SCORES: Final = (
    "panoptic.all.pq",
    "panoptic.all.sq",
    "panoptic.all.rq",
    "panoptic.things.pq",
    "panoptic.stuff.pq",
    "captions.bleu_4",
    "captions.rouge_l",
    "captions.cider",
    "captions.meteor",
    "captions.spice",
    "captions.spice_sg",
    "map.class_aware.map",
    "caption_pq.meteor",
    "caption_pq.rouge_l",
)
"""Scores that an evaluation writes down, by their paths in a result of `pix2cap score`."""


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Table [data]: what is learned from, and how pictures are varied.

    Args:
        train: Dataset folder or COCO panoptic JSON with captions.
        train_masks: Folder or zip of its PNGs, where they do not lie beside the JSON.
        train_images: Folder of its pictures, where they are not known.
        val: The same to evaluate on; without it nothing is evaluated.
        val_masks: As `train_masks`.
        val_images: As `train_images`.
        limit: Only the first so many training pictures; 0 for all.
        image_size: Side of the square training canvas in pixels. Where it is not the published 1024, pictures
            are shown at this size at test time too, unless [model] says otherwise.
        min_scale: Smallest factor of the large-scale jitter; 1 makes the picture just fit the canvas.
        max_scale: Largest factor.
        flip: Share of pictures that are mirrored; captions that name a side follow or are left out.
        pad: Whether batches are filled up to the square; off, to their largest crop.
        color_jitter: Largest change of brightness, contrast and saturation as a share.
        place_captions: Whether captions that name a place in the picture are kept where the crop moved their
            segment; `keep` is published.
        min_visible: Captions are left out where the crop leaves less than this share of their segment.
        min_caption_chars: Pictures in which a segment has a shorter caption, or none, are left out; the
            published training did so with 3.
        cache_mib: Decoded pictures are kept in memory until they fill this, in each process.
        workers: Processes that prepare batches; 0 prepares them in the training process.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    train: Path
    train_masks: Path | None = None
    train_images: Path | None = None
    val: Path | None = None
    val_masks: Path | None = None
    val_images: Path | None = None
    limit: Count = 0
    image_size: Positive = 1024
    min_scale: Annotated[float, Field(gt=0)] = 0.1
    max_scale: Annotated[float, Field(gt=0)] = 2.0
    flip: Share = 0.5
    pad: bool = True
    color_jitter: Share = 0.0
    place_captions: Literal["keep", "drop"] = "drop"
    min_visible: Share = 0.0
    min_caption_chars: Count = 0
    cache_mib: Count = 0
    workers: Count = 0


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """Table [model]: where the model comes from; further keys are fields of `ModelConfig`.

    Args:
        preset: `focal-l`, `focal-t` or `tiny`; with `weights` their own configuration takes its place.
        weights: Weights to start from: a folder or a `.safetensors` file of `pix2cap weights convert`.
        vocabularies: Folder with `captions.tokenizer.json` and `classes.tokenizer.json`; without one those of
            `weights` are taken, and without weights they are trained on the captions and class names, with at
            most `caption_vocabulary` and `text_vocabulary` tokens.
        overrides: Fields of `ModelConfig` that were named.
    """

    preset: str = "focal-l"
    weights: Path | None = None
    vocabularies: Path | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OptimSettings:
    """Table [optim]: AdamW; the defaults are published.

    Args:
        lr: Learning rate of parts without a factor.
        lr_factors: Part to the factor on its learning rate.
        weight_decay: Of everything but the next two.
        weight_decay_norm: Of normalisation layers.
        weight_decay_embedding: Of embedding tables.
        betas: AdamW's two decay rates.
        clip: Largest norm of the gradient; 0 clips nothing.
        batch: Pictures a step, over all devices.
        accumulate: Passes a step is split into, for less memory.
        freeze: Parts that stay as they are.
        ema: Decay of an average of the weights, which is then evaluated and delivered; 0 for none.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    lr: Annotated[float, Field(gt=0)] = 1e-4
    lr_factors: dict[Part, Weight] = field(default_factory=lambda: {"backbone": 0.1, "text_encoder": 0.1})
    weight_decay: Weight = 0.05
    weight_decay_norm: Weight = 0.0
    weight_decay_embedding: Weight = 0.0
    betas: tuple[Share, Share] = (0.9, 0.999)
    clip: Weight = 5.0
    batch: Positive = 32
    accumulate: Positive = 1
    freeze: tuple[Part, ...] = ()
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """Table [schedule]: how long, and how the learning rate goes; the defaults are published.

    Args:
        steps: Steps in all; 0 counts `epochs` instead.
        epochs: Passes over the training pictures.
        kind: `steps` multiplies by `gamma` at each milestone, `cosine` falls to `final`.
        warmup: Steps over which the rate grows linearly.
        warmup_factor: Factor at the first step; the published 1 means no growth.
        milestones: Shares of all steps.
        gamma: Factor at each.
        final: Factor at the end of `cosine`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    steps: Count = 0
    epochs: Annotated[float, Field(gt=0)] = 25.0
    kind: Literal["steps", "cosine"] = "steps"
    warmup: Count = 10
    warmup_factor: Share = 1.0
    milestones: tuple[Share, ...] = (0.88889, 0.96296)
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    final: Share = 0.01


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """Table [log]: what is told and kept; may be changed between sessions.

    Args:
        every: Steps between lines of `log.jsonl`, each the mean since the last.
        checkpoint_every: Steps between checkpoints.
        keep: Checkpoints kept.
        trackers: `trackio`, `wandb`, where they are installed.
        project: What the trackers call it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    every: Positive = 20
    checkpoint_every: Positive = 500
    keep: Positive = 2
    trackers: tuple[Literal["trackio", "wandb"], ...] = ()
    project: str = "pix2cap"


@dataclass(frozen=True, kw_only=True)
class EvalSettings:
    """Table [eval]: scores on `data.val` as training goes on; may be changed between sessions.

    Args:
        every: Steps between evaluations; 0 evaluates at the end only.
        limit: Only the first so many validation pictures; 0 for all.
        batch: Pictures of one size that are predicted at once.
        captions: Whether to caption; without, evaluations are quick and tell PQ only.
        beam_size: Beams of caption search.
        metrics: Caption metrics.
        best: Path of the score by which the best weights are kept.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    every: Count = 1000
    limit: Count = 0
    batch: Positive = 8
    captions: bool = True
    beam_size: Positive = 1
    metrics: tuple[Literal["bleu", "rouge_l", "cider", "meteor", "spice", "spice_sg"], ...] = (
        "bleu",
        "rouge_l",
        "cider",
        "meteor",
    )
    best: str = "panoptic.all.pq"


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """A training run's configuration.

    Args:
        data: Table [data].
        model: Table [model].
        optim: Table [optim].
        schedule: Table [schedule].
        loss: Table [loss]: the fields of `ModelConfig` that `LOSS_FIELDS` names.
        log: Table [log].
        eval: Table [eval].
        seed: Of weights, order, variation and dropout.
        precision: `fp32` or `bf16`.
    """

    data: DataSettings
    model: ModelSettings = field(default_factory=ModelSettings)
    optim: OptimSettings = field(default_factory=OptimSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    loss: Mapping[str, Any] = field(default_factory=dict)
    log: LogSettings = field(default_factory=LogSettings)
    eval: EvalSettings = field(default_factory=EvalSettings)
    seed: int = 0
    precision: Precision = "fp32"
