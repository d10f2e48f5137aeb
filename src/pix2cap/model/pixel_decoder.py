"""The pixel decoder: a transformer over the coarsest map, then a feature pyramid up to the mask features."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from pix2cap.model.attention import Attention
from pix2cap.model.config import ModelConfig
from pix2cap.model.position import sine_position
from pix2cap.model.records import PixelFeatures

NORM_GROUPS: Final = 32


class ConvNorm(nn.Conv2d):
    """A convolution without bias, and a GroupNorm; the map keeps its size.

    Args:
        in_dim: Channels that come in.
        dim: Channels that go out, a multiple of 32.
        kernel: 1 or 3.
    """

    def __init__(self, in_dim: int, dim: int, kernel: int) -> None:
        super().__init__(in_dim, dim, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.GroupNorm(NORM_GROUPS, dim)
        _xavier(self)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in_dim, H, W)` to `(B, dim, H, W)`."""
        out: Tensor = self.norm(super().forward(x))
        return out


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward network, LayerNorm after each; places enter queries and keys only."""

    def __init__(self, dim: int, heads: int, hidden_dim: int) -> None:
        super().__init__()
        self.self_attn = Attention(dim, heads)
        self.linear1 = nn.Linear(dim, hidden_dim)
        self.linear2 = nn.Linear(hidden_dim, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        nn.init.xavier_uniform_(self.linear1.weight)
        nn.init.xavier_uniform_(self.linear2.weight)

    def forward(self, x: Tensor, pos: Tensor) -> Tensor:
        """`(B, L, dim)` to the same."""
        placed = x + pos
        x = self.norm1(x + self.self_attn(placed, placed, x))
        out: Tensor = self.norm2(x + self.linear2(functional.relu(self.linear1(x))))
        return out


class EncoderStack(nn.Module):
    """Encoder layers, one after the other."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderLayer(config.conv_dim, config.heads, config.feedforward_dim)
            for _ in range(config.encoder_layers)
        )

    def forward(self, x: Tensor, pos: Tensor) -> Tensor:
        """`(B, L, dim)` to the same."""
        for layer in self.layers:
            x = layer(x, pos)
        return x


class MapTransformer(nn.Module):
    """A transformer over the cells of a map."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.encoder = EncoderStack(config)

    def forward(self, feature_map: Tensor) -> Tensor:
        """`(B, conv_dim, H, W)` to the same."""
        pos = sine_position(feature_map[:1], feature_map.shape[1]).flatten(2).transpose(1, 2)
        x: Tensor = self.encoder(feature_map.flatten(2).transpose(1, 2), pos)
        return x.transpose(1, 2).view(feature_map.shape)


class PixelDecoder(nn.Module):
    """The backbone's maps in, mask features and the maps for attention out.

    Args:
        config: `embed_dim`, `conv_dim`, `mask_dim`, `encoder_layers`, `heads` and `feedforward_dim` count
            here.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.conv_dim
        self.input_proj = nn.Conv2d(8 * config.embed_dim, dim, 1)
        self.transformer = MapTransformer(config)
        self.layer_4 = ConvNorm(dim, dim, 3)
        self.adapter_3 = ConvNorm(4 * config.embed_dim, dim, 1)
        self.layer_3 = ConvNorm(dim, dim, 3)
        self.adapter_2 = ConvNorm(2 * config.embed_dim, dim, 1)
        self.layer_2 = ConvNorm(dim, dim, 3)
        self.adapter_1 = ConvNorm(config.embed_dim, dim, 1)
        self.layer_1 = ConvNorm(dim, dim, 3)
        self.mask_features = nn.Conv2d(dim, config.mask_dim, 3, padding=1)
        _xavier(self.input_proj)
        _xavier(self.mask_features)

    def forward(self, maps: tuple[Tensor, Tensor, Tensor, Tensor]) -> PixelFeatures:
        """Decode.

        Args:
            maps: res2 to res5, each `(B, embed_dim * 2**i, H_i, W_i)`.

        Returns:
            Mask features at res2's size, the transformer's map at res5's, and the maps at the sizes of res5,
            res4 and res3.
        """
        res2, res3, res4, res5 = maps
        encoded = self.transformer(self.input_proj(res5))
        coarse = functional.relu(self.layer_4(encoded))
        middle = _merge(res4, coarse, self.adapter_3, self.layer_3)
        fine = _merge(res3, middle, self.adapter_2, self.layer_2)
        finest = _merge(res2, fine, self.adapter_1, self.layer_1)
        return PixelFeatures(self.mask_features(finest), encoded, (coarse, middle, fine))


def _merge(side: Tensor, coarser: Tensor, adapter: ConvNorm, output: ConvNorm) -> Tensor:
    """One step up the pyramid: the backbone's map plus the coarser map, enlarged."""
    lateral = adapter(side)
    enlarged = functional.interpolate(coarser, size=lateral.shape[2:], mode="nearest")
    return functional.relu(output(lateral + enlarged))


def _xavier(conv: nn.Conv2d) -> None:
    """Xavier by fan-in, as Caffe2 meant it."""
    nn.init.kaiming_uniform_(conv.weight, a=1)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
