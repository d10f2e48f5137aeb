"""Weights under published names at sizes that fit a test, and the two vocabularies for them."""

from __future__ import annotations

import dataclasses
import gzip
from pathlib import Path

import torch
from torch import Tensor

from pix2cap.core.category import Category
from pix2cap.model.captioner import PanopticCaptioner
from pix2cap.model.config import ModelConfig, preset

BERT_TOKENS = ("[PAD]", "a", "dog", "##s", "red", ".", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CLIP_MERGES = ("d o", "do g</w>")
CATEGORIES = (Category(1, "dog"), Category(7, "red cat"), Category(9, "sky-other-merged", is_thing=False))

SMALL = dataclasses.replace(
    preset("focal-l"),
    embed_dim=8,
    depths=(1, 1, 2, 1),
    focal_levels=(2, 2, 2, 1),
    focal_windows=(3, 3, 3, 5),
    conv_dim=32,
    mask_dim=32,
    encoder_layers=1,
    hidden_dim=48,
    feedforward_dim=40,
    decoder_layers=2,
    queries=6,
    classes=3,
    projection_dim=24,
    text_width=16,
    text_layers=2,
    text_context=9,
    text_vocabulary=512 + len(CLIP_MERGES) + 2,
    object_dim=20,
    caption_vocabulary=len(BERT_TOKENS),
    caption_width=36,
    caption_layers=1,
    caption_feedforward=28,
    caption_positions=64,
)
"""A published model in small: what shapes do not show (heads, stride, choices) is `focal-l`'s."""

_NEW_IN_PIX2CAP = ("text_decoder.", "bbox_embed.", "object_proj.")


def pix2cap_state(config: ModelConfig = SMALL, *, seed: int = 1) -> dict[str, Tensor]:
    """Tensors under the names of Pix2Cap's published file."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PanopticCaptioner(config).state_dict()


def xdecoder_state(config: ModelConfig = SMALL) -> dict[str, Tensor]:
    """Tensors under the names of X-Decoder's published file: one more, none for captions or boxes."""
    new = tuple(f"sem_seg_head.predictor.{name}" for name in _NEW_IN_PIX2CAP)
    state = {key: tensor for key, tensor in pix2cap_state(config).items() if not key.startswith(new)}
    return {"backbone_proj": torch.ones(8 * config.embed_dim, config.hidden_dim), **state}


def grit_state(config: ModelConfig = SMALL) -> dict[str, Tensor]:
    """Tensors under the names of GRiT's published file: a text decoder among those of another model."""
    prefix = "sem_seg_head.predictor.text_decoder."
    ours = pix2cap_state(config, seed=2)
    words = {key: tensor for key, tensor in ours.items() if key.startswith(prefix)}
    theirs = {f"roi_heads.text_decoder.{key.removeprefix(prefix)}": tensor for key, tensor in words.items()}
    return {
        "backbone.net.pos_embed": torch.zeros(1, 4, 8),
        **theirs,
        "roi_heads.box_head.0.fc1.bias": torch.ones(3),
    }


def clip_bpe(path: Path) -> Path:
    """A file as open_clip_torch ships it, with two merges."""
    path.write_bytes(gzip.compress("\n".join(['"bpe#version: 0.2', *CLIP_MERGES, ""]).encode()))
    return path


def bert_vocab(path: Path) -> Path:
    """A file as BERT ships it, with ten tokens."""
    path.write_text("\n".join(BERT_TOKENS) + "\n", "utf-8")
    return path
