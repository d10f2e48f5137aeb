"""`pix2cap annotate from-label-studio`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pix2cap.cli.output import print_record, say
from pix2cap.cli.program import program


def from_label_studio(run: Path, file: Path, *, format: Literal["table", "json"] = "table") -> int:
    """Take the verdicts on a sample over from an export of Label Studio; twice is as good as once.

    Args:
        run: The run folder.
        file: Label Studio's export in its format "JSON".
        format: table or json.
    """
    from pix2cap.annotate.label_studio import verdicts_from_label_studio

    taken = verdicts_from_label_studio(run, file)
    print_record(asdict(taken), format=format, title=f"Verdicts from {file}")
    say(f"next: {program()} dataset agreement {shlex.quote(str(run))} --sample {taken.sample}")
    return 0
