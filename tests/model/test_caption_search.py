"""Greedy and beam search against the published way of it, which reads everything anew for each word."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
from benchmarks.caption_decoding import search_plainly
from torch import Tensor

from pix2cap.model.caption_decoder import CaptionCache, CaptionDecoder
from pix2cap.model.caption_search import Captions, search_captions
from pix2cap.model.config import preset
from tests.builders.parity import Parity

BEGIN, END = 1, 2
SMALL = dataclasses.replace(
    preset("tiny"),
    object_dim=8,
    caption_vocabulary=12,
    caption_width=16,
    caption_heads=2,
    caption_feedforward=16,
)


class CountingDecoder(CaptionDecoder):
    """Knows how many rows it read a word for."""

    rows: int = 0

    def step(self, token_ids: Tensor, cache: CaptionCache) -> Tensor:
        self.rows += len(token_ids)
        return super().step(token_ids, cache)


def _decoder(seed: int, end_bias: float) -> CountingDecoder:
    """A decoder whose captions end at many places."""
    torch.manual_seed(seed)
    decoder = CountingDecoder(SMALL).eval()
    with torch.no_grad():
        for weight in decoder.parameters():
            if weight.ndim == 2:
                weight.normal_(std=0.5)
        # Where a word stands matters much, so that captions do not go round in circles.
        decoder.embedding.positions.weight.normal_(std=2.0)
        decoder.output.bias[END] = end_bias
    return decoder


def _search(decoder: CaptionDecoder, memory: Tensor, **options: int) -> Captions:
    return search_captions(decoder, memory, begin_id=BEGIN, end_id=END, **{"max_tokens": 14, **options})


def _plain(decoder: CaptionDecoder, memory: Tensor, **options: int) -> tuple[Tensor, Tensor]:
    def step(tokens: Tensor) -> Tensor:
        repeated = memory.repeat_interleave(len(tokens) // len(memory), dim=0)
        return decoder(repeated, tokens)[:, -1]

    with torch.no_grad():
        return search_plainly(step, len(memory), begin_id=BEGIN, end_id=END, **{"max_tokens": 14, **options})


@pytest.mark.parametrize(("beam_size", "per_beam"), [(1, 1), (3, 1), (3, 2), (3, 3), (5, 2)])
@pytest.mark.parametrize("end_bias", [-1.0, 0.5, 3.0])
def test_it_finds_what_the_plain_search_finds(beam_size: int, per_beam: int, end_bias: float) -> None:
    lengths = set()
    for seed in range(6):
        decoder = _decoder(seed, end_bias)
        memory = torch.randn(9, 2, SMALL.object_dim)
        tokens, log_probs = _plain(decoder, memory, beam_size=beam_size, per_beam=per_beam)
        found = _search(decoder, memory, beam_size=beam_size, per_beam=per_beam)
        length = found.token_ids.shape[1]
        assert found.token_ids.tolist() == tokens[:, :length].tolist()
        assert (tokens[:, length:] == END).all()
        torch.testing.assert_close(found.log_probs, log_probs, atol=1e-5, rtol=1e-4)
        lengths |= set((tokens != END).sum(dim=1).tolist())
    assert len(lengths) > 3, "expected captions of several lengths, or the test shows little"


@pytest.mark.parametrize(("name", "beam_size"), [("greedy", 1), ("beam3", 3)])
def test_it_finds_what_the_released_search_found(parity: Parity, name: str, beam_size: int) -> None:
    decoder = CaptionDecoder(parity.config).eval()
    decoder.load_state_dict(parity.part("sem_seg_head.predictor.text_decoder.textual."), strict=True)
    expected = parity.tensors[f"textdec.{name}_tokens"]
    end = parity.config.caption_end_id
    found = search_captions(
        decoder,
        parity.tensors["textdec.object_features"],
        begin_id=parity.config.caption_begin_id,
        end_id=end,
        max_tokens=parity.tensors["textdec.beam3_tokens"].shape[1],
        beam_size=beam_size,
    )
    length = found.token_ids.shape[1]
    assert found.token_ids.tolist() == expected[:, :length].tolist() and (expected[:, length:] == end).all()
    torch.testing.assert_close(
        found.log_probs, parity.tensors[f"textdec.{name}_logprobs"], atol=1e-4, rtol=1e-4
    )


def test_finished_rows_are_not_computed() -> None:
    decoder = _decoder(1, 1.0)
    memory = torch.randn(40, 2, SMALL.object_dim)
    found = _search(decoder, memory)
    words = (found.token_ids != END).sum(dim=1)
    assert words.min() + 4 < words.max(), "expected some captions to end long before others"
    # Each word but the last is read once. Up to a quarter of the rows may have ended and be read on.
    needed = int(words.sum())
    assert decoder.rows <= needed * 4 / 3 + 14
    assert decoder.rows < 0.8 * 40 * int(words.max())


def test_a_segments_caption_does_not_depend_on_the_others() -> None:
    decoder = _decoder(2, 1.0)
    memory = torch.randn(7, 2, SMALL.object_dim)
    together = _search(decoder, memory, beam_size=2)
    for row in range(7):
        alone = _search(decoder, memory[row : row + 1], beam_size=2)
        length = alone.token_ids.shape[1]
        assert alone.token_ids[0].tolist() == together.token_ids[row, :length].tolist()
        torch.testing.assert_close(alone.log_probs[0], together.log_probs[row])


def test_the_confidence_is_the_mean_log_probability_of_a_token() -> None:
    decoder = _decoder(3, 1.0)
    memory = torch.randn(5, 2, SMALL.object_dim)
    found = _search(decoder, memory)
    with torch.no_grad():
        logits = decoder(memory, found.token_ids)
    for row, tokens in enumerate(found.token_ids.tolist()):
        end = tokens.index(END) if END in tokens else len(tokens) - 1
        sums = []
        for place in range(1, end + 1):
            odds = logits[row, place - 1].clone()
            if place > 1:
                odds[tokens[place - 1]] = -10000.0
            sums.append(float(odds.log_softmax(dim=0)[tokens[place]]))
        assert float(found.log_probs[row]) == pytest.approx(sum(sums) / len(sums), abs=1e-5)
        assert all(a != b for a, b in itertools.pairwise(tokens[1 : end + 1]))


def test_ignored_memory_does_not_count() -> None:
    decoder = _decoder(4, 0.0)
    memory = torch.randn(6, 3, SMALL.object_dim)
    ignored = torch.tensor([[False, False, True]]).repeat(6, 1)
    masked = search_captions(
        decoder,
        memory,
        begin_id=BEGIN,
        end_id=END,
        max_tokens=14,
        beam_size=2,
        per_beam=2,
        memory_ignored=ignored,
    )
    cut = _search(decoder, memory[:, :2], beam_size=2, per_beam=2)
    assert masked.token_ids.tolist() == cut.token_ids.tolist()
    torch.testing.assert_close(masked.log_probs, cut.log_probs)


@pytest.mark.parametrize(
    ("end_bias", "max_tokens", "expected"),
    [(50.0, 14, [BEGIN, END]), (-50.0, 2, [BEGIN]), (-50.0, 6, [BEGIN])],
)
def test_shortest_and_longest(end_bias: float, max_tokens: int, expected: list[int]) -> None:
    found = _search(_decoder(5, end_bias), torch.randn(3, 2, SMALL.object_dim), max_tokens=max_tokens)
    assert found.token_ids.shape == (3, 2 if end_bias > 0 else max_tokens)
    assert found.token_ids[:, : len(expected)].tolist() == [expected] * 3
    assert (found.log_probs <= 0).all() and found.log_probs.isfinite().all()


def test_no_segments_no_captions() -> None:
    found = _search(_decoder(6, 0.0), torch.randn(0, 2, SMALL.object_dim), beam_size=2)
    assert found.token_ids.shape[0] == 0 and found.log_probs.shape == (0,)


@pytest.mark.parametrize("options", [{"max_tokens": 1}, {"beam_size": 0}, {"per_beam": 0}])
def test_impossible_sizes_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected max_tokens >= 2"):
        _search(_decoder(7, 0.0), torch.randn(2, 2, SMALL.object_dim), **options)
