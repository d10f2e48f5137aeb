"""What a report embeds decodes to the picture and the map that went in."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pix2cap.core import PanopticMap
from pix2cap.report.item import rows_of
from pix2cap.report.pictures import MAX_ROWS, Embedded, embed
from tests.builders.captioned import report_item


def _numbers(embedded: Embedded) -> np.ndarray:
    """The map as a page reads it."""
    bgr = cv2.imdecode(
        np.frombuffer(base64.b64decode(embedded.map_png_base64), np.uint8), cv2.IMREAD_UNCHANGED
    )
    assert bgr is not None
    return bgr[..., 2].astype(int) + 256 * bgr[..., 1].astype(int)


@given(hnp.arrays(np.uint32, (6, 7), elements=st.sampled_from([0, 1, 255, 256, 65536, 2**24 - 1])))
def test_the_embedded_map_names_every_pixel(ids: np.ndarray) -> None:
    panoptic = PanopticMap.from_id_map(ids, {int(i): (1, True, False) for i in np.unique(ids) if i})
    item = report_item({1: [(0, 0, 7, 6)]}, size_wh=(7, 6))
    rows = rows_of(type(item)(type(item.captioned)(item.captioned.image, panoptic), item.rgb, {}))
    embedded = embed(np.zeros((6, 7, 3), np.uint8), panoptic, rows, max_side=64, quality=85)
    by_number = np.array([0, *(row.segment.id for row in rows)])
    assert np.array_equal(by_number[_numbers(embedded)], ids)


def test_a_large_picture_is_reduced_and_no_segment_vanishes() -> None:
    specks = {100 + i: [(37 * i + 5, 301 + i, 37 * i + 6, 302 + i)] for i in range(20)}
    item = report_item({7: [(0, 0, 800, 300)], **specks}, size_wh=(800, 600))
    rows = rows_of(item)
    embedded = embed(item.pixels(), item.captioned.panoptic, rows, max_side=100, quality=85)
    numbers = _numbers(embedded)
    assert (embedded.width, embedded.height) == (100, 75)
    assert numbers.shape == (75, 100)
    assert set(np.unique(numbers)) == set(range(len(rows) + 1))
    jpeg = cv2.imdecode(np.frombuffer(base64.b64decode(embedded.jpeg_base64), np.uint8), cv2.IMREAD_COLOR)
    assert jpeg is not None
    assert jpeg.shape == (75, 100, 3)
    assert np.abs(jpeg[10, 50, ::-1].astype(int) - item.pixels()[80, 400]).max() < 12


def test_a_picture_without_segments_can_be_shown() -> None:
    item = report_item({}, size_wh=(5, 4))
    embedded = embed(item.pixels(), item.captioned.panoptic, (), max_side=64, quality=85)
    assert not _numbers(embedded).any()


def test_too_many_segments_are_refused() -> None:
    item = report_item({1: [(0, 0, 2, 2)]})
    rows = rows_of(item) * 65536
    with pytest.raises(ValueError, match=f"at most {MAX_ROWS} segments in a picture, got 65536"):
        embed(item.pixels(), item.captioned.panoptic, rows, max_side=64, quality=85)
