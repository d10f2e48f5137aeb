"""The pixel decoder: parity, sizes, precision, what may influence what."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pix2cap.model.config import ModelConfig, preset
from pix2cap.model.pixel_decoder import PixelDecoder
from pix2cap.model.records import PixelFeatures
from tests.builders.parity import Parity, published_shapes, shapes_of

PREFIX = "sem_seg_head.pixel_decoder."
SMALL = dataclasses.replace(
    preset("tiny"), embed_dim=8, conv_dim=64, mask_dim=48, encoder_layers=2, heads=4, feedforward_dim=40
)
Maps = tuple[Tensor, Tensor, Tensor, Tensor]


def decoder(config: ModelConfig = SMALL) -> PixelDecoder:
    torch.manual_seed(0)
    return PixelDecoder(config).eval()


def maps(batch: int, height: int, width: int, dim: int = 8) -> Maps:
    """Random res2..res5 of a picture whose finest map is `height` by `width`."""
    made = []
    for index in range(4):
        made.append(torch.randn(batch, dim * 2**index, height, width))
        height, width = -(-height // 2), -(-width // 2)
    res2, res3, res4, res5 = made
    return res2, res3, res4, res5


def flat(features: PixelFeatures) -> list[Tensor]:
    return [features.mask_features, features.encoder_features, *features.multi_scale]


def test_features_are_those_of_the_released_code(parity: Parity) -> None:
    model = PixelDecoder(parity.config).eval()
    model.load_state_dict(parity.part(PREFIX))
    tensors = parity.tensors
    res2, res3, res4, res5 = (tensors[f"backbone.res{index}"] for index in (2, 3, 4, 5))
    with torch.inference_mode():
        found = flat(model((res2, res3, res4, res5)))
    names = ["mask_features", "transformer_encoder_features", *(f"multi_scale.{i}" for i in range(3))]
    for name, tensor in zip(names, found, strict=True):
        torch.testing.assert_close(tensor, tensors[f"pixel_decoder.{name}"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("size_hw", [(16, 24), (13, 17), (9, 1), (1, 1)])
def test_sizes_follow_the_maps(size_hw: tuple[int, int]) -> None:
    given = maps(2, *size_hw)
    with torch.inference_mode():
        found = decoder()(given)
    assert found.mask_features.shape == (2, 48, *size_hw)
    assert found.encoder_features.shape == (2, 64, *given[3].shape[2:])
    for scale, source in zip(found.multi_scale, reversed(given[1:]), strict=True):
        assert scale.shape == (2, 64, *source.shape[2:])
    assert all(tensor.isfinite().all() for tensor in flat(found))


def test_the_memory_layout_of_the_maps_does_not_matter() -> None:
    model, given = decoder(), maps(2, 16, 24)
    last = tuple(m.contiguous(memory_format=torch.channels_last) for m in given)
    with torch.inference_mode():
        for a, b in zip(flat(model(given)), flat(model(last)), strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_finer_maps_do_not_reach_coarser_features() -> None:
    model, given = decoder(), maps(1, 16, 24)
    with torch.inference_mode():
        before = model(given)
        after = model((given[0] + 1, given[1] * 2 + 1, given[2], given[3]))
    torch.testing.assert_close(after.encoder_features, before.encoder_features)
    torch.testing.assert_close(after.multi_scale[:2], before.multi_scale[:2])
    assert not torch.allclose(after.multi_scale[2], before.multi_scale[2], atol=1e-2)
    assert not torch.allclose(after.mask_features, before.mask_features, atol=1e-2)


def test_the_transformer_sees_the_whole_map_and_where_things_are() -> None:
    model = decoder()
    res5 = torch.randn(1, 64, 4, 6)
    elsewhere = res5.clone()
    elsewhere[:, :, 3, 5] += 2
    mirrored = res5.flip(3)
    rest = maps(1, 32, 48)[:3]
    with torch.inference_mode():
        plain, far, turned = (model((*rest, m)).encoder_features for m in (res5, elsewhere, mirrored))
    assert (plain - far)[:, :, 0, 0].abs().max() > 1e-3
    assert (plain - turned.flip(3)).abs().max() > 1e-2


@pytest.mark.parametrize("whole", [False, True], ids=["autocast", "weights"])
def test_bf16_stays_near_fp32(whole: bool) -> None:
    model, given = decoder(), maps(2, 16, 24)
    with torch.inference_mode():
        exact = flat(model(given))
        if whole:
            res2, res3, res4, res5 = (m.bfloat16() for m in given)
            near = flat(model.bfloat16()((res2, res3, res4, res5)))
        else:
            with torch.autocast("cpu", torch.bfloat16):
                near = flat(model(given))
    for a, b in zip(exact, near, strict=True):
        assert (a - b.float()).square().mean().sqrt() < 0.05 * a.square().mean().sqrt()


def test_every_parameter_learns() -> None:
    model = decoder().train()
    found = flat(model(maps(2, 16, 24)))
    sum((tensor * torch.randn_like(tensor)).sum() for tensor in found).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_published_names_and_shapes(golden: Path) -> None:
    with torch.device("meta"):
        model = PixelDecoder(preset("focal-l"))
    assert shapes_of(model) == published_shapes(golden / "pix2cap_focal_l_state_dict.tsv", PREFIX)
