"""`pix2cap dataset filter`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.image_progress import report_images
from pix2cap.cli.output import print_record, read_ids, say
from pix2cap.errors import UsageError

if TYPE_CHECKING:
    from pix2cap.core import CaptionStatus
    from pix2cap.dataset.conditions import Conditions

Words = Annotated[list[str] | None, Parameter(negative="")]


@dataclass(frozen=True, kw_only=True)
class FilterWords:
    """The conditions as they are typed.

    Args:
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
    """

    status: Words = None
    class_: Annotated[list[str] | None, Parameter(name="--class", negative="")] = None
    min_words: Annotated[int | None, Parameter(name=("--min-words", "--words-min"))] = None
    max_words: Annotated[int | None, Parameter(name=("--max-words", "--words-max"))] = None
    min_area: int | None = None
    max_area: int | None = None
    attempt: Annotated[list[int] | None, Parameter(negative="")] = None
    model: Words = None
    reviewer: Words = None
    q: str | None = None
    images_file: Path | None = None
    findings: Path | None = None
    finding: Words = None
    drop_findings: Annotated[bool, Parameter(negative="")] = False

    def conditions(self) -> Conditions:
        """The same, read and checked.

        Raises:
            UsageError: They contradict each other, or name a status that there is not.
            InputError: A file cannot be read.
        """
        from pix2cap.dataset.conditions import Conditions, read_flagged

        if self.finding and self.findings is None:
            raise UsageError("expected --findings FILE beside --finding, got no file")
        return Conditions(
            status=_statuses(self.status or ()),
            class_names=frozenset(self.class_ or ()),
            min_words=self.min_words,
            max_words=self.max_words,
            min_area=self.min_area,
            max_area=self.max_area,
            attempt=frozenset(self.attempt or ()),
            model=frozenset(self.model or ()),
            reviewer=frozenset(self.reviewer or ()),
            q=self.q,
            image_ids=None if self.images_file is None else frozenset(read_ids(self.images_file)),
            flagged=None if self.findings is None else read_flagged(self.findings, self.finding or ()),
            drop_flagged=self.drop_findings,
        )


def filter(  # the command's name
    dataset: Path,
    *,
    out: Path,
    words: Annotated[FilterWords, Parameter(name="*")] = FilterWords(),
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
        words: What a segment must be; at least one condition.
        keep_masks: Keep all segments of the images kept and take away only captions (they become rejected).
        masks: Folder or zip of the mask PNGs, where they do not lie beside the JSON.
        images: Folder of the pictures, where the dataset does not know it.
        copy_images: Put the pictures into the new dataset instead of referring to them.
        overwrite: Write even into a folder with files of other origin.
        format: table or json.
    """
    from pix2cap.dataset.filter import filter_dataset

    with report_images() as on_image:
        made = filter_dataset(
            dataset,
            out,
            words.conditions(),
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
