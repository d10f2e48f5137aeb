from __future__ import annotations

import json
from itertools import combinations, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pix2cap.core import PanopticMap
from pix2cap.draw.digits import label_size_wh
from pix2cap.draw.marks import MarkedPicture, MarkStyle, draw_marks, drawing_scale
from pix2cap.draw.partition import split_into_units
from tests.draw.maps import maps, panoptic_of, photo, voronoi

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def boxes_of(picture: MarkedPicture) -> list[tuple[int, int, int, int]]:
    return [label.box_xyxy for mark in picture.marks for label in mark.labels]


def assert_readable(picture: MarkedPicture, segment_ids: tuple[int, ...]) -> None:
    """What must hold of every marked picture, however crowded."""
    height, width = picture.rgb.shape[:2]
    assert [(m.number, m.segment_id) for m in picture.marks] == list(enumerate(segment_ids, 1))
    boxes = boxes_of(picture)
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
    for a, b in combinations(boxes, 2):
        share_a_pixel = a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
        assert not share_a_pixel, (a, b)
    for mark in picture.marks:
        for label in mark.labels:
            x0, y0, x1, y1 = label.box_xyxy
            drawn = picture.rgb[y0:y1, x0:x1].reshape(-1, 3)
            assert (drawn == mark.color_rgb).all(1).any()
            if label.leader is not None:
                (ax, ay), (bx, by) = label.leader
                assert x0 <= ax < x1 and y0 <= ay < y1
                assert 0 <= bx < width and 0 <= by < height


@FEW
@given(panoptic=maps(), data=st.data())
def test_labels_of_any_map_stay_apart_and_inside_and_same_bytes_come_twice(
    panoptic: PanopticMap, data: st.DataObject
) -> None:
    every = [segment.id for segment in panoptic.segments]
    chosen = tuple(data.draw(st.lists(st.sampled_from(every), unique=True))) if every else ()
    rgb = photo(panoptic.size_wh)
    before = rgb.copy()
    first = draw_marks(rgb, panoptic, chosen)
    assert_readable(first, chosen)
    second = draw_marks(rgb, panoptic, chosen)
    assert first.rgb.tobytes() == second.rgb.tobytes()
    assert first.marks == second.marks
    assert (rgb == before).all()


@pytest.mark.parametrize(
    "size_wh", [(1, 1), (2, 1), (2000, 3), (3, 2000), (17, 900), (640, 480), (401, 400), (2300, 1300)]
)
@pytest.mark.parametrize("count", [1, 2, 14])
def test_any_size(size_wh: tuple[int, int], count: int) -> None:
    panoptic = voronoi(size_wh, count, seed=5)
    ids = tuple(segment.id for segment in panoptic.segments)
    picture = draw_marks(photo(size_wh), panoptic, ids)
    assert_readable(picture, ids)
    assert picture.rgb.shape[0] >= round(size_wh[1] * picture.scale)
    assert picture.rgb.shape[1] >= round(size_wh[0] * picture.scale)


def test_three_hundred_segments_that_no_picture_has_room_for() -> None:
    panoptic = voronoi((200, 150), 330, seed=1)
    ids = tuple(segment.id for segment in panoptic.segments)
    assert len(ids) > 254
    picture = draw_marks(photo((200, 150)), panoptic, ids)
    assert_readable(picture, ids)
    assert picture.rgb.shape[0] > round(150 * picture.scale), "expected a margin for those that found no room"


def test_a_segment_that_vanishes_when_a_picture_is_reduced_is_marked_all_the_same() -> None:
    id_map = np.full((2600, 3000), 9, np.uint32)
    id_map[1301, 1501] = 4
    panoptic = panoptic_of(id_map)
    picture = draw_marks(np.zeros((2600, 3000, 3), np.uint8), panoptic, (4, 9))
    assert_readable(picture, (4, 9))
    leader = picture.marks[0].leader
    assert leader is not None
    end = np.array(leader[1]) / picture.scale
    assert np.abs(end - (1501, 1301)).max() < 12


def rectangles(size_wh: tuple[int, int], boxes: dict[int, tuple[int, int, int, int]]) -> PanopticMap:
    id_map = np.zeros((size_wh[1], size_wh[0]), np.uint32)
    for segment_id, (x0, y0, x1, y1) in boxes.items():
        id_map[y0:y1, x0:x1] = segment_id
    return panoptic_of(id_map)


def test_a_label_stands_inside_a_large_segment_and_beside_a_small_one() -> None:
    panoptic = rectangles((640, 480), {7: (20, 20, 400, 400), 3: (500, 100, 530, 130)})
    large, small = draw_marks(photo((640, 480)), panoptic, (7, 3)).marks
    assert large.leader is None
    x0, y0, x1, y1 = large.label_box_xyxy
    assert (panoptic.id_map[y0:y1, x0:x1] == 7).all()
    assert small.leader is not None
    x0, y0, x1, y1 = small.label_box_xyxy
    assert not (panoptic.id_map[y0:y1, x0:x1] == 3).any()
    end_x, end_y = small.leader[1]
    assert panoptic.id_map[end_y, end_x] == 3


def test_an_inside_label_hides_at_most_its_share() -> None:
    style = MarkStyle()
    for side in range(20, 200, 9):
        panoptic = rectangles((640, 480), {1: (100, 100, 100 + side, 100 + side)})
        (mark,) = draw_marks(np.full((480, 640, 3), 128, np.uint8), panoptic, (1,)).marks
        x0, y0, x1, y1 = mark.label_box_xyxy
        hidden = int((panoptic.id_map[y0:y1, x0:x1] == 1).sum())
        assert hidden <= style.hide_at_most * side * side


@FEW
@given(seed=st.integers(0, 10_000), count=st.integers(2, 40))
def test_no_label_covers_a_small_segment_that_is_marked(seed: int, count: int) -> None:
    size_wh = (640, 480)
    panoptic = voronoi(size_wh, count, seed)
    ids = split_into_units(panoptic, [s.id for s in panoptic.segments])[0] if panoptic.segments else ()
    picture = draw_marks(photo(size_wh), panoptic, ids)
    width, height = label_size_wh(88, MarkStyle().label_px)
    small = [i for i in ids if panoptic.by_id[i].area < width * height / MarkStyle().hide_at_most]
    for mark in picture.marks:
        others = [i for i in small if i != mark.segment_id]
        for x0, y0, x1, y1 in (label.box_xyxy for label in mark.labels):
            assert not np.isin(panoptic.id_map[y0:y1, x0:x1], others).any()


def test_no_label_covers_a_small_segment_of_another_unit_where_there_is_room() -> None:
    row = {10 + i: (20 + 60 * i, 200, 60 + 60 * i, 240) for i in range(10)}
    panoptic = rectangles((640, 480), row)
    picture = draw_marks(photo((640, 480)), panoptic, tuple(row)[::2])
    for x0, y0, x1, y1 in boxes_of(picture):
        assert not panoptic.id_map[y0:y1, x0:x1].any()


def test_every_sizable_part_carries_the_number() -> None:
    panoptic = rectangles((640, 480), {5: (0, 0, 640, 480), 8: (300, 0, 340, 480)})
    first, _ = draw_marks(photo((640, 480)), panoptic, (5, 8)).marks
    sides = [label.box_xyxy[0] < 320 for label in first.labels]
    assert sorted(sides) == [False, True]


def test_contours_are_unfilled_and_tiny_segments_keep_all_their_pixels() -> None:
    rgb = np.full((480, 640, 3), 200, np.uint8)
    panoptic = rectangles((640, 480), {1: (50, 50, 350, 350), 2: (500, 300, 508, 312)})
    picture = draw_marks(rgb, panoptic, (1, 2))
    for x0, y0, x1, y1 in boxes_of(picture):
        picture.rgb[y0:y1, x0:x1] = 200
    inside = picture.rgb[58:342, 58:342]
    assert (inside == 200).all(2).mean() > 0.999
    tiny = picture.rgb[300:312, 500:508]
    touched = (tiny != 200).any(2)
    assert touched.sum() <= 12, "only the leader's end may lie on it"
    ring = picture.rgb[294:318, 494:514].reshape(-1, 3)
    assert (ring == picture.marks[1].color_rgb).all(1).sum() > 60


def test_the_contour_has_a_dark_line_on_both_sides() -> None:
    rgb = np.full((480, 640, 3), 200, np.uint8)
    panoptic = rectangles((640, 480), {1: (100, 100, 400, 400)})
    picture = draw_marks(rgb, panoptic, (1,))
    column = picture.rgb[80:120, 150].tolist()
    color = list(picture.marks[0].color_rgb)
    changes = [a for a, b in pairwise(column) if a != b] + [column[-1]]
    assert changes == [[200] * 3, [0] * 3, color, [0] * 3, [200] * 3]
    assert column.count(color) == MarkStyle().contour_px


@pytest.mark.parametrize(
    ("size_wh", "scale"),
    [
        ((640, 480), 1.0),
        ((640, 427), 1.0),
        ((320, 240), 2.0),
        ((100, 100), 4.0),
        ((640, 218), 1.6),
        ((4096, 3000), 0.5),
        ((2000, 3), 1.0),
    ],
)
def test_drawing_scale(size_wh: tuple[int, int], scale: float) -> None:
    assert drawing_scale(size_wh, MarkStyle()) == pytest.approx(scale)


def test_small_pictures_are_enlarged() -> None:
    panoptic = voronoi((160, 120), 5, seed=2)
    ids = [segment.id for segment in panoptic.segments]
    picture = draw_marks(photo((160, 120)), panoptic, ids)
    assert picture.scale == 4.0
    assert picture.rgb.shape == (480, 640, 3)


def test_what_cannot_be_drawn_is_refused() -> None:
    panoptic = voronoi((40, 30), 4, seed=3)
    ids = [segment.id for segment in panoptic.segments]
    with pytest.raises(ValueError, match="expected a picture of"):
        draw_marks(photo((30, 40)), panoptic, ids)
    with pytest.raises(ValueError, match="each segment id once"):
        draw_marks(photo((40, 30)), panoptic, [ids[0], ids[0]])
    with pytest.raises(KeyError, match="not in the map"):
        draw_marks(photo((40, 30)), panoptic, [max(ids) + 1])


def test_a_fingerprint_tells_styles_apart_and_is_stable() -> None:
    assert MarkStyle().fingerprint() == MarkStyle().fingerprint()
    others = [MarkStyle(contour_px=3), MarkStyle(label_px=21), MarkStyle(max_long_side=1024)]
    assert len({style.fingerprint() for style in [MarkStyle(), *others]}) == 4


def test_opencv_threads_do_not_change_a_pixel() -> None:
    panoptic = voronoi((700, 500), 20, seed=8)
    ids = [segment.id for segment in panoptic.segments]
    rgb = photo((700, 500))
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        one = draw_marks(rgb, panoptic, ids).rgb
        cv2.setNumThreads(4)
        four = draw_marks(rgb, panoptic, ids).rgb
    finally:
        cv2.setNumThreads(before)
    assert (one == four).all()


def test_real_pictures_need_no_margin_and_few_far_labels(coco: Path) -> None:
    document = json.loads((coco / "panoptic_val.json").read_text())
    far = labels = 0
    for annotation in document["annotations"]:
        bgr = cv2.imread(str(coco / "panoptic_val2017" / annotation["file_name"]))
        id_map = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGBA).view(np.uint32)[..., 0] & 0xFFFFFF
        panoptic = panoptic_of(id_map)
        rgb = np.full((*id_map.shape, 3), 128, np.uint8)
        ids = [info["id"] for info in annotation["segments_info"] if not info["iscrowd"]]
        for unit in split_into_units(panoptic, ids):
            picture = draw_marks(rgb, panoptic, unit)
            assert_readable(picture, unit)
            assert picture.rgb.shape[:2] == tuple(round(side * picture.scale) for side in id_map.shape)
            reach = 0.15 * max(picture.rgb.shape)
            for mark in picture.marks:
                labels += 1
                if mark.leader is not None:
                    far += float(np.hypot(*np.subtract(*mark.leader))) > reach
    assert labels > 600
    assert far <= 0.02 * labels
