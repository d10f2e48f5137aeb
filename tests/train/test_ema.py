"""The average of the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pix2cap.train.ema import WeightAverage


def _model() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].requires_grad_(False)
    return model


def _set(model: nn.Sequential, value: float) -> None:
    with torch.no_grad():
        model[0].weight.fill_(value)


def test_it_follows_by_hand_computed_shares() -> None:
    model = _model()
    _set(model, 0.0)
    average = WeightAverage(model, decay=0.5)
    _set(model, 1.0)
    average.update(model)
    expected = 1 - 2 / 11  # The first update keeps (1 + 1) / (10 + 1) only.
    assert average.average["0.weight"].unique().item() == pytest.approx(expected)
    for _ in range(8):
        average.update(model)
    assert average.updates == 9
    expected = 1.0
    for n in range(1, 10):
        expected *= min(0.5, (1 + n) / (10 + n))
    assert 1 - average.average["0.weight"].unique().item() == pytest.approx(expected, abs=1e-6)


def test_within_the_block_the_model_has_the_average_and_afterwards_its_own() -> None:
    model = _model()
    average = WeightAverage(model, decay=0.9)
    kept = model[0].weight.detach().clone()
    _set(model, 5.0)
    average.update(model)
    with pytest.raises(RuntimeError, match="stop"), average.applied(model):
        inside = model[0].weight.detach().clone()
        assert torch.equal(inside, average.average["0.weight"])
        raise RuntimeError("stop")
    assert model[0].weight.unique().item() == 5.0
    assert torch.allclose(inside, kept + (1 - 2 / 11) * (5 - kept))


def test_what_is_frozen_is_not_copied() -> None:
    model = _model()
    assert set(WeightAverage(model, decay=0.9).average) == {"0.weight", "0.bias"}


def test_a_state_goes_on_as_if_never_stopped() -> None:
    model = _model()
    straight, other = WeightAverage(model, decay=0.99), WeightAverage(model, decay=0.99)
    _set(model, 2.0)
    straight.update(model)
    state = {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in straight.state_dict().items()}
    other.load_state_dict(state)
    _set(model, 3.0)
    straight.update(model)
    other.update(model)
    for name, value in straight.average.items():
        assert torch.equal(value, other.average[name])
