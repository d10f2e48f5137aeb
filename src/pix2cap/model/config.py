"""The sizes and choices of a panoptic captioner, in one record."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pix2cap.errors import InputError

CaptionMemory = Literal["query", "rich"]
ClassSentences = Literal["all", "first"]
ClassSource = Literal["query", "mask"]
CaptionTargets = Literal["mask_iou", "hungarian"]


@dataclass(frozen=True)
class ModelConfig:
    """Everything that decides a model's tensors and behaviour; stored inside its weights.

    The defaults are the published `focal-l` model (Pix2Cap-COCO on X-Decoder Focal-L). Fields under
    "Better than published" change what is computed; their defaults are the published behaviour.

    Args:
        patch_size: Stride of the stem; the four maps have strides 1, 2, 4 and 8 times that.
        embed_dim: Channels of the first backbone stage; each further stage has twice as many.
        depths: Focal blocks in each of the four stages.
        focal_levels: Context levels of each stage.
        focal_windows: Kernel of the first level of each stage; each further level is 2 wider.
        drop_path: Stochastic depth of the last block, growing linearly from 0.
        layer_scale: Initial layer scale of a block's two branches.
        conv_dim: Channels inside the pixel decoder.
        mask_dim: Channels of the mask features.
        encoder_layers: Transformer layers over the coarsest map.
        hidden_dim: Width of the query decoder.
        heads: Attention heads of the pixel decoder's transformer and of the query decoder.
        feedforward_dim: Hidden width of their feed-forward networks.
        decoder_layers: Layers of the query decoder (the published configuration counts one more).
        queries: Object queries; the class query comes on top.
        classes: Named classes, without "background".
        projection_dim: Width in which queries and class names are compared.
        text_width: Width of the class-name encoder.
        text_heads: Its attention heads.
        text_layers: Its layers.
        text_context: Its longest input in tokens.
        text_vocabulary: Its number of token ids.
        object_dim: Width of one memory token of the caption decoder.
        caption_vocabulary: Token ids of the caption decoder.
        caption_width: Width of the caption decoder.
        caption_layers: Its layers.
        caption_heads: Its attention heads.
        caption_feedforward: Hidden width of its feed-forward networks.
        caption_positions: Longest caption its position table can hold.
        caption_dropout: Dropout in the caption decoder while training.
        caption_begin_id: Token that opens a caption (BERT's [CLS]).
        caption_end_id: Token that closes it (BERT's [SEP]).
        caption_max_tokens: Longest decoded caption, the opening token counted.
        caption_loss_layers: How many of the last predictions are given a caption loss.
        class_weight: Weight of the class loss.
        mask_weight: Weight of the masks' binary cross-entropy.
        dice_weight: Weight of the masks' Dice loss.
        caption_weight: Weight of the caption loss.
        caption_gradient: Factor on the gradient that flows from captions into the queries.
        no_object_weight: Class weight of "background" in the class loss.
        label_smoothing: Share of probability spread over wrong words in the caption loss.
        points: Points at which a mask's losses are taken.
        oversample_ratio: Candidates drawn for each uncertain point.
        importance_ratio: Share of points that go to uncertain places.
        pixel_mean: Of raw 0-255 RGB.
        pixel_std: Of raw 0-255 RGB.
        size_divisibility: Pictures are padded to a multiple of this.
        object_threshold: Class score above which a query becomes a segment.
        overlap_threshold: Share of its mask that a segment must keep once others were laid over it.
        caption_memory: Better than published: `"rich"` also shows the caption decoder what lies under the
            mask at several scales, the mask's form, the box and the other segments.
        class_source: Better than published: `"mask"` also shows the classifier the form of a query's mask.
        caption_targets: Better than published: `"hungarian"` captions the query that the mask losses
            matched, so two segments never share one.
        caption_text_tokens: Longest caption in tokens that training reads.
        caption_text_drop: Tokens at a long caption's head that the published reader loses.
        class_sentences: Sentences that name a class at test time: the mean of `"all"`, or only the `"first"`
            where training saw no other.
        test_short_side: Prediction resizes pictures to this short side in pixels; training writes its own.
        test_max_side: But never beyond this long side.

    Raises:
        ValueError: Sizes that cannot belong to one model.
    """

    patch_size: int = 4
    embed_dim: int = 192
    depths: tuple[int, ...] = (2, 2, 18, 2)
    focal_levels: tuple[int, ...] = (4, 4, 4, 4)
    focal_windows: tuple[int, ...] = (3, 3, 3, 3)
    drop_path: float = 0.3
    layer_scale: float = 1e-4
    conv_dim: int = 512
    mask_dim: int = 512
    encoder_layers: int = 6
    hidden_dim: int = 512
    heads: int = 8
    feedforward_dim: int = 2048
    decoder_layers: int = 9
    queries: int = 200
    classes: int = 133
    projection_dim: int = 512
    text_width: int = 512
    text_heads: int = 8
    text_layers: int = 12
    text_context: int = 77
    text_vocabulary: int = 49408
    object_dim: int = 256
    caption_vocabulary: int = 30522
    caption_width: int = 768
    caption_layers: int = 6
    caption_heads: int = 12
    caption_feedforward: int = 3072
    caption_positions: int = 1024
    caption_dropout: float = 0.1
    caption_begin_id: int = 101
    caption_end_id: int = 102
    caption_max_tokens: int = 40
    caption_loss_layers: int = 3
    class_weight: float = 2.0
    mask_weight: float = 5.0
    dice_weight: float = 5.0
    caption_weight: float = 0.1
    caption_gradient: float = 1 / 3
    no_object_weight: float = 0.1
    label_smoothing: float = 0.1
    points: int = 12544
    oversample_ratio: float = 3.0
    importance_ratio: float = 0.75
    pixel_mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    pixel_std: tuple[float, ...] = (58.395, 57.12, 57.375)
    size_divisibility: int = 32
    object_threshold: float = 0.8
    overlap_threshold: float = 0.8
    caption_memory: CaptionMemory = "query"
    caption_targets: CaptionTargets = "mask_iou"
    class_source: ClassSource = "query"
    caption_text_tokens: int = 40
    caption_text_drop: int = 2
    class_sentences: ClassSentences = "all"
    test_short_side: int = 800
    test_max_side: int = 1333

    def __post_init__(self) -> None:
        stages = {len(self.depths), len(self.focal_levels), len(self.focal_windows)}
        if stages != {4}:
            raise ValueError(
                f"expected four stages, got depths {self.depths}, focal_levels {self.focal_levels}"
            )
        for width, heads, name in (
            (self.hidden_dim, self.heads, "hidden_dim"),
            (self.conv_dim, self.heads, "conv_dim"),
            (self.text_width, self.text_heads, "text_width"),
            (self.caption_width, self.caption_heads, "caption_width"),
        ):
            if width % heads:
                raise ValueError(f"expected {name} to be a multiple of its heads, got {width} and {heads}")
        if self.caption_max_tokens > self.caption_positions:
            raise ValueError(
                f"expected caption_max_tokens <= caption_positions, got {self.caption_max_tokens} and "
                f"{self.caption_positions}"
            )

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Read what `to_json` wrote.

        Raises:
            InputError: Not such a record, or a field that this version does not know.
        """
        try:
            fields = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"expected a model configuration as JSON, got {text[:60]!r} ({error})") from None
        return cls.from_mapping(fields)

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any]) -> ModelConfig:
        """A configuration from named fields; what is not named keeps its default.

        Raises:
            InputError: A field that this version does not know, or values that do not go together.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(fields) - known)
        if unknown:
            raise InputError(f"expected fields of a model configuration, got unknown {', '.join(unknown)}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
        }
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise InputError(f"model configuration: {error}") from None


_TINY: Final = ModelConfig(
    patch_size=2,
    embed_dim=24,
    depths=(1, 1, 2, 1),
    focal_levels=(2, 2, 2, 2),
    focal_windows=(3, 3, 3, 3),
    drop_path=0.0,
    layer_scale=1.0,
    conv_dim=64,
    mask_dim=64,
    encoder_layers=1,
    hidden_dim=96,
    heads=4,
    feedforward_dim=192,
    decoder_layers=3,
    queries=20,
    classes=18,
    projection_dim=96,
    text_width=64,
    text_heads=4,
    text_layers=1,
    text_context=32,
    text_vocabulary=1024,
    object_dim=96,
    caption_vocabulary=1024,
    caption_width=128,
    caption_layers=2,
    caption_heads=4,
    caption_feedforward=256,
    caption_positions=128,
    caption_begin_id=1,
    caption_end_id=2,
    caption_max_tokens=64,
    caption_weight=1.0,
    caption_gradient=1.0,
    label_smoothing=0.0,
    points=512,
    size_divisibility=16,
    object_threshold=0.5,
    overlap_threshold=0.6,
    caption_memory="rich",
    caption_targets="hungarian",
    class_source="mask",
    class_weight=4.0,
    caption_text_tokens=128,
    caption_text_drop=0,
    test_short_side=256,
    test_max_side=448,
)

PRESETS: Final[dict[str, ModelConfig]] = {
    "focal-l": ModelConfig(),
    "focal-t": ModelConfig(embed_dim=96, depths=(2, 2, 6, 2), focal_levels=(3, 3, 3, 3)),
    "tiny": _TINY,
}


def preset(name: str) -> ModelConfig:
    """The configuration of that name: `focal-l` (published), `focal-t`, or `tiny` (trains on a CPU).

    Raises:
        InputError: No such preset.

    Example:
        >>> preset("focal-l").queries
        200
    """
    if name not in PRESETS:
        raise InputError(f"expected a preset out of {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]
