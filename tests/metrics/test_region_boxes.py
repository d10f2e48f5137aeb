"""Boxes of dense captioning: overlaps, merging and records, each against a case worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.metrics.region_boxes import box_iou, box_records, group_box, merge_boxes, xywh_to_xyxy

# A chain: 1 overlaps 0 and 2 by 90/110 = .818 (shift of 1 on 10), 0 and 2 overlap by 80/120 = .667.
CHAIN = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [2, 0, 12, 10], [40, 40, 50, 50]], np.float64)


def test_overlap_by_hand() -> None:
    iou = box_iou(CHAIN[:1], CHAIN)
    assert iou[0].tolist() == pytest.approx([1, 90 / 110, 80 / 120, 0])
    empty = np.array([[5, 5, 5, 9.0]])
    assert box_iou(empty, empty).item() == 0
    assert box_iou(np.zeros((0, 4)), CHAIN).shape == (0, 4)


def test_the_box_with_most_neighbours_makes_the_first_group() -> None:
    groups = merge_boxes(CHAIN)
    # 1 has two neighbours, so 0 and 2 join it though they do not overlap enough themselves.
    assert [group.tolist() for group in groups] == [[0, 1, 2], [3]]
    assert group_box(CHAIN, groups[0]).tolist() == [1, 0, 11, 10]


def test_the_threshold_itself_does_not_merge() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 7]], np.float64)  # IoU is .7
    assert len(merge_boxes(boxes, above_iou=0.7)) == 2
    assert len(merge_boxes(boxes, above_iou=0.69)) == 1


def test_a_tie_goes_to_the_first_and_no_box_is_in_two_groups() -> None:
    boxes = CHAIN[[0, 2, 1]]  # the same chain, its middle last
    assert [group.tolist() for group in merge_boxes(boxes)] == [[0, 1, 2]]
    pair = np.array([[0, 0, 10, 10], [40, 0, 50, 10], [0, 0, 10, 9], [40, 0, 50, 9]], np.float64)
    assert [group.tolist() for group in merge_boxes(pair)] == [[0, 2], [1, 3]]


def test_boxes_without_area_stay_alone() -> None:
    boxes = np.array([[3, 3, 3, 3], [3, 3, 3, 3]], np.float64)
    assert [group.tolist() for group in merge_boxes(boxes)] == [[0], [1]]
    assert merge_boxes(np.zeros((0, 4))) == []


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 20)] * 2), max_size=12))
def test_groups_share_out_all_boxes(boxes_xywh: list[tuple[int, int, int, int]]) -> None:
    boxes = xywh_to_xyxy(np.array(boxes_xywh, np.float64))
    rows = [row for group in merge_boxes(boxes) for row in group.tolist()]
    assert sorted(rows) == list(range(len(boxes_xywh)))
    if not boxes_xywh:
        return
    iou = box_iou(boxes, boxes)
    for group in merge_boxes(boxes):
        # Some member overlaps all others of its group.
        within = iou[np.ix_(group, group)] > 0.7
        np.fill_diagonal(within, True)
        assert within.all(axis=1).any()


def test_records_by_hand() -> None:
    truths = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], np.float64)
    predictions = np.array([[0, 0, 10, 9], [0, 0, 10, 10], [21, 0, 30, 10], [60, 60, 70, 70]], np.float64)
    scores = np.array([0.9, 0.5, 0.9, 0.7])
    found = box_records(5, truths, predictions, scores, np.array([3, 4, 1, 2]))
    # Ties on score go by id: 1 before 3. The better box 4 comes too late for truth 0; nothing else is its.
    assert found.pred_ids.tolist() == [1, 3, 2, 4]
    assert found.gt_ids.tolist() == [1, 0, -1, 0]
    assert found.took.tolist() == [True, True, False, False]
    assert found.iou.tolist() == pytest.approx([0.9, 0.9, 0, 1])
    assert found.image_ids.tolist() == [5] * 4


def test_records_without_a_side() -> None:
    none, ids = np.zeros((0, 4)), np.zeros(0, np.int64)
    assert len(box_records(1, CHAIN, none, np.zeros(0), ids)) == 0
    alone = box_records(1, none, CHAIN, np.ones(4), np.arange(4))
    assert not alone.took.any() and alone.gt_ids.tolist() == [-1] * 4
