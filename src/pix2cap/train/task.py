"""What the training loop is given: a task, what to tell whom, and a place to run."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from pix2cap.core.interrupt import Interrupt
from pix2cap.train.settings import Precision
from pix2cap.train.trackers import Trackers


class Movable(Protocol):
    """A batch, which knows how to get to a device."""

    def to(self, device: torch.device | str) -> Any:
        """The same on another device."""
        ...


class Task(Protocol):
    """What is trained, as the loop sees it; `assemble.CaptionerTask` is the real one."""

    @property
    def model(self) -> nn.Module:
        """What learns."""
        ...

    def losses(self, batch: Any, step: int) -> dict[str, Tensor]:
        """Weighted losses of a batch; their sum is what to minimise."""
        ...

    def batches(
        self, first_step: int, *, rank: int, devices: int
    ) -> Generator[Sequence[Movable], None, None]:
        """For each step from `first_step` on, the batches of its passes on this device; closed in the end."""
        ...

    def evaluate(self, folder: Path, accelerator: Accelerator, interrupt: Interrupt) -> dict[str, float]:
        """Score the model as it is; the same on every device."""
        ...

    def save(self, folder: Path, state: dict[str, Tensor]) -> None:
        """Write weights."""
        ...

    @property
    def evaluates(self) -> bool:
        """Whether there is something to evaluate on."""
        ...


@dataclass(frozen=True)
class TrainProgress:
    """How far a run is.

    Args:
        step: Steps done.
        total: Steps in all.
        loss: Of the last step.
        images_per_s: Pictures a second, lately.
        seconds_left: Estimate without evaluations; None where nothing is known yet.
        doing: `training` or `evaluating`.
    """

    step: int
    total: int
    loss: float
    images_per_s: float
    seconds_left: float | None
    doing: str = "training"


@dataclass(frozen=True)
class LoopOptions:
    """What of a run is no setting.

    Args:
        total: Steps in all.
        tell: Told sentences.
        on_progress: Told after each step.
        after_evaluation: Called with the log's records.
        interrupt: Set by whoever wants the run to stop.
        trackers: Sent every number.
    """

    total: int
    tell: Callable[[str], None] = lambda _: None
    on_progress: Callable[[TrainProgress], None] = lambda _: None
    after_evaluation: Callable[[Sequence[Mapping[str, Any]]], None] = lambda _: None
    interrupt: Interrupt = field(default_factory=Interrupt)
    trackers: Trackers | None = None


class TaskLosses(nn.Module):
    """A task's losses as a module's `forward`, which is what devices split and precision wraps."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.model = task.model
        self._losses = task.losses

    def forward(self, batch: Any, step: int) -> dict[str, Tensor]:
        """The task's losses."""
        return self._losses(batch, step)


def make_accelerator(precision: Precision, *, device: str = "auto") -> Accelerator:
    """Devices and precision as accelerate sees them.

    Args:
        precision: `fp32` or `bf16`.
        device: `auto`, or `cpu` to use no GPU.
    """
    # Accelerate remembers the first choice of a process; a notebook may train twice with different ones.
    AcceleratorState._reset_state(reset_partial_state=True)
    # Published weights have a box head that no loss reaches, and a batch may have no caption.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(
        mixed_precision="bf16" if precision == "bf16" else "no",
        cpu=device == "cpu",
        kwargs_handlers=[unused],
        rng_types=[],
    )
