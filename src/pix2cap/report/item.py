"""What a report shows: one picture with its captions, and its segments as rows of a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import CaptionedImage, CaptionStatus, Segment, SegmentCaption


@dataclass(frozen=True)
class ReportItem:
    """One picture of a report.

    Args:
        captioned: The image, its map and its captions.
        rgb: `(H, W, 3)` uint8 of the map's size, or a function that loads it: it is called only for
            pictures that the report shows, so that counting a large dataset decodes no picture.
        class_names: Segment id to class name.
    """

    captioned: CaptionedImage
    rgb: NDArray[np.uint8] | Callable[[], NDArray[np.uint8]]
    class_names: Mapping[int, str]

    def pixels(self) -> NDArray[np.uint8]:
        """The picture, `(H, W, 3)` uint8.

        Raises:
            ValueError: It has another shape, type or size than the map.
        """
        rgb = self.rgb() if callable(self.rgb) else self.rgb
        width, height = self.captioned.panoptic.size_wh
        if rgb.shape != (height, width, 3) or rgb.dtype != np.uint8:
            raise ValueError(
                f"image {self.captioned.image.image_id}: expected a ({height}, {width}, 3) uint8 picture,"
                f" got {rgb.shape} {rgb.dtype}"
            )
        return rgb


@dataclass(frozen=True, slots=True)
class Row:
    """One segment as the list beside a picture has it.

    Args:
        number: 1..N within the picture, the value in the map that the page reads.
        segment: Identity and extent.
        class_name: What the dataset calls it.
        status: What became of it.
        text: The caption, or what a model said all the same.
        reason: Why it failed or was rejected.
        share: Area as a share of the picture, 0..1.
        score: A model's confidence in the segment, 0..1, where it gives one.
    """

    number: int
    segment: Segment
    class_name: str
    status: CaptionStatus
    text: str
    reason: str | None
    share: float
    score: float | None = None


def rows_of(item: ReportItem) -> tuple[Row, ...]:
    """The segments of a picture in reading order: things before stuff, large before small, crowd last.

    A segment without a caption record is `crowd` where the map says so and `pending` otherwise.
    """
    panoptic = item.captioned.panoptic
    captions = {caption.segment_id: caption for caption in item.captioned.captions}
    pixels = max(1, panoptic.id_map.size)
    ordered = sorted(panoptic.segments, key=lambda s: (s.is_crowd, not s.is_thing, -s.area, s.id))
    rows = []
    for number, segment in enumerate(ordered, start=1):
        missing = CaptionStatus.CROWD if segment.is_crowd else CaptionStatus.PENDING
        caption = captions.get(segment.id) or SegmentCaption(segment.id, "", missing)
        class_name = item.class_names.get(segment.id, f"category {segment.category_id}")
        share = segment.area / pixels
        told = caption.status, caption.text, caption.reason
        rows.append(Row(number, segment, class_name, *told, share, caption.score))
    return tuple(rows)
