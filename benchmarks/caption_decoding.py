"""Captioning one picture: our decoding against the published one, re-created plainly; random weights.

    python -m benchmarks.caption_decoding [--queries 200] [--kept 8] [--tokens 40] [--threads 2]

The plain way does what the released code does: it captions every query, grows its tensors with `torch.cat`,
reads memory and caption anew for each word, and takes the vocabulary's logits at every place. Ours captions
the segments that are kept, all at once, with a cache. Both run the same layers of the same decoder at the
published sizes, and the kept segments' tokens must be the same. Random weights seldom end a caption, so
both write `--tokens` of them. With fewer queries or tokens the plain way is sampled, and the ratio is that
of the sample.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from pix2cap.model.caption_decoder import CaptionDecoder
from pix2cap.model.caption_search import Captions, search_captions
from pix2cap.model.config import preset

T = TypeVar("T")
Step = Callable[[Tensor], Tensor]


def search_plainly(
    step: Step,
    rows: int,
    *,
    begin_id: int,
    end_id: int,
    max_tokens: int,
    beam_size: int = 1,
    per_beam: int = 1,
) -> tuple[Tensor, Tensor]:
    """The published search: `step` gives `(N, V)` logits for all beams' `(N, T)` tokens so far."""
    begin = torch.full((rows, 1), begin_id)
    sums, words = step(begin).log_softmax(dim=1).topk(beam_size)
    beams = torch.cat((begin[:, None].repeat(1, beam_size, 1), words[:, :, None]), dim=2)
    while beams.shape[2] < max_tokens and not (beams[:, :, -1] == end_id).all():
        flat = beams.reshape(rows * beam_size, -1)
        last = flat[:, -1:]
        logits = step(flat).scatter(1, last, -10000.0)
        only_end = torch.full_like(logits, -torch.inf)
        only_end[:, end_id] = 0.0
        top, words = torch.where(last == end_id, only_end, logits).log_softmax(dim=1).topk(per_beam)
        totals = (sums.reshape(-1, 1) + top).reshape(rows, -1)
        longer = torch.cat((flat.repeat_interleave(per_beam, 0), words.reshape(-1, 1)), dim=1)
        sums, picked = totals.topk(beam_size)
        longer = longer.reshape(rows, beam_size * per_beam, -1)
        beams = longer.gather(1, picked[:, :, None].expand(-1, -1, longer.shape[2]))
    tokens = beams[:, 0]
    lengths = (tokens != end_id).sum(1) + (tokens == end_id).any(1) - 1
    return tokens, sums[:, 0] / lengths.clamp(min=1)


@torch.no_grad()
def caption_plainly(
    decoder: CaptionDecoder, projection: nn.Linear, queries: Tensor, whole: Tensor, max_tokens: int
) -> tuple[Tensor, Tensor]:
    """All queries `(Q, hidden_dim)` of a picture with its feature `(hidden_dim,)`."""
    memory = torch.empty(0)
    for query in queries:
        token = projection(torch.stack((query, whole)))[None]
        memory = torch.cat((memory, token)) if len(memory) else token
    config = decoder.config

    def step(tokens: Tensor) -> Tensor:
        print(f"\rplain: word {tokens.shape[1]}", end="", file=sys.stderr, flush=True)
        return decoder(memory, tokens)[:, -1].float()

    found = search_plainly(
        step,
        len(queries),
        begin_id=config.caption_begin_id,
        end_id=config.caption_end_id,
        max_tokens=max_tokens,
    )
    print(file=sys.stderr)
    return found


@torch.no_grad()
def caption_kept(
    decoder: CaptionDecoder, projection: nn.Linear, queries: Tensor, whole: Tensor, max_tokens: int
) -> Captions:
    """Our way, for the kept queries `(M, hidden_dim)`."""
    memory = projection(torch.stack((queries, whole.expand_as(queries)), dim=1))
    return search_captions(
        decoder,
        memory,
        begin_id=decoder.config.caption_begin_id,
        end_id=decoder.config.caption_end_id,
        max_tokens=max_tokens,
    )


def timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """Result, seconds of the clock and seconds of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - clock, time.process_time() - processor


def main() -> int:
    """Measure, compare and print; 1 where the tokens differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=200, help="that the plain way captions")
    parser.add_argument("--kept", type=int, default=8, help="of them that we caption")
    parser.add_argument("--tokens", type=int, default=40, help="longest caption, begin token counted")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeat", type=int, default=5, help="of our way, which takes seconds")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(7)
    config = preset("focal-l")
    decoder = CaptionDecoder(config).eval()
    projection = nn.Linear(config.hidden_dim, config.object_dim)
    queries, whole = torch.randn(args.queries, config.hidden_dim), torch.randn(config.hidden_dim)
    kept = torch.linspace(0, args.queries - 1, min(args.kept, args.queries)).long()
    load = os.getloadavg()[0]

    rounds = [
        timed(lambda: caption_kept(decoder, projection, queries[kept], whole, args.tokens))
        for _ in range(args.repeat + 1)
    ][1:]
    ours, seconds = rounds[0][0], statistics.median(r[1] for r in rounds)
    processor = statistics.median(r[2] for r in rounds)
    (tokens, log_probs), plain_seconds, plain_processor = timed(
        lambda: caption_plainly(decoder, projection, queries, whole, args.tokens)
    )

    length = ours.token_ids.shape[1]
    same = torch.equal(ours.token_ids, tokens[kept, :length])
    apart = float((ours.log_probs - log_probs[kept]).abs().max())
    print(f"{args.threads} threads, load {load:.2f} before and {os.getloadavg()[0]:.2f} after")
    print(f"{'':<36}{'clock s':>10}{'CPU s':>10}")
    print(f"{f'ours, {len(kept)} segments':<36}{seconds:>10.3f}{processor:>10.3f}")
    print(f"{f'plain, {args.queries} queries':<36}{plain_seconds:>10.3f}{plain_processor:>10.3f}")
    print(f"{'ratio':<36}{plain_seconds / seconds:>9.1f}x{plain_processor / processor:>9.1f}x")
    print(f"tokens of the kept segments: {'the same' if same else 'DIFFERENT'} ({length} each)")
    print(f"their log-probabilities differ by at most {apart:.1e}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
