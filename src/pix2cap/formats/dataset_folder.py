"""Write a dataset folder; `read_dataset` of `dataset_read` is its counterpart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from pix2cap.core import CaptionedImage, Category
from pix2cap.core.boxes import xyxy_to_xywh
from pix2cap.errors import InputError
from pix2cap.formats.captions_parquet import SCHEMA as CAPTIONS_SCHEMA
from pix2cap.formats.captions_parquet import segment_rows
from pix2cap.formats.card import dataset_card
from pix2cap.formats.croissant import croissant
from pix2cap.formats.dataset_read import read_dataset
from pix2cap.formats.facts_parquet import FACTS
from pix2cap.formats.facts_parquet import SCHEMA as FACTS_SCHEMA
from pix2cap.formats.file_places import EscapeError, check_relative
from pix2cap.formats.instances_json import instance_annotations
from pix2cap.formats.json_parts import ListPart, join_parts
from pix2cap.formats.manifest import (
    FORMAT,
    MANIFEST,
    SUMS,
    DatasetAbout,
    FolderHash,
    Tally,
    build_manifest,
    file_hash,
    relative_image_root,
)
from pix2cap.formats.parquet_rows import ParquetRows
from pix2cap.formats.pictures import Picture
from pix2cap.formats.png import PngError, decode_id_png, encode_id_png
from pix2cap.formats.published import Published, publish
from pix2cap.formats.staged_folder import FolderKind, StagedFolder
from pix2cap.formats.storage import pretty_json, storage

DATASET: Final = FolderKind(
    FORMAT,
    "a dataset of pix2cap",
    (
        *("panoptic.json", "panoptic", "instances.json", "captions.parquet", FACTS),
        *("README.md", "croissant.json", "images", SUMS, MANIFEST),
    ),
)


class DatasetWriter:
    """Writes a dataset folder image by image in constant memory; nothing appears before `close`.

    The same images in the same order give the same bytes; only `manifest.json` has a time, and only it
    and the columns of `captions.parquet` tell of requests and money.

    Args:
        out_dir: Made if missing. Our own older dataset is replaced, other files in it stay.
        categories: All categories, by id or in a row; their order is kept.
        about: Title, model, prompt, cost.
        images_dir: Where the pictures lie; the manifest refers to them where that tells no home folder.
        copy_images: Put pictures given to `add` into `images/`.
        overwrite: Write even into a folder with files of other origin; only names of ours are replaced.
        with_facts: Also write `facts.parquet`, from what `add_facts` is given.

    Raises:
        UsageError: The folder has files, is not one of ours, and `overwrite` is off.

    Example:
        >>> with DatasetWriter(Path("out"), source.categories) as writer:  # doctest: +SKIP
        ...     for image in images:
        ...         writer.add(image)
    """

    def __init__(
        self,
        out_dir: Path,
        categories: Iterable[Category] | Mapping[int, Category],
        *,
        about: DatasetAbout | None = None,
        images_dir: Path | None = None,
        copy_images: bool = False,
        overwrite: bool = False,
        with_facts: bool = False,
    ) -> None:
        rows = categories.values() if isinstance(categories, Mapping) else categories
        self.categories = {category.id: category for category in rows}
        self.out_dir = out_dir
        self.about = about or DatasetAbout()
        self.tally = Tally()
        self._copy_images = copy_images
        self._image_root = "images" if copy_images else None
        if images_dir is not None and not copy_images:
            self._image_root = relative_image_root(out_dir, images_dir)
        self._folder = StagedFolder(out_dir, DATASET, overwrite=overwrite)
        self._folder.begin()
        self._partial = self._folder.partial
        with storage():
            (self._partial / "panoptic").mkdir()
            self._images, self._annotations, self._instances = (
                ListPart(self._partial / f"{name}.part") for name in ("images", "annotations", "instances")
            )
            self._rows = ParquetRows(self._partial / "captions.parquet", CAPTIONS_SCHEMA)
            self._facts = ParquetRows(self._partial / FACTS, FACTS_SCHEMA) if with_facts else None
        self._mask_hash = FolderHash()
        self._mask_names: set[str] = set()
        self._image_ids: set[int] = set()
        self._is_open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def add(
        self,
        item: CaptionedImage,
        *,
        map_png: bytes | None = None,
        picture: Picture | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one image.

        Args:
            item: Image, map and captions; segments without caption become `pending`, or `crowd`.
            map_png: The map's own PNG; copied byte by byte where it decodes to the same RGB ids.
            picture: Needed for `copy_images`.
            extra: Further members of the image's entry (`license`, `coco_url`), as the source had them.

        Raises:
            InputError: The image id came before, its file name leads out of the folder, or a segment's
                category is unknown.
            StorageFull: The disk took no more.
        """
        image = item.image
        self._check(item)
        published = publish(item)
        mask_name = self._mask_name(image.image_id, image.file_name)
        data = _mask_bytes(item, map_png)
        with storage():
            self._folder.write(f"panoptic/{mask_name}", data)
            if self._copy_images and picture is not None:
                self._folder.write(f"images/{image.file_name}", picture.data)
            entry = {"id": image.image_id, "file_name": image.file_name, "width": image.width}
            self._images.add({**entry, "height": image.height, **(extra or {})})
            self._annotations.add(_annotation(item, mask_name, published))
            for annotation in instance_annotations(item, published, self._instances.count + 1):
                self._instances.add(annotation)
            self._rows.add(segment_rows(item, published, self.categories))
        self._mask_hash.add(mask_name, data)
        names = {s.id: self.categories[s.category_id].name for s in item.panoptic.segments}
        self.tally.add(published, names)

    def add_facts(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write what is known for certain of an image's segments, in the columns of `facts.parquet`.

        Raises:
            ValueError: The writer was made without `with_facts`.
            StorageFull: The disk took no more.
        """
        if self._facts is None:
            raise ValueError("expected a writer made with_facts, got facts for one that writes none")
        with storage():
            self._facts.add(rows)

    def refuse(self, image_id: int, file_name: str, reason: str, *, n_segments: int) -> None:
        """Note an image that could not be used, so that the manifest accounts for it."""
        entry = {"image_id": image_id, "file_name": file_name, "reason": reason, "segments": n_segments}
        self.tally.refused.append(entry)

    def close(self) -> None:
        """Finish all files and move them to their place; the manifest goes last.

        Raises:
            StorageFull: The disk took no more; an older dataset in the folder is as it was.
        """
        if not self._is_open:
            return
        try:
            with storage():
                self._close_files()
                self._join()
                self._describe()
                self._folder.move(keep=() if self._copy_images else ("images",))
        finally:
            self.abort()

    def abort(self) -> None:
        """Throw away what was written; after `close` this does nothing."""
        if self._is_open:
            self._close_files()
            self._is_open = False
        self._folder.discard()

    def _close_files(self) -> None:
        for part in (self._images, self._annotations, self._instances, self._rows):
            part.close()
        if self._facts is not None:
            self._facts.close()

    def _check(self, item: CaptionedImage) -> None:
        image = item.image
        if image.image_id in self._image_ids:
            raise InputError(f"expected each image id once, got {image.image_id} again ({image.file_name})")
        try:
            check_relative(image.file_name)
        except EscapeError:
            raise InputError(
                f"image {image.image_id}: expected a file name inside the folder of pictures,"
                f" got {image.file_name!r}"
            ) from None
        for segment in item.panoptic.segments:
            if segment.category_id not in self.categories:
                raise InputError(
                    f"image {image.image_id}, segment {segment.id}: unknown category {segment.category_id}"
                )
        self._image_ids.add(image.image_id)

    def _mask_name(self, image_id: int, file_name: str) -> str:
        name = PurePosixPath(file_name).with_suffix(".png").as_posix()
        if name in self._mask_names:  # a.jpg and a.png
            name = PurePosixPath(file_name).with_suffix(f".{image_id}.png").as_posix()
        self._mask_names.add(name)
        return name

    def _join(self) -> None:
        categories = [
            {
                "id": category.id,
                "name": category.name,
                "isthing": int(category.is_thing),
                "supercategory": category.supercategory or category.name,
            }
            for category in self.categories.values()
        ]
        info = dict(self.about.info) if self.about.info is not None else {"description": self.about.name}
        head = {"info": info, "licenses": [dict(one) for one in self.about.licenses], "images": self._images}
        for name, part in (("panoptic.json", self._annotations), ("instances.json", self._instances)):
            members = {**head, "annotations": part, "categories": categories}
            join_parts(self._partial / name, members)
        for part in (self._images, self._annotations, self._instances):
            part.path.unlink()

    def _describe(self) -> None:
        card = dataset_card(self.about, self.tally, image_root=self._image_root)
        self._folder.write("README.md", card.encode("utf-8"))
        hashes = {name: file_hash(self._partial / name) for name in ("panoptic.json", "instances.json")}
        description = croissant(self.about, self.tally, files=hashes)
        self._folder.write("croissant.json", pretty_json(description))
        for name in ("captions.parquet", *([FACTS] if self._facts else []), "README.md", "croissant.json"):
            hashes[name] = file_hash(self._partial / name)
        hashes["panoptic/"] = self._mask_hash.to_json()
        manifest = build_manifest(self.about, self.tally, files=hashes, image_root=self._image_root)
        self._folder.write(MANIFEST, pretty_json(manifest))


def _mask_bytes(item: CaptionedImage, map_png: bytes | None) -> bytes:
    if map_png is not None:
        try:
            if np.array_equal(decode_id_png(map_png), item.panoptic.id_map):
                return map_png
        except (PngError, TypeError, OverflowError):
            pass  # A grey or palette id-map: encoded as COCO wants it, below.
    return encode_id_png(item.panoptic.id_map)


def _annotation(item: CaptionedImage, mask_name: str, published: Published) -> dict[str, Any]:
    segments = []
    for segment in item.panoptic.segments:
        entry = published[segment.id]
        row: dict[str, Any] = {
            "id": segment.id,
            "category_id": segment.category_id,
            "iscrowd": int(segment.is_crowd),
            "bbox": list(xyxy_to_xywh(segment.box_xyxy)),
            "area": segment.area,
            "description": entry.description,
            "caption_status": entry.status.value,
        }
        if entry.caption is not None and entry.caption.score is not None:
            row["score"] = entry.caption.score
        segments.append(row)
    return {"segments_info": segments, "file_name": mask_name, "image_id": item.image.image_id}


__all__ = ["DATASET", "DatasetAbout", "DatasetWriter", "read_dataset"]
