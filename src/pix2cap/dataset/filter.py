"""A dataset of those segments of another that meet conditions."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from pathlib import Path

import numpy as np

from pix2cap.core import VOID, CaptionedImage, PanopticMap
from pix2cap.core.caption import CaptionStatus
from pix2cap.dataset.captioned import CaptionedDataset
from pix2cap.dataset.conditions import Conditions
from pix2cap.dataset.edited import Edited, OnImage, add_image, add_refused_before, edited_about, title_of
from pix2cap.errors import ImageRefused, InputError, UsageError
from pix2cap.formats.dataset_folder import DatasetWriter
from pix2cap.formats.published import publish

FILTERED_OUT = "filtered out"
"""Reason of a caption that `keep_masks` took away."""


def filter_dataset(
    dataset: str | Path,
    out: str | Path,
    conditions: Conditions,
    *,
    keep_masks: bool = False,
    masks: Path | None = None,
    images: Path | None = None,
    copy_images: bool = False,
    overwrite: bool = False,
    on_image: OnImage | None = None,
) -> Edited:
    """Write the segments that meet all conditions into a dataset of their own.

    A segment that does not leaves the dataset: its pixels become void. An image without any that does is
    left out. Filtering the result again by the same conditions gives the same.

    Args:
        dataset: Dataset folder, or COCO panoptic JSON with captions.
        out: The new dataset folder.
        conditions: At least one.
        keep_masks: Leave every segment of the images kept in its place and take away only the captions of
            those that do not fit (`rejected`, with a reason), for training on whole panoptic maps.
        masks: Folder or zip of the PNGs, where they do not lie beside the JSON.
        images: Folder of the pictures, where the dataset does not know it.
        copy_images: Put the pictures into the new dataset.
        overwrite: Write even into a folder with files of other origin.
        on_image: Told after each image.

    Returns:
        Counts.

    Raises:
        UsageError: No condition, an unknown class, or `out` is what is read.
        InputError: The dataset is damaged, or no segment fits; nothing is written then.
        StorageFull: The disk took no more.

    Example:
        >>> filter_dataset("dataset", "dogs", Conditions(class_names=frozenset({"dog"})))  # doctest: +SKIP
    """
    told = conditions.told()
    if not told:
        raise UsageError(
            "expected at least one condition, got none; `pix2cap dataset filter --help` has them"
        )
    source, target = CaptionedDataset(Path(dataset), masks=masks, images=images), Path(out)
    source.require_elsewhere(target)
    conditions.check_classes(source.categories.values())
    about = edited_about(
        "filter",
        {**told, "keep_masks": keep_masks},
        [source],
        name=title_of(source),
        licenses=source.licenses,
        spend=(source.manifest or {}).get("spend"),
    )
    with DatasetWriter(
        target,
        source.categories,
        about=about,
        images_dir=source.pictures,
        copy_images=copy_images,
        overwrite=overwrite,
        with_facts=source.has_facts,
    ) as writer:
        add_refused_before(writer, source)
        for done, image_id in enumerate(source.image_ids, start=1):
            if conditions.image_ids is None or image_id in conditions.image_ids:
                _add(writer, source, image_id, conditions, keep_masks=keep_masks, copy_images=copy_images)
            if on_image is not None:
                on_image(done, len(source.image_ids))
        if not writer.tally.images:
            raise InputError(
                f"{dataset}: expected segments that meet the conditions, got none; nothing is written"
            )
    return Edited.of(writer)


def _add(
    writer: DatasetWriter,
    source: CaptionedDataset,
    image_id: int,
    conditions: Conditions,
    *,
    keep_masks: bool,
    copy_images: bool,
) -> None:
    try:
        item = source.item(image_id)
    except ImageRefused as error:
        entry = source.source.entry(image_id)
        writer.refuse(image_id, entry.image.file_name, str(error), n_segments=len(entry.segments))
        return
    published = publish(item)
    fitting = {
        s.id
        for s in item.panoptic.segments
        if conditions.fit(image_id, s, source.categories[s.category_id].name, published[s.id])
    }
    if not fitting:
        return
    kept = without_captions(item, fitting) if keep_masks else only_segments(item, fitting)
    add_image(writer, source, kept, copy_images=copy_images, with_facts=source.has_facts)


def only_segments(item: CaptionedImage, segment_ids: Set[int]) -> CaptionedImage:
    """An image with some of its segments; the pixels of the others become void."""
    panoptic = item.panoptic
    if segment_ids >= panoptic.by_id.keys():
        return item
    kept = tuple(s for s in panoptic.segments if s.id in segment_ids)
    id_map = np.where(np.isin(panoptic.id_map, [s.id for s in kept]), panoptic.id_map, np.uint32(VOID))
    captions = tuple(c for c in item.captions if c.segment_id in segment_ids)
    return CaptionedImage(item.image, PanopticMap(id_map.astype(np.uint32), kept), captions)


def without_captions(item: CaptionedImage, segment_ids: Set[int]) -> CaptionedImage:
    """An image in which only some segments keep their caption; the texts of the others stay unpublished."""
    captions = tuple(
        c
        if c.segment_id in segment_ids or c.status is not CaptionStatus.CAPTIONED
        else replace(c, status=CaptionStatus.REJECTED, reason=FILTERED_OUT)
        for c in item.captions
    )
    return CaptionedImage(item.image, item.panoptic, captions)
