"""A client learns how long its endpoint takes."""

from __future__ import annotations

import pytest

from pix2cap.vlm.patience import Patience


@pytest.mark.parametrize(
    ("limit", "replies", "waits"),
    [
        (120, [0.1] * 9, 120),
        (120, [0.1] * 10, 20),
        (120, [0.1] * 10 + [5.0], 40),
        (120, [30.0] * 10, 120),
        (3, [0.1] * 10, 3),
    ],
)
def test_it_waits_the_limit_then_a_multiple_of_the_slowest(limit, replies, waits):
    patience = Patience(limit)
    for seconds in replies:
        patience.note(seconds)
    assert patience.seconds == waits
