"""The text encoder: names of classes as unit vectors that queries are compared with.

A causal transformer like CLIP's; a text is read off at its end token, which has the highest id.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from pix2cap.model.attention import Attention
from pix2cap.model.config import ModelConfig

EPSILON: Final = 1e-12
NORM_FLOOR: Final = 1e-7
# Texts encoded at once: every class with every template would not fit at the published sizes.
ROWS_AT_ONCE: Final = 1024
# CLIP's start, logits within +-14; the released code starts at +-2.7, but only ever loads a trained scale.
INITIAL_TEMPERATURE: Final = 0.07


class QuickGELU(nn.Module):
    """CLIP's cheap GELU, x times the sigmoid of 1.702 x."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return x * torch.sigmoid(1.702 * x)


class ResidualBlock(nn.Module):
    """Causal attention and an MLP, LayerNorm before each."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = Attention(width, heads)
        self.ln_1 = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = nn.Sequential(
            OrderedDict(
                c_fc=nn.Linear(width, 4 * width), gelu=QuickGELU(), c_proj=nn.Linear(4 * width, width)
            )
        )
        self.ln_2 = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        """`(N, L, width)` to the same; `allowed` is the `(L, L)` lower triangle."""
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, allowed=allowed)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class CausalTransformer(nn.Module):
    """Token and position embeddings, residual blocks, a last LayerNorm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.text_width
        self.token_embedding = nn.Embedding(config.text_vocabulary, width)
        self.positional_embedding = nn.Parameter(torch.empty(config.text_context, width))
        self.resblocks = nn.ModuleList(
            ResidualBlock(width, config.text_heads) for _ in range(config.text_layers)
        )
        self.ln_final = nn.LayerNorm(width, eps=EPSILON)
        nn.init.trunc_normal_(self.token_embedding.weight, std=0.02)
        nn.init.trunc_normal_(self.positional_embedding, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, input_ids: Tensor) -> Tensor:
        """`(N, L)` to `(N, L, width)`."""
        length = input_ids.shape[1]
        if length > self.positional_embedding.shape[0]:
            raise ValueError(
                f"expected texts of at most {self.positional_embedding.shape[0]} tokens, got {length}"
            )
        x = self.token_embedding(input_ids) + self.positional_embedding[:length]
        allowed = torch.ones((length, length), dtype=torch.bool, device=x.device).tril()
        for block in self.resblocks:
            x = block(x, allowed)
        out: Tensor = self.ln_final(x)
        return out


class TextEncoder(nn.Module):
    """Class names in, unit vectors out; and how alike a query is to each.

    Args:
        config: `text_*` and `projection_dim` count here.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.lang_encoder = CausalTransformer(config)
        self.lang_proj = nn.Parameter(torch.empty(config.text_width, config.projection_dim))
        self.logit_scale = nn.Parameter(torch.tensor(-math.log(INITIAL_TEMPERATURE)))
        nn.init.trunc_normal_(self.lang_proj, std=0.02)

    def hidden(self, input_ids: Tensor) -> Tensor:
        """Every token's state.

        Args:
            input_ids: `(N, L)` int64, L at most `text_context`.

        Returns:
            `(N, L, text_width)`.

        Raises:
            ValueError: Texts longer than the position table.
        """
        out: Tensor = self.lang_encoder(input_ids)
        return out

    def embed(self, input_ids: Tensor) -> Tensor:
        """Texts as unit vectors.

        Args:
            input_ids: `(N, L)` int64; the end token has the highest id of its row.

        Returns:
            `(N, projection_dim)` of length 1.

        Raises:
            ValueError: Texts longer than the position table.
        """
        ends = input_ids.argmax(dim=1)
        # Attention is causal, so what follows the last end token cannot matter.
        states = self.hidden(input_ids[:, : int(ends.max()) + 1])
        rows = torch.arange(len(ends), device=ends.device)
        return _unit(states[rows, ends] @ self.lang_proj)

    def class_embeddings(self, template_ids: Sequence[Tensor]) -> Tensor:
        """One unit vector a class: the direction of the mean over its templates.

        Args:
            template_ids: For each class `(T, L)` int64, its name in T templates; T may differ, L may not.

        Returns:
            `(C, projection_dim)` of length 1.

        Raises:
            ValueError: Texts longer than the position table.
        """
        texts = torch.cat(tuple(template_ids))
        embedded = torch.cat([self.embed(rows) for rows in torch.split(texts, ROWS_AT_ONCE)])
        counts = [len(ids) for ids in template_ids]
        means = torch.stack([rows.mean(dim=0) for rows in torch.split(embedded, counts)])
        return functional.normalize(means, dim=1)

    def similarity(self, class_tokens: Tensor, class_embeddings: Tensor) -> Tensor:
        """How alike queries and classes are: the cosine, times the learned scale.

        Args:
            class_tokens: `(B, Q, projection_dim)`, of any length.
            class_embeddings: `(C, projection_dim)` of length 1.

        Returns:
            `(B, Q, C)` logits.
        """
        cosines: Tensor = _unit(class_tokens) @ class_embeddings.T
        return self.logit_scale.exp() * cosines


def _unit(x: Tensor) -> Tensor:
    """`x` at length 1 along its last axis, in float32 under autocast."""
    x = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / (length + NORM_FLOOR)
