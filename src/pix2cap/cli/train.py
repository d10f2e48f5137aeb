"""`pix2cap train`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.extras import need_extra
from pix2cap.cli.output import print_record, say
from pix2cap.cli.program import program
from pix2cap.cli.train_progress import report_training


def train(
    config: Path,
    *,
    out: Path,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    device: Literal["auto", "cpu"] = "auto",
    format: Literal["table", "json"] = "table",
) -> int:
    """Train the baseline model; the same command again goes on where it stopped, however it stopped.

    Args:
        config: TOML file with tables data, model, optim, schedule, loss, log and eval; see configs/.
        out: The run folder: weights/, best/, checkpoints/, log.jsonl, curves.html.
        set_: One value in place of the file's, as optim.lr=2e-4; may be given several times.
        device: auto takes GPUs where there are some.
        format: How to print the result.
    """
    need_extra("train")
    from pix2cap.train.run import train as run
    from pix2cap.train.settings_file import read_settings

    settings = read_settings(config, set_ or ())
    with report_training() as on_progress:
        summary = run(
            settings, out, device=device, on_start=say, on_progress=on_progress, handle_signals=True
        )
    if os.environ.get("RANK", "0") != "0":
        return 0  # One of several processes: the first tells.
    print_record(summary.to_json(), format=format, title="Training")
    weights = summary.best or summary.weights
    say(f"next: {program()} predict PICTURES --weights {shlex.quote(str(weights))} --out PREDICTIONS")
    return 0
