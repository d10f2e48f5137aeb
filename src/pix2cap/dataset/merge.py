"""Several datasets as one: images by id, segments by id, captions of all, disagreements listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pix2cap.core import CaptionedImage, PanopticMap
from pix2cap.dataset.captioned import CaptionedDataset
from pix2cap.dataset.edited import Edited, OnImage, add_image, edited_about, title_of
from pix2cap.dataset.merge_image import Conflict, Prefer, Version, merge_image
from pix2cap.dataset.merge_tables import Place, Tables, merge_tables, merged_extra, plan_places
from pix2cap.errors import ImageRefused, UsageError
from pix2cap.formats.dataset_folder import DatasetWriter


@dataclass(frozen=True, slots=True)
class Renumbered:
    """An image that got a new id, since another picture has the old one."""

    dataset: str
    old_id: int
    new_id: int


@dataclass(frozen=True, slots=True)
class Merged:
    """What was written.

    Args:
        written: Counts.
        conflicts: What the datasets say differently, and whose word was taken.
        renumbered: Images with new ids.
        pictures: `copied`, `referred` to where they lie, or `unknown`: they lie in several folders.
    """

    written: Edited
    conflicts: tuple[Conflict, ...]
    renumbered: tuple[Renumbered, ...]
    pictures: str

    def to_json(self) -> dict[str, Any]:
        """Counts, and every conflict."""
        return {
            **self.written.to_json(),
            "pictures": self.pictures,
            "renumbered": [
                {"dataset": r.dataset, "old_id": r.old_id, "new_id": r.new_id} for r in self.renumbered
            ],
            "conflicts": [conflict.to_json() for conflict in self.conflicts],
        }

    def counts(self) -> dict[str, int]:
        """Conflicts by kind."""
        return dict(sorted(Counter(conflict.what for conflict in self.conflicts).items()))


def merge_datasets(
    datasets: Sequence[str | Path],
    out: str | Path,
    *,
    prefer: Prefer = "reviewed",
    renumber: bool = False,
    name: str | None = None,
    masks: Path | None = None,
    images: Path | None = None,
    copy_images: bool = False,
    overwrite: bool = False,
    on_image: OnImage | None = None,
) -> Merged:
    """Write several datasets as one.

    Images are the same where id, size and picture are (the file's bytes where they can be read, the file
    name elsewhere). Their segments are united by id, their captions too (see `merge_image`). Classes are
    the same where their names are; licences and the links to them are kept.

    Args:
        datasets: Dataset folders, or COCO panoptic JSONs with captions; two or more.
        out: The new dataset folder.
        prefer: Whose caption counts where two differ.
        renumber: Give new ids to later pictures whose id another picture has.
        name: Title of the new dataset.
        masks: Folder or zip of the PNGs of JSONs without masks beside them.
        images: Folder of the pictures of all, where the datasets do not know theirs.
        copy_images: Put the pictures into the new dataset.
        overwrite: Write even into a folder with files of other origin.
        on_image: Told after each image.

    Returns:
        Counts, conflicts and new ids.

    Raises:
        UsageError: Fewer than two datasets, ids or file names that clash, or `out` is what is read.
        InputError: A dataset is damaged, or classes contradict each other.
        StorageFull: The disk took no more.

    Example:
        >>> merge_datasets(["monday", "tuesday"], "both", prefer="last")  # doctest: +SKIP
    """
    if len(datasets) < 2:
        raise UsageError(f"expected two datasets or more, got {', '.join(map(str, datasets)) or 'none'}")
    target = Path(out)
    opened = [CaptionedDataset(Path(path), masks=masks, images=images) for path in datasets]
    for dataset in opened:
        dataset.require_elsewhere(target)
    tables = merge_tables(opened)
    places = plan_places(opened, renumber=renumber, copy_images=copy_images)
    folder = _shared_pictures(opened)
    writer = DatasetWriter(
        target,
        tables.categories,
        about=edited_about(
            "merge",
            {"prefer": prefer, "renumber": renumber},
            opened,
            name=name or " + ".join(dict.fromkeys(title_of(dataset) for dataset in opened)),
            licenses=tables.licenses,
        ),
        images_dir=folder,
        copy_images=copy_images,
        overwrite=overwrite,
        with_facts=any(dataset.has_facts for dataset in opened),
    )
    conflicts: list[Conflict] = []
    with writer:
        _add_refused(writer, opened, places)
        for done, place in enumerate(places, start=1):
            conflicts += _Merger(writer, opened, tables, prefer, copy_images).add(place)
            if on_image is not None:
                on_image(done, len(places))
    pictures = "copied" if copy_images else "unknown" if folder is None else "referred"
    return Merged(Edited.of(writer), tuple(conflicts), tuple(_renumbered(opened, places)), pictures)


@dataclass(frozen=True)
class _Merger:
    """Writes one image after the other."""

    writer: DatasetWriter
    datasets: Sequence[CaptionedDataset]
    tables: Tables
    prefer: Prefer
    copy_images: bool

    def add(self, place: Place) -> list[Conflict]:
        """Write an image; returns what its versions say differently."""
        versions, refusals, read = list[Version](), list[str](), list[int]()
        for number in place.owners:
            dataset = self.datasets[number]
            try:
                item = self._mapped(dataset.item(place.old_id), number, place)
                versions.append(Version(dataset.name, item))
                read.append(number)
            except ImageRefused as error:
                refusals.append(f"{dataset.name}: {error}")
        if refusals:
            entry = self.datasets[place.owners[0]].source.entry(place.old_id)
            n_segments = 0 if versions else len(entry.segments)
            self.writer.refuse(place.image_id, place.file_name, "; ".join(refusals), n_segments=n_segments)
        if not versions:
            return []
        categories = {category.id: category for category in self.tables.categories}
        item, conflicts = merge_image(versions, categories, prefer=self.prefer)
        shown = next((n for n in read if self.datasets[n].picture_path(place.old_id) is not None), read[0])
        add_image(
            self.writer,
            self.datasets[shown],
            item,
            image_id=place.old_id,
            copy_images=self.copy_images,
            extra=merged_extra(self.datasets, self.tables, place),
        )
        self._add_facts(item, place, read)
        return conflicts

    def _mapped(self, item: CaptionedImage, number: int, place: Place) -> CaptionedImage:
        """A version in ids and names of the merged dataset."""
        mapping = self.tables.category_ids[number]
        segments = tuple(replace(s, category_id=mapping[s.category_id]) for s in item.panoptic.segments)
        image = replace(item.image, image_id=place.image_id, file_name=place.file_name)
        return CaptionedImage(image, PanopticMap(item.panoptic.id_map, segments), item.captions)

    def _add_facts(self, item: CaptionedImage, place: Place, owners: Sequence[int]) -> None:
        """What is certain of each segment, from the first dataset that tells."""
        told: dict[int, dict[str, Any]] = {}
        for number in owners:
            for row in self.datasets[number].facts(place.old_id):
                told.setdefault(row["segment_id"], {**row, "image_id": place.image_id})
        rows = [told[segment.id] for segment in item.panoptic.segments if segment.id in told]
        if rows:
            self.writer.add_facts(rows)


def _shared_pictures(datasets: Sequence[CaptionedDataset]) -> Path | None:
    """The folder that all datasets have their pictures in, if it is one."""
    folders = {None if d.pictures is None else d.pictures.resolve() for d in datasets}
    return datasets[0].pictures if len(folders) == 1 else None


def _add_refused(
    writer: DatasetWriter, datasets: Sequence[CaptionedDataset], places: Sequence[Place]
) -> None:
    """Images that the datasets had to leave out stay named, unless another one has them."""
    present = {place.image_id for place in places}
    for dataset in datasets:
        for one in (dataset.manifest or {}).get("refused_images", ()):
            if one["image_id"] not in present:
                present.add(one["image_id"])
                writer.refuse(one["image_id"], one["file_name"], one["reason"], n_segments=one["segments"])


def _renumbered(datasets: Sequence[CaptionedDataset], places: Sequence[Place]) -> list[Renumbered]:
    return [
        Renumbered(datasets[number].name, place.old_id, place.image_id)
        for place in places
        if place.image_id != place.old_id
        for number in place.owners
    ]
