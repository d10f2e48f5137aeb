"""How long to wait for one reply, learned from the replies before it."""

from __future__ import annotations

REPLIES_BEFORE_LEARNING = 10
TIMES_THE_SLOWEST = 8.0
LEAST_S = 20.0


class Patience:
    """Waits the full limit until some replies have come, then a multiple of the slowest of them.

    A connection that hangs is then found within a fraction of the limit, which has to be long enough for
    the slowest endpoint anybody uses. The multiple is wide, since a reply given up too early is paid for.

    Args:
        limit_s: Never wait longer than this.

    Example:
        >>> patience = Patience(120)
        >>> for _ in range(10):
        ...     patience.note(4.0)
        >>> patience.seconds
        32.0
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._slowest_s = 0.0
        self._replies = 0

    def note(self, seconds: float) -> None:
        """A whole reply took so long."""
        self._slowest_s = max(self._slowest_s, seconds)
        self._replies += 1

    @property
    def seconds(self) -> float:
        """How long to wait for the next reply."""
        if self._replies < REPLIES_BEFORE_LEARNING:
            return self._limit_s
        return min(self._limit_s, max(LEAST_S, TIMES_THE_SLOWEST * self._slowest_s))
