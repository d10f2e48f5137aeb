"""Which parameter learns at which rate, and which are left alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pix2cap.train.optimizer import (
    freeze_parts,
    group_rates,
    make_optimizer,
    part_of,
    set_training_mode,
)
from pix2cap.train.settings import OptimSettings


class Predictor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query_feat = nn.Embedding(3, 4)
        self.lang_encoder = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
        self.class_embed = nn.Parameter(torch.ones(4, 4))
        self.object_proj = nn.Linear(4, 4)
        self.output = nn.Linear(4, 3, bias=False)
        self.output.weight = self.query_feat.weight


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pixel_decoder = nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4))
        self.predictor = Predictor()


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Dropout(0.5))
        self.sem_seg_head = Head()


def _group_of(name: str, settings: OptimSettings) -> tuple[float, float]:
    model = Model()
    parameter = dict(model.named_parameters())[name]
    (group,) = [
        g for g in make_optimizer(model, settings).param_groups if any(p is parameter for p in g["params"])
    ]
    return group["lr"], group["weight_decay"]


@pytest.mark.parametrize(
    ("name", "lr", "decay"),
    [
        ("backbone.0.weight", 1e-5, 0.05),
        ("backbone.0.bias", 1e-5, 0.05),
        ("backbone.1.weight", 1e-5, 0.0),
        ("sem_seg_head.pixel_decoder.0.weight", 1e-4, 0.05),
        ("sem_seg_head.pixel_decoder.1.bias", 1e-4, 0.0),
        ("sem_seg_head.predictor.query_feat.weight", 1e-4, 0.0),
        ("sem_seg_head.predictor.lang_encoder.0.weight", 1e-5, 0.05),
        ("sem_seg_head.predictor.class_embed", 1e-4, 0.05),
    ],
)
def test_rates_and_decay_are_published(name: str, lr: float, decay: float) -> None:
    assert _group_of(name, OptimSettings()) == pytest.approx((lr, decay))


def test_every_learning_parameter_stands_in_one_group() -> None:
    model = Model()
    listed = [id(p) for group in make_optimizer(model, OptimSettings()).param_groups for p in group["params"]]
    assert sorted(listed) == sorted(id(p) for p in model.parameters())


def test_frozen_parts_are_left_out_and_are_not_disturbed() -> None:
    model = Model()
    frozen = freeze_parts(model, ("backbone", "query_embeddings"))
    assert frozen == sum(p.numel() for p in model.backbone.parameters()) + 12
    optimizer = make_optimizer(model, OptimSettings(freeze=("backbone", "query_embeddings")))
    listed = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert not listed & {id(p) for p in model.backbone.parameters()}
    assert "backbone" not in group_rates(optimizer)
    set_training_mode(model, ("backbone",))
    assert not model.backbone[2].training
    assert model.sem_seg_head.predictor.lang_encoder[1].training
    with pytest.raises(ValueError, match="all frozen"):
        freeze_parts(
            model, ("pixel_decoder", "text_encoder", "query_embeddings", "query_decoder", "caption_decoder")
        )
        make_optimizer(model, OptimSettings())


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("sem_seg_head.predictor.query_embed.weight", "query_embeddings"),
        ("sem_seg_head.predictor.text_decoder.textual.output.bias", "caption_decoder"),
        ("sem_seg_head.predictor.caption_memory.box.weight", "caption_decoder"),
        ("sem_seg_head.predictor.mask_embed.layers.0.weight", "query_decoder"),
        ("sem_seg_head.predictor.lang_encoder.lang_proj", "text_encoder"),
        ("criterion.empty_weight", None),
    ],
)
def test_parts_are_told_by_name(name: str, part: str | None) -> None:
    assert part_of(name) == part
