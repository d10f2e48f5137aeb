"""Captioned images and datasets to ask about, and what their exports hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from pix2cap.core import CaptionedImage, CaptionStatus, ImageRef, PanopticMap, SegmentCaption
from pix2cap.sft.export import Exported, export_conversations
from pix2cap.sft.export_options import ExportOptions
from pix2cap.sft.regions import Region
from tests.builders.panoptic import CocoPaths, build_coco_panoptic

CLASS_NAMES = {1: "person", 2: "wall-other-merged"}


def striped_item(
    texts: Sequence[str | SegmentCaption | None],
    *,
    image_id: int = 5,
    size_wh: tuple[int, int] = (200, 40),
    crowd: Sequence[int] = (),
) -> CaptionedImage:
    """An image of upright stripes, segment n + 1 the n-th; a text is its caption, None is no caption."""
    width, height = size_wh
    edges = np.linspace(0, width, len(texts) + 1).astype(int)
    id_map = np.zeros((height, width), np.uint32)
    for number, (left, right) in enumerate(pairwise(edges), start=1):
        id_map[:, left:right] = number
    infos = {n: (1 + n % 2, n % 2 == 0, n in crowd) for n in range(1, len(texts) + 1)}
    captions = tuple(
        text if isinstance(text, SegmentCaption) else SegmentCaption(n, text)
        for n, text in enumerate(texts, start=1)
        if text is not None
    )
    image = ImageRef(image_id, f"{image_id:06}.png", width, height)
    return CaptionedImage(image, PanopticMap.from_id_map(id_map, infos), captions)


def not_visible(segment_id: int, text: str = "") -> SegmentCaption:
    """A segment that a model could not make out."""
    return SegmentCaption(segment_id, text, CaptionStatus.NOT_VISIBLE)


def region(
    box_xyxy: tuple[int, int, int, int], *, number: int = 1, segment_id: int = 7, class_name: str = "dog"
) -> Region:
    """A region with a box and nothing else of interest."""
    x0, y0, x1, y1 = box_xyxy
    return Region(segment_id, 18, class_name, box_xyxy, (x1 - x0) * (y1 - y0), number)


def captioned_coco(folder: Path, **options: Any) -> CocoPaths:
    """A COCO panoptic set with a caption a segment, the first segment of each image crowd."""
    return build_coco_panoptic(folder, captions=True, crowd=True, **options)


def export(paths: CocoPaths, out: Path, **options: Any) -> Exported:
    """Export a built set."""
    told = ExportOptions(images=paths.images, masks=paths.masks, **options)
    return export_conversations(paths.json_path, out, told)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a `.jsonl` or `.json` file."""
    text = path.read_text("utf-8")
    lines = [text] if path.suffix == ".json" else text.removesuffix("\n").split("\n")
    found = [json.loads(line) for line in lines]
    rows: list[dict[str, Any]] = found[0] if path.suffix == ".json" else found
    return rows


def captions_of(paths: CocoPaths) -> dict[tuple[int, int], str]:
    """The captions that a built set has, by image and segment id, read from its JSON alone."""
    document = json.loads(paths.json_path.read_text("utf-8"))
    return {
        (annotation["image_id"], segment["id"]): segment["description"]
        for annotation in document["annotations"]
        for segment in annotation["segments_info"]
        if segment["description"] and not segment["iscrowd"]
    }
