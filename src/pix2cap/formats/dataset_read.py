"""Read a dataset folder, or a folder of predictions of the same shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pix2cap.core import CaptionedImage, SegmentCaption
from pix2cap.formats.captions_parquet import read_captions_parquet, row_source
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.open_source import read_dataset_source


def read_dataset(folder: Path, *, images: Path | None = None) -> Iterator[CaptionedImage]:
    """Read a dataset folder, or a folder of predictions of the same shape, image by image.

    Texts and statuses come from `panoptic.json` (`description` or `caption`). Where `captions.parquet` lies
    beside it in the same order, it adds reasons, sources, the texts of segments that were not captioned
    and the areas that the first source stated.

    Args:
        folder: Holds `panoptic.json` and `panoptic/`.
        images: Folder of pictures; only looked for, not read.

    Raises:
        InputError: The folder is damaged.
        ImageRefused: A map and its entry disagree.
    """
    source = read_dataset_source(folder, images=images)
    parquet = folder / "captions.parquet"
    rows = read_captions_parquet(parquet) if parquet.is_file() else iter(())
    return _captioned(source, rows)


def _captioned(source: CocoPanopticSource, rows: Iterator[dict[str, Any]]) -> Iterator[CaptionedImage]:
    row = next(rows, None)
    for entry in source.entries():
        image_id = entry.image.image_id
        known: dict[int, dict[str, Any]] = {}
        while row is not None and row["image_id"] == image_id:
            known[row["segment_id"]] = row
            row = next(rows, None)
        panoptic = source.panoptic(image_id)
        captions = tuple(with_provenance(c, known.get(c.segment_id)) for c in source.captions(image_id))
        segments = tuple(
            replace(s, declared_area=known[s.id]["declared_area"]) if s.id in known else s
            for s in panoptic.segments
        )
        yield CaptionedImage(entry.image, replace(panoptic, segments=segments), captions)


def with_provenance(caption: SegmentCaption, row: dict[str, Any] | None) -> SegmentCaption:
    """A caption with what its row of `captions.parquet` knows: reason, score, source and unpublished text.

    Unless the JSON was edited since and says something else.
    """
    if row is None or row["status"] != caption.status or row["caption"] != caption.text:
        return caption
    text = row["text"] if row["text"] is not None else caption.text
    return replace(caption, text=text, reason=row["reason"], score=row["score"], source=row_source(row))
