"""HF's Trainer, made to keep only what learns, to take samples in order and to stop between steps."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import Sampler, SequentialSampler
from transformers import Trainer, TrainerCallback

from pix2cap.core.interrupt import Interrupt
from pix2cap.errors import InputError, TrainingDiverged
from pix2cap.sft.run_log import SftLog

LEARNT: Final = "learnt.safetensors"
_WHOLE: Final = "whole"
"""An empty file that is written last into a checkpoint: without it, a kill came between."""


@dataclass(frozen=True, slots=True)
class SftProgress:
    """How far a run is; steps are counted over all stages.

    Args:
        step: Steps done.
        total: Steps in all.
        loss: The last that was logged; NaN before.
        images_per_s: Conversations a second in this session.
        seconds_left: Estimate; None where nothing is known yet.
        doing: `training`.
    """

    step: int
    total: int
    loss: float
    images_per_s: float
    seconds_left: float | None
    doing: str = "training"


@dataclass
class StageWatch(TrainerCallback):  # type: ignore[misc]  # transformers is not followed by mypy
    """Writes the log, tells of progress and stops where it was asked to.

    Args:
        log: Of the run.
        stage: Name.
        offset: Steps of the stages before.
        total: Steps of all stages.
        batch: Conversations a step.
        interrupt: Set by whoever wants the run to stop.
        on_progress: Told after each step.
    """

    log: SftLog
    stage: str
    offset: int
    total: int
    batch: int
    interrupt: Interrupt = field(default_factory=Interrupt)
    on_progress: Callable[[SftProgress], None] = lambda _: None
    _loss: float = math.nan
    _began: tuple[float, int] = (0.0, 0)
    _logged: tuple[float, int] = (0.0, 0)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clocks."""
        self._began = self._logged = time.monotonic(), state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell, and stop with a checkpoint where that is wanted."""
        seconds, done = time.monotonic() - self._began[0], state.global_step - self._began[1]
        step = self.offset + state.global_step
        rate = done / max(seconds, 1e-9)
        self.on_progress(
            SftProgress(
                step, self.total, self._loss, rate * self.batch, (self.total - step) / max(rate, 1e-9)
            )
        )
        if self.interrupt.is_set:
            control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark a checkpoint as whole, after all else of it is written."""
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / _WHOLE).touch()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Write a line.

        Raises:
            TrainingDiverged: The loss or the gradient is no finite number.
        """
        if not logs or "loss" not in logs:
            return
        self._loss, norm = float(logs["loss"]), float(logs.get("grad_norm", 0.0))
        step = self.offset + state.global_step
        if not math.isfinite(self._loss) or not math.isfinite(norm):
            raise TrainingDiverged(
                f"step {step} of {self.total}, stage {self.stage}: expected a finite loss and gradient, got"
                f" {self._loss} and {norm}; lower the stage's lr, and the same command goes on from the"
                " last checkpoint only with the same settings, so give another --out",
                step=step,
            )
        now = time.monotonic()
        rate = (state.global_step - self._logged[1]) * self.batch / max(now - self._logged[0], 1e-9)
        self._logged = now, state.global_step
        self.log.add(
            "train",
            step,
            stage=self.stage,
            loss=self._loss,
            losses={},
            lr={"learning rate": float(logs.get("learning_rate", 0.0))},
            grad_norm=norm,
            images_per_s=rate,
        )


class StageTrainer(Trainer):  # type: ignore[misc]  # transformers is not followed by mypy
    """HF's Trainer for one stage.

    Checkpoints hold only the parameters that learn: for adapters on a 7B model megabytes, not 14 GB.
    Samples come in the order of their numbers, which are drawn from the seed, so that a run that goes on
    sees what it would have seen.
    """

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return SequentialSampler(self.train_dataset)

    def _save(self, output_dir: str | None = None, state_dict: Mapping[str, Any] | None = None) -> None:
        if self.args.should_save:
            folder = Path(output_dir or self.args.output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            save_learnt(self.accelerator.unwrap_model(self.model), folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        load_learnt(model or self.model, Path(resume_from_checkpoint))


def save_learnt(model: nn.Module, folder: Path) -> None:
    """Write the parameters that learn, under a name that only a whole file has."""
    state = {n: p.detach().cpu().contiguous() for n, p in model.named_parameters() if p.requires_grad}
    partial = folder / f"{LEARNT}.part"
    save_file(state, partial, metadata={"format": "pt"})
    partial.replace(folder / LEARNT)


def load_learnt(model: nn.Module, folder: Path) -> None:
    """Put what `save_learnt` wrote into a model of the same make.

    Raises:
        InputError: The file is missing, damaged or of another model.
    """
    path = folder / LEARNT
    try:
        state = load_file(path)
        own = dict(model.named_parameters())
        strangers = sorted(state.keys() - own.keys())
        if strangers:
            raise ValueError(f"parameters that the model lacks ({strangers[0]})")
        with torch.no_grad():
            for name, value in state.items():
                own[name].copy_(value)
    except Exception as error:  # safetensors raises its own kinds for each fault of a file.
        raise InputError(
            f"{path}: expected weights as `pix2cap sft train` keeps them, got: {error}; remove the folder to"
            " go on from the one before it"
        ) from error


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of a stage; what a kill left half-written is removed."""
    whole: list[tuple[int, Path]] = []
    for path in folder.glob("checkpoint-*"):
        if (path / _WHOLE).is_file():
            whole.append((int(path.name.rpartition("-")[2]), path))
        else:
            shutil.rmtree(path)
    return max(whole)[1] if whole else None


def checkpoint_step(path: Path | None) -> int:
    """Steps done at a checkpoint, 0 for none."""
    return 0 if path is None else int(path.name.rpartition("-")[2])


def learning_parameters(model: nn.Module) -> Sequence[nn.Parameter]:
    """Those that learn."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
