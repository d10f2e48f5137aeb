"""`pix2cap dataset validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.output import print_json, say


def validate(
    *sources: Path,
    masks: Annotated[list[Path] | None, Parameter(negative="")] = None,
    images: Annotated[list[Path] | None, Parameter(negative="")] = None,
    format: Literal["table", "json"] = "table",
) -> int:
    """List every inconsistency between JSON, masks, pictures and captions; exit code 1 where there is one.

    Args:
        sources: COCO panoptic or instances JSON, a folder of id-maps with its JSON, a dataset folder, or a
            folder of splits. Several are taken for the splits of one dataset: no image may be in two.
        masks: Folder or zip of the mask PNGs; once for all sources, or once for each.
        images: Folder of the pictures, likewise; without it pictures are not looked at.
        format: table or json.
    """
    from pix2cap.dataset.validate import validate_sources

    problems = validate_sources(sources, masks=masks or (), images=images or ())
    if format == "json":
        print_json([problem.to_json() for problem in problems])
    else:
        for problem in problems:
            print(problem)
        named = ", ".join(map(str, sources))
        say(f"{len(problems)} problem{'' if len(problems) == 1 else 's'} in {named}")
    return 1 if problems else 0
