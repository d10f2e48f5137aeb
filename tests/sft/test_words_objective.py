"""The words of an answer as a region's target, against a loop; and a stage that learns by it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.errors import InputError
from pix2cap.sft.run_log import read_sft_log
from pix2cap.sft.training import RunOptions, train_sft
from pix2cap.sft.words_objective import words_loss
from tests.builders.tiny_lmm import sft_settings, write_squares

answers = st.lists(
    st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=4), max_size=3), min_size=1, max_size=3
)


def laid_out(rows: list[list[list[int]]]) -> torch.Tensor:
    """Labels with a question of two tokens before each answer, padded on the right."""
    flat = [[x for answer in row for x in (-100, -100, *answer)] for row in rows]
    longest = max(map(len, flat))
    return torch.tensor([row + [-100] * (longest - len(row)) for row in flat], dtype=torch.long)


@given(rows=answers, tokens=st.integers(1, 3))
def test_each_word_is_a_question_of_its_own(rows: list[list[list[int]]], tokens: int) -> None:
    draw = torch.Generator().manual_seed(1)
    every = [set(answer[:-1] or answer) for row in rows for answer in row]  # The last token ends an answer.
    regions = torch.randn(len(every), tokens, 5, generator=draw)
    words = torch.randn(9, 5, generator=draw)
    found = words_loss(regions, torch.tensor([len(row) for row in rows]), laid_out(rows), words)
    mean_length = sum(map(len, every)) / max(1, len(every))
    expected = 0.0
    for is_name in (True, False):
        group = [n for n, said in enumerate(every) if (len(said) < mean_length / 2) is is_name]
        losses = []
        for token in range(9):
            holders = sum(token in every[n] for n in group)
            if not 0 < holders < len(group):
                continue
            for n in group:
                mean = regions[n].mean(0)
                logit = float(words[token] @ mean / words[token].norm())
                chance = 1 / (1 + math.exp(-logit) * (len(group) - holders) / holders)
                losses.append(-math.log(chance if token in every[n] else 1 - chance))
        expected += sum(losses) / len(losses) if losses else 0.0
    assert float(found) == pytest.approx(expected, abs=1e-4)


def test_neither_the_length_of_word_embeddings_nor_the_end_of_an_answer_matters() -> None:
    draw = torch.Generator().manual_seed(2)
    regions, words = torch.randn(2, 1, 5, generator=draw), torch.randn(9, 5, generator=draw)
    loss = words_loss(regions, torch.tensor([2]), laid_out([[[3, 4, 1], [5, 4, 1]]]), words)
    assert loss > 0
    other = words_loss(regions, torch.tensor([2]), laid_out([[[3, 4, 2], [5, 4, 2]]]), words / 3)
    torch.testing.assert_close(other, loss)


def test_a_name_does_not_deny_what_sentences_say() -> None:
    """The same sentences with a name among them: what they hold is asked of them alone."""
    draw = torch.Generator().manual_seed(3)
    regions, words = torch.randn(3, 1, 5, generator=draw), torch.randn(9, 5, generator=draw)
    sentences = [[2, 3, 4, 5, 1], [2, 3, 6, 7, 1]]
    alone = words_loss(regions[:2], torch.tensor([2]), laid_out([sentences]), words)
    named = words_loss(regions, torch.tensor([3]), laid_out([[*sentences, [8, 1]]]), words)
    torch.testing.assert_close(named, alone)


def test_an_answer_without_a_region_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[1, 1\], got \[1, 2\]"):
        words_loss(
            torch.zeros(2, 1, 4), torch.tensor([1, 1]), laid_out([[[1]], [[1], [2]]]), torch.ones(9, 4)
        )


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_stage_teaches_regions_their_words_and_leaves_the_language_model(tmp_path: Path) -> None:
    data = write_squares(tmp_path / "squares")
    stages = [
        {
            "name": "words", "objective": "words", "train": ["regions", "vision"],
            "lr": 3e-3, "steps": 30, "batch": 4, "accumulate": 2,
        },
        {"name": "answers", "train": ["language"], "lr": 1e-3, "steps": 1, "batch": 4},
    ]  # fmt: skip
    settings = sft_settings(data, stages=stages, log_every=5)
    learnt = train_sft(settings, tmp_path / "run", RunOptions(device="cpu")).learnt
    losses = [r["loss"] for r in read_sft_log(tmp_path / "run" / "log.jsonl") if r.get("stage") == "words"]
    assert losses[-1] < 0.75 * losses[0]
    assert learnt["words"] != learnt["answers"]


@pytest.mark.parametrize("train", [["vision"], ["regions", "language"], ["regions", "projector"]])
def test_only_regions_and_the_tower_can_learn_words(tmp_path: Path, train: list[str]) -> None:
    stage = {"name": "words", "objective": "words", "train": train, "lr": 1e-3, "steps": 1}
    with pytest.raises(InputError, match='objective "words" trains regions'):
        sft_settings(tmp_path, stages=[stage])
