"""Fine-tune: one call from a configuration to a folder with a model."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import torch

from pix2cap.core.interrupt import Interrupt, interruptible
from pix2cap.errors import UsageError
from pix2cap.report.curves import write_curves
from pix2cap.sft.run_log import LOG_NAME, SftLog, open_sft_run, read_sft_log
from pix2cap.sft.settings import SftSettings, StageSettings

if TYPE_CHECKING:
    from pix2cap.sft.region_data import CaptionedScenes
    from pix2cap.sft.region_llava import RegionLlava
    from pix2cap.sft.region_processor import RegionProcessor
    from pix2cap.sft.stage_trainer import SftProgress

MODEL: Final = "model"
STAGES: Final = "stages"
CURVES: Final = "curves.html"
_DONE: Final = "done"
Device = Literal["auto", "cpu"]


@dataclass(frozen=True)
class SftSummary:
    """What a run came to.

    Args:
        steps: Over all stages.
        loss: Of the last line of the log; None where no line was due.
        learnt: Stage to the count of numbers that learnt in it.
        model: The folder.
        curves: The page.
    """

    steps: int
    loss: float | None
    learnt: Mapping[str, int]
    model: Path
    curves: Path

    def to_json(self) -> dict[str, Any]:
        """A record of JSON types."""
        return {
            "steps": self.steps,
            "loss": self.loss,
            "learnt": dict(self.learnt),
            "model": str(self.model),
            "curves": str(self.curves),
        }


@dataclass(frozen=True)
class RunOptions:
    """What of a run is no setting.

    Args:
        device: `auto` takes GPUs where there are some.
        tell: Told sentences.
        on_progress: Told after each step.
        handle_signals: Let SIGINT and SIGTERM save before they end the run.
    """

    device: Device = "auto"
    tell: Callable[[str], None] = lambda _: None
    on_progress: Callable[[SftProgress], None] = lambda _: None
    handle_signals: bool = False


def train_sft(settings: SftSettings, out: str | Path, options: RunOptions | None = None) -> SftSummary:
    """Fine-tune, or go on where an earlier call with the same folder stopped, however it stopped.

    Stages come one after the other; each keeps what it learnt in `stages/`, and the model of the last
    stands in `model/`. On one CPU thread a run that was killed and gone on with ends with the same
    weights, bit by bit, as one that was not.

    Args:
        settings: As `read_sft_settings` gives them.
        out: The run folder.
        options: Device, and whom to tell.

    Raises:
        RunLocked: Another process trains in this folder.
        RunMismatch: The folder was begun with other settings or data.
        InputError: Data or model are not what they should be.
        TrainingDiverged: A loss is no finite number.
        KeyboardInterrupt: Stopped and saved.

    Example:
        >>> from pix2cap.sft.settings import read_sft_settings
        >>> train_sft(read_sft_settings(Path("configs/sft_tiny.toml")), "run").model  # doctest: +SKIP
    """
    out, options = Path(out), options or RunOptions()
    if settings.model.kind == "plain":
        from pix2cap.sft.plain_training import train_plain

        return train_plain(settings, out, options)
    return _train_regions(settings, out, options)


def _train_regions(settings: SftSettings, out: Path, options: RunOptions) -> SftSummary:
    from accelerate import PartialState

    from pix2cap.sft.build import build
    from pix2cap.sft.region_data import open_scenes

    state = PartialState(cpu=options.device == "cpu")
    data = settings.data
    with (
        open_sft_run(out, settings, is_main=state.is_main_process),
        interruptible(options.tell, handle_signals=options.handle_signals) as interrupt,
    ):
        scenes = open_scenes(
            data.train, masks=data.masks, images=data.images, limit=data.limit, cache_mib=data.cache_mib
        )
        processor_folder = out / "processor"
        with state.main_process_first():
            known = processor_folder if processor_folder.is_dir() else None
            model, processor = build(settings, scenes.texts, tokenizer=known)
            if known is None and state.is_main_process:
                save_whole(processor_folder, processor.save)
        run = _RegionRun(settings, out, options, scenes, model, processor, interrupt, state.is_main_process)
        learnt = run.stages()
        if state.is_main_process:
            run.save_model()
    return summary(out, sum(stage_steps(s, len(scenes)) for s in settings.stages), learnt)


@dataclass
class _RegionRun:
    """One session of a run with a region-aware model."""

    settings: SftSettings
    out: Path
    options: RunOptions
    scenes: CaptionedScenes
    model: RegionLlava
    processor: RegionProcessor
    interrupt: Interrupt
    is_main: bool

    def stages(self) -> dict[str, int]:
        """Train what is left of each; returns how many numbers each stage taught."""
        from pix2cap.sft.stage_trainer import checkpoint_step, last_checkpoint, load_learnt

        steps = [stage_steps(stage, len(self.scenes)) for stage in self.settings.stages]
        total, offset, learnt, log = sum(steps), 0, {}, None
        for number, (stage, count) in enumerate(zip(self.settings.stages, steps, strict=True), start=1):
            learnt[stage.name] = self.model.set_trainable(stage.train)
            self.model.objective = stage.objective
            folder = self.out / STAGES / f"{number}-{stage.name}"
            if (folder / _DONE).is_dir():
                load_learnt(self.model, folder / _DONE)
                offset += count
                continue
            begun = last_checkpoint(folder) if folder.is_dir() else None
            if log is None:
                log = SftLog(self.out, step=offset + checkpoint_step(begun), is_main=self.is_main)
            self.options.tell(
                f"stage {stage.name}: {count:,} steps of {stage.batch} pictures,"
                f" {learnt[stage.name]:,} numbers learn"
                + (f"; going on after step {checkpoint_step(begun):,}" if begun else "")
            )
            self._train_stage(stage, folder, begun=begun, log=log, place=(number, offset, total))
            offset += count
        return learnt

    def _train_stage(
        self,
        stage: StageSettings,
        folder: Path,
        *,
        begun: Path | None,
        log: SftLog,
        place: tuple[int, int, int],
    ) -> None:
        from pix2cap.sft.collate import RegionCollator
        from pix2cap.sft.region_data import RegionConversations, Wording
        from pix2cap.sft.stage_trainer import StageTrainer, StageWatch, learning_parameters, save_learnt

        number, offset, total = place
        for parameter in learning_parameters(self.model):
            # Small updates would be rounded away in bfloat16.
            parameter.data = parameter.data.float()
        count = stage_steps(stage, len(self.scenes))
        watch = StageWatch(
            log, stage.name, offset, total, stage.batch, self.interrupt, self.options.on_progress
        )
        trainer = StageTrainer(
            model=self.model,
            args=trainer_arguments(self.settings, stage, folder, steps=count, device=self.options.device),
            train_dataset=RegionConversations(
                self.scenes,
                self.processor,
                Wording.of(self.settings.data),
                count=count * stage.batch,
                seed=self.settings.seed * 1000 + number,
            ),
            data_collator=RegionCollator(_pad_id(self.processor)),
            callbacks=[watch],
        )
        quiet(trainer)
        try:
            trainer.train(resume_from_checkpoint=None if begun is None else str(begun))
        finally:
            if self.is_main:
                draw_curves(self.out)
        if self.interrupt.is_set and trainer.state.global_step < count:
            raise KeyboardInterrupt
        if self.is_main:
            save_whole(folder / _DONE, lambda path: save_learnt(self.model, path))
            for old in folder.glob("checkpoint-*"):
                shutil.rmtree(old)
        trainer.accelerator.wait_for_everyone()

    def save_model(self) -> None:
        """Write `model/`: the model in one folder, ready for `sft caption`."""
        from pix2cap.sft.build import save_wording
        from pix2cap.sft.region_data import Wording
        from pix2cap.sft.region_files import save_region_llava

        if (self.out / MODEL).is_dir():
            return
        if self.settings.model.merge or not self.model.base:
            self.model.merge_adapters()
        dtype = torch.bfloat16 if self.settings.weights == "bf16" else torch.float32

        def write(folder: Path) -> None:
            save_region_llava(self.model.to(device="cpu", dtype=dtype), folder)
            self.processor.save(folder)
            save_wording(folder, Wording.of(self.settings.data))

        save_whole(self.out / MODEL, write)


def stage_steps(stage: StageSettings, pictures: int) -> int:
    """Optimiser steps of a stage; an epoch's last, smaller batch is filled from the next epoch.

    Example:
        >>> stage_steps(StageSettings(name="one", train=("regions",), lr=1e-3, epochs=2, batch=4), 7)
        4
    """
    return stage.steps or -(-stage.epochs * pictures // stage.batch)


def trainer_arguments(
    settings: SftSettings,
    stage: StageSettings,
    folder: Path,
    *,
    steps: int,
    device: Device,
    make: Callable[..., Any] | None = None,
    **more: Any,
) -> Any:
    """Our settings in transformers' words; `make` may be TRL's `SFTConfig`.

    Raises:
        UsageError: The batch does not divide among devices and passes.
    """
    from accelerate import PartialState
    from transformers import TrainingArguments

    parts = PartialState().num_processes * stage.accumulate
    if stage.batch % parts:
        raise UsageError(
            f"stage {stage.name}: expected a batch that is a multiple of {parts} (devices times accumulate),"
            f" got {stage.batch}"
        )
    return (make or TrainingArguments)(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=stage.batch // parts,
        gradient_accumulation_steps=stage.accumulate,
        learning_rate=stage.lr,
        lr_scheduler_type=stage.schedule if stage.schedule != "constant" else "constant_with_warmup",
        warmup_steps=round(stage.warmup * steps),
        weight_decay=stage.weight_decay,
        max_grad_norm=stage.clip,
        seed=settings.seed,
        bf16=settings.precision == "bf16",
        use_cpu=device == "cpu",
        logging_steps=min(settings.log_every, steps),
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=settings.checkpoint_every,
        save_total_limit=settings.keep,
        dataloader_num_workers=settings.data.workers,
        dataloader_pin_memory=torch.cuda.is_available() and device == "auto",
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
        **more,
    )


def quiet(trainer: Any) -> None:
    """Take away the callback that prints each record to stdout, which is for data."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)


def draw_curves(out: Path) -> None:
    """Write the page of curves where there is something to draw."""
    records = read_sft_log(out / LOG_NAME)
    if any(record["event"] == "train" for record in records):
        write_curves(records, out / CURVES, title=out.resolve().name)


def summary(out: Path, steps: int, learnt: Mapping[str, int]) -> SftSummary:
    """What stands in a run folder."""
    losses = [r["loss"] for r in read_sft_log(out / LOG_NAME) if r["event"] == "train"]
    return SftSummary(steps, losses[-1] if losses else None, learnt, out / MODEL, out / CURVES)


def save_whole(folder: Path, write: Callable[[Path], None]) -> None:
    """Write a folder under another name first, so that a kill never leaves half of it under its own."""
    partial = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write(partial)
    partial.replace(folder)


def _pad_id(processor: RegionProcessor) -> int:
    known = processor.tokenizer.pad_token_id
    return int(processor.tokenizer.eos_token_id if known is None else known)
