"""The caption decoder: one BERT reads a segment's memory and its caption so far, and says the next word.

A "prefix language model": memory tokens and words go through the same layers; memory attends to memory only,
each word to the memory and to the words up to itself. As in GRiT, after GIT (Wang et al. 2022,
"GIT: A Generative Image-to-text Transformer for Vision and Language").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pix2cap.model.config import ModelConfig


@dataclass
class CaptionCache:
    """Keys and values of what was read so far, in buffers that have room for the rest.

    Args:
        store: `(layers, 2, M, heads, K + max_tokens, head width)`, keys and then values.
        allowed: `(M, 1, 1, K + max_tokens)` bool, False for memory tokens to ignore; None if all count.
        memory_tokens: K.
        filled: Memory tokens and words in the buffers.
    """

    store: Tensor
    allowed: Tensor | None
    memory_tokens: int
    filled: int

    @property
    def capacity(self) -> int:
        """Memory tokens and words that the buffers can hold."""
        return self.store.shape[4]

    def select(self, rows: Tensor) -> None:
        """Keep these rows in this order; a row may be named several times (beams) or not at all (finished).

        Args:
            rows: `(N,)` int64 indices of rows.
        """
        kept = self.store[..., : self.filled, :].index_select(2, rows)
        if rows.shape[0] != self.store.shape[2]:
            shape = list(self.store.shape)
            shape[2] = rows.shape[0]
            self.store = self.store.new_empty(shape)
        self.store[..., : self.filled, :] = kept
        if self.allowed is not None:
            self.allowed = self.allowed.index_select(0, rows)


class _SelfAttention(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.caption_width
        self.heads = config.caption_heads
        self.dropout = config.caption_dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: Tensor, allowed: Tensor | None, store: Tensor | None, filled: int) -> Tensor:
        """`(M, T, width)` to the same; `store` `(2, M, heads, S, d)` gets the new keys and values."""
        query, key, value = (
            projection(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        if store is not None:
            end = filled + x.shape[1]
            store[0, :, :, filled:end] = key
            store[1, :, :, filled:end] = value
            key, value = store[0, :, :, :end], store[1, :, :, :end]
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=allowed, dropout_p=self.dropout if self.training else 0.0
        )
        return mixed.transpose(1, 2).flatten(2)


class _AddAndNorm(nn.Module):
    """Projection, dropout, residual, LayerNorm: the end of both halves of a BERT layer."""

    def __init__(self, width_in: int, config: ModelConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(width_in, config.caption_width)
        self.LayerNorm = nn.LayerNorm(config.caption_width, eps=1e-12)
        self.dropout = nn.Dropout(config.caption_dropout)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        normed: Tensor = self.LayerNorm(self.dropout(self.dense(x)) + residual)
        return normed


class _Layer(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {"self": _SelfAttention(config), "output": _AddAndNorm(config.caption_width, config)}
        )
        self.intermediate = nn.ModuleDict(
            {"dense": nn.Linear(config.caption_width, config.caption_feedforward)}
        )
        self.output = _AddAndNorm(config.caption_feedforward, config)

    def forward(self, x: Tensor, allowed: Tensor | None, store: Tensor | None, filled: int) -> Tensor:
        x = self.attention["output"](self.attention["self"](x, allowed, store, filled), x)
        y: Tensor = self.output(functional.gelu(self.intermediate["dense"](x)), x)
        return y


class _Encoder(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer(config) for _ in range(config.caption_layers))

    def forward(self, x: Tensor, allowed: Tensor | None, cache: CaptionCache | None = None) -> Tensor:
        filled = 0 if cache is None else cache.filled
        for index, layer in enumerate(self.layer):
            x = layer(x, allowed, None if cache is None else cache.store[index], filled)
        if cache is not None:
            cache.filled += x.shape[1]
        return x


class _Embedding(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.words = nn.Embedding(config.caption_vocabulary, config.caption_width)
        self.positions = nn.Embedding(config.caption_positions, config.caption_width)
        self.layer_norm = nn.LayerNorm(config.caption_width, eps=1e-8)
        self.dropout = nn.Dropout(config.caption_dropout)

    def forward(self, token_ids: Tensor, first: int) -> Tensor:
        """`(M, T)` ids, the first of them at that place of the caption, to `(M, T, width)`."""
        places = self.positions.weight[first : first + token_ids.shape[1]]
        embedded: Tensor = self.dropout(self.layer_norm(self.words(token_ids) + places))
        return embedded


class CaptionDecoder(nn.Module):
    """Memory tokens of a segment and a caption's first words to the odds of the next word.

    Dropout is active in training mode only, so decode in evaluation mode.

    Args:
        config: Sizes; the fields named `caption_...` and `object_dim`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.object_feature_projection = nn.Sequential(
            nn.Linear(config.object_dim, config.caption_width), nn.LayerNorm(config.caption_width)
        )
        self.embedding = _Embedding(config)
        self.transformer = nn.ModuleDict({"encoder": _Encoder(config)})
        self.output = nn.Linear(config.caption_width, config.caption_vocabulary)
        self.apply(_initialise)
        self._tie()
        # A load with `assign=True` puts two tensors where there was one.
        self.register_load_state_dict_post_hook(_tie_after_load)  # type: ignore[no-untyped-call]

    def _tie(self) -> None:
        self.output.weight = self.embedding.words.weight

    def forward(self, memory: Tensor, token_ids: Tensor, memory_ignored: Tensor | None = None) -> Tensor:
        """Logits of the word after each of the given ones (teacher forcing).

        Args:
            memory: `(M, K, object_dim)`.
            token_ids: `(M, T)` int64, begin token first; what is right of a caption's end has no effect on
                what is left of it.
            memory_ignored: `(M, K)` bool, True for memory tokens that are padding.

        Returns:
            `(M, T, caption_vocabulary)`.
        """
        return self.logits(self.hidden(memory, token_ids, memory_ignored))

    def hidden(self, memory: Tensor, token_ids: Tensor, memory_ignored: Tensor | None = None) -> Tensor:
        """What `forward` gives to the vocabulary's layer: `(M, T, caption_width)`.

        The loss needs logits of some tokens only; `logits(hidden[counted])` costs less than all of them.
        """
        prefix = self.object_feature_projection(memory)
        words = self.embedding(token_ids, 0)
        tokens = torch.cat((prefix, words), dim=1)
        allowed = _prefix_mask(memory.shape[1], token_ids.shape[1], memory_ignored, memory.device)
        states: Tensor = self.transformer["encoder"](tokens, allowed)
        return states[:, memory.shape[1] :]

    def logits(self, hidden: Tensor) -> Tensor:
        """`(..., caption_width)` to `(..., caption_vocabulary)`."""
        scores: Tensor = self.output(hidden)
        return scores

    @torch.no_grad()
    def prefill(
        self, memory: Tensor, memory_ignored: Tensor | None = None, *, max_tokens: int | None = None
    ) -> CaptionCache:
        """Read the memory once.

        Args:
            memory: `(M, K, object_dim)`.
            memory_ignored: `(M, K)` bool, True for memory tokens that are padding.
            max_tokens: Longest caption to make room for; `config.caption_max_tokens` if None.

        Returns:
            A cache for `step`, with M rows.
        """
        rows, count = memory.shape[:2]
        room = self.config.caption_max_tokens if max_tokens is None else max_tokens
        heads = self.config.caption_heads
        device = memory.device.type
        autocast = torch.is_autocast_enabled(device)
        store = torch.empty(
            (self.config.caption_layers, 2, rows, heads, count + room, self.config.caption_width // heads),
            dtype=torch.get_autocast_dtype(device) if autocast else self.output.weight.dtype,
            device=memory.device,
        )
        keep = None
        if memory_ignored is not None:
            keep = functional.pad(~memory_ignored, (0, room), value=True)[:, None, None, :]
        cache = CaptionCache(store, keep, count, 0)
        allowed = None if memory_ignored is None else _prefix_mask(count, 0, memory_ignored, memory.device)
        self.transformer["encoder"](self.object_feature_projection(memory), allowed, cache)
        return cache

    @torch.no_grad()
    def step(self, token_ids: Tensor, cache: CaptionCache) -> Tensor:
        """Read one more word a row and say the odds of the next.

        Args:
            token_ids: `(M,)` int64.
            cache: Of `prefill` and former steps; it grows by one word.

        Returns:
            Logits `(M, caption_vocabulary)`.

        Raises:
            ValueError: The cache is full.
        """
        if cache.filled >= cache.capacity:
            raise ValueError(
                f"expected a cache with room for one more word, got one filled with {cache.filled} tokens"
            )
        words = self.embedding(token_ids[:, None], cache.filled - cache.memory_tokens)
        allowed = None if cache.allowed is None else cache.allowed[..., : cache.filled + 1]
        states = self.transformer["encoder"](words, allowed, cache)
        return self.logits(states[:, 0])


def _prefix_mask(memory: int, words: int, memory_ignored: Tensor | None, device: torch.device) -> Tensor:
    """Who may look at whom: bool, `(S, S)` or, with padding in the memory, `(M, 1, S, S)`."""
    allowed = torch.ones((memory + words, memory + words), dtype=torch.bool, device=device).tril()
    allowed[:memory, :memory] = True
    if memory_ignored is None:
        return allowed
    counts = functional.pad(~memory_ignored, (0, words), value=True)
    # A padding token looks at itself, or its softmax would be over nothing; nobody looks at it.
    itself = torch.eye(memory + words, dtype=torch.bool, device=device)
    return ((allowed & counts[:, None, :]) | itself)[:, None]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def _tie_after_load(module: nn.Module, _incompatible: Any) -> None:
    assert isinstance(module, CaptionDecoder)
    module._tie()
