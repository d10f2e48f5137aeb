"""Rows of a report: every segment once, in reading order, with a status."""

from __future__ import annotations

import numpy as np
import pytest

from pix2cap.core import CaptionedImage, CaptionStatus, ImageRef, PanopticMap, SegmentCaption
from pix2cap.report import ReportItem
from pix2cap.report.item import rows_of
from tests.builders.captioned import report_item


def test_things_come_before_stuff_large_before_small_and_crowd_last() -> None:
    id_map = np.repeat(np.array([[3, 8, 5, 4, 4, 4, 9, 9]], np.uint32), 2, axis=0)
    infos = {
        3: (1, True, False),
        4: (2, False, False),
        5: (2, False, False),
        8: (1, True, True),
        9: (7, True, False),
    }
    panoptic = PanopticMap.from_id_map(id_map, infos)
    item = ReportItem(
        CaptionedImage(ImageRef(1, "a.jpg", 8, 2), panoptic, (SegmentCaption(9, "Nine."),)),
        np.zeros((2, 8, 3), np.uint8),
        {9: "cat"},
    )
    rows = rows_of(item)
    assert [row.segment.id for row in rows] == [9, 3, 4, 5, 8]
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    assert [row.status.value for row in rows] == ["captioned", "pending", "pending", "pending", "crowd"]
    assert rows[0].class_name == "cat"
    assert rows[1].class_name == "category 1"
    assert rows[2].share == 6 / 16


def test_a_failed_segment_keeps_its_reason_and_text() -> None:
    item = report_item(
        {4: [(0, 0, 9, 9)]}, [SegmentCaption(4, "Object 1.", CaptionStatus.FAILED, "mark talk")]
    )
    (row,) = rows_of(item)
    assert (row.status, row.reason, row.text) == (CaptionStatus.FAILED, "mark talk", "Object 1.")


@pytest.mark.parametrize(
    "rgb",
    [np.zeros((80, 121, 3), np.uint8), np.zeros((80, 120), np.uint8), np.zeros((80, 120, 3), np.float32)],
    ids=["size", "grey", "type"],
)
def test_a_picture_that_does_not_fit_its_map_is_refused_with_its_number(rgb: np.ndarray) -> None:
    item = report_item({4: [(0, 0, 9, 9)]}, image_id=77)
    with pytest.raises(ValueError, match=r"image 77: expected a \(80, 120, 3\) uint8 picture, got"):
        ReportItem(item.captioned, lambda: rgb, {}).pixels()
