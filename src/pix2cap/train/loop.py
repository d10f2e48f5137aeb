"""The training loop: steps, lines of the log, checkpoints, evaluations, and going on after any of them."""

from __future__ import annotations

import math
import random
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from pix2cap.errors import RunMismatch, TrainingDiverged
from pix2cap.train.checkpoint import (
    Checkpoint,
    latest_checkpoint,
    random_state,
    save_checkpoint,
    set_random_state,
)
from pix2cap.train.ema import WeightAverage
from pix2cap.train.log import TrainLog
from pix2cap.train.optimizer import freeze_parts, group_rates, make_optimizer, set_training_mode
from pix2cap.train.schedule import set_rates
from pix2cap.train.settings import TrainSettings
from pix2cap.train.task import LoopOptions, Movable, Task, TaskLosses, TrainProgress

WEIGHTS: Final = "weights"
BEST: Final = "best"
_SMOOTHING: Final = 0.9


class Trainer:
    """Trains a task in a run folder, from its latest checkpoint.

    Args:
        task: Model and data.
        settings: Of the run.
        run_dir: Held by the caller.
        accelerator: Device and precision.
        options: Who to tell, when to stop.
    """

    def __init__(
        self,
        task: Task,
        settings: TrainSettings,
        run_dir: Path,
        *,
        accelerator: Accelerator,
        options: LoopOptions,
    ) -> None:
        self.task, self.settings, self.run_dir = task, settings, run_dir
        self.accelerator, self.options = accelerator, options
        freeze_parts(task.model, settings.optim.freeze)
        self.module = accelerator.prepare_model(TaskLosses(task))
        self.optimizer = make_optimizer(task.model, settings.optim)
        self.average = WeightAverage(task.model, settings.optim.ema) if settings.optim.ema else None
        self.step = 0
        self.window: dict[str, tuple[float, int]] = {}
        self._window_seconds, self._step_seconds = 0.0, 0.0

    def run(self) -> None:
        """Train to the end.

        Raises:
            TrainingDiverged: A loss or gradient is no finite number.
            KeyboardInterrupt: Stopped and saved.
            StorageFull: The disk took no more.
        """
        settings, total = self.settings, self.options.total
        saved = latest_checkpoint(self.run_dir)
        self.step = 0 if saved is None else saved.step
        batches = self.task.batches(
            self.step, rank=self.accelerator.process_index, devices=self.accelerator.num_processes
        )
        self._begin(saved)
        self.log = TrainLog(self.run_dir, step=self.step) if self.accelerator.is_main_process else None
        try:
            self._note("session", **self._facts())
            self._evaluate_if_due()
            while self.step < total:
                self._timed_step(batches)
                if self.step % settings.log.every == 0 or self.step == total:
                    self._log_window()
                stops = self._agree(self.options.interrupt.is_set)
                if stops or self._checkpoint_is_due():
                    self._save_checkpoint()
                if stops:
                    raise KeyboardInterrupt
                self._evaluate_if_due()
            self._deliver(WEIGHTS)
        finally:
            batches.close()
            if self.log is not None:
                self.log.close()

    def _begin(self, saved: Checkpoint | None) -> None:
        rank = self.accelerator.process_index
        if saved is None:
            seed_everything(self.settings.seed + rank)
            return
        if len(saved.random) != self.accelerator.num_processes:
            raise RunMismatch(
                f"{self.run_dir}: this run was started on {len(saved.random)} devices, now there are"
                f" {self.accelerator.num_processes}; start it on as many, or give another --out"
            )
        self.task.model.load_state_dict(saved.model)
        self.optimizer.load_state_dict(dict(saved.optimizer))
        if self.average is not None and saved.average is not None:
            self.average.load_state_dict(saved.average)
        self.window = dict(saved.window)
        set_random_state(saved.random[rank])
        self.options.tell(f"going on after step {saved.step} of {self.options.total}")

    def _timed_step(self, batches: Iterator[Sequence[Movable]]) -> None:
        began = time.monotonic()
        loss = self._train_step(next(batches))
        self.step += 1
        seconds = time.monotonic() - began
        self._window_seconds += seconds
        kept = _SMOOTHING if self._step_seconds else 0.0
        self._step_seconds = kept * self._step_seconds + (1 - kept) * seconds
        rate = self.settings.optim.batch / max(1e-9, self._step_seconds)
        left = (self.options.total - self.step) * self._step_seconds
        self.options.on_progress(TrainProgress(self.step, self.options.total, loss, rate, left))

    def _train_step(self, micro_batches: Sequence[Movable]) -> float:
        """One update; returns the loss."""
        settings = self.settings
        set_training_mode(self.task.model, settings.optim.freeze)
        set_rates(self.optimizer, settings.schedule, self.step, self.options.total)
        loss = 0.0
        for number, batch in enumerate(micro_batches, start=1):
            with self._synchronised(is_last=number == len(micro_batches)):
                losses = self.module(batch.to(self.accelerator.device), self.step)
                loss += self._take_in(losses) / len(micro_batches)
                summed = torch.stack(list(losses.values())).sum()
                self.accelerator.backward(summed / len(micro_batches))
        learning = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = self.accelerator.clip_grad_norm_(learning, settings.optim.clip or math.inf)
        self._require_finite({"gradient norm": float(norm)})
        self._add("grad_norm", float(norm))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self.task.model)
        return loss

    def _synchronised(self, *, is_last: bool) -> AbstractContextManager[Any]:
        """Gradients cross devices with the last pass of a step only."""
        return nullcontext() if is_last else self.accelerator.no_sync(self.module)

    def _take_in(self, losses: Mapping[str, Tensor]) -> float:
        """Note the losses of one pass; returns their sum."""
        values = torch.stack([value.detach().float() for value in losses.values()]).tolist()
        named = dict(zip(losses, values, strict=True))
        self._require_finite(named)
        for name, value in named.items():
            self._add(name, value)
        self._add("loss", math.fsum(values))
        return math.fsum(values)

    def _require_finite(self, values: Mapping[str, float]) -> None:
        wrong = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
        if self._agree(bool(wrong)):
            raise TrainingDiverged(
                f"{self.run_dir}: step {self.step + 1}: expected finite losses and gradients, got"
                f" {', '.join(wrong[:4]) or 'others on another device'}; lower optim.lr or optim.clip, or use"
                " precision fp32, with another --out",
                step=self.step + 1,
            )

    def _agree(self, said: bool) -> bool:
        """Whether any device says so."""
        if self.accelerator.num_processes == 1:
            return said
        votes = torch.tensor([float(said)], device=self.accelerator.device)
        return bool(self.accelerator.reduce(votes, reduction="sum").item() > 0)

    def _add(self, name: str, value: float) -> None:
        total, count = self.window.get(name, (0.0, 0))
        self.window[name] = total + value, count + 1

    def _log_window(self) -> None:
        windows = gather_object([self.window]) if self.accelerator.num_processes > 1 else [self.window]
        sums = {name: [window[name] for window in windows if name in window] for name in windows[0]}
        means = {name: sum(s for s, _ in some) / sum(n for _, n in some) for name, some in sums.items()}
        images = self.settings.optim.batch * self.window["grad_norm"][1]
        facts: dict[str, Any] = {
            "loss": means.pop("loss"),
            "grad_norm": means.pop("grad_norm"),
            "losses": means,
            "lr": dict(group_rates(self.optimizer)),
            "images_per_s": round(images / max(1e-9, self._window_seconds), 3),
        }
        if torch.cuda.is_available():
            facts["peak_memory_mib"] = torch.cuda.max_memory_allocated() // 2**20
        self._note("train", **facts)
        self._track({"loss": facts["loss"], "grad_norm": facts["grad_norm"], **means})
        self.window, self._window_seconds = {}, 0.0

    def _save_checkpoint(self) -> None:
        own = [random_state()]
        states = gather_object(own) if self.accelerator.num_processes > 1 else own
        if self.accelerator.is_main_process:
            checkpoint = Checkpoint(
                step=self.step,
                model=self.task.model.state_dict(),
                optimizer=self.optimizer.state_dict(),
                average=None if self.average is None else self.average.state_dict(),
                random=tuple(states),
                window=self.window,
            )
            save_checkpoint(self.run_dir, checkpoint, keep=self.settings.log.keep)
        self.accelerator.wait_for_everyone()

    def _checkpoint_is_due(self) -> bool:
        is_time = self.step % self.settings.log.checkpoint_every == 0 or self.step == self.options.total
        return is_time or self._evaluation_is_due()

    def _evaluation_is_due(self) -> bool:
        every = self.settings.eval.every
        is_time = self.step == self.options.total or (every > 0 and self.step % every == 0)
        return self.task.evaluates and self.step > 0 and is_time

    def _evaluate_if_due(self) -> None:
        done = self.log is not None and self.log.has("eval", self.step)
        if not self._evaluation_is_due() or self._agree(done):
            return
        state, began = random_state(), time.monotonic()
        self.options.on_progress(TrainProgress(self.step, self.options.total, 0.0, 0.0, None, "evaluating"))
        with self._evaluated_model(), self.accelerator.autocast():
            scores = self.task.evaluate(self.run_dir, self.accelerator, self.options.interrupt)
        set_random_state(state)
        if self.log is not None:
            if self._is_best(scores):
                self._deliver(BEST, scores)
            self._note("eval", scores=scores, seconds=round(time.monotonic() - began, 2))
            self.options.after_evaluation(self.log.records)
        self._track({f"eval/{name}": value for name, value in scores.items()})
        self.accelerator.wait_for_everyone()

    @contextmanager
    def _evaluated_model(self) -> Iterator[None]:
        """The model as it would be delivered, without noise."""
        with nullcontext() if self.average is None else self.average.applied(self.task.model):
            self.task.model.eval()
            yield

    def _is_best(self, scores: Mapping[str, float]) -> bool:
        name = self.settings.eval.best
        assert self.log is not None
        earlier = [r["scores"].get(name, -math.inf) for r in self.log.records if r["event"] == "eval"]
        return scores.get(name, -math.inf) > max(earlier, default=-math.inf)

    def _deliver(self, name: str, scores: Mapping[str, float] | None = None) -> None:
        """Write weights into a folder that appears whole."""
        if not self.accelerator.is_main_process:
            return
        with self._evaluated_model():
            state = {key: value.detach().cpu().clone() for key, value in self.task.model.state_dict().items()}
        folder, new, old = (self.run_dir / start for start in (name, f".{name}.part", f".{name}.old"))
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)
        self.task.save(new, state)
        if scores is not None:
            record = {"step": self.step, "scores": scores}
            (new / "scores.json").write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)

    def _facts(self) -> dict[str, Any]:
        parameters = list(self.task.model.parameters())
        return {
            "total": self.options.total,
            "device": str(self.accelerator.device),
            "devices": self.accelerator.num_processes,
            "precision": self.settings.precision,
            "torch": torch.__version__,
            "parameters": sum(p.numel() for p in parameters),
            "learning": sum(p.numel() for p in parameters if p.requires_grad),
        }

    def _note(self, event: str, **facts: Any) -> None:
        if self.log is not None:
            self.log.add(event, self.step, **facts)

    def _track(self, numbers: Mapping[str, float]) -> None:
        if self.options.trackers is not None and self.accelerator.is_main_process:
            self.options.trackers.log(numbers, self.step)


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's generators, on all devices."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
