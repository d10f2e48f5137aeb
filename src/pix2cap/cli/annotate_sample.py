"""`pix2cap annotate sample`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal

from pix2cap.cli.output import print_record, say
from pix2cap.cli.program import program


def sample(
    run: Path,
    *,
    per_stratum: int,
    by: str = "class,size,marks,attempt",
    raters: int = 1,
    overlap: float = 0.2,
    seed: int = 0,
    name: str = "verify",
    format: Literal["table", "json"] = "table",
) -> int:
    """Freeze a stratified sample of the captions for people to verify, before anyone looks.

    Args:
        run: The run folder.
        per_stratum: Captions of each stratum; one with fewer is taken whole.
        by: What strata are made of: class, size, marks (segments asked about together), attempt.
        raters: How many people share the work.
        overlap: Share of the captions that all of them see, 0 to 1.
        seed: The same seed draws the same sample.
        name: The sample's name; a name is drawn once.
        format: table or json.
    """
    from dataclasses import asdict

    from pix2cap.annotate.draw_sample import SampleOptions, draw_sample

    dimensions = tuple(part.strip() for part in by.split(",") if part.strip())
    options = SampleOptions(name, per_stratum, dimensions, raters, overlap, seed)
    drawn = draw_sample(run, options)
    print_record(asdict(drawn), format=format, title=f"Sample {name} of {run}")
    folder = shlex.quote(str(run))
    say(f"next: {program()} review {folder} --task verify --sample {name}")
    return 0
