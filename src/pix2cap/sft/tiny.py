"""A small LLaVA from a configuration, with a tokenizer trained on the captions: for tests and proofs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import torch

from pix2cap.sft.picture_fit import PictureSettings
from pix2cap.sft.region_features import RegionConfig
from pix2cap.sft.region_llava import RegionLlava, new_encoder
from pix2cap.sft.region_processor import IMAGE_TOKEN, ChatFormat, RegionProcessor
from pix2cap.sft.regions import REGION_TOKEN

if TYPE_CHECKING:
    from transformers import LlavaConfig, PreTrainedTokenizerFast

_SPECIAL: Final = ("<pad>", "<s>", "</s>", "<unk>", IMAGE_TOKEN, REGION_TOKEN)


@dataclass(frozen=True, slots=True)
class TinySettings:
    """Sizes of a small LLaVA.

    Args:
        picture: Side of the square picture.
        patch: Side of a patch.
        vision_width: Channels of the vision tower.
        vision_layers: Of the tower.
        text_width: Channels of the language model.
        text_layers: Of the language model.
        heads: Of both.
        vocabulary: Most tokens.
        max_tokens: Longest conversation, picture included.
    """

    picture: int = 96
    patch: int = 8
    vision_width: int = 128
    vision_layers: int = 3
    text_width: int = 128
    text_layers: int = 2
    heads: int = 4
    vocabulary: int = 512
    max_tokens: int = 512


def train_tokenizer(texts: Iterable[str], *, vocabulary: int = 512) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of those texts with `<image>` and `<region>` in it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE(unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=[IMAGE_TOKEN, REGION_TOKEN],
        padding_side="right",
    )


def tiny_processor(
    tokenizer: PreTrainedTokenizerFast, settings: TinySettings, *, region: RegionConfig | None
) -> RegionProcessor:
    """The processor that fits `tiny_llava` of the same settings."""
    grid = settings.picture // settings.patch
    return RegionProcessor(
        tokenizer,
        PictureSettings(
            size=settings.picture,
            patch=settings.patch,
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            image_tokens=grid * grid,
        ),
        ChatFormat(user="\nQ: ", assistant="\nA:"),
        tokens_per_region=1 if region is None else region.tokens,
        shape=0 if region is None else region.shape,
        max_tokens=settings.max_tokens,
    )


def tiny_llava(
    tokenizer: PreTrainedTokenizerFast,
    settings: TinySettings,
    *,
    region: RegionConfig | None,
    seed: int = 0,
) -> RegionLlava:
    """A LLaVA of random weights: CLIP vision tower, two-layer projector, Llama.

    Args:
        tokenizer: Its length is the vocabulary.
        settings: Sizes.
        region: None for a model without regions.
        seed: Of the weights; torch's own generator is left as it was.
    """
    from transformers import LlavaForConditionalGeneration
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    ends = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    config = _configuration(tokenizer, settings, ends)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        llava = LlavaForConditionalGeneration(config)
        encoder = None if region is None else new_encoder(llava, region)
    llava.generation_config.update(**ends)
    return RegionLlava(
        llava,
        encoder,
        image_token_id=_id(tokenizer, IMAGE_TOKEN),
        region_token_id=_id(tokenizer, REGION_TOKEN),
    )


def _configuration(
    tokenizer: PreTrainedTokenizerFast, settings: TinySettings, ends: Mapping[str, int]
) -> LlavaConfig:
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig

    grid = settings.picture // settings.patch
    return LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=settings.vision_width,
            intermediate_size=4 * settings.vision_width,
            projection_dim=settings.vision_width,
            num_hidden_layers=settings.vision_layers,
            num_attention_heads=settings.heads,
            image_size=settings.picture,
            patch_size=settings.patch,
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings.text_width,
            intermediate_size=3 * settings.text_width,
            num_hidden_layers=settings.text_layers,
            num_attention_heads=settings.heads,
            num_key_value_heads=settings.heads,
            max_position_embeddings=settings.max_tokens,
            # Llama's own 0.02 suits a width of thousands. Here it would leave attention all but even over
            # hundreds of tokens, and the one region token that is asked about unheard for a thousand steps.
            initializer_range=settings.text_width**-0.5,
            **ends,
        ),
        image_token_index=_id(tokenizer, IMAGE_TOKEN),
        image_seq_length=grid * grid,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
    )


def _id(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    return cast(int, tokenizer.convert_tokens_to_ids(token))
