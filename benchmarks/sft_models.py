"""The models that `configs/` name, of random weights in their published sizes, and conversations for them.

Nothing is downloaded: sizes are written here, the tokenizer is trained on the made-up captions (its ids lie
far inside the published vocabularies), and pictures are noise. A vision-language model's own processor comes
with its weights, so its inputs are made here in the form that the processor gives: a picture of 640 x 480 is
34 x 46 patches of 14 pixels, 391 tokens.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from pix2cap.core import Segment
from pix2cap.sft.collate import RegionCollator
from pix2cap.sft.picture_fit import PictureSettings
from pix2cap.sft.plain_training import _adapters, freeze
from pix2cap.sft.questions import TEMPLATES
from pix2cap.sft.region_data import CaptionedScenes, RegionConversations, Scene, Wording
from pix2cap.sft.region_features import RegionConfig, RegionEncoder
from pix2cap.sft.region_llava import LoraSettings, RegionLlava, peft_is_behind
from pix2cap.sft.region_processor import IGNORED, ChatFormat, RegionProcessor, Turn
from pix2cap.sft.settings import SftSettings, read_sft_settings
from pix2cap.sft.tiny import train_tokenizer

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
LORA_7B = (
    "model.lora.rank=64",
    "model.lora.alpha=128",
    'stages.1.train=["regions", "projector", "lora"]',
    "stages.1.lr=1e-4",
)
"""What configs/sft_gpt4roi_7b.toml tells to set for adapters in place of full weights."""

Maker = Callable[[], AbstractContextManager[None]]

REGIONS = 15
QWEN_GRID = (1, 34, 46)
_TEXT = """a the with of on in and under beside red green blue white grey brown wooden small large tall old
striped round shiny person dog car table window tree wall grass street bottle chair stands lies leans holds
wears shows behind front left right near edge shadow light sky leaves metal glass paper bright"""
WORDS = tuple(_TEXT.split())


@dataclass(frozen=True)
class Case:
    """A configuration with changes to it, as `pix2cap sft train CONFIG --set ...` takes them."""

    name: str
    config: str
    changes: tuple[str, ...] = ()

    def settings(self, more: Sequence[str] = ()) -> SftSettings:
        return read_sft_settings(CONFIGS / self.config, (*self.changes, *more))


CASES = (
    Case("gpt4roi-7b", "sft_gpt4roi_7b.toml"),
    Case("gpt4roi-7b-lora", "sft_gpt4roi_7b.toml", LORA_7B),
    Case("vlm-3b", "sft_vlm_3b.toml"),
)


@dataclass(frozen=True)
class Setup:
    """A model and what it is trained on.

    Args:
        model: On the device that was current when it was made.
        samples: Conversations, ready for `collate`.
        collate: Makes a batch of them.
        choose: Sets which of the parts of a stage learn; gives how many numbers do.
        head: How the loss is made of the last layer, for the record.
    """

    model: nn.Module
    samples: Sequence[Any]
    collate: Callable[[Sequence[Any]], dict[str, Any]]
    choose: Callable[[Sequence[str]], int]
    head: str = "whole logits"


def llava_sizes(layers: int = 0) -> Any:
    """LLaVA-1.5-7B: CLIP ViT-L/14 at 336 px and Vicuna-7B (Llama); `layers` of it, 0 for all 32."""
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig

    return LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=1024,
            intermediate_size=4096,
            projection_dim=768,
            num_hidden_layers=24,
            num_attention_heads=16,
            image_size=336,
            patch_size=14,
        ),
        text_config=LlamaConfig(
            vocab_size=32064,
            hidden_size=4096,
            intermediate_size=11008,
            num_hidden_layers=layers or 32,
            num_attention_heads=32,
            num_key_value_heads=32,
            max_position_embeddings=4096,
            rms_norm_eps=1e-5,
        ),
        image_seq_length=576,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
    )


def qwen_sizes(layers: int = 0) -> Any:
    """Qwen2.5-VL-3B; `layers` of its language model, 0 for all 36."""
    from transformers import Qwen2_5_VLConfig

    text = {
        "vocab_size": 151936,
        "hidden_size": 2048,
        "intermediate_size": 11008,
        "num_hidden_layers": layers or 36,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128000,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
    }
    vision = {
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "out_hidden_size": 2048,
        "patch_size": 14,
        "window_size": 112,
        "fullatt_block_indexes": [7, 15, 23, 31],
        "tokens_per_second": 2,
    }
    return Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True)


def make(
    settings: SftSettings,
    *,
    samples: int,
    tokens: int,
    layers: int = 0,
    sizes: Any = None,
    device: str = "meta",
    fuse: bool = True,
) -> Setup:
    """A model and conversations for a configuration.

    Args:
        settings: Their `base` is not loaded: `kind` chooses between the two models here.
        samples: Conversations.
        tokens: About so many in each conversation with a region-aware model; rows of the other kind hold
            the same questions and answers.
        layers: Of the language model, 0 for all.
        sizes: A configuration of transformers in place of the published sizes.
        device: Where the weights are made; on `meta` they have no numbers and take no memory.
        fuse: Take TRL's head for a model without region module, where TRL has it.
    """
    dtype = torch.bfloat16 if settings.weights == "bf16" else torch.float32
    if settings.model.kind == "plain":
        sizes = sizes or qwen_sizes(layers)
        return _plain(settings, sizes, samples, tokens, _maker(dtype, device), fuse=fuse)
    return _region(settings, sizes or llava_sizes(layers), samples, tokens, _maker(dtype, device))


def _region(settings: SftSettings, sizes: Any, samples: int, tokens: int, made: Maker) -> Setup:
    from transformers import LlavaForConditionalGeneration

    named = settings.model
    assert named.region is not None
    region = RegionConfig(**dataclasses.asdict(named.region))
    vision, width = sizes.vision_config, sizes.text_config.hidden_size
    grid = vision.image_size // vision.patch_size
    processor = RegionProcessor(
        _tokenizer(),
        PictureSettings(
            size=vision.image_size, patch=vision.patch_size, fit=named.fit, image_tokens=grid * grid
        ),
        ChatFormat(**dataclasses.asdict(named.chat)),
        tokens_per_region=region.tokens,
        shape=region.shape,
        max_tokens=named.max_tokens,
    )
    sizes.image_token_id = processor.image_token_id
    with made():
        model = RegionLlava(
            LlavaForConditionalGeneration(sizes),
            RegionEncoder(region, vision_width=vision.hidden_size, text_width=width),
            image_token_id=processor.image_token_id,
            region_token_id=processor.region_token_id,
        )
        if named.lora is not None:
            model.add_adapters(LoraSettings(**dataclasses.asdict(named.lora)))
    if named.checkpointing:
        model.bare.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    wording = Wording.of(settings.data)
    words = _words_for(processor, wording, tokens)
    drawn = conversations(processor, wording, words=words, count=samples, seed=settings.seed)
    return Setup(model, drawn, RegionCollator(0), model.set_trainable)


def conversations(
    processor: RegionProcessor, wording: Wording, *, words: int, count: int, seed: int = 0
) -> list[Any]:
    """Samples of a made-up picture with `REGIONS` segments, captions of so many words."""
    scene = made_up_scene(words=words)
    scenes = cast("CaptionedScenes", [scene])
    drawn = RegionConversations(scenes, processor, wording, count=count, seed=seed)
    return [drawn[number] for number in range(count)]


def _words_for(processor: RegionProcessor, wording: Wording, tokens: int) -> int:
    """Words a caption that make conversations of about so many tokens."""
    few, many = (len(conversations(processor, wording, words=n, count=1)[0].input_ids) for n in (2, 12))
    return max(1, round(2 + (tokens - few) * 10 / (many - few)))


def made_up_scene(*, words: int) -> Scene:
    """A picture of noise, 640 x 480, with fifteen rectangles for segments."""
    draw, chance = np.random.default_rng(0), Random(0)
    rgb = draw.integers(0, 255, (480, 640, 3)).astype(np.uint8)
    id_map = np.zeros((480, 640), np.uint32)
    segments, captions = [], {}
    for number in range(REGIONS):
        x, y = number % 5 * 128, number // 5 * 160
        box = (x, y, x + 100 + number, y + 150 - number)
        id_map[box[1] : box[3], box[0] : box[2]] = number + 1
        area = (box[2] - box[0]) * (box[3] - box[1])
        segments.append(Segment(number + 1, 1, True, area, box))
        captions[number + 1] = " ".join(chance.choice(WORDS) for _ in range(words)) + "."
    return Scene(1, rgb, id_map, tuple(segments), captions, dict.fromkeys(captions, "thing"))


def _plain(settings: SftSettings, sizes: Any, samples: int, tokens: int, made: Maker, *, fuse: bool) -> Setup:
    from transformers import Qwen2_5_VLForConditionalGeneration

    picture = QWEN_GRID[1] * QWEN_GRID[2] // 4
    processor = RegionProcessor(_tokenizer(), PictureSettings(image_tokens=picture), max_tokens=4096)
    sizes.image_token_id = processor.image_token_id
    adapters = _adapters(settings)
    with made():
        model = Qwen2_5_VLForConditionalGeneration(sizes)
    if settings.model.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if adapters is not None:
        from peft import get_peft_model

        with made(), peft_is_behind():
            model = get_peft_model(model, adapters)
    fused = fuse and _fuse_head(model)
    # Beside a picture of 576 tokens the conversations would be as long as `tokens`.
    words = _words_for(processor, Wording(mention="none"), tokens - 576 + picture)
    row = plain_row(processor, words=words)

    def choose(parts: Sequence[str]) -> int:
        if adapters is None:
            freeze(model, parts)
        return sum(p.numel() for p in model.parameters() if p.requires_grad)

    def stack(rows: Sequence[Mapping[str, Tensor]]) -> dict[str, Any]:
        return _stack_rows(rows) | ({"fused_lm_head": True} if fused else {})

    return Setup(model, [row] * samples, stack, choose, "TRL's fused head" if fused else "whole logits")


def _fuse_head(model: Any) -> bool:
    """Let the loss be made without whole logits, as TRL's trainer does; False where it has no such head."""
    try:
        from trl.trainer.utils import add_fused_lm_head
    except ImportError:
        return False
    base = model.get_base_model() if hasattr(model, "peft_config") else model
    add_fused_lm_head(base, outputs=("log_probs", "entropy", "is_top1"))
    return True


def plain_row(processor: RegionProcessor, *, words: int) -> dict[str, Tensor]:
    """The longest row of a picture as TRL gives it to a Qwen2.5-VL: all turns, loss on the last answer."""
    scene = made_up_scene(words=words)
    chance = Random(0)
    turns = [
        Turn(chance.choice(TEMPLATES["describe"]).replace("{region}", f"the region marked {i}"), caption)
        for i, caption in scene.captions.items()
    ]
    ids, labels, used = processor.encode(turns)
    assert used == len(turns), f"expected {len(turns)} turns in {processor.max_tokens} tokens, got {used}"
    before = len(processor.encode([*turns[:-1], Turn(turns[-1].question)])[0])
    labels[:before] = IGNORED
    input_ids = torch.from_numpy(ids)
    patches = int(np.prod(QWEN_GRID))
    return {
        "input_ids": input_ids,
        "attention_mask": torch.ones_like(input_ids),
        "labels": torch.from_numpy(labels),
        "mm_token_type_ids": (input_ids == processor.image_token_id).long(),
        "pixel_values": torch.from_numpy(
            np.random.default_rng(0).standard_normal((patches, 3 * 2 * 14 * 14), np.float32)
        ),
        "image_grid_thw": torch.tensor(QWEN_GRID, device="cpu"),
    }


def _stack_rows(rows: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    batch = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    batch["pixel_values"] = batch["pixel_values"].flatten(0, 1)
    return batch


def _tokenizer() -> Any:
    chance = Random(1)
    asked = [template for style in TEMPLATES.values() for template in style]
    told = [" ".join(chance.choice(WORDS) for _ in range(20)) for _ in range(200)]
    return train_tokenizer(asked * 4 + told, vocabulary=1500)


def _maker(dtype: torch.dtype, device: str) -> Maker:
    """A context in which weights are made on that device and, as by `from_pretrained`, in that type."""

    @contextlib.contextmanager
    def made() -> Iterator[None]:
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            with torch.device(device):
                yield
        finally:
            torch.set_default_dtype(before)

    return made
