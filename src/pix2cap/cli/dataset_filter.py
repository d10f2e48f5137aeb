"""`pix2cap dataset filter`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.image_progress import report_images
from pix2cap.cli.output import print_record, read_ids, say
from pix2cap.errors import UsageError

if TYPE_CHECKING:
    from pix2cap.core import CaptionStatus

Words = Annotated[list[str] | None, Parameter(negative="")]


def filter(  # the command's name
    dataset: Path,
    *,
    out: Path,
    status: Words = None,
    class_: Annotated[list[str] | None, Parameter(name="--class", negative="")] = None,
    min_words: Annotated[int | None, Parameter(name=("--min-words", "--words-min"))] = None,
    max_words: Annotated[int | None, Parameter(name=("--max-words", "--words-max"))] = None,
    min_area: int | None = None,
    max_area: int | None = None,
    attempt: Annotated[list[int] | None, Parameter(negative="")] = None,
    model: Words = None,
    reviewer: Words = None,
    q: str | None = None,
    images_file: Path | None = None,
    findings: Path | None = None,
    finding: Words = None,
    drop_findings: Annotated[bool, Parameter(negative="")] = False,
    keep_masks: Annotated[bool, Parameter(negative="")] = False,
    masks: Path | None = None,
    images: Path | None = None,
    copy_images: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """Write the segments that meet all conditions; exit code 1 where an image could not be read.

    The conditions are those of the review grid. The pixels of other segments become void, and an image
    without any segment left is left out.

    Args:
        dataset: Dataset folder, or COCO panoptic JSON with captions.
        out: The new dataset folder.
        status: Segments of this status; give it again for another one.
        class_: Segments of this class; give it again for another one.
        min_words: Captions of at least so many words.
        max_words: Captions of at most so many words.
        min_area: Segments of at least so many pixels.
        max_area: Segments of at most so many pixels.
        attempt: Captioned at this attempt; give it again for another one.
        model: Captioned by this model; give it again for another one.
        reviewer: Decided by this person; give it again for another one.
        q: Captions with this text, whatever the case.
        images_file: Only images listed here, one id a line.
        findings: JSON of `pix2cap dataset check --format json`: only segments with a finding.
        finding: Of these findings only those of this check; give it again for another one.
        drop_findings: Only segments without a finding.
        keep_masks: Keep all segments of the images kept and take away only captions (they become rejected).
        masks: Folder or zip of the mask PNGs, where they do not lie beside the JSON.
        images: Folder of the pictures, where the dataset does not know it.
        copy_images: Put the pictures into the new dataset instead of referring to them.
        overwrite: Write even into a folder with files of other origin.
        format: table or json.
    """
    from pix2cap.dataset.conditions import Conditions, read_flagged
    from pix2cap.dataset.filter import filter_dataset

    if finding and findings is None:
        raise UsageError("expected --findings FILE beside --finding, got no file")
    conditions = Conditions(
        status=_statuses(status or ()),
        class_names=frozenset(class_ or ()),
        min_words=min_words,
        max_words=max_words,
        min_area=min_area,
        max_area=max_area,
        attempt=frozenset(attempt or ()),
        model=frozenset(model or ()),
        reviewer=frozenset(reviewer or ()),
        q=q,
        image_ids=None if images_file is None else frozenset(read_ids(images_file)),
        flagged=None if findings is None else read_flagged(findings, finding or ()),
        drop_flagged=drop_findings,
    )
    with report_images() as on_image:
        made = filter_dataset(
            dataset,
            out,
            conditions,
            keep_masks=keep_masks,
            masks=masks,
            images=images,
            copy_images=copy_images,
            overwrite=overwrite,
            on_image=on_image,
        )
    print_record(made.to_json(), format=format, title=f"Dataset {out}")
    if made.refused:
        say(f"{made.refused} images could not be read; manifest.json tells why")
    return 1 if made.refused else 0


def _statuses(names: Sequence[str]) -> frozenset[CaptionStatus]:
    from pix2cap.core import CaptionStatus

    if unknown := sorted(set(names) - set(CaptionStatus)):
        raise UsageError(f"--status: expected one of {', '.join(CaptionStatus)}, got {', '.join(unknown)}")
    return frozenset(map(CaptionStatus, names))
