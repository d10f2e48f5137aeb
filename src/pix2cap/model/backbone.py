"""FocalNet: four maps of a picture, made by focal modulation instead of attention.

Yang et al., Focal Modulation Networks, 2022; the variant of X-Decoder: overlapping patch embeddings,
LayerNorm after each branch, layer scale, and context divided by the number of levels. Maps are channels last
in memory throughout: on a CPU depthwise convolutions run several times faster so, and nothing is copied.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from pix2cap.model.config import ModelConfig

MLP_RATIO: Final = 4


class FocalModulation(nn.Module):
    """Each place's query times what its surroundings say, gathered over growing windows.

    Depthwise convolutions, each on the one before, see ever more context; gates choose, place by place, how
    much of each level to take; the last level is the whole map's mean.

    Args:
        dim: Channels.
        levels: Depthwise convolutions.
        window: Kernel of the first; each further one is 2 wider.
    """

    def __init__(self, dim: int, *, levels: int, window: int) -> None:
        super().__init__()
        self.dim = dim
        self.levels = levels
        self.f = nn.Linear(dim, 2 * dim + levels + 1)
        self.h = nn.Conv2d(dim, dim, 1)
        self.proj = nn.Linear(dim, dim)
        self.focal_layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(dim, dim, size, padding=size // 2, groups=dim, bias=False))
            for size in range(window, window + 2 * levels, 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(B, H, W, dim)` to the same."""
        sizes = [self.dim, self.dim, self.levels + 1]
        # Three products, not one to be split: each result is dense, so no convolution has to copy its input.
        query, context, gates = (
            functional.linear(x, weight, bias)
            for weight, bias in zip(
                torch.split(self.f.weight, sizes), torch.split(self.f.bias, sizes), strict=True
            )
        )
        contexts = []
        for layer in self.focal_layers:
            context = functional.gelu(layer(context.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
            contexts.append(context)
        contexts.append(functional.gelu(context.mean((1, 2), keepdim=True)))
        # The mean over the contexts is taken on the gates, where there are fewest numbers.
        shares = torch.split(gates / len(contexts), 1, dim=-1)
        gathered = contexts[0] * shares[0]
        for context, share in zip(contexts[1:], shares[1:], strict=True):
            gathered = torch.addcmul(gathered, context, share)
        modulator = functional.linear(gathered, self.h.weight.flatten(1), self.h.bias)
        out: Tensor = self.proj(query * modulator)
        return out


class Mlp(nn.Module):
    """Two linear maps with a GELU between."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """`(..., dim)` to the same."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out


class FocalBlock(nn.Module):
    """Focal modulation, then an MLP; each branch is normalised, scaled, sometimes dropped, and added.

    Args:
        dim: Channels.
        levels: Context levels.
        window: Kernel of the first level.
        layer_scale: Initial scale of a branch.
        drop_path: Chance that training drops a branch for a picture.
    """

    def __init__(self, dim: int, *, levels: int, window: int, layer_scale: float, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(dim)
        self.modulation = FocalModulation(dim, levels=levels, window=window)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, MLP_RATIO * dim)
        self.gamma_1 = nn.Parameter(torch.full((dim,), layer_scale))
        self.gamma_2 = nn.Parameter(torch.full((dim,), layer_scale))

    def forward(self, x: Tensor) -> Tensor:
        """`(B, H, W, dim)` to the same."""
        x = x + self._drop(_scaled_norm(self.modulation(x), self.norm1, self.gamma_1))
        return x + self._drop(_scaled_norm(self.mlp(x), self.norm2, self.gamma_2))

    def _drop(self, branch: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return branch
        keep = 1 - self.drop_path
        return branch * branch.new_empty((branch.shape[0], 1, 1, 1)).bernoulli_(keep).div_(keep)


def _scaled_norm(x: Tensor, norm: nn.LayerNorm, scale: Tensor) -> Tensor:
    """`scale * norm(x)`, with the scale folded into the norm's own: one pass over the map less."""
    return functional.layer_norm(x, norm.normalized_shape, norm.weight * scale, norm.bias * scale, norm.eps)


class PatchEmbed(nn.Module):
    """An overlapping strided convolution and a LayerNorm.

    Args:
        in_dim: Channels that come in.
        dim: Channels that go out.
        kernel: Size of the convolution.
        stride: Its step; sizes that are no multiple of it are filled up with zeros at the right and below.
        padding: Zeros at each side.
    """

    def __init__(self, in_dim: int, dim: int, *, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.stride = stride
        self.proj = nn.Conv2d(in_dim, dim, kernel, stride=stride, padding=padding)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in_dim, H, W)` to channels last, `(B, H / stride, W / stride, dim)`, sizes rounded up."""
        bottom, right = (-side % self.stride for side in x.shape[2:])
        if bottom or right:
            x = functional.pad(x, (0, right, 0, bottom))
        out: Tensor = self.norm(self.proj(x).permute(0, 2, 3, 1))
        return out


class Stage(nn.Module):
    """Focal blocks at one resolution, and the step down to the next where there is one."""

    def __init__(self, blocks: list[FocalBlock], downsample: PatchEmbed | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """`(B, H, W, dim)` to the same; `downsample` is the caller's to apply."""
        for block in self.blocks:
            x = block(x)
        return x


class FocalNet(nn.Module):
    """The backbone: pictures in, four maps out.

    Args:
        config: `patch_size`, `embed_dim`, `depths`, `focal_levels`, `focal_windows`, `drop_path` and
            `layer_scale` count here.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        patch = config.patch_size
        # At the published stride of 4 this is its 7x7 with 2 zeros at each side.
        self.patch_embed = PatchEmbed(
            3, config.embed_dim, kernel=2 * patch - 1, stride=patch, padding=patch // 2
        )
        total = sum(config.depths)
        drop_paths = [config.drop_path * index / max(total - 1, 1) for index in range(total)]
        self.layers = nn.ModuleList()
        for index, depth in enumerate(config.depths):
            dim = config.embed_dim * 2**index
            blocks = [
                FocalBlock(
                    dim,
                    levels=config.focal_levels[index],
                    window=config.focal_windows[index],
                    layer_scale=config.layer_scale,
                    drop_path=drop_paths.pop(0),
                )
                for _ in range(depth)
            ]
            last = index == len(config.depths) - 1
            down = None if last else PatchEmbed(dim, 2 * dim, kernel=3, stride=2, padding=1)
            self.layers.append(Stage(blocks, down))
            self.add_module(f"norm{index}", nn.LayerNorm(dim))
        self.apply(_initialise)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The maps of some pictures.

        Args:
            images: `(B, 3, H, W)`, normalised.

        Returns:
            res2 to res5: `(B, embed_dim * 2**i, H / s, W / s)` with s the patch size times `2**i`, rounded
            up; channels last in memory.
        """
        x = self.patch_embed(images)
        maps: list[Tensor] = []
        for index, stage in enumerate(self.layers):
            x = stage(x)
            maps.append(self.get_submodule(f"norm{index}")(x).permute(0, 3, 1, 2))
            if index < len(self.layers) - 1:
                x = stage.get_submodule("downsample")(x.permute(0, 3, 1, 2))
        res2, res3, res4, res5 = maps
        return res2, res3, res4, res5


def _initialise(module: nn.Module) -> None:
    """Start linear maps at unit gain.

    FocalNet's own .02 is for wide stages: with few channels a branch, a product of three such maps, would
    come out below what its LayerNorm's epsilon swallows, and learn slowly.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
        nn.init.zeros_(module.bias)
