"""Names and shapes of weights: what a configuration needs, what a file has, which configuration fits it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from pix2cap.errors import InputError
from pix2cap.model.captioner import PanopticCaptioner
from pix2cap.model.config import PRESETS, ModelConfig

Shape = tuple[int, ...]

PREDICTOR: Final = "sem_seg_head.predictor."
TEXT_DECODER: Final = f"{PREDICTOR}text_decoder."
TIED: Final = (f"{TEXT_DECODER}textual.embedding.words.weight", f"{TEXT_DECODER}textual.output.weight")
"""One tensor under two names."""

_PIXEL: Final = "sem_seg_head.pixel_decoder."
_CLASS_NAMES: Final = f"{PREDICTOR}lang_encoder.lang_encoder."
_TEXTUAL: Final = f"{TEXT_DECODER}textual."
# Field: the key in whose shape it stands, the axis, and what the published tensors count on top.
_SIZES: Final[dict[str, tuple[str, int, int]]] = {
    "embed_dim": ("backbone.patch_embed.proj.weight", 0, 0),
    "conv_dim": (f"{_PIXEL}adapter_1.weight", 0, 0),
    "mask_dim": (f"{_PIXEL}mask_features.weight", 0, 0),
    "hidden_dim": (f"{PREDICTOR}query_feat.weight", 1, 0),
    "queries": (f"{PREDICTOR}query_feat.weight", 0, 1),
    "feedforward_dim": (f"{PREDICTOR}transformer_ffn_layers.0.linear1.weight", 0, 0),
    "classes": ("criterion.empty_weight", 0, 1),
    "projection_dim": (f"{PREDICTOR}class_embed", 1, 0),
    "text_width": (f"{_CLASS_NAMES}token_embedding.weight", 1, 0),
    "text_vocabulary": (f"{_CLASS_NAMES}token_embedding.weight", 0, 0),
    "text_context": (f"{_CLASS_NAMES}positional_embedding", 0, 0),
    "object_dim": (f"{_TEXTUAL}object_feature_projection.0.weight", 1, 0),
    "caption_width": (f"{_TEXTUAL}embedding.words.weight", 1, 0),
    "caption_vocabulary": (f"{_TEXTUAL}embedding.words.weight", 0, 0),
    "caption_positions": (f"{_TEXTUAL}embedding.positions.weight", 0, 0),
    "caption_feedforward": (f"{_TEXTUAL}transformer.encoder.layer.0.intermediate.dense.weight", 0, 0),
}
# Field: what stands before the number of each layer.
_LAYERS: Final[dict[str, str]] = {
    "encoder_layers": f"{_PIXEL}transformer.encoder.layers.",
    "decoder_layers": f"{PREDICTOR}transformer_ffn_layers.",
    "text_layers": f"{_CLASS_NAMES}resblocks.",
    "caption_layers": f"{_TEXTUAL}transformer.encoder.layer.",
}
_SHOWN: Final = 5


@dataclass(frozen=True)
class KeyReport:
    """How a file's tensors differ from what a configuration needs; every key, in order.

    Args:
        missing: Needed and not there, with the shape needed.
        extra: There and not needed, with the shape that came.
        mis_shaped: There in another shape: needed, then what came.
    """

    missing: tuple[tuple[str, Shape], ...] = ()
    extra: tuple[tuple[str, Shape], ...] = ()
    mis_shaped: tuple[tuple[str, Shape, Shape], ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the tensors are exactly those of the configuration."""
        return not (self.missing or self.extra or self.mis_shaped)

    def lines(self) -> list[str]:
        """One line a key."""
        return [
            *(f"missing     {key} {list(shape)}" for key, shape in self.missing),
            *(f"extra       {key} {list(shape)}" for key, shape in self.extra),
            *(
                f"mis-shaped  {key} expected {list(needed)}, got {list(came)}"
                for key, needed, came in self.mis_shaped
            ),
        ]

    def summary(self) -> str:
        """Counts and the first keys of each kind, for an error message."""
        wrong = [f"{key} is {list(came)} instead of {list(needed)}" for key, needed, came in self.mis_shaped]
        told = (
            _some("missing", [key for key, _ in self.missing]),
            _some("too many", [key for key, _ in self.extra]),
            _some("of another shape", wrong),
        )
        return "; ".join(part for part in told if part) or "no difference"

    def to_json(self) -> dict[str, Any]:
        """A record of JSON types."""
        return {
            "missing": {key: list(shape) for key, shape in self.missing},
            "extra": {key: list(shape) for key, shape in self.extra},
            "mis_shaped": {
                key: {"expected": list(needed), "got": list(came)} for key, needed, came in self.mis_shaped
            },
        }


def expected_shapes(config: ModelConfig) -> dict[str, Shape]:
    """Every tensor of a model of that configuration; no memory is taken for them."""
    with torch.device("meta"):
        model = PanopticCaptioner(config)
    return {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}


def compare_keys(state: Mapping[str, Tensor], config: ModelConfig) -> KeyReport:
    """Compare tensors with what a configuration needs.

    Args:
        state: Tensors under published names, as `read_checkpoint` gives them.
        config: What they should fit.
    """
    return compare_shapes(
        {key: tuple(tensor.shape) for key, tensor in state.items()}, expected_shapes(config)
    )


def compare_shapes(came: Mapping[str, Shape], needed: Mapping[str, Shape]) -> KeyReport:
    """`compare_keys` for shapes."""
    return KeyReport(
        missing=tuple((key, shape) for key, shape in needed.items() if key not in came),
        extra=tuple((key, shape) for key, shape in came.items() if key not in needed),
        mis_shaped=tuple(
            (key, shape, came[key]) for key, shape in needed.items() if came.get(key, shape) != shape
        ),
    )


def guess_config(shapes: Mapping[str, Shape], like: ModelConfig | None = None) -> ModelConfig:
    """The configuration that fits a file's shapes.

    Shapes do not show the number of attention heads, the stem's stride or a choice without tensors: those are
    taken from `like`, as is the size of any part that the file lacks.

    Args:
        shapes: Name to shape.
        like: Where None, the preset with the same backbone, or else `focal-l`.

    Raises:
        InputError: The sizes found cannot belong to one model.
    """
    found: dict[str, Any] = {
        field: shapes[key][axis] - more
        for field, (key, axis, more) in _SIZES.items()
        if len(shapes.get(key, ())) > axis
    }
    counts = {field: _layers(shapes, prefix) for field, prefix in _LAYERS.items()}
    found |= {field: count for field, count in counts.items() if count}
    found |= _stages(shapes)
    if any(key.startswith(f"{PREDICTOR}caption_memory.") for key in shapes):
        found["caption_memory"] = "rich"
    base = like or _nearest(found)
    if "caption_positions" in found:
        found["caption_max_tokens"] = min(base.caption_max_tokens, found["caption_positions"])
    try:
        return dataclasses.replace(base, **found)
    except ValueError as error:
        raise InputError(
            f"expected shapes of one model, got some that do not go together: {error}; name the preset it is"
        ) from None


def preset_name(config: ModelConfig) -> str | None:
    """The preset that is exactly this configuration, if there is one."""
    return next((name for name, preset in PRESETS.items() if preset == config), None)


def _nearest(found: Mapping[str, Any]) -> ModelConfig:
    for preset in PRESETS.values():
        if (preset.embed_dim, preset.depths) == (found.get("embed_dim"), found.get("depths")):
            return preset
    return PRESETS["focal-l"]


def _stages(shapes: Mapping[str, Shape]) -> dict[str, tuple[int, ...]]:
    """Depths, focal levels and windows of the backbone's four stages; nothing where a stage is not there."""
    prefixes = [f"backbone.layers.{stage}.blocks." for stage in range(4)]
    depths = tuple(_layers(shapes, prefix) for prefix in prefixes)
    focal = [f"{prefix}0.modulation.focal_layers." for prefix in prefixes]
    levels = tuple(_layers(shapes, prefix) for prefix in focal)
    if not all(depths) or not all(levels):
        return {}
    windows = tuple(shapes.get(f"{prefix}0.0.weight", (0,))[-1] for prefix in focal)
    return {"depths": depths, "focal_levels": levels, "focal_windows": windows}


def _layers(keys: Iterable[str], prefix: str) -> int:
    numbered = (re.match(r"\d+", key[len(prefix) :]) for key in keys if key.startswith(prefix))
    return len({number[0] for number in numbered if number})


def _some(told: str, keys: list[str]) -> str:
    if not keys:
        return ""
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"{len(keys)} {told}: {', '.join(keys[:_SHOWN])}{more}"
