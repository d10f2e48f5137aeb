"""The sine embedding of places."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.model.position import sine_position


def plain_value(channel: int, row: int, column: int, height: int, width: int, dim: int) -> float:
    """One number of the embedding, straight from its definition."""
    half = dim // 2
    place, length = (row, height) if channel < half else (column, width)
    wave = channel % half
    angle = (place + 1) / (length + 1e-6) * 2 * math.pi / 10000 ** (2 * (wave // 2) / half)
    return math.cos(angle) if wave % 2 else math.sin(angle)


@given(height=st.integers(1, 9), width=st.integers(1, 9), quarter=st.integers(1, 6), data=st.data())
def test_every_value_is_the_definition(height: int, width: int, quarter: int, data: st.DataObject) -> None:
    dim = 4 * quarter
    found = sine_position(torch.zeros(1, 2, height, width), dim)
    assert found.shape == (1, dim, height, width)
    channel = data.draw(st.integers(0, dim - 1))
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    expected = plain_value(channel, row, column, height, width, dim)
    assert float(found[0, channel, row, column]) == pytest.approx(expected, abs=1e-5)


def test_no_two_cells_share_an_embedding() -> None:
    cells = sine_position(torch.zeros(1, 1, 20, 31), 32)[0].flatten(1).T
    distances = torch.cdist(cells, cells) + torch.eye(len(cells)) * 9
    assert distances.min() > 1e-2


def test_a_batch_shares_one_embedding_in_the_maps_dtype() -> None:
    found = sine_position(torch.zeros(3, 5, 4, 6, dtype=torch.bfloat16), 8)
    assert found.dtype == torch.bfloat16
    exact = sine_position(torch.zeros(1, 5, 4, 6), 8)
    torch.testing.assert_close(found, exact.expand(3, -1, -1, -1).bfloat16())


def test_a_width_that_cannot_be_split_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 4, got 6"):
        sine_position(torch.zeros(1, 1, 2, 2), 6)
