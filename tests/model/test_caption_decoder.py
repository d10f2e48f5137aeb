"""The caption decoder: who sees what, the cache, the published names."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pix2cap.model.caption_decoder import CaptionDecoder
from pix2cap.model.config import ModelConfig, preset
from tests.builders.parity import Parity

TEXTUAL = "sem_seg_head.predictor.text_decoder.textual."
SMALL = dataclasses.replace(
    preset("tiny"),
    object_dim=12,
    caption_vocabulary=30,
    caption_width=24,
    caption_heads=3,
    caption_feedforward=20,
    caption_layers=2,
    caption_max_tokens=9,
)


@pytest.fixture
def decoder() -> CaptionDecoder:
    torch.manual_seed(0)
    decoder = CaptionDecoder(SMALL).eval()
    for weight in decoder.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return decoder


def _inputs(rows: int = 4, words: int = 6) -> tuple[Tensor, Tensor]:
    return torch.randn(rows, 3, SMALL.object_dim), torch.randint(0, SMALL.caption_vocabulary, (rows, words))


def test_names_and_shapes_are_the_published_ones(golden: Path) -> None:
    with torch.device("meta"):
        state = CaptionDecoder(ModelConfig()).state_dict()
    expected = {}
    for line in (golden / "pix2cap_focal_l_state_dict.tsv").read_text().splitlines():
        name, shape = line.split("\t")[:2]
        if name.startswith(TEXTUAL):
            expected[name.removeprefix(TEXTUAL)] = shape
    assert {name: str(list(weight.shape)) for name, weight in state.items()} == expected


def test_logits_are_the_published_ones(parity: Parity) -> None:
    decoder = CaptionDecoder(parity.config).eval()
    decoder.load_state_dict(parity.part(TEXTUAL), strict=True)
    logits = decoder(parity.tensors["textdec.object_features"], parity.tensors["textdec.text_tokens"])
    torch.testing.assert_close(logits, parity.tensors["textdec.logits"], atol=1e-4, rtol=1e-4)


def test_a_word_sees_the_memory_and_what_is_left_of_it(decoder: CaptionDecoder) -> None:
    memory, tokens = _inputs()
    logits = decoder(memory, tokens)
    other = tokens.clone()
    other[:, 3] = (other[:, 3] + 1) % SMALL.caption_vocabulary
    changed = (decoder(memory, other) - logits).abs().amax(dim=(0, 2)) > 1e-4
    assert changed.tolist() == [False, False, False, True, True, True]
    memory[:, 2] += 1
    assert ((decoder(memory, tokens) - logits).abs().amax(dim=2) > 1e-4).all()


def test_memory_sees_no_word(decoder: CaptionDecoder) -> None:
    memory, tokens = _inputs()
    memory.requires_grad_()
    # The first word's logits depend on memory alone, however the memory was mixed.
    first = [decoder(memory, tokens[:, :length])[:, 0] for length in (1, 6)]
    torch.testing.assert_close(first[0], first[1])


@pytest.mark.parametrize("length", [1, 6])
def test_step_by_step_equals_all_at_once(decoder: CaptionDecoder, length: int) -> None:
    memory, tokens = _inputs(words=length)
    cache = decoder.prefill(memory)
    steps = [decoder.step(tokens[:, place], cache) for place in range(length)]
    torch.testing.assert_close(torch.stack(steps, dim=1), decoder(memory, tokens), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("rows", [[3, 1, 0, 2], [2, 2, 0, 2], [1], [0, 0, 1, 1, 2, 2, 3, 3]])
@pytest.mark.parametrize("padded", [False, True])
def test_rows_of_the_cache_can_be_chosen(decoder: CaptionDecoder, rows: list[int], padded: bool) -> None:
    memory, tokens = _inputs()
    ignored = torch.tensor([[False, False, True]] * 2 + [[False, True, False]] * 2) if padded else None
    cache = decoder.prefill(memory, ignored)
    for place in range(3):
        decoder.step(tokens[:, place], cache)
    cache.select(torch.tensor(rows))
    found = decoder.step(tokens[rows, 3], cache)
    expected = decoder(memory, tokens[:, :4], ignored)[rows, 3]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_ignored_memory_is_as_if_it_were_not_there(decoder: CaptionDecoder) -> None:
    memory, tokens = _inputs()
    ignored = torch.tensor([[False, False, True], [True, False, False], [True, True, True], [False] * 3])
    found = decoder(memory, tokens, ignored)
    cache = decoder.prefill(memory, ignored)
    steps = torch.stack([decoder.step(tokens[:, place], cache) for place in range(6)], dim=1)
    for row in range(4):
        alone = decoder(memory[row : row + 1, ~ignored[row]], tokens[row : row + 1])[0]
        torch.testing.assert_close(found[row], alone, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(steps[row], alone, atol=1e-5, rtol=1e-4)


def test_a_full_cache_says_so(decoder: CaptionDecoder) -> None:
    memory, tokens = _inputs()
    cache = decoder.prefill(memory, max_tokens=2)
    decoder.step(tokens[:, 0], cache)
    decoder.step(tokens[:, 1], cache)
    with pytest.raises(ValueError, match="room for one more word, got one filled with 5 tokens"):
        decoder.step(tokens[:, 2], cache)


@pytest.mark.parametrize("assign", [False, True])
def test_words_are_read_and_written_with_one_weight(decoder: CaptionDecoder, assign: bool) -> None:
    other = CaptionDecoder(SMALL)
    other.load_state_dict(decoder.state_dict(), strict=True, assign=assign)
    twin = copy.deepcopy(other)
    for model in (other, twin):
        assert model.output.weight is model.embedding.words.weight
    assert "output.weight" not in dict(decoder.named_parameters())
    assert twin.output.weight is not other.output.weight


def test_dropout_is_for_training_only(decoder: CaptionDecoder) -> None:
    memory, tokens = _inputs()
    torch.testing.assert_close(decoder(memory, tokens), decoder(memory, tokens), atol=0, rtol=0)
    decoder.train()
    assert (decoder(memory, tokens) - decoder(memory, tokens)).abs().max() > 0.01


def test_gradients_reach_memory_and_every_weight(decoder: CaptionDecoder) -> None:
    memory, tokens = _inputs()
    memory.requires_grad_()
    decoder.train()(memory, tokens).square().sum().backward()
    assert memory.grad is not None and (memory.grad.abs().amax(dim=(0, 2)) > 0).all()
    assert [name for name, weight in decoder.named_parameters() if weight.grad is None] == []


def test_autocast_steps_like_it_reads(decoder: CaptionDecoder) -> None:
    memory, tokens = _inputs()
    exact = decoder(memory, tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cache = decoder.prefill(memory)
        steps = torch.stack([decoder.step(tokens[:, place], cache) for place in range(6)], dim=1)
    assert cache.store.dtype == torch.bfloat16
    assert (steps.float() - exact).abs().max() < 0.05 * exact.abs().max()
