"""What a review is started with."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pix2cap.errors import UsageError

Task = Literal["review", "verify"]

DEFAULT_PORT = 8321
MAX_NAME = 80
"""Characters of a reviewer's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSettings:
    """Everything that `pix2cap review` can be told.

    Args:
        target: A run folder, a dataset folder, or a COCO panoptic JSON with captions.
        task: `verify` opens the page of a frozen sample first.
        sample: Name of that sample.
        host: Address to listen on; other than loopback needs the random token that is printed.
        port: 0 for any free one.
        reviewer: The name that decisions get unless a browser gives another.
        findings: JSON of `pix2cap dataset check --format json`.
        images: Folder of the pictures, where the target does not know it.
        masks: Folder or zip of the mask PNGs, where the target does not know it.
        access_token: What a wide bind asks for; made at random where none is given.

    Raises:
        UsageError: Settings that contradict each other.
    """

    target: Path
    task: Task = "review"
    sample: str | None = None
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    reviewer: str = ""
    findings: Path | None = None
    images: Path | None = None
    masks: Path | None = None
    access_token: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no server could be started with."""
        if not 0 <= self.port <= 65535:
            raise UsageError(f"expected --port from 0 (any free one) to 65535, got {self.port}")
        if self.reviewer and clean_name(self.reviewer) is None:
            raise UsageError(
                f"expected --reviewer as a name of 1 to {MAX_NAME} characters, got {self.reviewer[:40]!r}"
            )
        if self.sample is not None and self.task != "verify":
            raise UsageError(f"expected --task verify with --sample, got --task {self.task}")

    @property
    def reviewer_name(self) -> str:
        """The name given, else the operating system's user."""
        return clean_name(self.reviewer) or _user_name()


def clean_name(text: object) -> str | None:
    r"""A reviewer's name with its whitespace set right; None for what cannot be one.

    Example:
        >>> clean_name("  Ada   Lovelace "), clean_name("\x00"), clean_name(" ")
        ('Ada Lovelace', None, None)
    """
    if not isinstance(text, str):
        return None
    name = " ".join(text.split())
    return name if 0 < len(name) <= MAX_NAME and name.isprintable() else None


def _user_name() -> str:
    try:
        return clean_name(getpass.getuser()) or "reviewer"
    except (OSError, KeyError, ImportError):  # A container's user may have no name.
        return "reviewer"
