"""An exponential moving average of the weights, which is what gets evaluated and delivered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Follows the parameters that learn; the others are as they are.

    In early steps the average follows faster, `(1 + n) / (10 + n)`, so that it does not drag the first
    weights along.

    Args:
        model: Whose parameters to follow.
        decay: What is kept of the average at each step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.average = {name: p.detach().clone() for name, p in _learning(model)}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the weights after a step."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, parameter in _learning(model):
            self.average[name].lerp_(parameter, 1 - decay)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """The model has the averaged weights within the block."""
        kept = {name: p.detach().clone() for name, p in _learning(model)}
        _put(model, self.average)
        try:
            yield
        finally:
            _put(model, kept)

    def state_dict(self) -> dict[str, Tensor | int]:
        """What `load_state_dict` takes."""
        return {"updates": self.updates, **{f"average.{name}": v for name, v in self.average.items()}}

    def load_state_dict(self, state: Mapping[str, Tensor | int]) -> None:
        """Go on from a state.

        Raises:
            KeyError: It is of another model.
        """
        self.updates = int(state["updates"])
        for name, value in self.average.items():
            saved = state[f"average.{name}"]
            assert isinstance(saved, Tensor)
            value.copy_(saved)


def _learning(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, p) for name, p in model.named_parameters() if p.requires_grad)


@torch.no_grad()
def _put(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    for name, parameter in _learning(model):
        parameter.copy_(values[name])
