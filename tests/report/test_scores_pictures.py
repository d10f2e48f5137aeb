"""Crops and outlines: within the picture, around the segment, true to its shape."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pix2cap.report.scores_pictures import around, outline


@given(data=st.data(), width=st.integers(1, 900), height=st.integers(1, 900))
def test_the_window_holds_the_box_and_stays_in_the_picture(
    data: st.DataObject, width: int, height: int
) -> None:
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    left, top, right, bottom = around((x0, y0, x1, y1), (width, height))
    assert 0 <= left <= x0 < x1 <= right <= width
    assert 0 <= top <= y0 < y1 <= bottom <= height


def _fill(path: str, size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    """Paint path data by the even-odd rule, as a browser does."""
    polygons = []
    for part in re.findall(r"M([^Z]+)Z", path):
        numbers = [int(n) for n in re.findall(r"-?\d+", part.replace("h1v1h-1", ""))]
        polygons.append(np.array(numbers, np.int32).reshape(-1, 1, 2))
    canvas = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    cv2.fillPoly(canvas, polygons, 1)
    return canvas.astype(bool)


def test_an_outline_has_the_holes_and_parts_of_its_mask() -> None:
    mask = np.zeros((60, 80), bool)
    mask[5:55, 5:45] = True
    mask[20:40, 15:35] = False
    mask[10:30, 60:75] = True
    path = outline(mask, (480, 360))
    big = np.kron(mask, np.ones((6, 6), bool))
    filled = _fill(path, (480, 360))
    overlap = (filled & big).sum() / (filled | big).sum()
    assert path.count("M") == 3
    assert overlap > 0.97
    assert not filled[180, 150], "the hole stays open"


@pytest.mark.parametrize("at", [(0, 0), (30, 40), (59, 79)])
def test_a_single_pixel_has_an_outline(at: tuple[int, int]) -> None:
    mask = np.zeros((60, 80), bool)
    mask[at] = True
    assert outline(mask, (80, 60)).startswith("M")
    assert outline(mask, (480, 360)).startswith("M")


def test_an_empty_mask_has_none() -> None:
    assert outline(np.zeros((6, 8), bool), (80, 60)) == ""
