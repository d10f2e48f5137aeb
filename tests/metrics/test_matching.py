from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from pix2cap.core import PanopticMap
from pix2cap.metrics.matching import SegmentFacts, find_overlaps, joint_pixels, overlaps_of
from tests.metrics.maps import panoptic, panoptic_maps


@given(panoptic_maps(), panoptic_maps())
def test_joint_pixels_are_those_of_counting_pixel_by_pixel(a: PanopticMap, b: PanopticMap) -> None:
    counted: dict[tuple[int, int], int] = {}
    for x, y in zip(a.id_map.ravel().tolist(), b.id_map.ravel().tolist(), strict=True):
        counted[x, y] = counted.get((x, y), 0) + 1
    joint = joint_pixels(a.id_map, b.id_map)
    found = list(zip(joint.gt_ids.tolist(), joint.pred_ids.tolist(), joint.pixels.tolist(), strict=True))
    assert found == [(x, y, n) for (x, y), n in sorted(counted.items())]


def test_ids_beyond_16_bits_stay_apart() -> None:
    a = np.array([[2**24 - 1, 1, 2**24 - 1, 0]], np.uint32)
    b = np.array([[1, 2**24 - 1, 1, 2**24 - 1]], np.uint32)
    joint = joint_pixels(a, b)
    assert joint.ids("gt") == {1, 2**24 - 1}
    assert dict(
        zip(
            zip(joint.gt_ids.tolist(), joint.pred_ids.tolist(), strict=True),
            joint.pixels.tolist(),
            strict=True,
        )
    ) == {
        (0, 2**24 - 1): 1,
        (1, 2**24 - 1): 1,
        (2**24 - 1, 1): 2,
    }


def test_an_empty_map_has_no_pixels() -> None:
    empty = np.empty((0, 4), np.uint32)
    assert joint_pixels(empty, empty).pixels.tolist() == []


def test_maps_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one size, got \(1, 2\) and \(2, 1\)"):
        joint_pixels(np.zeros((1, 2), np.uint32), np.zeros((2, 1), np.uint32))


@pytest.mark.parametrize(
    ("segments", "told"),
    [
        ([SegmentFacts(1, 1)], "got \\[2\\] only in pixels and \\[\\] only in segments"),
        (
            [SegmentFacts(1, 1), SegmentFacts(2, 1), SegmentFacts(9, 1)],
            "got \\[\\] only in pixels and \\[9\\]",
        ),
        ([SegmentFacts(1, 1), SegmentFacts(1, 1)], "each segment id of the ground truth once"),
    ],
)
def test_segments_must_be_those_of_the_pixels(segments: list[SegmentFacts], told: str) -> None:
    ids = np.array([[1, 2]], np.uint32)
    with pytest.raises(ValueError, match=told):
        overlaps_of(joint_pixels(ids, ids), segments, segments)


def test_iou_leaves_void_out_of_the_union() -> None:
    gt = panoptic([[1, 1, 0, 0]], {1: 1})
    pred = panoptic([[5, 5, 5, 0]], {5: 1})
    overlaps = find_overlaps(gt, pred)
    assert overlaps.void_pixels.tolist() == [1]
    assert overlaps.iou().tolist() == [1.0]


def test_a_stated_area_can_be_trusted_to_absurdity() -> None:
    ids = np.array([[1, 1, 1, 1]], np.uint32)
    gt = PanopticMap.from_id_map(ids, {1: (1, True, False)}, {1: 1})
    none_left = PanopticMap.from_id_map(ids, {1: (1, True, False)}, {1: 0})
    pred = PanopticMap.from_id_map(ids, {1: (1, True, False)})
    assert find_overlaps(gt, pred).iou("json").tolist() == [4.0]
    assert find_overlaps(gt, pred).iou("png").tolist() == [1.0]
    assert find_overlaps(none_left, pred).iou("json").tolist() == [0.0]


def test_only_crowds_of_the_own_class_excuse() -> None:
    gt = panoptic([[1, 1, 1, 2, 2, 2]], {1: 1, 2: 2}, crowd=(1, 2))
    pred = panoptic([[5, 5, 6, 6, 6, 7]], {5: 1, 6: 1, 7: 2})
    assert find_overlaps(gt, pred).excused().tolist() == [True, False, True]


def test_exactly_half_in_void_excuses_nothing() -> None:
    gt, pred = panoptic([[1, 0, 1, 1]], {1: 2}), panoptic([[5, 5, 0, 0]], {5: 1})
    assert find_overlaps(gt, pred).excused().tolist() == [False]


def test_two_crowds_of_a_class_count_together_or_the_last_alone() -> None:
    gt = panoptic([[1, 1, 2, 2, 3, 3]], {1: 1, 2: 1, 3: 3}, crowd=(1, 2))
    pred = panoptic([[5, 5, 5, 5, 5, 5]], {5: 1})
    overlaps = find_overlaps(gt, pred)
    assert overlaps.excused("all").tolist() == [True]
    assert overlaps.excused("last").tolist() == [False]


@given(panoptic_maps(crowds=True), panoptic_maps())
def test_new_ids_change_nothing_but_the_ids(gt: PanopticMap, pred: PanopticMap) -> None:
    shift = {s.id: number for number, s in enumerate(reversed(pred.segments), start=1)}
    renamed = np.zeros_like(pred.id_map)
    for old, new in shift.items():
        renamed[pred.id_map == old] = new
    other = PanopticMap.from_id_map(
        renamed, {shift[s.id]: (s.category_id, s.is_thing, s.is_crowd) for s in pred.segments}
    )
    a, b = find_overlaps(gt, pred), find_overlaps(gt, other)
    pairs_a = sorted(zip(a.gt_index.tolist(), a.pred_index.tolist(), a.iou().tolist(), strict=True))
    pairs_b = sorted(zip(b.gt_index.tolist(), b.pred_index.tolist(), b.iou().tolist(), strict=True))
    assert pairs_a == pairs_b
    assert a.excused().tolist() == b.excused().tolist()
