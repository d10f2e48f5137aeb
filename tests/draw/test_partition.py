from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.core import PanopticMap
from pix2cap.draw.partition import READING_BANDS, split_into_units
from tests.draw.maps import maps, panoptic_of


@settings(max_examples=100, deadline=None)
@given(panoptic=maps(max_side=60, max_segments=40), max_marks=st.integers(1, 15), shuffle=st.randoms())
def test_every_id_once_in_the_fewest_balanced_groups(
    panoptic: PanopticMap, max_marks: int, shuffle: Random
) -> None:
    ids = [segment.id for segment in panoptic.segments]
    units = split_into_units(panoptic, ids, max_marks)
    assert sorted(i for unit in units for i in unit) == sorted(ids)
    assert len(units) == -(-len(ids) // max_marks)
    sizes = [len(unit) for unit in units]
    assert not sizes or max(sizes) <= max_marks
    assert not sizes or max(sizes) - min(sizes) <= 1
    mixed = list(ids)
    shuffle.shuffle(mixed)
    assert split_into_units(panoptic, mixed, max_marks) == units
    height = panoptic.size_wh[1]
    for unit in units:
        places = []
        for i in unit:
            x0, y0, x1, y1 = panoptic.by_id[i].box_xyxy
            places.append((int((y0 + y1) / 2 * READING_BANDS / height), (x0 + x1) / 2))
        assert places == sorted(places)


def test_neighbours_stay_together() -> None:
    id_map = np.zeros((100, 400), np.uint32)
    for i in range(8):
        x = (10 + 20 * i) if i < 4 else (230 + 20 * i)
        id_map[40:60, x : x + 10] = i + 1
    assert split_into_units(panoptic_of(id_map), range(1, 9), 4) == [(1, 2, 3, 4), (5, 6, 7, 8)]


def test_wrong_calls_are_refused() -> None:
    panoptic = panoptic_of(np.array([[1, 2]]))
    with pytest.raises(ValueError, match="at least 1"):
        split_into_units(panoptic, [1], 0)
    with pytest.raises(ValueError, match="once"):
        split_into_units(panoptic, [1, 1])
    with pytest.raises(KeyError):
        split_into_units(panoptic, [3])
    assert split_into_units(panoptic, []) == []
