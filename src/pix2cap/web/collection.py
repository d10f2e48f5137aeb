"""What is reviewed, whatever holds it: a run with its journal, or a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pix2cap.annotate.decisions import Decision, NewDecision, Standing
from pix2cap.annotate.render import RenderStyle
from pix2cap.annotate.settings import AnnotateSettings
from pix2cap.core import CaptionStatus, SegmentCaption
from pix2cap.formats.file_source import FileSource

NO_DECISION = Standing()


@dataclass(frozen=True, slots=True)
class ReviewedSegment:
    """One segment as it stands.

    Args:
        segment_id: Its id in the map.
        class_name: Its category's name.
        is_thing: Thing or stuff.
        original: What the model and the checks left.
        current: What the decisions make of it.
        standing: The decisions.
        checks: Names of the checks that had something to say on any attempt.
    """

    segment_id: int
    class_name: str
    is_thing: bool
    original: SegmentCaption
    current: SegmentCaption
    standing: Standing = NO_DECISION
    checks: tuple[str, ...] = ()

    @property
    def is_crowd(self) -> bool:
        """True for a group drawn as one, about which nothing is decided."""
        return self.original.status is CaptionStatus.CROWD


@dataclass(frozen=True, slots=True)
class ReviewedImage:
    """One image as it stands.

    Args:
        image_id: The dataset's number.
        position: Its place in the source.
        file_name: The picture's, as the source has it.
        width: Pixels; 0 where nobody knows.
        height: Pixels.
        segments: In the order of the source.
        refused: Why the run could not use it.
    """

    image_id: int
    position: int
    file_name: str
    width: int
    height: int
    segments: tuple[ReviewedSegment, ...]
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one request brought for a segment; `findings` holds `(check, reason, hard)`."""

    attempt: int
    stage: str
    model: str | None
    text: str
    verdict: str
    findings: tuple[tuple[str, str, bool], ...]


class Collection(Protocol):
    """Images with captions, and the decisions about them."""

    @property
    def name(self) -> str:
        """Name of the folder or file, without its path."""
        ...

    @property
    def kind(self) -> str:
        """`run` or `dataset`."""
        ...

    @property
    def source(self) -> FileSource:
        """Maps and pictures."""
        ...

    @property
    def settings(self) -> AnnotateSettings:
        """What the model was sent; the defaults where nobody knows."""
        ...

    @property
    def style(self) -> RenderStyle:
        """How its pictures were drawn."""
        ...

    @property
    def identity(self) -> str:
        """Tells it from another of the same name, such as one made anew in its place."""
        ...

    @property
    def read_only(self) -> bool:
        """True where nothing can be decided."""
        ...

    @property
    def language(self) -> str:
        """Language of the captions."""
        ...

    def images(self, image_ids: Sequence[int] | None = None) -> Iterator[ReviewedImage]:
        """All images in the order of the source, or some of them."""
        ...

    def changed(self) -> Sequence[int]:
        """Images that something happened to since the last call; cheap where nothing did."""
        ...

    def attempts(self, image_id: int) -> Mapping[int, Sequence[Attempt]]:
        """Segment id to what was tried, oldest first."""
        ...

    def drawn_with(self, image_id: int) -> Mapping[int, tuple[str, tuple[int, ...]]]:
        """Segment id to the rung and the segments of the request that its text came from."""
        ...

    def decide(self, decision: NewDecision, *, anyway: bool) -> Decision:
        """Commit a decision.

        Raises:
            DecisionConflict: Another reviewer was faster, and `anyway` is off.
            UsageError: Read-only, or nothing to undo.
        """
        ...

    def close(self) -> None:
        """Release the files."""
        ...
