"""Rows come back by number, from memory and from the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.formats.row_store import RowStore


@given(st.lists(st.binary(max_size=20), max_size=40), st.integers(1, 60))
def test_rows_come_back(rows: list[bytes], spill_at: int) -> None:
    store = RowStore(spill_at=spill_at)
    for number, row in enumerate(rows):
        assert store.append(row) == number
        assert store[number // 2] == rows[number // 2]
    assert len(store) == len(rows)
    assert [store[n] for n in range(len(rows))] == rows


def test_no_such_row() -> None:
    with pytest.raises(IndexError):
        RowStore()[0]
