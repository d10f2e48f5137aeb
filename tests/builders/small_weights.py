"""A small model with random weights and vocabularies of its own, in a weights folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from pix2cap.core import Category
from pix2cap.model.captioner import PanopticCaptioner
from pix2cap.model.config import ModelConfig, preset
from pix2cap.model.prompts import class_prompts
from pix2cap.model.vocabulary import CaptionVocabulary, ClassVocabulary
from pix2cap.model.weights import save_weights
from pix2cap.scenes.scene import scenes
from pix2cap.scenes.vocabulary import SCENE_CATEGORIES

CAPTIONS = [text for scene in scenes(4, size_wh=(64, 64)) for text in scene.captions.values()]


def small_config(**changes: object) -> ModelConfig:
    """The preset `tiny` made smaller still; every query becomes a segment where it can."""
    small = {
        "embed_dim": 8,
        "queries": 6,
        "decoder_layers": 2,
        "classes": len(SCENE_CATEGORIES),
        "caption_max_tokens": 8,
        "object_threshold": 0.0,
        "overlap_threshold": 0.0,
        "test_short_side": 48,
        "test_max_side": 96,
    }
    return replace(preset("tiny"), **(small | changes))  # type: ignore[arg-type]


def build_weights(
    folder: Path,
    config: ModelConfig | None = None,
    *,
    categories: Sequence[Category] = SCENE_CATEGORIES,
    seed: int = 0,
) -> Path:
    """Write a weights folder.

    Args:
        folder: Made if missing.
        config: `small_config()` by default.
        categories: As many as it has classes.
        seed: Of the weights.
    """
    config = config or small_config()
    prompts = [text for row in class_prompts([c.name for c in categories]) for text in row]
    captions = CaptionVocabulary.train(CAPTIONS, config.caption_vocabulary)
    classes = ClassVocabulary.train(prompts, config.text_vocabulary, config.text_context)
    captions.save(folder)
    classes.save(folder)
    config = replace(config, caption_vocabulary=captions.size, text_vocabulary=classes.size)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = PanopticCaptioner(config)
    save_weights(folder, model.state_dict(), config, categories)
    return folder
