"""`pix2cap dataset convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.image_progress import report_images
from pix2cap.cli.output import print_record, say

_MOST_REFUSED = 20


def convert(
    dataset: Path,
    *,
    to: Literal["panoptic", "instances", "parquet", "webdataset", "llava", "fiftyone", "supervision"],
    out: Path,
    images: Path | None = None,
    masks: Path | None = None,
    split: str = "train",
    shard_mb: int = 256,
    copy_images: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """Write a captioned dataset in another format; what that one cannot hold is counted.

    Args:
        dataset: A dataset folder, any folder that this command wrote, or a COCO JSON with captions.
        to: panoptic (a dataset folder), instances (COCO with RLE), parquet (shards for dataset hubs),
            webdataset (tar shards), llava (conversations), fiftyone or supervision (COCO where they look).
        out: The folder to write.
        images: Folder of the pictures, where the dataset does not know it.
        masks: Folder or zip of the masks, where they do not lie beside the JSON.
        split: The split's name in shards.
        shard_mb: Most megabytes a shard.
        copy_images: Put the pictures also into panoptic and instances; the others always have them.
        overwrite: Write even where files of other origin stand.
        format: table or json.
    """
    from pix2cap.dataset.convert import ConvertOptions, convert_dataset

    options = ConvertOptions(
        to=to,
        images=images,
        masks=masks,
        split=split,
        shard_mb=shard_mb,
        copy_images=copy_images,
        overwrite=overwrite,
    )
    with report_images() as advance:
        done = convert_dataset(dataset, out, options, on_progress=advance)
    record = done.to_json()
    print_record(
        record if format == "json" else {**record, "refused": len(done.refused)},
        format=format,
        title=f"Converted {out}",
    )
    for what, count in done.lost.items():
        say(f"not carried: {count} {what}")
    for one in done.refused[:_MOST_REFUSED]:
        say(f"left out: image {one.image_id} ({one.file_name}): {one.reason}")
    if len(done.refused) > _MOST_REFUSED:
        say(f"left out: {len(done.refused) - _MOST_REFUSED} more images, all in {out / 'manifest.json'}")
    return 1 if done.refused else 0
