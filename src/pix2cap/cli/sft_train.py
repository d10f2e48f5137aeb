"""`pix2cap sft train`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.extras import need_extra
from pix2cap.cli.output import print_record, say
from pix2cap.cli.program import program
from pix2cap.cli.train_progress import report_training

if TYPE_CHECKING:
    from pix2cap.sft.stage_trainer import SftProgress


def train(
    config: Path,
    *,
    out: Path,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    device: Literal["auto", "cpu"] = "auto",
    format: Literal["table", "json"] = "table",
) -> int:
    """Tune a large multimodal model; the same command again goes on where it stopped, however it stopped.

    Args:
        config: TOML file with tables data, model and stages; see configs/sft_*.toml.
        out: The run folder: model/, stages/, log.jsonl, curves.html.
        set_: One value in place of the file's, as stages.0.lr=2e-4; may be given several times.
        device: auto takes GPUs where there are some.
        format: How to print the result.
    """
    need_extra("sft")
    from pix2cap.sft.settings import read_sft_settings
    from pix2cap.sft.training import RunOptions, train_sft
    from pix2cap.train.task import TrainProgress

    settings = read_sft_settings(config, set_ or ())
    with report_training() as advance:

        def on_progress(progress: SftProgress) -> None:
            advance(
                TrainProgress(
                    progress.step,
                    progress.total,
                    progress.loss,
                    progress.images_per_s,
                    progress.seconds_left,
                    progress.doing,
                )
            )

        summary = train_sft(
            settings, out, RunOptions(device=device, tell=say, on_progress=on_progress, handle_signals=True)
        )
    print_record(summary.to_json(), format=format, title="Fine-tuning")
    if settings.model.kind == "region":
        model = shlex.quote(str(summary.model))
        say(f"next: {program()} sft caption DATASET --model {model} --out PREDICTIONS")
    return 0
