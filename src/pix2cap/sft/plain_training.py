"""Tune any vision-language model with TRL on exported rows: regions are marks or boxes, no new module."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import torch

from pix2cap.core.interrupt import Interrupt, interruptible
from pix2cap.errors import InputError, UsageError
from pix2cap.sft.export_folder import EXPORT
from pix2cap.sft.region_files import save_adapters
from pix2cap.sft.run_log import SftLog, open_sft_run
from pix2cap.sft.settings import SftSettings
from pix2cap.sft.training import (
    MODEL,
    STAGES,
    RunOptions,
    SftSummary,
    draw_curves,
    quiet,
    save_whole,
    stage_steps,
    summary,
    trainer_arguments,
)

_PROJECTORS: Final = ("multi_modal_projector", "merger", "connector", "aligner", "mlp1")
_TOWERS: Final = ("vision", "visual")
_CACHE: Final = "rows"


def train_plain(settings: SftSettings, out: Path, options: RunOptions) -> SftSummary:
    """See `training.train_sft`, for `kind = "plain"`.

    TRL reads `prompt`, `completion` and pictures itself, puts loss on completions alone, and knows each
    family's chat template and picture tokens; so this path stays thin and takes tomorrow's models.

    Raises:
        InputError: The rows are no export to `trl` or `marked`, or the base cannot be loaded.
    """
    from accelerate import PartialState

    state = PartialState(cpu=options.device == "cpu")
    with (
        open_sft_run(out, settings, is_main=state.is_main_process),
        interruptible(options.tell, handle_signals=options.handle_signals) as interrupt,
    ):
        with state.main_process_first():
            rows = _rows(settings.data.train, out, limit=settings.data.limit)
        steps = stage_steps(settings.stages[0], len(rows))
        learnt = 0
        if not (out / MODEL).is_dir():
            learnt = _train(settings, out, options, rows, interrupt, steps)
    return summary(out, steps, {settings.stages[0].name: learnt})


def _train(
    settings: SftSettings, out: Path, options: RunOptions, rows: Any, interrupt: Interrupt, steps: int
) -> int:
    from trl import SFTConfig, SFTTrainer

    from pix2cap.sft.stage_trainer import StageWatch, checkpoint_step, last_checkpoint

    stage = settings.stages[0]
    folder = out / STAGES / f"1-{stage.name}"
    begun = last_checkpoint(folder) if folder.is_dir() else None
    model, processor = _load(settings)
    freeze(model, stage.train)
    trainer = SFTTrainer(
        model=model,
        args=trainer_arguments(
            settings,
            stage,
            folder,
            steps=steps,
            device=options.device,
            make=SFTConfig,
            # Cutting a row would cut picture tokens apart.
            max_length=None,
            gradient_checkpointing=settings.model.checkpointing,
        ),
        train_dataset=rows,
        processing_class=processor,
        peft_config=_adapters(settings),
    )
    is_main = bool(trainer.accelerator.is_main_process)
    learning = _in_full_precision(trainer.model)
    log = SftLog(out, step=checkpoint_step(begun), is_main=is_main)
    trainer.add_callback(StageWatch(log, stage.name, 0, steps, stage.batch, interrupt, options.on_progress))
    quiet(trainer)
    count = int(sum(parameter.numel() for parameter in learning))
    options.tell(f"stage {stage.name}: {steps:,} steps of {stage.batch} rows, {count:,} numbers learn")
    try:
        trainer.train(resume_from_checkpoint=None if begun is None else str(begun))
    finally:
        if is_main:
            draw_curves(out)
    if interrupt.is_set and trainer.state.global_step < steps:
        raise KeyboardInterrupt
    if is_main:
        _save(trainer, processor, out, base=settings.model.base, merge=settings.model.merge)
        shutil.rmtree(folder, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    return count


def _in_full_precision(model: Any) -> list[Any]:
    """The parameters that learn; small updates would be rounded away in bfloat16."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.data = parameter.data.float()
    return learning


def _save(trainer: Any, processor: Any, out: Path, *, base: str, merge: bool) -> None:
    model = trainer.accelerator.unwrap_model(trainer.model)
    if merge and hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()

    def write(folder: Path) -> None:
        if hasattr(model, "peft_config"):
            save_adapters(model, folder, base=Path(base).resolve().name if Path(base).exists() else base)
        else:
            model.save_pretrained(folder)
        processor.save_pretrained(folder)

    save_whole(out / MODEL, write)


def _rows(folder: Path, out: Path, *, limit: int) -> Any:
    manifest = EXPORT.read_manifest(folder)
    kind = None if manifest is None else manifest["options"]["to"]
    if kind not in ("trl", "marked"):
        got = "no export" if manifest is None else f"an export to {kind}"
        raise InputError(
            f"{folder}: expected rows of `pix2cap sft export --to trl` or `--to marked`, got {got}"
        )
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    try:
        rows = load_dataset(str(folder), split="train", cache_dir=str(out / _CACHE))
    except (DatasetsError, OSError, ValueError) as error:
        raise InputError(f"{folder}: expected rows that `datasets` can load, got: {error}") from error
    return rows.select(range(min(limit, len(rows)))) if limit else rows


def _load(settings: SftSettings) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    base = settings.model.base
    dtype = torch.bfloat16 if settings.weights == "bf16" else torch.float32
    try:
        processor = AutoProcessor.from_pretrained(base)
        return AutoModelForImageTextToText.from_pretrained(base, dtype=dtype), processor
    except (OSError, ValueError, ImportError) as error:
        raise InputError(
            f"base model {base}: expected a vision-language model that transformers can load, got: {error}"
        ) from error


def _adapters(settings: SftSettings) -> Any:
    if settings.model.lora is None:
        return None
    from peft import LoraConfig

    table = dataclasses.asdict(settings.model.lora)
    # Only in the language model: towers have layers of the same names.
    towers = "|".join((*_TOWERS, *_PROJECTORS))
    return LoraConfig(
        r=table["rank"],
        lora_alpha=table["alpha"],
        lora_dropout=table["dropout"],
        target_modules=rf"^(?!.*(?:{towers})).*\.(?:{'|'.join(table['targets'])})$",
        task_type="CAUSAL_LM",
    )


def freeze(model: Any, parts: Collection[str]) -> None:
    """Leave only these parts of a vision-language model to learn.

    Raises:
        UsageError: Region modules are of the other kind of model.
    """
    if "regions" in parts:
        raise UsageError(
            'stage train: expected parts of a plain model, got regions, which kind = "region" has'
        )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(plain_part_of(name) in parts)


def plain_part_of(name: str) -> str:
    """Which part a parameter of some vision-language model belongs to, by the names that families use.

    Example:
        >>> plain_part_of("model.visual.merger.mlp.0.weight")
        'projector'
        >>> plain_part_of("model.visual.blocks.0.norm1.weight")
        'vision'
    """
    if any(word in name for word in _PROJECTORS):
        return "projector"
    return "vision" if any(word in name for word in _TOWERS) else "language"
