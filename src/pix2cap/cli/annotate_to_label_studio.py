"""`pix2cap annotate to-label-studio`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pix2cap.cli.output import print_record, say
from pix2cap.cli.program import program


def to_label_studio(
    run: Path,
    *,
    out: Path,
    sample: str | None = None,
    pictures_url: str | None = None,
    format: Literal["table", "json"] = "table",
) -> int:
    """Write the tasks of a frozen sample for Label Studio, and its labelling configuration beside them.

    Args:
        run: The run folder.
        out: The .json file to write; the configuration gets the same name with .xml.
        sample: Name of the sample; not needed where there is one.
        pictures_url: Where the folder of pictures will be served; without it the tasks hold the pictures.
        format: table or json.
    """
    from pix2cap.annotate.label_studio import sample_to_label_studio

    written = sample_to_label_studio(run, out, sample=sample, pictures_url=pictures_url)
    print_record(asdict(written), format=format, title=f"Tasks for Label Studio in {out}")
    say(f"next: {program()} annotate from-label-studio {shlex.quote(str(run))} EXPORT.json")
    return 0
