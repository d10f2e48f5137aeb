"""Which regions of Visual Genome are scored: the split that every number is to be told with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.region_result import RegionSplit, SplitName
from pix2cap.evaluate.visual_genome_files import (
    Region,
    RegionFile,
    VgImage,
    counted,
    named,
    read_id_list,
    read_images,
    read_regions,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOptions:
    """Which regions count. Published numbers are of different splits and cannot be compared across them.

    Args:
        split: all-regions (as GRiT scores) or one-per-image (as GLaMM does).
        image_data: Visual Genome's image_data.json: sizes, by which regions outside of a picture are found.
        image_list: The split's images: one id a line, a JSON list, a COCO JSON, or densecap_splits.json.
        image_part: Which list of an --image-list that has several (test).
        region_list: one-per-image only: which region of each image; else the usable one of lowest id.

    Raises:
        UsageError: Options contradict each other.
    """

    split: SplitName
    image_data: Path | None = None
    image_list: Path | None = None
    image_part: str | None = None
    region_list: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what would be ignored in silence."""
        if self.region_list is not None and self.split != "one-per-image":
            raise UsageError(f"expected --region-list with --split one-per-image only, got {self.split}")
        if self.image_part is not None and self.image_list is None:
            raise UsageError(f"expected --image-list with --image-part {self.image_part}, got none")

    def inputs(self, regions: Path) -> dict[str, Path | None]:
        """What is read, by role."""
        return {
            "regions": regions,
            "image_data": self.image_data,
            "image_list": self.image_list,
            "region_list": self.region_list,
        }


@dataclass(frozen=True)
class ChosenRegions:
    """The regions of a split.

    Args:
        regions: In the order of the file.
        split: Its name, rule and counts.
        file: What was read, with what was left out.
        images: Size of the pictures, where `image_data` was given.
        warnings: What a reader of the numbers should know.
    """

    regions: tuple[Region, ...]
    split: RegionSplit
    file: RegionFile
    images: Mapping[int, VgImage]
    warnings: tuple[str, ...]


def choose_regions(path: Path, options: SplitOptions) -> ChosenRegions:
    """Read the regions and take those of the split.

    Args:
        path: `region_descriptions.json`.
        options: Which.

    Raises:
        InputError: A file is not what it should be, or nothing is left to score.
    """
    images = {} if options.image_data is None else read_images(options.image_data)
    listed = None
    if options.image_list is not None:
        listed = read_id_list(options.image_list, "image", part=options.image_part)
    file = read_regions(path, image_ids=listed, images=images)
    regions, rule = _pick(file.regions, options)
    if not regions:
        why = "; ".join(f"{count} {reason}" for reason, count in counted(file.left_out).items())
        raise InputError(
            f"{path}: expected regions of the split {options.split}, got none"
            + (f" of {len(listed)} listed images" if listed is not None else "")
            + (f" ({why})" if why else "")
        )
    with_regions = {region.image_id for region in regions}
    known = file.image_ids if listed is None else set(listed)
    split = RegionSplit(
        options.split,
        f"{rule} of {'all images of the file' if listed is None else f'{len(listed):,} listed images'}",
        len(with_regions),
        len(regions),
        None if listed is None else len(listed),
        len(known - with_regions),
    )
    warnings = tuple(_warnings(options, file, known - with_regions))
    return ChosenRegions(regions, split, file, images, warnings)


def _pick(regions: tuple[Region, ...], options: SplitOptions) -> tuple[tuple[Region, ...], str]:
    if options.split == "all-regions":
        return regions, "every region"
    if options.region_list is not None:
        return _listed(regions, options.region_list), f"the region that {options.region_list.name} names"
    first: dict[int, int] = {}
    for region in regions:
        first[region.image_id] = min(region.region_id, first.get(region.image_id, region.region_id))
    return tuple(r for r in regions if first[r.image_id] == r.region_id), "the usable region of lowest id"


def _listed(regions: tuple[Region, ...], path: Path) -> tuple[Region, ...]:
    wanted = set(read_id_list(path, "region"))
    found = tuple(region for region in regions if region.region_id in wanted)
    absent = wanted - {region.region_id for region in found}
    if absent:
        raise InputError(
            f"{path}: expected ids of usable regions of the split's images, got {len(absent)} others:"
            f" {named(sorted(absent))}"
        )
    image_ids = [region.image_id for region in found]
    twice = (
        sorted({i for i in image_ids if image_ids.count(i) > 1}) if len(set(image_ids)) < len(found) else []
    )
    if twice:
        raise InputError(f"{path}: expected one region an image, got several for images {named(twice)}")
    return found


def _warnings(options: SplitOptions, file: RegionFile, without: Collection[int]) -> Iterator[str]:
    if options.image_list is None:
        yield (
            "no --image-list: all images of the file are scored, training images too;"
            " published numbers are of test images only"
        )
    if options.image_data is None:
        yield "no --image-data: regions right of or below their picture cannot be told from others"
    for reason, count in counted(file.left_out).items():
        ids = [one.region_id for one in file.left_out if one.reason == reason]
        yield f"{count:,} regions left out, {reason}: {named(ids)}"
    if without:
        yield f"{len(without):,} images have no region to score: {named(sorted(without))}"
