"""Regions in text: every kind of box can be read back, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.sft.regions import BOX_KINDS, RESERVED, BoxKind, Notation, box_numbers, read_box, write_box
from tests.builders.talks import region

HALF = {"absolute": 0.0, "unit": 0.0005, "thousand": 0.5}
FULL = {"absolute": None, "unit": 1, "thousand": 1000}


@st.composite
def boxes(draw: st.DrawFn) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    width, height = draw(st.integers(2, 6000)), draw(st.integers(2, 6000))
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    x1, y1 = draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))
    return (x0, y0, x1, y1), (width, height)


@pytest.mark.parametrize("kind", BOX_KINDS)
@given(case=boxes())
def test_boxes_are_within_half_a_unit_after_writing_and_reading(
    kind: BoxKind, case: tuple[tuple[int, int, int, int], tuple[int, int]]
) -> None:
    box_xyxy, size_wh = case
    numbers = box_numbers(box_xyxy, kind, size_wh)
    full = FULL[kind]
    for value, edge, side in zip(numbers, box_xyxy, size_wh * 2, strict=True):
        true = edge if full is None else edge / side * full
        assert abs(value - true) <= HALF[kind] + 1e-9
        assert 0 <= value <= (side if full is None else full)
    read = read_box(f"at {write_box(box_xyxy, kind, size_wh)}.", kind, size_wh)
    if not Notation("box", kind).is_legible(region(box_xyxy), size_wh):
        assert read is None
        return
    assert read is not None
    for value, edge, side in zip(read, box_xyxy, size_wh * 2, strict=True):
        unit = 1.0 if full is None else side / full
        assert abs(value - edge) <= HALF[kind] * unit + 1e-6 * side


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("absolute", "[596, 373, 640, 444]"),
        ("unit", "[0.931, 0.777, 1.000, 0.925]"),
        ("thousand", "[931, 777, 1000, 925]"),
    ],
)
def test_how_a_box_looks(kind: BoxKind, told: str) -> None:
    assert write_box((596, 373, 640, 444), kind, (640, 480)) == told


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("[1, 2, 3, 4]", (1.0, 2.0, 3.0, 4.0)),
        ("The box is [ 1.5 ,2,3,4 ], I think, or [5, 6, 7, 8]", (1.5, 2.0, 3.0, 4.0)),
        ("[3, 2, 1, 4]", None),
        ("[1, 2, 1, 4]", None),
        ("[1, 2, 3]", None),
        ("[1, 2, 3, 4, 5]", None),
        ("[a, b, c, d]", None),
        ("[1, 2, nan, 4]", None),
        ("[1, 2, inf, 4]", None),
        ("1, 2, 3, 4", None),
        ("", None),
    ],
)
def test_what_is_read_as_a_box(text: str, read: tuple[float, float, float, float] | None) -> None:
    assert read_box(text, "absolute", (10, 10)) == read


def test_a_sliver_has_no_box_of_whole_thousandths() -> None:
    sliver = region((4000, 10, 4001, 3000))
    assert not Notation("box", "thousand").is_legible(sliver, (6000, 4000))
    assert Notation("box", "absolute").is_legible(sliver, (6000, 4000))
    assert Notation("mark").is_legible(sliver, (6000, 4000))


@pytest.mark.parametrize(
    ("text", "is_reserved"),
    [
        ("A dog under a <image> tag", True),
        ("The end<|im_end|>", True),
        ("a <Region> of sky", True),
        ("<bbox>", True),
        ("a < b > c", False),
        ("The sign says <exit>.", False),
        ("A plain dog.", False),
    ],
)
def test_text_that_a_trainer_would_replace(text: str, is_reserved: bool) -> None:
    assert bool(RESERVED.search(text)) is is_reserved
