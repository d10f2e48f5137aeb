"""`pix2cap sft export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from cyclopts import Parameter

from pix2cap.cli.image_progress import report_images
from pix2cap.cli.output import print_record, say

if TYPE_CHECKING:
    from pix2cap.sft.questions import Style

_MOST_REFUSED = 20


def export(
    dataset: Path,
    *,
    to: Literal["trl", "messages", "ms-swift", "llava", "regions", "marked"],
    out: Path,
    images: Path | None = None,
    masks: Path | None = None,
    region: Literal["box", "mark", "token"] | None = None,
    boxes: Literal["absolute", "unit", "thousand"] | None = None,
    rows: Literal["segment", "picture", "both"] = "both",
    styles: str = "describe",
    per_picture: int = 15,
    split: float = 0.0,
    val: Path | None = None,
    val_images: Path | None = None,
    val_masks: Path | None = None,
    seed: int = 0,
    limit: int | None = None,
    copy_images: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """Write a captioned dataset as questions and answers about its regions, for somebody's trainer.

    Args:
        dataset: A dataset folder, or a COCO panoptic JSON with captions.
        to: trl, messages (LLaMA-Factory and others), ms-swift (boxes apart), llava, regions (RLE masks), or
            marked (trl on pictures with marks drawn in).
        out: The folder to write.
        images: Folder of the pictures, where the dataset does not know it.
        masks: Folder or zip of the masks, where they do not lie beside the JSON.
        region: How text tells of a region: box, mark (drawn into the picture) or token (with masks as RLE).
        boxes: Boxes in pixels (absolute), shares of the picture (unit), or 0 to 1000 (thousand).
        rows: One row a segment, one of several turns a picture, or both.
        styles: What is asked, with commas: describe, locate (find the caption's region), name (the class).
        per_picture: Most turns of a picture row, and most marks in one picture.
        split: Share of the images for the split validation.
        val: A second dataset that becomes the split validation.
        val_images: Folder of its pictures.
        val_masks: Folder or zip of its masks.
        seed: The same seed gives the same bytes.
        limit: Only the first so many images.
        copy_images: Put the pictures into the export; trl and marked always do.
        overwrite: Write even where files of other origin stand.
        format: table or json.
    """
    from pix2cap.sft.export import export_conversations
    from pix2cap.sft.export_options import ExportOptions

    options = ExportOptions(
        to=to,
        images=images,
        masks=masks,
        region=region,
        boxes=boxes,
        rows=rows,
        styles=cast("tuple[Style, ...]", tuple(s.strip() for s in styles.split(",") if s.strip())),
        per_picture=per_picture,
        seed=seed,
        split=split,
        validation=val,
        validation_images=val_images,
        validation_masks=val_masks,
        limit=limit,
        copy_images=copy_images,
        overwrite=overwrite,
    )
    with report_images() as advance:
        exported = export_conversations(dataset, out, options, on_progress=advance)
    print_record(exported.to_json(), format=format, title=f"Export {out}")
    _tell(exported.refused, out)
    return 1 if exported.refused else 0


def _tell(refused: Sequence[Mapping[str, Any]], out: Path) -> None:
    for entry in refused[:_MOST_REFUSED]:
        say(f"left out: image {entry['image_id']} ({entry['file_name']}): {entry['reason']}")
    if len(refused) > _MOST_REFUSED:
        say(f"left out: {len(refused) - _MOST_REFUSED} more images, all in {out / 'manifest.json'}")
