"""A first lesson for a region module without running the language model: find the words of the answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def words_loss(regions: Tensor, counts: Tensor, labels: Tensor, words: Tensor) -> Tensor:
    """Cross-entropy of each region's embedding over the vocabulary, with its answer's tokens as targets.

    A region stands for its answer as a bag of words: the logit of a token is sqrt(D) times the cosine of the
    region's embedding (the mean of its tokens) and of the token's own input embedding. What the region module
    learns by it stands where the language model already has the words for it, at the price of one product of
    matrices a step. Learnt through the language model alone, features are noise to attention at first and
    attention is deaf to features, so neither has much of a gradient (docs/sft.md has the figures).

    Args:
        regions: `(N, tokens, D)`, of all pictures in turn.
        counts: `(B,)` regions of each conversation, which ask for one answer each, in this order.
        labels: `(B, L)` tokens of the answers, -100 elsewhere; the last of an answer ends it and is no word.
        words: `(V, D)` input embeddings.

    A token of n answers weighs log(1 + N / n) in each: what every answer of the batch holds ("the", "of")
    tells no region from another, and would be most of the loss.

    Returns:
        Mean over regions of the weighted mean over an answer's tokens.

    Raises:
        ValueError: A conversation has another number of answers than of regions.
    """
    known = labels != -100
    before = nn.functional.pad(known, (1, 0))[:, :-1]
    after = nn.functional.pad(known, (0, 1))[:, 1:]
    answers = (known & ~before).sum(1)
    if not torch.equal(answers, counts):
        raise ValueError(f"expected an answer for each region, {counts.tolist()}, got {answers.tolist()}")
    answer = (known & ~before).flatten().cumsum(0).reshape(labels.shape) - 1
    is_word = known & (after | ~before)  # An answer of one token alone is that token.
    asked, targets = answer[is_word], labels[is_word]
    cosine = nn.functional.linear(
        nn.functional.normalize(regions.float().mean(1), dim=-1),
        nn.functional.normalize(words.float(), dim=-1),
    )
    likely = (words.shape[1] ** 0.5 * cosine).log_softmax(-1)
    held = likely.new_zeros(likely.shape).index_put((asked, targets), likely.new_ones(())).sum(0)
    weights = torch.log1p(len(regions) / held[targets])
    sums = weights.new_zeros(len(regions)).index_add(0, asked, weights)
    loss: Tensor = -(likely[asked, targets] * weights / sums[asked]).sum() / max(1, len(regions))
    return loss
