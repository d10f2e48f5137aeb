"""COCO instances in the folders that other programs look for: FiftyOne, supervision, LLaVA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pix2cap.core import Category
from pix2cap.formats.exchange import Carried, category_rows
from pix2cap.formats.instances_json import instance_annotations
from pix2cap.formats.json_parts import ListPart, join_parts
from pix2cap.formats.published import publish
from pix2cap.formats.staged_folder import StagedFolder
from pix2cap.formats.storage import storage


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a program looks.

    Args:
        json_name: The COCO JSON.
        picture_dir: The folder of pictures.
    """

    json_name: str
    picture_dir: str


LAYOUTS: Final[Mapping[str, Layout]] = {
    "instances": Layout("instances.json", "images"),
    "fiftyone": Layout("labels.json", "data"),
    "supervision": Layout("annotations.json", "images"),
    "llava": Layout("instances.json", "images"),
}
"""FiftyOne's is its `COCODetectionDataset`; supervision is given both paths by its caller."""


class CocoLayoutWriter:
    """Writes one COCO instances JSON with exact RLE masks, and pictures beside it.

    Args:
        folder: Where to.
        categories: By id.
        layout: Names of file and folder.
        info: COCO's `info`.
        licenses: COCO's `licenses`.
    """

    def __init__(
        self,
        folder: StagedFolder,
        categories: Mapping[int, Category],
        layout: Layout,
        *,
        info: Mapping[str, Any],
        licenses: Sequence[Mapping[str, Any]],
    ) -> None:
        self._folder, self._categories, self._layout = folder, categories, layout
        self._head = {"info": dict(info), "licenses": [dict(one) for one in licenses]}
        self._images, self._annotations = (
            ListPart(folder.path(f"{name}.part")) for name in ("images", "annotations")
        )

    def add(self, carried: Carried) -> None:
        """Write an image and its segments.

        Raises:
            StorageFull: The disk took no more.
        """
        image = carried.item.image
        entry = {"id": image.image_id, "file_name": image.file_name, "width": image.width}
        scores = {c.segment_id: c.score for c in carried.item.captions if c.score is not None}
        with storage():
            self._images.add({**entry, "height": image.height, **carried.extra})
            published = publish(carried.item)
            for row in instance_annotations(carried.item, published, self._annotations.count + 1):
                score = scores.get(row["segment_id"])
                self._annotations.add(row if score is None else {**row, "score": score})
        if carried.picture is not None:
            self._folder.write(f"{self._layout.picture_dir}/{image.file_name}", carried.picture)

    def close(self) -> None:
        """Put the JSON together."""
        with storage():
            for part in (self._images, self._annotations):
                part.close()
            members = {
                **self._head,
                "images": self._images,
                "annotations": self._annotations,
                "categories": category_rows(self._categories),
            }
            join_parts(self._folder.path(self._layout.json_name), members)
            for part in (self._images, self._annotations):
                part.path.unlink()

    def abort(self) -> None:
        """Let go of the files being written."""
        for part in (self._images, self._annotations):
            part.close()
