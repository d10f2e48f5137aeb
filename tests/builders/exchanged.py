"""A small dataset folder that has everything a format could lose, and how to read it back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pix2cap.core import CaptionedImage, CaptionSource, Category, ImageRef, PanopticMap, SegmentCaption
from pix2cap.core.caption import CaptionStatus
from pix2cap.formats.captions_parquet import read_captions_parquet
from pix2cap.formats.dataset_folder import DatasetAbout, DatasetWriter
from pix2cap.formats.pictures import decode_picture
from pix2cap.formats.png import decode_id_png

CATEGORIES = (
    Category(1, "person", True, "person"),
    Category(4, "sky", False, "above"),
    Category(90, "tooth brush", True, "indoor"),
)
LICENSES = (
    {"id": 3, "name": "Attribution", "url": "https://example.org/by"},
    {"id": 7, "name": "Share alike"},
)
ABOUT = DatasetAbout(
    name="Rich",
    created_at="2026-11-23T10:00:00+00:00",
    model="openai:m",
    prompt_version="set-of-mark@12ab",
    spend={"requests": 3, "cost_usd": 0.125},
    license="cc-by-4.0",
    licenses=LICENSES,
    info={"description": "rich", "year": 2026},
)
SOURCE = CaptionSource("openai:m", "set-of-mark@12ab", 2, "key", "req-7", "ann")
TEXTS = ("Ein Himmel, „blau“ & weit.", "A <b>person</b> | in red.", "日本の人。\nSecond line.")


def picture_bytes(size_wh: tuple[int, int], kind: str, seed: int = 0) -> bytes:
    """A noisy picture."""
    rng = np.random.default_rng(seed)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def rich_items() -> list[tuple[CaptionedImage, bytes, dict[str, Any]]]:
    """Images with every status, 24-bit ids, void, crowd, parts, provenance and odd names."""
    first = np.zeros((6, 8), np.uint32)
    first[:3] = 16_777_215
    first[3:, :2] = first[4:, 7:] = 2  # Two parts.
    first[3:, 3:5] = 9
    first[3, 5] = 65_536
    first[4:, 5] = 5
    first[5, 6] = 77
    infos = {
        16_777_215: (4, False, False),
        2: (1, True, False),
        9: (1, True, False),
        65_536: (90, True, False),
        5: (1, True, True),
        77: (90, True, False),
    }
    said = (
        SegmentCaption(16_777_215, TEXTS[0], source=SOURCE, score=0.25),
        SegmentCaption(2, "the object 2", CaptionStatus.FAILED, "mark talk", SOURCE),
        SegmentCaption(65_536, "Blurred.", CaptionStatus.NOT_VISIBLE),
        SegmentCaption(77, "Wrong.", CaptionStatus.REJECTED, "not so", SOURCE),
        SegmentCaption(5, "", CaptionStatus.CROWD),
    )
    a = CaptionedImage(
        ImageRef(101, "a.b.JPG", 8, 6), PanopticMap.from_id_map(first, infos, {2: 11, 9: 6}), said
    )
    second = np.full((5, 4), 7, np.uint32)
    second[1:3, 1:3] = 8
    b = CaptionedImage(
        ImageRef(7, "sub/ü.png", 4, 5),
        PanopticMap.from_id_map(second, {8: (1, True, False), 7: (4, False, False)}),
        (SegmentCaption(8, TEXTS[1], source=SOURCE), SegmentCaption(7, TEXTS[2])),
    )
    empty = CaptionedImage(ImageRef(9, "none.png", 3, 2), PanopticMap.from_id_map(np.zeros((2, 3), int), {}))
    return [
        (a, picture_bytes((8, 6), "JPEG"), {"license": 3, "coco_url": "https://example.org/a.jpg"}),
        (b, picture_bytes((4, 5), "PNG", 1), {"license": 7, "date_captured": "2013-11-14 11:18:45"}),
        (empty, picture_bytes((3, 2), "PNG", 2), {}),
    ]


def rich_dataset(folder: Path) -> Path:
    """A dataset folder of them, with the pictures beside it in `pictures/`."""
    pictures = folder.parent / "pictures"
    writer = DatasetWriter(folder, CATEGORIES, about=ABOUT, images_dir=pictures)
    with writer:
        for item, picture, extra in rich_items():
            path = pictures / item.image.file_name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture)
            writer.add(item, picture=decode_picture(picture, name=path.name), extra=extra)
    return folder


def documents(folder: Path) -> dict[str, Any]:
    """All that a dataset folder says, in a form to compare: JSON, ids of every pixel, rows of the Parquet."""
    panoptic = json.loads((folder / "panoptic.json").read_text("utf-8"))
    masks = {
        a["image_id"]: decode_id_png((folder / "panoptic" / a["file_name"]).read_bytes()).tolist()
        for a in panoptic["annotations"]
    }
    return {
        "images": panoptic["images"],
        "annotations": panoptic["annotations"],
        "categories": panoptic["categories"],
        "licenses": panoptic["licenses"],
        "info": panoptic["info"],
        "masks": masks,
        "rows": list(read_captions_parquet(folder / "captions.parquet")),
    }
