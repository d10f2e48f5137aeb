"""A small real model and endless data, for the training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from pix2cap.core.interrupt import Interrupt
from pix2cap.train.loop import Trainer
from pix2cap.train.run_folder import open_run
from pix2cap.train.settings import TrainSettings
from pix2cap.train.settings_file import parse_settings
from pix2cap.train.task import LoopOptions, make_accelerator


class SmallModel(nn.Module):
    """A sum of what two noisy layers see; `backbone` can be frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Dropout(0.2))
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.backbone(x))
        return result


@dataclass(frozen=True)
class Rows:
    """A batch of `(B, 4)` numbers."""

    x: Tensor

    def to(self, device: torch.device | str) -> Rows:
        return Rows(self.x.to(device))


class SmallTask:
    """Learn the sum of four numbers, with noise from torch's own generator.

    Args:
        batch: Rows a step.
        accumulate: Passes a step.
        nan_at: Step whose loss is no number.
        infinite_gradient_at: Step whose loss is finite and whose gradient is not.
        pause_s: Rest in each step, so that a test can interrupt it.
        noise: On the rows, from torch's own generator.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        batch: int = 8,
        accumulate: int = 1,
        nan_at: int | None = None,
        infinite_gradient_at: int | None = None,
        pause_s: float = 0.0,
        noise: float = 0.01,
        evaluates: bool = True,
    ) -> None:
        torch.manual_seed(seed)
        self.model = SmallModel()
        self.evaluates = evaluates
        self.evaluated: list[int] = []
        self._batch, self._accumulate, self._pause_s = batch, accumulate, pause_s
        self._noise = noise
        self._nan_at, self._infinite_gradient_at = nan_at, infinite_gradient_at

    def losses(self, batch: Rows, step: int) -> dict[str, Tensor]:
        time.sleep(self._pause_s)
        x = batch.x + self._noise * torch.randn_like(batch.x)
        error = self.model(x)[:, 0] - batch.x.sum(1)
        losses = {"square_0": error.square().mean(), "size_0": 0.1 * error.abs().mean()}
        if step == self._nan_at:
            losses["size_0"] = losses["size_0"] * math.nan
        if step == self._infinite_gradient_at:
            losses["size_0"] = losses["size_0"] + (self.model.head.bias.sum() * 0).abs().sqrt()
        return losses

    def batches(self, first_step: int, *, rank: int, devices: int) -> Generator[Sequence[Rows], None, None]:
        each = self._batch // (self._accumulate * devices)
        step = first_step
        while True:
            rows = torch.randn(self._batch, 4, generator=torch.Generator().manual_seed(step))
            parts = rows.split(each)
            yield [Rows(parts[i * devices + rank]) for i in range(self._accumulate)]
            step += 1

    def evaluate(self, folder: Path, accelerator: Accelerator, interrupt: Interrupt) -> dict[str, float]:
        assert not self.model.training
        interrupt.check()
        self.evaluated.append(len(self.evaluated))
        torch.randn(3)  # An evaluation that draws numbers must not change what is learnt.
        x = torch.randn(64, 4, generator=torch.Generator().manual_seed(99))
        with torch.no_grad():
            error = (self.model(x)[:, 0] - x.sum(1)).square().mean().item()
        return {"panoptic.all.pq": 1 / (1 + error)}

    def save(self, folder: Path, state: dict[str, Tensor]) -> None:
        folder.mkdir()
        torch.save(state, folder / "weights.pt")


def small_settings(**tables: dict[str, Any]) -> TrainSettings:
    """Settings for a few quick steps; what is named takes the place of the rest."""
    document: dict[str, Any] = {
        "data": {"train": "nowhere"},
        "optim": {"lr": 0.1, "batch": 8, "ema": 0.9},
        "schedule": {"steps": 30, "warmup": 3, "warmup_factor": 0.1},
        "log": {"every": 1, "checkpoint_every": 3, "keep": 2},
        "eval": {"every": 7},
    }
    for name, table in tables.items():
        document[name] = {**document.get(name, {}), **table}
    return parse_settings(document)


def train_small(
    run_dir: Path, settings: TrainSettings, *, interrupt: Interrupt | None = None, **task: Any
) -> SmallTask:
    """One session in a run folder, on the CPU."""
    small = SmallTask(
        seed=settings.seed, batch=settings.optim.batch, accumulate=settings.optim.accumulate, **task
    )
    options = LoopOptions(total=settings.schedule.steps, interrupt=interrupt or Interrupt())
    accelerator = make_accelerator(settings.precision, device="cpu")
    with open_run(run_dir, settings) as keep:
        keep({})
        Trainer(small, settings, run_dir, accelerator=accelerator, options=options).run()
    return small


def train_until_killed(run_dir: str, pause_s: float) -> None:
    """What a process does that a test kills."""
    torch.set_num_threads(1)
    train_small(Path(run_dir), small_settings(), pause_s=pause_s)
