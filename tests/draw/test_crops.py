from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.core import PanopticMap
from pix2cap.draw.crops import CropStyle, crop_box, focal_crop, needs_crop
from tests.draw.maps import maps, panoptic_of, photo


@settings(max_examples=80, deadline=None)
@given(panoptic=maps(max_side=300), number=st.sampled_from([None, 3, 17]))
def test_a_crop_holds_its_segment_and_stays_in_the_picture(panoptic: PanopticMap, number: int | None) -> None:
    style = CropStyle()
    width, height = panoptic.size_wh
    rgb = photo(panoptic.size_wh)
    for segment in panoptic.segments[:4]:
        crop = focal_crop(rgb, panoptic, segment.id, mark_number=number)
        x0, y0, x1, y1 = crop.box_xyxy
        sx0, sy0, sx1, sy1 = segment.box_xyxy
        assert 0 <= x0 <= sx0 < sx1 <= x1 <= width
        assert 0 <= y0 <= sy0 < sy1 <= y1 <= height
        assert x1 - x0 >= min(style.min_side, width)
        assert y1 - y0 >= min(style.min_side, height)
        short, long = sorted(crop.rgb.shape[:2])
        assert long <= style.max_long_side
        assert short >= style.enlarge_to or long == style.max_long_side
        again = focal_crop(rgb, panoptic, segment.id, mark_number=number)
        assert again.rgb.tobytes() == crop.rgb.tobytes()


def test_context_is_three_boxes_and_shifts_at_the_frame() -> None:
    assert crop_box((100, 100, 130, 120), (640, 480)) == (70, 80, 160, 140)
    assert crop_box((0, 0, 30, 30), (640, 480)) == (0, 0, 90, 90)
    assert crop_box((630, 470, 634, 474), (640, 480)) == (592, 432, 640, 480)
    assert crop_box((5, 5, 400, 400), (640, 480)) == (0, 0, 640, 480)


def test_the_contour_lies_outside_the_segment() -> None:
    id_map = np.zeros((200, 200), np.uint32)
    id_map[90:110, 90:110] = 6
    rgb = np.full((200, 200, 3), 150, np.uint8)
    crop = focal_crop(rgb, panoptic_of(id_map), 6)
    x0, y0, _, _ = crop.box_xyxy
    inner = [round((v - o) * crop.scale) for v, o in ((90, x0), (110, x0), (90, y0), (110, y0))]
    inside = crop.rgb[inner[2] + 1 : inner[3] - 1, inner[0] + 1 : inner[1] - 1]
    assert (inside == 150).all()
    assert (crop.rgb != 150).any()


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        ((10, 10, 14, 14), True),
        ((10, 10, 40, 40), True),
        ((10, 10, 41, 41), False),
        ((0, 100, 640, 101), False),
    ],
)
def test_which_segments_need_a_crop(box: tuple[int, int, int, int], wanted: bool) -> None:
    id_map = np.zeros((480, 640), np.uint32)
    x0, y0, x1, y1 = box
    id_map[y0:y1, x0:x1] = 2
    assert needs_crop(panoptic_of(id_map).segments[0], (640, 480), CropStyle()) is wanted


def test_wrong_calls_are_refused() -> None:
    panoptic = panoptic_of(np.array([[1, 2]]))
    with pytest.raises(ValueError, match="expected a picture of"):
        focal_crop(photo((3, 1)), panoptic, 1)
    with pytest.raises(KeyError):
        focal_crop(photo((2, 1)), panoptic, 9)


def test_fingerprints_differ() -> None:
    assert CropStyle().fingerprint() != CropStyle(context=2.0).fingerprint()
