"""Report items from the real COCO sample and its recorded captions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pix2cap.core import CaptionedImage, CaptionStatus, ImageRef, PanopticMap, SegmentCaption
from pix2cap.report import ReportItem


def coco_items(coco: Path, *, image_ids: Sequence[int]) -> list[ReportItem]:
    """Pictures of the val split with the captions that were recorded for them."""
    panoptic = json.loads((coco / "panoptic_val.json").read_text())
    recorded = json.loads((coco / "captions_val.json").read_text())["captions"]
    categories = {category["id"]: category for category in panoptic["categories"]}
    images = {image["id"]: image for image in panoptic["images"]}
    annotations = {annotation["image_id"]: annotation for annotation in panoptic["annotations"]}
    items = []
    for image_id in image_ids:
        annotation, entry = annotations[image_id], images[image_id]
        bgr = cv2.imread(str(coco / "panoptic_val2017" / annotation["file_name"]))
        assert bgr is not None
        ids = np.tensordot(bgr[..., ::-1].astype(np.uint32), np.array([1, 256, 65536], np.uint32), 1)
        infos = {
            s["id"]: (s["category_id"], bool(categories[s["category_id"]]["isthing"]), bool(s["iscrowd"]))
            for s in annotation["segments_info"]
        }
        captions = tuple(
            SegmentCaption(
                row["segment_id"],
                row["caption"],
                CaptionStatus.CAPTIONED if row["visible"] else CaptionStatus.NOT_VISIBLE,
            )
            for row in recorded
            if row["image_id"] == image_id
        )
        image = ImageRef(image_id, entry["file_name"], entry["width"], entry["height"])
        picture = cv2.imread(str(coco / "val2017" / entry["file_name"]))
        assert picture is not None
        names = {segment_id: categories[info[0]]["name"] for segment_id, info in infos.items()}
        captioned = CaptionedImage(image, PanopticMap.from_id_map(ids, infos), captions)
        items.append(ReportItem(captioned, np.ascontiguousarray(picture[..., ::-1]), names))
    return items
