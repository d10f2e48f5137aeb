from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.vlm.retry import Backoff, PassingError, retry_after_s


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "Retry-After": "7"}, 1.5),
        ({"retry-after-ms": "soon", "Retry-After": "7"}, 7.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "in a while"}, None),
        ({"Retry-After": ""}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after_s(headers, now_s=60.0) == seconds


@given(st.text())
def test_no_header_makes_it_raise(text):
    seconds = retry_after_s({"Retry-After": text})
    assert seconds is None or seconds >= 0


def test_the_wait_of_a_server_is_honoured_and_capped():
    backoff = Backoff(retry_after_cap_s=60, jitter_s=0.0)
    assert backoff(PassingError("m", reason="http 429", retry_after_s=12)) == 12
    assert backoff(PassingError("m", reason="http 429", retry_after_s=86400)) == 60
    assert backoff(PassingError("m", reason="http 500")) is True


def test_jitter_comes_on_top():
    backoff = Backoff(retry_after_cap_s=60, jitter_s=1.0)
    waits = [backoff(PassingError("m", reason="http 429", retry_after_s=5)) for _ in range(50)]
    assert all(5 <= wait <= 6 for wait in waits)
    assert len(set(waits)) > 1


def test_time_outs_are_tried_again_twice():
    backoff = Backoff(retry_after_cap_s=60, jitter_s=0.0)
    time_out = PassingError("m", reason="time-out")
    assert [backoff(time_out) for _ in range(4)] == [True, True, False, False]
    assert backoff(PassingError("m", reason="http 500")) is True


def test_other_exceptions_pass_through():
    assert Backoff(retry_after_cap_s=60, jitter_s=0.0)(ValueError("bug")) is False
