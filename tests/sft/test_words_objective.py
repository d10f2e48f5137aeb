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
def test_it_is_the_mean_over_regions_of_the_weighted_mean_over_words(
    rows: list[list[list[int]]], tokens: int
) -> None:
    draw = torch.Generator().manual_seed(1)
    every = [answer for row in rows for answer in row]
    regions = torch.randn(len(every), tokens, 5, generator=draw)
    words = torch.randn(9, 5, generator=draw)
    found = words_loss(regions, torch.tensor([len(row) for row in rows]), laid_out(rows), words)
    means = []
    spoken = [answer[:-1] or answer for answer in every]  # The last token ends an answer of several.
    for region, said in zip(regions, spoken, strict=True):
        mean = region.mean(0)
        logits = math.sqrt(5) * (words @ mean) / (words.norm(dim=1) * mean.norm())
        logs = logits.log_softmax(0)
        weights = [math.log(1 + len(spoken) / sum(t in other for other in spoken)) for t in said]
        means.append(-sum(w * logs[t] for w, t in zip(weights, said, strict=True)) / sum(weights))
    expected = torch.stack(means).mean() if means else torch.zeros(())
    torch.testing.assert_close(found, expected)


def test_neither_scale_nor_the_end_of_an_answer_matters() -> None:
    draw = torch.Generator().manual_seed(2)
    regions, words = torch.randn(1, 1, 5, generator=draw), torch.randn(9, 5, generator=draw)
    loss = words_loss(regions, torch.tensor([1]), laid_out([[[3, 4, 1]]]), words)
    torch.testing.assert_close(
        words_loss(7 * regions, torch.tensor([1]), laid_out([[[3, 4, 2]]]), words / 3), loss
    )


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
