"""The model and processor that a configuration names."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import torch

from pix2cap.errors import InputError
from pix2cap.sft.picture_fit import PictureSettings
from pix2cap.sft.questions import TEMPLATES
from pix2cap.sft.region_data import Wording
from pix2cap.sft.region_features import RegionConfig
from pix2cap.sft.region_files import REGIONS_JSON, load_region_llava
from pix2cap.sft.region_llava import LoraSettings, RegionLlava, load_llava, new_encoder
from pix2cap.sft.region_processor import ChatFormat, RegionProcessor, add_region_tokens
from pix2cap.sft.regions import REGION_TOKEN
from pix2cap.sft.settings import ModelSettings, SftSettings
from pix2cap.sft.tiny import TinySettings, tiny_llava, tiny_processor, train_tokenizer

WORDING: Final = "wording.json"
TINY: Final = "tiny"


def build(
    settings: SftSettings, texts: Callable[[], Iterable[str]], *, tokenizer: Path | None = None
) -> tuple[RegionLlava, RegionProcessor]:
    """Load or make what is to be tuned, with adapters where the settings ask for them.

    Args:
        settings: Of the run.
        texts: Gives all captions, for the tokenizer of a tiny model.
        tokenizer: Folder of the processor that an earlier session of this run made.

    Raises:
        InputError: The base is not there or no LLaVA; the region module does not fit it.
    """
    named = settings.model
    region = None if named.region is None else RegionConfig(**dataclasses.asdict(named.region))
    dtype = torch.bfloat16 if settings.weights == "bf16" else torch.float32
    torch.manual_seed(settings.seed)
    try:
        if named.base == TINY:
            model, processor = _tiny(named, region, texts, tokenizer, settings.seed)
        elif (Path(named.base) / REGIONS_JSON).is_file():
            model, processor = _tuned_before(named, region, dtype)
        else:
            model, processor = _published(named, region, dtype)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"base model {named.base}: expected a LLaVA that transformers can load, got: {error}"
        ) from error
    if region is not None:
        _check_layers(model, region)
    if named.lora is not None:
        model.add_adapters(LoraSettings(**dataclasses.asdict(named.lora)))
    if named.checkpointing:
        model.bare.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model, processor


def _tiny(
    named: ModelSettings,
    region: RegionConfig | None,
    texts: Callable[[], Iterable[str]],
    tokenizer_folder: Path | None,
    seed: int,
) -> tuple[RegionLlava, RegionProcessor]:
    sizes = TinySettings(**dataclasses.asdict(named.tiny))
    if tokenizer_folder is not None:
        tokenizer = RegionProcessor.load(tokenizer_folder).tokenizer
    else:
        tokenizer = train_tokenizer(tokenizer_texts(texts()), vocabulary=sizes.vocabulary)
    model = tiny_llava(tokenizer, sizes, region=region, seed=seed)
    processor = tiny_processor(tokenizer, sizes, region=region)
    picture = dataclasses.replace(processor.picture, fit=named.fit)
    return model, dataclasses.replace(processor, picture=picture)


def tokenizer_texts(captions: Iterable[str]) -> list[str]:
    """Captions, and the questions as often as it takes for their words to become tokens."""
    told = list(captions)
    asked = [
        template.replace("{region}", "the region")
        for style in ("describe", "name")
        for template in TEMPLATES[style]
    ]
    return told + asked * max(1, len(told) // len(asked) // 2)


def _tuned_before(
    named: ModelSettings, region: RegionConfig | None, dtype: torch.dtype
) -> tuple[RegionLlava, RegionProcessor]:
    folder = Path(named.base)
    model = load_region_llava(folder, dtype=dtype)
    model.base = named.base
    if model.has_adapters:
        model.merge_adapters()
        # What is now in memory lies in no file, so new adapters cannot refer to it.
        model.base = ""
    own = None if model.regions is None else model.regions.config
    if own is None and region is not None:
        model.regions = new_encoder(model.bare, region, dtype=dtype)
    elif own != region:
        raise InputError(f"{folder}: expected [model.region] as it was tuned with, {own}, got {region}")
    return model, dataclasses.replace(RegionProcessor.load(folder), max_tokens=named.max_tokens)


def _published(
    named: ModelSettings, region: RegionConfig | None, dtype: torch.dtype
) -> tuple[RegionLlava, RegionProcessor]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(named.base)
    add_region_tokens(tokenizer)
    llava: Any = load_llava(named.base, dtype=dtype)
    ids = {
        "image_token_id": int(llava.config.image_token_id),
        "region_token_id": int(tokenizer.convert_tokens_to_ids(REGION_TOKEN)),
    }
    model = RegionLlava(llava, None, base=named.base, **ids)
    if region is not None:
        model.regions = new_encoder(llava, region, dtype=dtype)
    processor = RegionProcessor(
        tokenizer,
        picture_settings(named.base, llava.config, fit=named.fit),
        ChatFormat(**dataclasses.asdict(named.chat)),
        tokens_per_region=1 if region is None else region.tokens,
        shape=0 if region is None else region.shape,
        max_tokens=named.max_tokens,
    )
    if processor.image_token_id != ids["image_token_id"]:
        raise InputError(
            f"base model {named.base}: expected <image> to be token {ids['image_token_id']} as its"
            f" configuration says, got {processor.image_token_id}"
        )
    return model, processor


def picture_settings(base: str, config: Any, *, fit: Any) -> PictureSettings:
    """How a published model wants its pictures, from its configuration and its image processor's file."""
    from transformers.image_processing_base import ImageProcessingMixin

    vision = config.vision_config
    try:
        record, _ = ImageProcessingMixin.get_image_processor_dict(base)
    except OSError:
        record = {}
    plain = PictureSettings()
    grid = int(vision.image_size) // int(vision.patch_size)
    keeps_class_token = (
        getattr(config, "vision_feature_select_strategy", "default") == "full"
        and vision.model_type == "clip_vision_model"
    )
    return PictureSettings(
        size=int(vision.image_size),
        patch=int(vision.patch_size),
        fit=fit,
        mean=tuple(record.get("image_mean", plain.mean)),
        std=tuple(record.get("image_std", plain.std)),
        image_tokens=grid * grid + int(keeps_class_token),
    )


def _check_layers(model: RegionLlava, region: RegionConfig) -> None:
    states = int(model.config.vision_config.num_hidden_layers) + 1
    wrong = [layer for layer in region.layers if not -states <= layer < states]
    if wrong:
        raise InputError(
            f"model.region.layers: expected numbers from {-states} to {states - 1} for a tower of"
            f" {states - 1} layers, got {', '.join(map(str, wrong))}"
        )


def save_wording(folder: Path, wording: Wording) -> None:
    """Note beside a model how its questions were worded."""
    record = {"mention": wording.mention, "boxes": wording.boxes}
    (folder / WORDING).write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def load_wording(folder: Path) -> Wording:
    """The counterpart of `save_wording`.

    Raises:
        InputError: The file is not there or damaged.
    """
    path = folder / WORDING
    try:
        return Wording(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: expected a model folder of `pix2cap sft train`, got: {error}") from error
