"""Training losses."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pix2cap.model.config import ModelConfig
from pix2cap.model.criterion import Criterion, caption_loss, word_loss
from pix2cap.model.matching import hungarian_matches
from pix2cap.model.records import SegmentTargets
from tests.builders.parity import Parity, read_parity
from tests.model.targets import (
    layer,
    no_segments,
    parity_layers,
    parity_targets,
    random_layer,
    random_segments,
    segments,
)

CONFIG = ModelConfig(classes=3, points=200)


@pytest.fixture(scope="module")
def parity(golden: Path) -> Parity:
    return read_parity(golden / "parity_focal")


def test_published_losses_of_all_layers(parity: Parity) -> None:
    # The released code drew its points from torch's own generator, in this order: for the last layer first
    # the matching's, then the losses'. The same stream makes even the random part comparable.
    criterion = Criterion(parity.config)
    layers = parity_layers(parity)
    result = criterion(layers, parity_targets(parity), torch.Generator().manual_seed(7))
    expected = parity.golden["losses_unweighted_seed7"]
    weights = parity.golden["weight_dict"]
    assert set(result.losses) == {f"{kind}_{i}" for kind in ("class", "mask", "dice") for i in range(4)}
    for ours, theirs in (("class", "ce"), ("mask", "bce"), ("dice", "dice")):
        for i in range(len(layers)):
            name = f"loss_mask_{theirs}_{i}"
            assert result.losses[f"{ours}_{i}"].item() == pytest.approx(
                expected[name] * weights[name], rel=1e-4
            )
    last = result.matches[-1]
    assert [[m.queries.tolist(), m.segments.tolist()] for m in last] == parity.golden["hungarian_last_layer"]


def test_published_caption_loss(parity: Parity) -> None:
    logits, words = (
        parity.tensors["train.layer3.caption_logits"],
        parity.tensors["train.layer3.caption_target"],
    )
    loss = word_loss(logits, words, smoothing=0.1)
    assert loss.item() == pytest.approx(
        parity.golden["losses_unweighted_seed7"]["loss_densecaption_0"], rel=1e-5
    )


def test_state_holds_the_class_weights_under_the_published_name() -> None:
    state = Criterion(CONFIG).state_dict()
    assert list(state) == ["empty_weight"]
    torch.testing.assert_close(state["empty_weight"], torch.tensor([1.0, 1.0, 1.0, 0.1]))


def test_matches_stand_in_the_order_of_layers() -> None:
    layers = [random_layer(seed) for seed in range(3)]
    targets = [random_segments(5, 3), random_segments(6, 4)]
    draw, again = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    result = Criterion(CONFIG)(layers, targets, draw)
    assert len(result.matches) == 3
    # The stream of points begins with the last layer's matching.
    last = hungarian_matches(layers[-1], targets, CONFIG, again)
    assert [m.queries.tolist() for m in result.matches[-1]] == [m.queries.tolist() for m in last]


def _perfect(target: SegmentTargets, classes: int = 3) -> tuple[Tensor, Tensor]:
    logits = torch.full((1, 6, classes + 1), -20.0)
    logits[..., -1] = 20
    masks = torch.full((1, 6, *target.masks.shape[1:]), -20.0)
    for i, label in enumerate(target.labels.tolist()):
        logits[0, 5 - i, -1], logits[0, 5 - i, label] = -20, 20
        masks[0, 5 - i][target.masks[i]] = 20
    return logits, masks


def test_the_truth_costs_nothing_and_noise_does() -> None:
    target = random_segments(4, 3)
    true, noise = (
        Criterion(CONFIG)([prediction], [target], torch.Generator().manual_seed(0))
        for prediction in (layer(*_perfect(target)), random_layer(4, batch=1))
    )
    assert true.losses["class_0"].item() < 1e-6
    # Mask losses are not 0: most points lie on edges, where the values between two cells are in doubt.
    assert true.losses["mask_0"].item() < 0.9 * noise.losses["mask_0"].item()
    assert true.losses["dice_0"].item() < 0.5 * noise.losses["dice_0"].item()
    assert true.matches[0][0].queries.tolist() == [3, 4, 5]


def test_every_layer_gets_a_gradient() -> None:
    layers = [random_layer(seed) for seed in range(3)]
    result = Criterion(CONFIG)(layers, [random_segments(1, 2), random_segments(2, 3)])
    torch.autograd.backward(list(result.losses.values()))
    for each in layers:
        assert each.logits.grad is not None and each.logits.grad.abs().sum() > 0
        assert each.masks.grad is not None and each.masks.grad.abs().sum() > 0


def test_a_batch_without_segments_trains_background_only() -> None:
    prediction = random_layer(0)
    result = Criterion(CONFIG)([prediction], [no_segments(16, 20)] * 2)
    torch.autograd.backward(list(result.losses.values()))
    assert result.losses["mask_0"].item() == result.losses["dice_0"].item() == 0
    assert result.losses["class_0"].item() > 0
    assert prediction.masks.grad is not None and not prediction.masks.grad.any()


def test_masks_are_divided_by_the_batchs_segments() -> None:
    target = segments([0], torch.ones(1, 8, 8))
    masks = torch.zeros(1, 1, 8, 8)
    one = Criterion(CONFIG)([layer(torch.zeros(1, 1, 4), masks)], [target])
    two = Criterion(CONFIG)(
        [layer(torch.zeros(2, 1, 4), masks.expand(2, -1, -1, -1))], [target, no_segments(8, 8)]
    )
    # A query that was asked for nothing has no mask loss and does not thin out the others'.
    assert two.losses["mask_0"].item() == pytest.approx(one.losses["mask_0"].item(), rel=0.05)
    unmatched = segments([0, 1, 2], torch.ones(3, 8, 8))
    three = Criterion(CONFIG)([layer(torch.zeros(1, 1, 4), masks)], [unmatched])
    assert three.losses["mask_0"].item() == pytest.approx(one.losses["mask_0"].item() / 3, rel=0.05)


def _worker(rank: int, folder: str, counts: tuple[int, int]) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        targets = segments([0] * counts[rank], torch.ones(counts[rank], 8, 8))
        prediction = layer(torch.zeros(1, 6, 4), torch.zeros(1, 6, 8, 8))
        result = Criterion(CONFIG)([prediction], [targets])
        Path(folder, f"{rank}.txt").write_text(str(result.losses["mask_0"].item()))
    finally:
        torch.distributed.destroy_process_group()
        del os.environ["GLOO_SOCKET_IFNAME"]


def test_processes_divide_by_their_mean_number_of_segments(tmp_path: Path) -> None:
    other = multiprocessing.get_context("spawn").Process(target=_worker, args=(1, str(tmp_path), (1, 5)))
    other.start()
    _worker(0, str(tmp_path), (1, 5))
    other.join()
    assert other.exitcode == 0
    losses = [float((tmp_path / f"{rank}.txt").read_text()) for rank in range(2)]
    plain = 5 * functional.softplus(torch.tensor(0.0)).item()
    assert losses == pytest.approx([plain * 1 / 3, plain * 5 / 3], rel=0.05)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothing_spreads_over_the_other_words(smoothing: float) -> None:
    logits = torch.randn(7, 11, generator=torch.Generator().manual_seed(2), requires_grad=True)
    words = torch.tensor([0, 10, 3, 3, 5, 1, 2])
    hot = functional.one_hot(words, 11).float()
    target = hot * (1 - smoothing) + (1 - hot) * smoothing / 10
    plain = functional.kl_div(logits.log_softmax(1), target, reduction="none").sum(1).mean()
    ours = word_loss(logits, words, smoothing=smoothing)
    torch.testing.assert_close(ours, plain)
    (gradient,) = torch.autograd.grad(ours, logits, retain_graph=True)
    torch.testing.assert_close(gradient, torch.autograd.grad(plain, logits)[0])


def test_logits_are_held_against_the_next_token() -> None:
    ids = torch.tensor([[1, 4, 2, 0], [1, 3, 5, 2]])
    predicted = torch.tensor([[False, True, True, False], [False, True, True, True]])
    logits = torch.full((2, 4, 6), -30.0)
    for row, position, word in ((0, 0, 4), (0, 1, 2), (1, 0, 3), (1, 1, 5), (1, 2, 2)):
        logits[row, position, word] = 30
    assert caption_loss(logits, ids, predicted, smoothing=0).item() < 1e-6
    changed = ids.clone()
    changed[1, 2] = 4
    assert caption_loss(logits, changed, predicted, smoothing=0).item() == pytest.approx(60 / 5)


def test_tokens_that_do_not_count_have_no_gradient() -> None:
    logits = torch.randn(2, 4, 6, requires_grad=True)
    predicted = torch.tensor([[False, True, False, False], [False, False, False, False]])
    torch.autograd.backward(caption_loss(logits, torch.ones(2, 4).long(), predicted, smoothing=0.1))
    assert logits.grad is not None
    assert logits.grad[0, 0].any() and not logits.grad[0, 1:].any() and not logits.grad[1].any()


def test_captions_without_words_cost_nothing() -> None:
    logits = torch.full((2, 4, 6), torch.inf, requires_grad=True)
    loss = caption_loss(logits, torch.ones(2, 4).long(), torch.zeros(2, 4).bool(), smoothing=0.1)
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None and not logits.grad.any()
