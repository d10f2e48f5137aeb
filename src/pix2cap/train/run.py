"""Train a panoptic captioner: one call from a configuration to a folder of weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pix2cap.core.interrupt import interruptible
from pix2cap.report.curves import write_curves
from pix2cap.train.assemble import assemble
from pix2cap.train.log import LOG_NAME, read_log
from pix2cap.train.loop import BEST, WEIGHTS, Trainer
from pix2cap.train.run_folder import describe, open_run
from pix2cap.train.settings import TrainSettings
from pix2cap.train.task import LoopOptions, TrainProgress, make_accelerator
from pix2cap.train.trackers import Trackers, import_trackers

CURVES = "curves.html"


@dataclass(frozen=True)
class TrainSummary:
    """What a run came to.

    Args:
        steps: Learnt.
        loss: Mean of the last line of the log.
        scores: Of the last evaluation; empty without validation set.
        best_step: Of the best evaluation; None without.
        weights: Folder of the last weights.
        best: Folder of the best weights; None without evaluation.
        curves: The page.
    """

    steps: int
    loss: float
    scores: Mapping[str, float]
    best_step: int | None
    weights: Path
    best: Path | None
    curves: Path

    def to_json(self) -> dict[str, Any]:
        """A record of JSON types."""
        return {
            "steps": self.steps,
            "loss": self.loss,
            "scores": dict(self.scores),
            "best_step": self.best_step,
            "weights": str(self.weights),
            "best": None if self.best is None else str(self.best),
            "curves": str(self.curves),
        }


def train(
    settings: TrainSettings,
    out: str | Path,
    *,
    device: Literal["auto", "cpu"] = "auto",
    on_start: Callable[[str], None] | None = None,
    on_progress: Callable[[TrainProgress], None] | None = None,
    handle_signals: bool = False,
) -> TrainSummary:
    """Train, or go on where an earlier call with the same folder stopped, however it stopped.

    Args:
        settings: As `settings_file.read_settings` gives them.
        out: The run folder.
        device: `auto` takes GPUs where there are some.
        on_start: Told sentences.
        on_progress: Told after each step.
        handle_signals: Let SIGINT and SIGTERM save before they end the run.

    Raises:
        RunLocked: Another process trains in this folder.
        RunMismatch: The folder was begun with other settings or data.
        InputError: Data, weights or vocabularies are not what they should be.
        TrainingDiverged: A loss is no finite number.
        StorageFull: The disk took no more.
        KeyboardInterrupt: Stopped and saved.

    Example:
        >>> from pix2cap.train.settings_file import read_settings
        >>> train(read_settings(Path("configs/tiny_scenes.toml")), "run").weights  # doctest: +SKIP
    """
    run_dir, tell = Path(out), on_start or (lambda _: None)
    modules = import_trackers(settings.log.trackers)
    accelerator = make_accelerator(settings.precision, device=device)
    is_main = accelerator.is_main_process
    say = tell if is_main else (lambda _: None)
    with (
        open_run(run_dir, settings, is_main=is_main) as keep,
        interruptible(say, handle_signals=handle_signals) as interrupt,
    ):
        with accelerator.main_process_first():
            task, total, facts = assemble(settings, run_dir, tell=say)
        keep(facts)
        trackers = None
        if modules and is_main:
            config = describe(settings, run_dir)
            trackers = Trackers(modules, project=settings.log.project, run_dir=run_dir, config=config)
        options = LoopOptions(
            total=total,
            tell=say,
            on_progress=on_progress if on_progress is not None and is_main else (lambda _: None),
            after_evaluation=partial(_draw, run_dir=run_dir),
            interrupt=interrupt,
            trackers=trackers,
        )
        try:
            Trainer(task, settings, run_dir, accelerator=accelerator, options=options).run()
        finally:
            if is_main:
                _draw(read_log(run_dir / LOG_NAME), run_dir=run_dir)
            if trackers is not None:
                trackers.finish()
    return _summary(run_dir, total, settings.eval.best)


def _draw(records: Sequence[Mapping[str, Any]], *, run_dir: Path) -> None:
    if any(record["event"] == "train" for record in records):
        write_curves(records, run_dir / CURVES, title=run_dir.resolve().name)


def _summary(run_dir: Path, total: int, best: str) -> TrainSummary:
    records = read_log(run_dir / LOG_NAME)
    losses = [record["loss"] for record in records if record["event"] == "train"]
    evaluations = [record for record in records if record["event"] == "eval"]
    scored = [record for record in evaluations if best in record["scores"]]
    return TrainSummary(
        steps=total,
        loss=losses[-1],
        scores=evaluations[-1]["scores"] if evaluations else {},
        best_step=max(scored, key=lambda r: r["scores"][best])["step"] if scored else None,
        weights=run_dir / WEIGHTS,
        best=run_dir / BEST if (run_dir / BEST).is_dir() else None,
        curves=run_dir / CURVES,
    )
