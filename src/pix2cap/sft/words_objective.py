"""A first lesson for a region module without running the language model: find the words of the answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def words_loss(regions: Tensor, counts: Tensor, labels: Tensor, words: Tensor) -> Tensor:
    """Which words does a region's answer hold? Binary cross-entropy over the words that some answers hold.

    A region stands for its answer as a bag of words. Its logit for a token is how far the region's embedding
    (the mean of its tokens) reaches along the token's own input embedding, on top of how common the token is
    among the answers of the batch: what all hold ("the", "of") is known without looking. What the region
    module learns by it stands where the language model already has the words for it, at the price of one
    product of matrices a step. Each word is a question of its own: in one softmax over all of them, a
    name, the whole of a short answer, would crowd out colours, each a thirtieth of a sentence.

    Names and sentences do not count against each other: that "Label it" is answered without a colour says
    nothing of colours. An answer under half of the mean length is taken for a name.

    Args:
        regions: `(N, tokens, D)`, of all pictures in turn.
        counts: `(B,)` regions of each conversation, which ask for one answer each, in this order.
        labels: `(B, L)` tokens of the answers, -100 elsewhere; the last of an answer ends it and is no word.
        words: `(V, D)` input embeddings.

    Returns:
        Sum over names and sentences of the mean over their regions and words; 0 where all say the same.

    Raises:
        ValueError: A conversation has another number of answers than of regions.
    """
    held = words_of_answers(labels, counts, vocabulary=len(words))
    # Regions keep their length: on a sphere, words of one answer would compete for it as in a softmax.
    logits = regions.float().mean(1) @ nn.functional.normalize(words.float(), dim=-1).T
    lengths = held.sum(1)
    is_name = lengths < lengths.float().mean() / 2
    loss: Tensor = logits.sum() * 0.0  # Joined to the graph even where there is nothing to tell apart.
    for group in (is_name, ~is_name):
        answers, size = held[group], int(group.sum())
        common = answers.sum(0)
        tells = (common > 0) & (common < size)
        if bool(tells.any()):
            prior = (common[tells] / (size - common[tells])).log()
            found = logits[group][:, tells] + prior
            loss = loss + nn.functional.binary_cross_entropy_with_logits(found, answers[:, tells])
    return loss


def words_of_answers(labels: Tensor, counts: Tensor, *, vocabulary: int) -> Tensor:
    """`(N, V)` 1.0 where a token is in an answer, answers in the order of the labels.

    Args:
        labels: See `words_loss`; an answer of one token alone is that token.
        counts: See `words_loss`.
        vocabulary: V.

    Raises:
        ValueError: See `words_loss`.
    """
    known = labels != -100
    starts = known & ~nn.functional.pad(known, (1, 0))[:, :-1]
    if not torch.equal(starts.sum(1), counts):
        raise ValueError(
            f"expected an answer for each region, {counts.tolist()}, got {starts.sum(1).tolist()}"
        )
    answer = starts.flatten().cumsum(0).reshape(labels.shape) - 1
    is_word = known & (nn.functional.pad(known, (0, 1))[:, 1:] | starts)
    held = torch.zeros(int(counts.sum()), vocabulary, device=labels.device)
    held[answer[is_word], labels[is_word]] = 1.0
    return held
