"""Extents and centroids against the plain way."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pix2cap.core.boxes import label_centroids, label_extents, xywh_to_xyxy, xyxy_to_xywh

maps = hnp.arrays(
    np.uint32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 4)
)


@given(maps)
def test_extents_are_those_of_the_masks(id_map):
    ids, areas, boxes = label_extents(id_map)
    assert ids.tolist() == sorted(set(id_map.ravel().tolist()))
    for value, area, box in zip(ids, areas, boxes, strict=True):
        ys, xs = np.nonzero(id_map == value)
        assert area == len(ys)
        assert box.tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


@given(maps)
def test_centroids_are_those_of_the_masks(id_map):
    height, width = id_map.shape
    for value, (x, y) in label_centroids(id_map).items():
        ys, xs = np.nonzero(id_map == value)
        assert np.isclose(x, (xs.mean() + 0.5) / width)
        assert np.isclose(y, (ys.mean() + 0.5) / height)


def test_an_empty_map_has_no_extents():
    ids, areas, boxes = label_extents(np.empty((0, 5), np.uint32))
    assert (len(ids), len(areas), boxes.shape) == (0, 0, (0, 4))
    assert label_centroids(np.empty((0, 5), np.uint32)) == {}


@given(st.tuples(*[st.integers(-50, 50)] * 4))
def test_box_layouts_round_trip(box):
    assert xywh_to_xyxy(xyxy_to_xywh(box)) == box
