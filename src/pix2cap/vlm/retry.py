"""Passing faults of the transport, and how long to wait after one."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

# stamina logs every retry as a warning; without a handler Python would print those over the progress bar. An
# application that sets up logging still gets them.
logging.getLogger("stamina").addHandler(logging.NullHandler())

MAX_TIMEOUT_RETRIES = 2


class PassingError(Exception):
    """One try failed in a way that another may not.

    Args:
        message: What happened, without any header or key.
        reason: `http 429`, `time-out`, `connection`.
        retry_after_s: Seconds that the server asked for, None where it did not say.
        unreachable: True where no server answered at all.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        retry_after_s: float | None = None,
        unreachable: bool = False,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.unreachable = unreachable


def retry_after_s(headers: Mapping[str, str], *, now_s: float | None = None) -> float | None:
    """Seconds that the server asks to wait: `retry-after-ms`, or `Retry-After` as seconds or HTTP date.

    Args:
        headers: Of the response; looked up as written here, so pass a case-insensitive mapping.
        now_s: Unix time, the present by default.

    Returns:
        At least 0; None where the header is missing or unreadable.

    Example:
        >>> retry_after_s({"Retry-After": "1.5"})
        1.5
        >>> retry_after_s({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"}, now_s=48.0)
        12.0
    """
    for name, scale in (("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        if (text := headers.get(name)) is None:
            continue
        try:
            seconds = float(text) * scale
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    text = headers.get("Retry-After")
    if text is None:
        return None
    try:
        when_s = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, when_s - (time.time() if now_s is None else now_s))


class Backoff:
    """Decides for one request whether a fault is worth another try; stamina's backoff hook.

    Time-outs are tried again at most twice: each has already cost the whole time-out, and a reply that was
    under way may have been paid for.

    Args:
        retry_after_cap_s: Longest wait that a server can impose; a quota that opens in an hour is better met
            by stopping and resuming.
        jitter_s: Spread put on top of what the server asked for, so that workers do not return together.
    """

    def __init__(self, *, retry_after_cap_s: float, jitter_s: float) -> None:
        self._cap_s = retry_after_cap_s
        self._jitter_s = jitter_s
        self._time_outs = 0

    def __call__(self, error: Exception) -> bool | float:
        """False to give up, True for the exponential wait, seconds where the server named them."""
        if not isinstance(error, PassingError):
            return False
        if error.reason == "time-out":
            self._time_outs += 1
            if self._time_outs > MAX_TIMEOUT_RETRIES:
                return False
        if error.retry_after_s is None:
            return True
        return min(error.retry_after_s, self._cap_s) + random.uniform(0, self._jitter_s)
