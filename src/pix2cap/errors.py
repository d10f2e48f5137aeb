"""Every error that pix2cap raises on purpose.

    Pix2CapError
    ├── UsageError            wrong flags, wrong paths, settings that contradict: exit 2
    │   ├── RunLocked         another process works on this run folder: exit 2
    │   └── RunMismatch       the run folder was made with other settings: exit 2
    ├── DecisionConflict      another reviewer decided about the segment meanwhile: exit 2
    ├── InputError            a file is not what it should be: exit 2
    │   └── ImageRefused      one image cannot be used; a run goes on with the others
    ├── ModelError            a vision-language model could not be asked
    │   ├── ModelUnavailable  transport gave up (429, 5xx, time-out, reset) after its retries
    │   └── ModelRejected     the endpoint said no for good (401, 404, unknown model): exit 2
    ├── MetricUnavailable     a metric cannot be computed here: data, jars or a model are missing
    ├── TrainingDiverged      a loss or gradient is no finite number: exit 2
    ├── HubError              a dataset hub cannot be reached or refuses: exit 2
    ├── BudgetReached         the next request could exceed --max-cost: exit 3
    └── StorageFull           the disk took no more; what was committed is safe: exit 2

A message says what was expected, what came, where, and what to type next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pix2cap.core.problem import Problem


class Pix2CapError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line returns."""

    exit_code = 2


class UsageError(Pix2CapError):
    """The call itself is wrong: flags, paths or settings."""


class RunLocked(UsageError):
    """Another process holds the lock of this run folder."""


class RunMismatch(UsageError):
    """The run folder was made with settings that would send other requests."""


class DecisionConflict(Pix2CapError):
    """Another reviewer decided about a segment after the standing that this decision was made on."""


class InputError(Pix2CapError):
    """A file is missing, damaged or of another format than expected.

    Args:
        message: What was expected, what came, and where.
        problems: The same, one record an inconsistency, when there are several.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class ImageRefused(InputError):
    """One image (picture, mask or its JSON entry) cannot be used; the others can."""


class ModelError(Pix2CapError):
    """A vision-language model gave no usable reply."""


class ModelUnavailable(ModelError):
    """Transport gave up after its retries; another request may well succeed.

    Args:
        message: What happened, with the last status or exception.
        reason: A short stable word: `http 429`, `http 500`, `time-out`, `connection`.
        unreachable: True where no server answered at all (refused, unknown host).
    """

    def __init__(self, message: str, *, reason: str = "connection", unreachable: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.unreachable = unreachable


class ModelRejected(ModelError):
    """The endpoint refused for good: key, model name or request shape are wrong.

    Args:
        message: The endpoint's own words and what to do.
        status: The HTTP status, where there was one.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def concerns_one_request(self) -> bool:
        """True where another request may be taken: this one is too large, or of a shape refused."""
        return self.status in (400, 413, 422)


class HubError(Pix2CapError):
    """A dataset hub could not be reached, or said no; what it took before stays there."""


class MetricUnavailable(Pix2CapError):
    """A metric cannot be computed here: its data, jars or model are missing, or its program failed.

    The message says what is missing and what to type to get it. Who computes several metrics reports the one
    as missing with this message, never as 0.
    """


class TrainingDiverged(Pix2CapError):
    """A loss or a gradient became NaN or infinite; the checkpoint before it is whole.

    Args:
        message: What became of what, and at which step.
        step: That step, from 1.
    """

    def __init__(self, message: str, *, step: int) -> None:
        super().__init__(message)
        self.step = step


class BudgetReached(Pix2CapError):
    """The next request could exceed the budget; everything paid for is kept."""

    exit_code = 3


class StorageFull(Pix2CapError):
    """The disk took no more; what was committed before is safe and the run resumes."""
