"""FocalNet: parity, sizes, precision, stochastic depth."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pix2cap.model.backbone import FocalBlock, FocalModulation, FocalNet
from pix2cap.model.config import ModelConfig, preset
from tests.builders.parity import Parity, published_shapes, shapes_of

SMALL = dataclasses.replace(
    preset("tiny"),
    embed_dim=8,
    depths=(1, 2, 1, 1),
    focal_levels=(1, 2, 3, 2),
    focal_windows=(3, 5, 3, 7),
    layer_scale=0.5,
)


def backbone(config: ModelConfig = SMALL) -> FocalNet:
    torch.manual_seed(0)
    return FocalNet(config).eval()


def plain_modulation(module: FocalModulation, x: Tensor) -> Tensor:
    """Focal modulation as the paper writes it, channels first, one product, the mean at the end."""
    projected = functional.linear(x, module.f.weight, module.f.bias).permute(0, 3, 1, 2).contiguous()
    query, context, gates = projected.split([module.dim, module.dim, module.levels + 1], 1)
    total = torch.zeros_like(query)
    for level in range(module.levels):
        kernel = module.get_submodule(f"focal_layers.{level}.0").get_parameter("weight")
        context = functional.gelu(
            functional.conv2d(context, kernel, padding=kernel.shape[-1] // 2, groups=module.dim)
        )
        total = total + context * gates[:, level : level + 1]
    total = total + functional.gelu(context.mean((2, 3), keepdim=True)) * gates[:, -1:]
    total = total / (module.levels + 1)
    mixed = query * functional.conv2d(total, module.h.weight, module.h.bias)
    return functional.linear(mixed.permute(0, 2, 3, 1), module.proj.weight, module.proj.bias)


def test_maps_are_those_of_the_released_code(parity: Parity) -> None:
    model = FocalNet(parity.config).eval()
    model.load_state_dict(parity.part("backbone."))
    with torch.inference_mode():
        maps = model(parity.tensors["backbone.input"])
    for index, found in enumerate(maps):
        torch.testing.assert_close(found, parity.tensors[f"backbone.res{index + 2}"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_modulation_is_the_plain_formula(levels: int) -> None:
    torch.manual_seed(1)
    module = FocalModulation(6, levels=levels, window=3)
    x = torch.randn(2, 5, 7, 6)
    torch.testing.assert_close(module(x), plain_modulation(module, x), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("patch_size", [1, 2, 4, 8])
@pytest.mark.parametrize("size_hw", [(64, 96), (50, 67), (1, 1), (33, 9)])
def test_maps_halve_rounding_up(patch_size: int, size_hw: tuple[int, int]) -> None:
    model = backbone(dataclasses.replace(SMALL, patch_size=patch_size))
    with torch.inference_mode():
        maps = model(torch.randn(2, 3, *size_hw))
    height, width = (-(-side // patch_size) for side in size_hw)
    for index, found in enumerate(maps):
        assert found.shape == (2, 8 * 2**index, height, width)
        assert found.isfinite().all()
        height, width = -(-height // 2), -(-width // 2)


def test_a_picture_does_not_depend_on_its_batch() -> None:
    model = backbone()
    images = torch.randn(3, 3, 32, 48)
    with torch.inference_mode():
        together, alone = model(images), model(images[1:2])
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a[1:2], b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("whole", [False, True], ids=["autocast", "weights"])
def test_bf16_stays_near_fp32(whole: bool) -> None:
    model = backbone()
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        exact = model(images)
        if whole:
            near = model.bfloat16()(images.bfloat16())
        else:
            with torch.autocast("cpu", torch.bfloat16):
                near = model(images)
    for a, b in zip(exact, near, strict=True):
        assert (a - b.float()).square().mean().sqrt() < 0.05 * a.square().mean().sqrt()


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_every_parameter_learns(precision: torch.dtype) -> None:
    model = backbone(dataclasses.replace(preset("tiny"), drop_path=0.2)).train()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision is torch.bfloat16):
        maps = model(torch.randn(8, 3, 64, 64))
    sum((m.float() * torch.randn_like(m.float())).sum() for m in maps).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


def test_fresh_narrow_branches_are_heard() -> None:
    """No branch of a fresh `tiny` comes out below what LayerNorm's epsilon swallows."""
    model = backbone(preset("tiny"))
    norms: dict[str, float] = {}

    def note(name: str) -> None:
        block = model.get_submodule(name)
        block.register_forward_hook(lambda _m, _i, out: norms.update({name: float(out.std())}))

    for name, module in model.named_modules():
        if isinstance(module, FocalModulation):
            note(name)
    with torch.inference_mode():
        model(torch.randn(2, 3, 64, 64))
    assert len(norms) == sum(preset("tiny").depths)
    assert min(norms.values()) > 0.003, norms


def test_stochastic_depth_drops_a_branch_for_whole_pictures() -> None:
    torch.manual_seed(0)
    block = FocalBlock(8, levels=2, window=3, layer_scale=1.0, drop_path=0.25)
    torch.nn.init.zeros_(block.gamma_2)
    x = torch.randn(1, 6, 6, 8)
    branch = block.eval()(x) - x
    found = block.train()(x.expand(400, -1, -1, -1)) - x
    kept = found.abs().amax((1, 2, 3)) > 0
    torch.testing.assert_close(
        found[kept], (branch / 0.75).expand(int(kept.sum()), -1, -1, -1), atol=1e-4, rtol=1e-3
    )
    assert 260 < kept.sum() < 340


def test_stochastic_depth_grows_from_nothing() -> None:
    blocks = [
        m for m in backbone(dataclasses.replace(SMALL, drop_path=0.4)).modules() if isinstance(m, FocalBlock)
    ]
    assert [block.drop_path for block in blocks] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_published_names_and_shapes(golden: Path) -> None:
    with torch.device("meta"):
        model = FocalNet(preset("focal-l"))
    assert shapes_of(model) == published_shapes(golden / "pix2cap_focal_l_state_dict.tsv", "backbone.")
