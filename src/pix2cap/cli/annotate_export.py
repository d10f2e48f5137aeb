"""`pix2cap annotate export`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.output import print_record, say
from pix2cap.cli.program import program


def export(
    run: Path,
    *,
    out: Path,
    copy_images: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """Write the dataset folder: panoptic.json with descriptions, masks, Parquet, instances, card, manifest.

    Args:
        run: The run folder.
        out: The dataset folder.
        copy_images: Put the pictures into the dataset instead of referring to them.
        overwrite: Replace a dataset that stands there.
        format: table or json.
    """
    from pix2cap.annotate import export_run

    exported = export_run(run, out, copy_images=copy_images, overwrite=overwrite)
    print_record(exported.to_json(), format=format, title=f"Dataset {out}")
    say(f"next: {program()} report {shlex.quote(str(out))} --out report.html")
    return 0
