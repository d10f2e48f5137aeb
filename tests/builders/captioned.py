"""Small captioned pictures made in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pix2cap.core import CaptionedImage, ImageRef, PanopticMap, SegmentCaption
from pix2cap.report import ReportItem

Rect = tuple[int, int, int, int]


def report_item(
    rects: Mapping[int, Sequence[Rect]],
    captions: Sequence[SegmentCaption] = (),
    *,
    image_id: int = 1,
    size_wh: tuple[int, int] = (120, 80),
    crowd: Sequence[int] = (),
    class_names: Mapping[int, str] | None = None,
    file_name: str | None = None,
) -> ReportItem:
    """A picture of flat rectangles; `rects` maps a segment id to its parts, `(x0, y0, x1, y1)` half-open."""
    width, height = size_wh
    id_map = np.zeros((height, width), np.uint32)
    rgb = np.full((height, width, 3), 235, np.uint8)
    for index, (segment_id, parts) in enumerate(rects.items()):
        for x0, y0, x1, y1 in parts:
            id_map[y0:y1, x0:x1] = segment_id
            rgb[y0:y1, x0:x1] = ((40 + 67 * index) % 256, (160 + 31 * index) % 256, (90 + 101 * index) % 256)
    panoptic = PanopticMap.from_id_map(id_map, {i: (i % 90 + 1, True, i in crowd) for i in rects})
    image = ImageRef(image_id, file_name or f"{image_id:06}.jpg", width, height)
    names = class_names or {segment_id: f"class {segment_id % 7}" for segment_id in rects}
    return ReportItem(CaptionedImage(image, panoptic, tuple(captions)), rgb, names)
