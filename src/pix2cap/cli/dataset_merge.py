"""`pix2cap dataset merge`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.image_progress import report_images
from pix2cap.cli.output import print_json, print_record, say

if TYPE_CHECKING:
    from pix2cap.dataset.merge import Merged

_MOST_TOLD = 20


def merge(
    *datasets: Path,
    out: Path,
    prefer: Literal["first", "last", "reviewed"] = "reviewed",
    renumber: Annotated[bool, Parameter(negative="")] = False,
    name: str | None = None,
    masks: Path | None = None,
    images: Path | None = None,
    copy_images: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """Write several datasets as one; exit code 1 where an image could not be read.

    Args:
        datasets: Dataset folders, or COCO panoptic JSONs with captions.
        out: The new dataset folder.
        prefer: Whose caption counts where two differ: the first dataset's, the last one's, or the one
            that a person decided.
        renumber: Give new ids to pictures of later datasets whose id another picture has.
        name: Title of the new dataset.
        masks: Folder or zip of the mask PNGs of JSONs without masks beside them.
        images: Folder of the pictures, where the datasets do not know theirs.
        copy_images: Put the pictures into the new dataset instead of referring to them.
        overwrite: Write even into a folder with files of other origin.
        format: table or json; only the JSON has every conflict.
    """
    from pix2cap.dataset.merge import merge_datasets

    with report_images() as on_image:
        merged = merge_datasets(
            datasets,
            out,
            prefer=prefer,
            renumber=renumber,
            name=name,
            masks=masks,
            images=images,
            copy_images=copy_images,
            overwrite=overwrite,
            on_image=on_image,
        )
    if format == "json":
        print_json(merged.to_json())
    else:
        counts = {**merged.written.to_json(), "pictures": merged.pictures, "new ids": len(merged.renumbered)}
        print_record({**counts, "conflicts": merged.counts()}, format="table", title=f"Dataset {out}")
        _tell_conflicts(merged)
    if merged.pictures == "unknown":
        say(
            "the pictures lie in several folders, or in none that is known, so the new dataset refers to"
            " none: name theirs with --images later, or gather them with --copy-images"
        )
    if merged.written.refused:
        say(f"{merged.written.refused} images could not be read; manifest.json tells why")
    return 1 if merged.written.refused else 0


def _tell_conflicts(merged: Merged) -> None:
    for conflict in merged.conflicts[:_MOST_TOLD]:
        say(
            f"image {conflict.image_id}, segment {conflict.segment_id}, {conflict.what}:"
            f" kept {conflict.kept!r} ({conflict.kept_from}), not {conflict.other!r} ({conflict.other_from})"
        )
    if len(merged.conflicts) > _MOST_TOLD:
        say(f"and {len(merged.conflicts) - _MOST_TOLD} more; --format json lists all")
