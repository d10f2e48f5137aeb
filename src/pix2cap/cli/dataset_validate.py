"""`pix2cap dataset validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pix2cap.cli.output import print_json, say


def validate(
    source: Path,
    *,
    masks: Path | None = None,
    images: Path | None = None,
    format: Literal["table", "json"] = "table",
) -> int:
    """List every inconsistency between JSON, masks and pictures; exit code 1 where there is one.

    Args:
        source: COCO panoptic or instances JSON, a folder of id-maps with its JSON, or a dataset folder.
        masks: Folder or zip of the mask PNGs.
        images: Folder of the pictures; without it pictures are not looked at.
        format: table or json.
    """
    from pix2cap.dataset.validate import validate_source

    problems = validate_source(source, masks=masks, images=images)
    if format == "json":
        print_json([problem.to_json() for problem in problems])
    else:
        for problem in problems:
            print(problem)
        say(f"{len(problems)} problem{'' if len(problems) == 1 else 's'} in {source}")
    return 1 if problems else 0
