"""Category and licence tables of several datasets made one; ids and file names that clash told apart."""

from __future__ import annotations

import filecmp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pix2cap.core import Category
from pix2cap.dataset.captioned import CaptionedDataset
from pix2cap.errors import InputError, UsageError

_MOST_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Tables:
    """One table for all datasets.

    Args:
        categories: Of the merged dataset.
        category_ids: For each dataset, its category ids to those of the merged one.
        licenses: COCO's licences of the merged dataset.
        license_ids: For each dataset, its licence ids to those of the merged one.
    """

    categories: list[Category]
    category_ids: list[dict[int, int]]
    licenses: list[dict[str, Any]]
    license_ids: list[dict[Any, Any]]


def merge_tables(datasets: Sequence[CaptionedDataset]) -> Tables:
    """Classes by name: the first dataset that has one gives its id; where that is taken, it gets a new one.

    Raises:
        InputError: One dataset counts a class that another does not count (thing and stuff).
    """
    categories, category_ids = _merge_categories(datasets)
    licenses: list[dict[str, Any]] = []
    license_ids: list[dict[Any, Any]] = []
    for dataset in datasets:
        license_ids.append(_add_licenses(licenses, dataset.licenses))
    return Tables(categories, category_ids, licenses, license_ids)


def _merge_categories(datasets: Sequence[CaptionedDataset]) -> tuple[list[Category], list[dict[int, int]]]:
    merged: dict[int, Category] = {}
    by_name: dict[str, tuple[int, str]] = {}
    highest = max((c for dataset in datasets for c in dataset.categories), default=0)
    mappings: list[dict[int, int]] = []
    for dataset in datasets:
        mapping: dict[int, int] = {}
        for category in dataset.categories.values():
            same = merged.get(category.id)
            if same is None or same.name != category.name:
                known_id, owner = by_name.get(category.name, (None, ""))
                if known_id is None:
                    known_id, owner = category.id, dataset.name
                    if same is not None:
                        highest += 1
                        known_id = highest
                    merged[known_id] = replace(category, id=known_id)
                    by_name[category.name] = (known_id, owner)
            else:
                known_id = category.id
            if merged[known_id].is_thing != category.is_thing:
                raise InputError(_thing_and_stuff(category.name, by_name[category.name][1], dataset.name))
            mapping[category.id] = known_id
        mappings.append(mapping)
    return list(merged.values()), mappings


def _thing_and_stuff(name: str, one: str, other: str) -> str:
    return (
        f"class {name!r}: expected things in both datasets or stuff in both, got one of each in {one} and"
        f" {other}; rename it in one of them"
    )


def _add_licenses(licenses: list[dict[str, Any]], more: Sequence[Mapping[str, Any]]) -> dict[Any, Any]:
    mapping: dict[Any, Any] = {}
    for one in more:
        content = {key: value for key, value in one.items() if key != "id"}
        found = next((x for x in licenses if {k: v for k, v in x.items() if k != "id"} == content), None)
        if found is None:
            taken = {x.get("id") for x in licenses}
            new_id = one.get("id")
            if new_id is None or new_id in taken:
                new_id = max((i for i in taken if isinstance(i, int)), default=0) + 1
            found = {"id": new_id, **content}
            licenses.append(found)
        mapping[one.get("id")] = found["id"]
    return mapping


@dataclass(frozen=True, slots=True)
class Place:
    """Where one image of the merged dataset comes from.

    Args:
        image_id: Its id in the merged dataset.
        old_id: Its id in each dataset that has it.
        owners: Numbers of those datasets, in the order given.
        file_name: Of its picture in the merged dataset.
    """

    image_id: int
    old_id: int
    owners: tuple[int, ...]
    file_name: str


def plan_places(datasets: Sequence[CaptionedDataset], *, renumber: bool, copy_images: bool) -> list[Place]:
    """Which images the merged dataset has, in the order in which they are first met.

    Raises:
        UsageError: Different pictures have one id and `renumber` is off, or one file name and
            `copy_images` is off.
    """
    owners: dict[int, list[int]] = {}
    for number, dataset in enumerate(datasets):
        for image_id in dataset.image_ids:
            owners.setdefault(image_id, []).append(number)
    highest = max(owners, default=0)
    groups: list[tuple[int, int, tuple[int, ...]]] = []
    clashes: list[tuple[int, int, int]] = []
    for image_id, found in owners.items():
        for number, same in enumerate(_same_pictures(datasets, image_id, found)):
            new_id = image_id
            if number:
                clashes.append((image_id, found[0], same[0]))
                highest += 1
                new_id = highest
            groups.append((new_id, image_id, same))
    if clashes and not renumber:
        raise UsageError(_told_clash(datasets, clashes))
    groups.sort(key=lambda group: group[2][0])  # Stable: the first dataset's images, then the next one's.
    return _with_file_names(datasets, groups, copy_images=copy_images)


def _same_pictures(
    datasets: Sequence[CaptionedDataset], image_id: int, owners: Sequence[int]
) -> list[tuple[int, ...]]:
    """The datasets that have an id, grouped by the picture that they mean by it."""
    groups: list[list[int]] = []
    for number in owners:
        for group in groups:
            if is_same_picture(datasets[group[0]], datasets[number], image_id):
                group.append(number)
                break
        else:
            groups.append([number])
    return [tuple(group) for group in groups]


def is_same_picture(one: CaptionedDataset, other: CaptionedDataset, image_id: int) -> bool:
    """Whether two datasets mean the same picture by an id.

    Sizes must agree; then the files' bytes decide where both can be read, and the file names elsewhere.
    """
    first, second = one.source.entry(image_id).image, other.source.entry(image_id).image
    if first.size_wh != second.size_wh:
        return False
    paths = one.picture_path(image_id), other.picture_path(image_id)
    if paths[0] is not None and paths[1] is not None:
        return paths[0].samefile(paths[1]) or filecmp.cmp(paths[0], paths[1], shallow=False)
    return first.file_name == second.file_name


def _told_clash(datasets: Sequence[CaptionedDataset], clashes: Sequence[tuple[int, int, int]]) -> str:
    image_id, first, second = clashes[0]
    ids = ", ".join(str(clash[0]) for clash in clashes[:_MOST_TOLD])
    more = f" and {len(clashes) - _MOST_TOLD} more" if len(clashes) > _MOST_TOLD else ""
    one, other = (datasets[n].source.entry(image_id).image for n in (first, second))
    return (
        f"expected an id to mean one picture, got different ones in {datasets[first].path} and"
        f" {datasets[second].path} for {len(clashes)} ids ({ids}{more}): image {image_id} is {one.file_name}"
        f" ({one.width} x {one.height}) and {other.file_name} ({other.width} x {other.height}); give those of"
        " the later datasets new ids with --renumber"
    )


def _with_file_names(
    datasets: Sequence[CaptionedDataset],
    groups: Sequence[tuple[int, int, tuple[int, ...]]],
    *,
    copy_images: bool,
) -> list[Place]:
    """File names that are unique wherever pictures of one name lie in different folders."""
    folders = [None if d.pictures is None else d.pictures.resolve() for d in datasets]
    owner_of: dict[str, int] = {}
    places = []
    for new_id, image_id, owners in groups:
        owner = owners[0]
        name = datasets[owner].source.record(image_id).file_name
        earlier = owner_of.setdefault(name, owner)
        is_taken = earlier != owner and (folders[earlier] is None or folders[earlier] != folders[owner])
        if is_taken and not copy_images:
            raise UsageError(
                f"expected each file name to mean one picture, got {name} in {datasets[earlier].path} and"
                f" another of this name in {datasets[owner].path}; --copy-images gathers the pictures under"
                " names of their own"
            )
        if is_taken:
            name = _own_name(name, datasets[owner].name, owner_of)
            owner_of[name] = owner
        places.append(Place(new_id, image_id, owners, name))
    return places


def _own_name(name: str, folder: str, taken: Mapping[str, int]) -> str:
    own, number = f"{folder}/{name}", 2
    while own in taken:
        own, number = f"{folder}-{number}/{name}", number + 1
    return own


def merged_extra(datasets: Sequence[CaptionedDataset], tables: Tables, place: Place) -> dict[str, Any]:
    """Licence, addresses and date of an image: of the first dataset that gives each."""
    merged: dict[str, Any] = {}
    for number in place.owners:
        extra = dict(datasets[number].source.image_extra(place.old_id))
        if "license" in extra:
            mapping = tables.license_ids[number]
            extra["license"] = mapping.get(extra["license"], extra["license"])
        merged = {**extra, **merged}
    return merged
