"""Reads a parity fixture: a published configuration, weights and tensors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor, nn

from pix2cap.model.config import ModelConfig

FOLDER_VARIABLE = "PIX2CAP_PARITY_FIXTURE"

_FIELDS = {
    "MODEL.DIM_PROJ": "projection_dim",
    "MODEL.BACKBONE.FOCAL.PATCH_SIZE": "patch_size",
    "MODEL.BACKBONE.FOCAL.EMBED_DIM": "embed_dim",
    "MODEL.BACKBONE.FOCAL.DEPTHS": "depths",
    "MODEL.BACKBONE.FOCAL.FOCAL_LEVELS": "focal_levels",
    "MODEL.BACKBONE.FOCAL.FOCAL_WINDOWS": "focal_windows",
    "MODEL.BACKBONE.FOCAL.DROP_PATH_RATE": "drop_path",
    "MODEL.TEXT.WIDTH": "text_width",
    "MODEL.TEXT.HEADS": "text_heads",
    "MODEL.TEXT.LAYERS": "text_layers",
    "MODEL.TEXT.CONTEXT_LENGTH": "text_context",
    "clip_vocab": "text_vocabulary",
    "MODEL.ENCODER.CONVS_DIM": "conv_dim",
    "MODEL.ENCODER.MASK_DIM": "mask_dim",
    "MODEL.ENCODER.NUM_CLASSES": "classes",
    "MODEL.ENCODER.TRANSFORMER_ENC_LAYERS": "encoder_layers",
    "MODEL.DECODER.HIDDEN_DIM": "hidden_dim",
    "MODEL.DECODER.NUM_OBJECT_QUERIES": "queries",
    "MODEL.DECODER.NHEADS": "heads",
    "MODEL.DECODER.DIM_FEEDFORWARD": "feedforward_dim",
    "MODEL.DECODER.DEC_LAYERS": "decoder_layers",
    "MODEL.DECODER.SIZE_DIVISIBILITY": "size_divisibility",
    "MODEL.DECODER.NO_OBJECT_WEIGHT": "no_object_weight",
    "MODEL.DECODER.CLASS_WEIGHT": "class_weight",
    "MODEL.DECODER.MASK_WEIGHT": "mask_weight",
    "MODEL.DECODER.DICE_WEIGHT": "dice_weight",
    "MODEL.DECODER.DENSECAPTION_WEIGHT": "caption_weight",
    "MODEL.DECODER.TOP_DENSECAPTION_LAYERS": "caption_loss_layers",
    "MODEL.DECODER.TRAIN_NUM_POINTS": "points",
    "MODEL.DECODER.OVERSAMPLE_RATIO": "oversample_ratio",
    "MODEL.DECODER.IMPORTANCE_SAMPLE_RATIO": "importance_ratio",
    "MODEL.DECODER.TEST.OVERLAP_THRESHOLD": "overlap_threshold",
    "MODEL.DECODER.TEST.OBJECT_MASK_THRESHOLD": "object_threshold",
    "overlap_threshold": "overlap_threshold",
    "object_mask_threshold": "object_threshold",
    "MODEL.TEXT_DECODER.OBJECT_FEATURE_SIZE": "object_dim",
    "MODEL.TEXT_DECODER.VOCAB_SIZE": "caption_vocabulary",
    "MODEL.TEXT_DECODER.HIDDEN_SIZE": "caption_width",
    "MODEL.TEXT_DECODER.NUM_LAYERS": "caption_layers",
    "MODEL.TEXT_DECODER.ATTENTION_HEADS": "caption_heads",
    "MODEL.TEXT_DECODER.FEEDFORWARD_SIZE": "caption_feedforward",
    "MODEL.TEXT_DECODER.MAX_STEPS": "caption_max_tokens",
    "CLS": "caption_begin_id",
    "SEP": "caption_end_id",
    "INPUT.PIXEL_MEAN": "pixel_mean",
    "INPUT.PIXEL_STD": "pixel_std",
}

# Counts that the published configuration gives one too high: for the class query, and for the first loss.
_ONE_LESS = {"queries", "decoder_layers"}

# What this architecture does in one way only; a fixture may name it, but not change it.
_FIXED: dict[str, Callable[[Any], bool]] = {
    "MODEL.BACKBONE.NAME": lambda value: value == "focal",
    "MODEL.BACKBONE.FOCAL.MLP_RATIO": lambda value: value == 4,
    "MODEL.BACKBONE.FOCAL.DROP_RATE": lambda value: value == 0,
    "MODEL.BACKBONE.FOCAL.PATCH_NORM": lambda value: value is True,
    "MODEL.BACKBONE.FOCAL.USE_CONV_EMBED": lambda value: value is True,
    "MODEL.BACKBONE.FOCAL.SCALING_MODULATOR": lambda value: value is True,
    "MODEL.BACKBONE.FOCAL.USE_POSTLN": lambda value: value is True,
    "MODEL.BACKBONE.FOCAL.USE_POSTLN_IN_MODULATION": lambda value: value is False,
    "MODEL.BACKBONE.FOCAL.USE_LAYERSCALE": lambda value: value is True,
    "MODEL.TEXT.AUTOGRESSIVE": lambda value: value is True,
    "MODEL.TEXT.TOKENIZER": lambda value: value == "clip",
    "MODEL.ENCODER.NORM": lambda value: value == "GN",
    "MODEL.DECODER.DROPOUT": lambda value: value == 0,
    "MODEL.DECODER.PRE_NORM": lambda value: value is False,
    "MODEL.DECODER.ENFORCE_INPUT_PROJ": lambda value: value is False,
    "MODEL.TEXT_DECODER.MASK_FUTURE_POSITIONS": lambda value: value is True,
    "MODEL.TEXT_DECODER.PADDING_IDX": lambda value: value == 0,
    "MODEL.TEXT_DECODER.DECODER_TYPE": lambda value: value == "bert_en",
    # How captions are searched is told by the name of the golden tensors.
    "MODEL.TEXT_DECODER.BEAM_SIZE": lambda value: isinstance(value, int),
    "MODEL.BACKBONE_DIM": lambda value: isinstance(value, int),
    # The released model ignores it: masks are predicted either way.
    "MODEL.MASK_HEAD_ENABLED": lambda value: isinstance(value, bool),
    # Belongs to the data set, not to the model.
    "thing_classes": lambda value: isinstance(value, list),
}


@dataclass(frozen=True)
class Parity:
    """A parity fixture: the model's sizes, its weights, what the released code computed, and golden.json."""

    config: ModelConfig
    state: dict[str, Tensor]
    tensors: dict[str, Tensor]
    golden: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The weights below `prefix`, named without it."""
        return {name.removeprefix(prefix): w for name, w in self.state.items() if name.startswith(prefix)}


def model_config(golden_config: Mapping[str, Any]) -> ModelConfig:
    """The sizes named by the `config` of a golden.json; what it does not name is published.

    Raises:
        KeyError: A key that is not known here.
        ValueError: A choice that this architecture does not have.
    """
    fields: dict[str, Any] = {}
    for key, value in golden_config.items():
        if key in _FIELDS:
            name = _FIELDS[key]
            fields[name] = value - 1 if name in _ONE_LESS else value
        elif key not in _FIXED:
            raise KeyError(f"expected a known key of a published configuration, got {key} = {value!r}")
        elif not _FIXED[key](value):
            raise ValueError(f"expected the published choice for {key}, got {value!r}")
    return ModelConfig.from_mapping(fields)


def read_parity(folder: Path) -> Parity:
    """Read `golden.json`, `state_dict.safetensors` and `tensors.safetensors` of a fixture folder."""
    golden = json.loads((folder / "golden.json").read_text())
    return Parity(
        config=model_config(golden["config"]),
        state=load_file(folder / "state_dict.safetensors"),
        tensors=load_file(folder / "tensors.safetensors"),
        golden=golden,
    )


def parity_folder(golden: Callable[[], Path]) -> Path:
    """The folder that the environment names, else `golden() / "parity_focal"`; skips where it is absent."""
    named = os.environ.get(FOLDER_VARIABLE)
    folder = Path(named) if named else golden() / "parity_focal"
    if not (folder / "golden.json").is_file():
        pytest.skip(f"no parity fixture at {folder}")
    return folder


def published_shapes(table: Path, prefix: str) -> dict[str, tuple[int, ...]]:
    """Names below `prefix`, without it, and shapes, out of a table of the published weights."""
    shapes = {}
    for line in table.read_text().splitlines()[1:]:
        name, shape, *_ = line.split("\t")
        if name.startswith(prefix):
            shapes[name.removeprefix(prefix)] = tuple(json.loads(shape))
    return shapes


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a module's state."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
