"""Multi-head attention on `torch.nn.functional.scaled_dot_product_attention`, batch first."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """Multi-head attention whose parameters carry the names of `torch.nn.MultiheadAttention`.

    That module wants one mask a head, `heads` times the memory; here one mask serves all heads.

    Args:
        dim: Channels of queries, keys, values and output.
        heads: Number of heads; `dim` is a multiple of it.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.xavier_uniform_(self.out_proj.weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, *, allowed: Tensor | None = None) -> Tensor:
        """Attend from `query` to `key`.

        Args:
            query: `(B, Q, dim)`.
            key: `(B, L, dim)`.
            value: `(B, L, dim)`.
            allowed: Bool, broadcast to `(B, heads, Q, L)`: true where a query may look.

        Returns:
            `(B, Q, dim)`.
        """
        weights = self.in_proj_weight.chunk(3)
        biases = self.in_proj_bias.chunk(3)
        q, k, v = (
            functional.linear(x, weight, bias).view(*x.shape[:-1], self.heads, -1).transpose(1, 2)
            for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out
