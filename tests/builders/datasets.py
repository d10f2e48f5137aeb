"""Small dataset folders with every kind of segment, made by hand or drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import Phase
from hypothesis import strategies as st

from pix2cap.core import (
    CaptionedImage,
    CaptionSource,
    Category,
    ImageRef,
    PanopticMap,
    Problem,
    SegmentCaption,
)
from pix2cap.core.caption import CaptionStatus
from pix2cap.dataset.captioned import CaptionedDataset
from pix2cap.dataset.validate import validate_source
from pix2cap.formats.dataset_folder import DatasetWriter
from pix2cap.formats.findings import Finding
from pix2cap.formats.manifest import DatasetAbout
from tests.builders.panoptic import png_bytes

CATEGORIES = (
    Category(1, "person"),
    Category(3, "car", supercategory="vehicle"),
    Category(18, "dog", supercategory="animal"),
    Category(187, "sky-other-merged", is_thing=False, supercategory="sky"),
)
LICENSES = ({"id": 4, "name": "CC BY 2.0", "url": "https://example.org/by"}, {"id": 7, "name": "CC0"})
ON_DISK = (Phase.explicit, Phase.generate)
"""Phases of property tests that write files: shrinking would take longer than reading the example."""
_WORDS = ("a", "red", "tall", "dog", "waits", "beside", "the", "old", "car", "<b>", "twice")


@dataclass(frozen=True)
class Part:
    """One segment: a column of the picture, its class and what became of it."""

    category_id: int = 1
    text: str = "A tall person waits."
    status: CaptionStatus | None = CaptionStatus.CAPTIONED
    reviewer: str | None = None
    is_crowd: bool = False
    source: CaptionSource = field(default=CaptionSource("m", "p@1", 1, "key"))


def image(
    image_id: int, parts: Mapping[int, Part], *, height: int = 4, name: str | None = None
) -> CaptionedImage:
    """An image whose segments are columns of two pixels, in the order given, a void column first."""
    id_map = np.zeros((height, 1 + 2 * len(parts)), np.uint32)
    for number, segment_id in enumerate(parts):
        id_map[:, 1 + 2 * number : 3 + 2 * number] = segment_id
    things = {category.id: category.is_thing for category in CATEGORIES}
    infos = {i: (part.category_id, things[part.category_id], part.is_crowd) for i, part in parts.items()}
    captions = tuple(
        SegmentCaption(i, part.text, part.status, source=replace(part.source, reviewer=part.reviewer))
        for i, part in parts.items()
        if part.status is not None and not part.is_crowd
    )
    ref = ImageRef(image_id, name or f"{image_id:04d}.png", id_map.shape[1], height)
    return CaptionedImage(ref, PanopticMap.from_id_map(id_map, infos), captions)


def write_dataset(
    folder: Path,
    items: Iterable[CaptionedImage],
    *,
    categories: Sequence[Category] = CATEGORIES,
    licenses: Sequence[Mapping[str, Any]] = LICENSES,
    images_dir: Path | None = None,
    shade: int | None = None,
    **about: Any,
) -> Path:
    """Write a dataset folder; with `shade`, grey pictures of that value lie in its `images/`."""
    described = DatasetAbout(licenses=tuple(licenses), **about)
    with DatasetWriter(folder, categories, about=described, images_dir=images_dir) as writer:
        for number, item in enumerate(items):
            extra = {"license": licenses[number % len(licenses)]["id"]} if licenses else {}
            writer.add(item, extra=extra)
            if shade is not None:
                path = folder / "images" / item.image.file_name
                path.parent.mkdir(parents=True, exist_ok=True)
                width, height = item.image.size_wh
                path.write_bytes(png_bytes(np.full((height, width, 3), shade, np.uint8)))
    return folder


def content(folder: Path) -> dict[tuple[int, int], tuple[Any, ...]]:
    """All that a dataset says, by image and segment id, so that two can be compared without our diff."""
    dataset = CaptionedDataset(folder)
    found: dict[tuple[int, int], tuple[Any, ...]] = {}
    for image_id in dataset.image_ids:
        item = dataset.item(image_id)
        captions = {caption.segment_id: caption for caption in item.captions}
        for segment in item.panoptic.segments:
            name = dataset.categories[segment.category_id].name
            mask = item.panoptic.mask(segment.id).tobytes()
            told = (item.image, segment.is_crowd, dataset.source.image_extra(image_id))
            found[image_id, segment.id] = (name, mask, captions.get(segment.id), *told)
    return found


def damage(folder: Path) -> list[Problem]:
    """What is wrong with a folder, but for what its captions say: drawn ones repeat themselves."""
    said = (Finding.REFUSAL, Finding.REPEATED_CAPTION)
    return [problem for problem in validate_source(folder) if problem.problem not in said]


@st.composite
def parts(draw: st.DrawFn) -> Part:
    """Any segment."""
    text = " ".join(draw(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=9)))
    statuses = [s for s in CaptionStatus if s is not CaptionStatus.CROWD]
    return Part(
        draw(st.sampled_from([category.id for category in CATEGORIES])),
        text,
        draw(st.sampled_from([CaptionStatus.CAPTIONED, CaptionStatus.CAPTIONED, *statuses, None])),
        draw(st.sampled_from([None, None, "ann", "bo"])),
        draw(st.integers(0, 9)) == 0,
    )


@st.composite
def images(draw: st.DrawFn, *, max_images: int = 8) -> list[CaptionedImage]:
    """Images of any segments, with ids far apart."""
    ids = draw(st.lists(st.integers(1, 2**40), min_size=1, max_size=max_images, unique=True))
    segment_ids = st.lists(st.integers(1, 2**24 - 1), min_size=1, max_size=4, unique=True)
    return [image(i, {s: draw(parts()) for s in draw(segment_ids)}) for i in ids]
