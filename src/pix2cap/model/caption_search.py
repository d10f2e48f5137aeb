"""From memory tokens to captions: greedy and beam search over the cached decoder, all segments at once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from pix2cap.model.caption_decoder import CaptionDecoder


class Captions(NamedTuple):
    """Decoded captions.

    Args:
        token_ids: `(M, T)` int64: begin, words, end, and then the end token again up to the longest caption.
        log_probs: `(M,)` float32, mean log-probability of a token, begin not counted: the confidence.
    """

    token_ids: Tensor
    log_probs: Tensor


# What the published search writes into the logit of a word that would stand twice in a row.
_REPEATED = -10000.0


@torch.no_grad()
def search_captions(
    decoder: CaptionDecoder,
    memory: Tensor,
    *,
    begin_id: int,
    end_id: int,
    max_tokens: int,
    beam_size: int = 1,
    per_beam: int = 1,
    memory_ignored: Tensor | None = None,
) -> Captions:
    """The captions that the published search finds, without its repeated work.

    No word follows itself. Beams are ranked by the sum of their log-probabilities, and the best one's sum
    is divided by its length afterwards. A sum only falls, so a segment whose best beam has ended is finished.

    Args:
        decoder: In evaluation mode.
        memory: `(M, K, object_dim)`.
        begin_id: Token that opens a caption.
        end_id: Token that closes it.
        max_tokens: Longest caption, begin and end counted; at least 2.
        beam_size: Beams a segment; 1 is greedy.
        per_beam: Continuations of each beam that compete; 1, as published, lets each first word go its own
            greedy way, and `beam_size` is the usual beam search.
        memory_ignored: `(M, K)` bool, True for memory tokens that are padding.

    Returns:
        Tokens and confidence, in the order of the memory.

    Raises:
        ValueError: `max_tokens` below 2, or a beam size below 1.
    """
    if max_tokens < 2 or beam_size < 1 or per_beam < 1:
        raise ValueError(
            "expected max_tokens >= 2, beam_size >= 1 and per_beam >= 1, got "
            f"{max_tokens}, {beam_size} and {per_beam}"
        )
    segments = memory.shape[0]
    best = torch.full((segments, max_tokens), end_id, dtype=torch.int64, device=memory.device)
    sums = torch.zeros(segments, device=memory.device)
    if segments:
        _search(decoder, memory, memory_ignored, (best, sums), (begin_id, end_id), (beam_size, per_beam))
    ended = best == end_id
    words = max_tokens - ended.sum(dim=1)
    lengths = words + ended.any(dim=1) - 1
    longest = int(words.max()) if segments else 1
    longest += bool((ended.any(dim=1) & (words == longest)).any())
    return Captions(best[:, :longest], sums / lengths.clamp(min=1))


def _search(
    decoder: CaptionDecoder,
    memory: Tensor,
    memory_ignored: Tensor | None,
    found: tuple[Tensor, Tensor],
    marks: tuple[int, int],
    widths: tuple[int, int],
) -> None:
    """Fill `found`, each segment's best tokens `(M, T)` and their summed log-probability `(M,)`."""
    begin_id, end_id = marks
    beams, per_beam = widths
    best, best_sums = found
    max_tokens = best.shape[1]
    live = torch.arange(memory.shape[0], device=memory.device)
    cache = decoder.prefill(memory, memory_ignored, max_tokens=max_tokens)
    logits = decoder.step(torch.full_like(live, begin_id), cache).float()
    sums, words = logits.log_softmax(dim=1).topk(beams)
    tokens = best[:, None].repeat(1, beams, 1)
    tokens[:, :, 0] = begin_id
    tokens[:, :, 1] = words
    if beams > 1:
        cache.select(live.repeat_interleave(beams))
    for place in range(2, max_tokens):
        finished = tokens[:, 0, place - 1] == end_id
        done = int(finished.sum())
        # Finished rows are harmless: only the end token follows. Copying the cache pays when a few can go.
        if done * 4 >= live.shape[0]:
            best[live], best_sums[live] = tokens[:, 0], sums[:, 0]
            if done == live.shape[0]:
                return
            kept = (~finished).nonzero()[:, 0]
            live, tokens, sums = live[kept], tokens[kept], sums[kept]
            cache.select((kept[:, None] * beams + torch.arange(beams, device=kept.device)).flatten())
        last = tokens[:, :, place - 1].flatten()
        top, words = _next_log_probs(decoder.step(last, cache), last, end_id).topk(per_beam)
        totals = (sums.flatten()[:, None] + top).view(live.shape[0], beams * per_beam)
        sums, picked = totals.topk(beams)
        words = words.view(live.shape[0], beams * per_beam).gather(1, picked)
        parents = picked // per_beam
        tokens = tokens.gather(1, parents[:, :, None].expand(-1, -1, max_tokens))
        tokens[:, :, place] = words
        if beams > 1:
            rows = torch.arange(live.shape[0], device=live.device)[:, None] * beams + parents
            cache.select(rows.flatten())
    best[live], best_sums[live] = tokens[:, 0], sums[:, 0]


def _next_log_probs(logits: Tensor, last: Tensor, end_id: int) -> Tensor:
    """Log-probabilities `(N, V)` of the next word after `last` `(N,)`; after the end comes the end."""
    logits = logits.float().scatter(1, last[:, None], _REPEATED)
    log_probs = logits.log_softmax(dim=1)
    ended = last == end_id
    log_probs.masked_fill_(ended[:, None], -torch.inf)
    log_probs[:, end_id].masked_fill_(ended, 0.0)
    return log_probs
