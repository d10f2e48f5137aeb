"""`pix2cap dataset split`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.image_progress import report_images
from pix2cap.cli.output import print_record, say


def split(
    dataset: Path,
    *,
    out: Path,
    shares: str = "train=0.8,val=0.1,test=0.1",
    seed: int = 0,
    by: str = "image",
    groups: Path | None = None,
    stratify: Annotated[bool, Parameter(negative="")] = False,
    keep: Path | None = None,
    masks: Path | None = None,
    images: Path | None = None,
    copy_images: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """Write parts that share no image; exit code 1 where an image could not be read.

    Without --stratify an image's part follows from its id and the seed alone: images added later move
    none of the older ones, and shares are met on average.

    Args:
        dataset: Dataset folder, or COCO panoptic JSON with captions.
        out: The folder of the parts; which image is where stands in its splits.json.
        shares: Parts with their shares, which make 1 together.
        seed: Another seed, another split.
        by: Images with the same value stay together: image, folder, file_name, license, flickr_url,
            coco_url, date_captured, or a column of --groups.
        groups: CSV file with a column image_id and the column that --by names.
        stratify: Give each part its share of every class, rare classes first.
        keep: Folder of an earlier split; its images stay in their parts.
        masks: Folder or zip of the mask PNGs, where they do not lie beside the JSON.
        images: Folder of the pictures, where the dataset does not know it.
        copy_images: Put the pictures into the parts instead of referring to them.
        overwrite: Write even into folders with files of other origin.
        format: table or json.
    """
    from pix2cap.dataset.split import split_dataset
    from pix2cap.dataset.split_plan import parse_shares

    with report_images() as on_image:
        made = split_dataset(
            dataset,
            out,
            parse_shares(shares),
            seed=seed,
            by=by,
            groups=groups,
            stratify=stratify,
            keep=keep,
            masks=masks,
            images=images,
            copy_images=copy_images,
            overwrite=overwrite,
            on_image=on_image,
        )
    print_record(made.to_json(), format=format, title=f"Split {out}")
    for name, part in made.parts.items():
        if not part.images:
            say(f"warning: no image fell into {name}; take larger shares, another --seed, or --stratify")
    if made.refused:
        say(f"{made.refused} images could not be read; the manifests tell why")
    return 1 if made.refused else 0
