"""The query decoder: queries look at the picture where their own masks lie, layer after layer."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from pix2cap.model.attention import Attention
from pix2cap.model.caption_decoder import CaptionDecoder
from pix2cap.model.caption_memory import RichMemory
from pix2cap.model.config import ModelConfig
from pix2cap.model.mask_form import MaskForm
from pix2cap.model.position import sine_position
from pix2cap.model.records import LayerPrediction, PixelFeatures
from pix2cap.model.text_encoder import TextEncoder

FEATURE_LEVELS = 3


class CrossAttentionLayer(nn.Module):
    """Queries look at one map of the picture; residual, then LayerNorm (post-norm)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.multihead_attn = Attention(dim, heads)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self, queries: Tensor, query_pos: Tensor, source: Tensor, pos: Tensor, allowed: Tensor
    ) -> Tensor:
        """Queries `(B, Q, dim)`, source `(B, L, dim)`, allowed `(B, 1, Q, L)`."""
        seen = self.multihead_attn(queries + query_pos, source + pos, source, allowed=allowed)
        out: Tensor = self.norm(queries + seen)
        return out


class SelfAttentionLayer(nn.Module):
    """Queries look at each other; residual, then LayerNorm."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.self_attn = Attention(dim, heads)
        self.norm = nn.LayerNorm(dim)

    def forward(self, queries: Tensor, query_pos: Tensor, allowed: Tensor) -> Tensor:
        """Queries `(B, Q, dim)`, allowed `(Q, Q)`."""
        placed = queries + query_pos
        out: Tensor = self.norm(queries + self.self_attn(placed, placed, queries, allowed=allowed))
        return out


class FeedForwardLayer(nn.Module):
    """Two linear maps with a ReLU between; residual, then LayerNorm."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(dim, hidden_dim)
        self.linear2 = nn.Linear(hidden_dim, dim)
        self.norm = nn.LayerNorm(dim)
        nn.init.xavier_uniform_(self.linear1.weight)
        nn.init.xavier_uniform_(self.linear2.weight)

    def forward(self, queries: Tensor) -> Tensor:
        """`(B, Q, dim)` to the same."""
        out: Tensor = self.norm(queries + self.linear2(functional.relu(self.linear1(queries))))
        return out


class MLP(nn.Module):
    """Linear maps with ReLUs between them."""

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, layers: int) -> None:
        super().__init__()
        dims = [in_dim, *[hidden_dim] * (layers - 1), out_dim]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(dims))

    def forward(self, x: Tensor) -> Tensor:
        """`(..., in_dim)` to `(..., out_dim)`."""
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x))
        out: Tensor = self.layers[-1](x)
        return out


class TextDecoder(nn.Module):
    """Holds the caption decoder under its published name, `text_decoder.textual`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.textual = CaptionDecoder(config)


class QueryDecoder(nn.Module):
    """X-Decoder's predictor (Zou et al. 2023, section 3) with the caption decoder of Pix2Cap-COCO.

    Object queries and one class query, which do not see each other, pass through layers of masked
    cross-attention (Mask2Former, Cheng et al. 2022, eq. 2: a query looks where its last mask is above one
    half), self-attention and a feed-forward network. After each layer, and before the first, every query
    says a class, a mask and a box.

    Args:
        config: Sizes. `caping_embed` and `pos_embed_caping` belong to X-Decoder's image captioning, which
            this task does not use; they are here so that published weights load as they are.
    """

    self_attn_mask: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, heads, layers = config.hidden_dim, config.heads, config.decoder_layers
        self.transformer_self_attention_layers = nn.ModuleList(
            SelfAttentionLayer(dim, heads) for _ in range(layers)
        )
        self.transformer_cross_attention_layers = nn.ModuleList(
            CrossAttentionLayer(dim, heads) for _ in range(layers)
        )
        self.transformer_ffn_layers = nn.ModuleList(
            FeedForwardLayer(dim, config.feedforward_dim) for _ in range(layers)
        )
        self.decoder_norm = nn.LayerNorm(dim)
        self.query_feat = nn.Embedding(config.queries + 1, dim)
        self.query_embed = nn.Embedding(config.queries + 1, dim)
        self.level_embed = nn.Embedding(FEATURE_LEVELS, dim)
        self.input_proj = nn.ModuleList(
            nn.Conv2d(config.conv_dim, dim, 1) if config.conv_dim != dim else nn.Identity()
            for _ in range(FEATURE_LEVELS)
        )
        self.lang_encoder = TextEncoder(config)
        self.mask_embed = MLP(dim, dim, config.mask_dim, 3)
        self.bbox_embed = MLP(dim, dim, 4, 3)
        self.class_embed = nn.Parameter(
            nn.init.trunc_normal_(torch.empty(dim, config.projection_dim), std=0.02)
        )
        self.caping_embed = nn.Parameter(torch.zeros(dim, config.projection_dim), requires_grad=False)
        self.pos_embed_caping = nn.Embedding(config.text_context, dim).requires_grad_(False)
        if config.class_source == "mask":
            self.mask_form = MaskForm(dim)
        self.class_source = config.class_source
        self.text_decoder = TextDecoder(config)
        if config.caption_memory == "rich":
            self.caption_memory = RichMemory(config)
        else:
            self.object_proj = nn.Linear(dim, config.object_dim)
        self.register_buffer("self_attn_mask", _forbidden(config.queries + 1, config.text_context))

    def forward(self, features: PixelFeatures, class_embeddings: Tensor) -> list[LayerPrediction]:
        """Decode a batch of pictures.

        Args:
            features: From the pixel decoder.
            class_embeddings: `(classes + 1, projection_dim)`, unit length, "background" last.

        Returns:
            One prediction before the first layer and one after each; the class query is the last of the
            `queries + 1`.
        """
        sources, positions = self._sources(features)
        batch = features.mask_features.shape[0]
        query_pos = self.query_embed.weight.expand(batch, -1, -1)
        queries = self.query_feat.weight.expand(batch, -1, -1)
        count = queries.shape[1]
        free = ~self.self_attn_mask[0, :count, :count]
        predictions = [self._predict(queries, features.mask_features, class_embeddings)]
        for i in range(len(self.transformer_ffn_layers)):
            level = i % FEATURE_LEVELS
            size = features.multi_scale[level].shape[-2:]
            queries = self.transformer_cross_attention_layers[i](
                queries, query_pos, sources[level], positions[level], _inside(predictions[-1].masks, size)
            )
            queries = self.transformer_self_attention_layers[i](queries, query_pos, free)
            queries = self.transformer_ffn_layers[i](queries)
            predictions.append(self._predict(queries, features.mask_features, class_embeddings))
        return predictions

    def global_feature(self, features: PixelFeatures) -> Tensor:
        """`(B, hidden_dim)`: the highest value of each channel of the coarsest map, level embedding added."""
        coarse = self.input_proj[0](features.multi_scale[0]).flatten(2).amax(-1)
        out: Tensor = coarse + self.level_embed.weight[0]
        return out

    def _sources(self, features: PixelFeatures) -> tuple[list[Tensor], list[Tensor]]:
        sources, positions = [], []
        for level, (grid, project) in enumerate(zip(features.multi_scale, self.input_proj, strict=True)):
            source = project(grid).flatten(2).transpose(1, 2) + self.level_embed.weight[level]
            sources.append(source)
            positions.append(sine_position(grid, source.shape[-1]).flatten(2).transpose(1, 2))
        return sources, positions

    def _predict(self, queries: Tensor, mask_features: Tensor, class_embeddings: Tensor) -> LayerPrediction:
        """Class, mask and box of every query; einsum axes: b picture, q query, c channel, h, w."""
        normed = self.decoder_norm(queries)
        masks = torch.einsum("bqc,bchw->bqhw", self.mask_embed(normed), mask_features)
        objects, class_query = normed[:, :-1], normed[:, -1:]
        unit = functional.normalize(objects, dim=-1, eps=1e-7)
        alike = functional.normalize(class_query, dim=-1, eps=1e-7) @ unit.transpose(1, 2)
        pooled = alike.softmax(-1) @ objects
        named = objects + self.mask_form(masks[:, :-1]) if self.class_source == "mask" else objects
        tokens = torch.cat((named, pooled), dim=1)
        logits = self.lang_encoder.similarity(tokens @ self.class_embed, class_embeddings)
        told = torch.cat((named, class_query), dim=1)
        return LayerPrediction(logits, masks, self.bbox_embed(tokens).sigmoid(), told)


def _forbidden(queries: int, context: int) -> Tensor:
    """`(1, n, n)` bool, true where X-Decoder lets a row not look at a column: object queries, then the class
    query, then caption tokens. Only the first `queries` rows matter to this task.
    """
    n = queries + context
    mask = torch.zeros(n, n, dtype=torch.bool)
    mask[:queries, queries:] = True
    mask[queries:, queries:] = torch.ones(context, context, dtype=torch.bool).triu(1)
    mask[: queries - 1, queries - 1] = True
    mask[queries - 1, : queries - 1] = True
    return mask[None]


@torch.no_grad()
def _inside(masks: Tensor, size_hw: torch.Size) -> Tensor:
    """`(B, 1, Q, h*w)`: where a query's mask is at least one half; everywhere when it is nowhere."""
    small = functional.interpolate(
        masks.float(), size=tuple(size_hw), mode="bicubic", align_corners=False, antialias=True
    )
    inside = small.flatten(2) >= 0
    return (inside | ~inside.any(-1, keepdim=True))[:, None]
