"""Write pictures and maps as COCO panoptic, the counterpart of `read_coco_panoptic`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from pix2cap.core import Category, ImageRef, PanopticMap
from pix2cap.core.boxes import xyxy_to_xywh
from pix2cap.formats.png import encode_id_png


@dataclass(frozen=True)
class CocoItem:
    """One image to write.

    Args:
        image: Its `file_name` is the picture's name in `images/`.
        panoptic: The map, of the picture's size.
        picture: The picture file's bytes, None to write no picture.
    """

    image: ImageRef
    panoptic: PanopticMap
    picture: bytes | None = None


def write_coco_panoptic(folder: Path, items: Iterable[CocoItem], *, categories: Iterable[Category]) -> Path:
    """Write `panoptic.json`, `panoptic/*.png` and `images/*`; the JSON comes last.

    Args:
        folder: Made if absent.
        items: Read one at a time.
        categories: All that the segments use.

    Returns:
        The path of `panoptic.json`.
    """
    (folder / "panoptic").mkdir(parents=True, exist_ok=True)
    (folder / "images").mkdir(exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for item in items:
        mask_name = f"{Path(item.image.file_name).stem}.png"
        if item.picture is not None:
            (folder / "images" / item.image.file_name).write_bytes(item.picture)
        (folder / "panoptic" / mask_name).write_bytes(encode_id_png(item.panoptic.id_map))
        image = item.image
        images.append(
            {"id": image.image_id, "file_name": image.file_name, "width": image.width, "height": image.height}
        )
        annotations.append(
            {
                "image_id": image.image_id,
                "file_name": mask_name,
                "segments_info": list(_segments_info(item.panoptic)),
            }
        )
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [
            {
                "id": c.id,
                "name": c.name,
                "isthing": int(c.is_thing),
                "supercategory": c.supercategory or c.name,
            }
            for c in categories
        ],
    }
    path = folder / "panoptic.json"
    temporary = path.with_suffix(".json.new")
    temporary.write_bytes(orjson.dumps(document))
    return temporary.replace(path)


def _segments_info(panoptic: PanopticMap) -> Iterator[dict[str, Any]]:
    for segment in panoptic.segments:
        yield {
            "id": segment.id,
            "category_id": segment.category_id,
            "iscrowd": int(segment.is_crowd),
            "bbox": list(xyxy_to_xywh(segment.box_xyxy)),
            "area": segment.area,
        }
