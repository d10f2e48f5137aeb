"""Captions of segments, where they came from, and an image with its captions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pix2cap.core.image import ImageRef
from pix2cap.core.panoptic import PanopticMap


class CaptionStatus(StrEnum):
    """What became of a segment; only `CAPTIONED` has a published text."""

    CAPTIONED = "captioned"
    NOT_VISIBLE = "not_visible"
    FAILED = "failed"
    PENDING = "pending"
    REJECTED = "rejected"
    CROWD = "crowd"


@dataclass(frozen=True, slots=True)
class CaptionSource:
    """Where a caption came from.

    Args:
        model: The model's name as asked for (`openai:gpt-4o`, `describe`).
        prompt_version: Name and hash of the prompt file.
        attempt: 1 for the first request, one more for each time it was asked again.
        request_key: The journal's key of the request that brought it.
        request_id: The provider's name for that request.
        reviewer: Who decided last, where a person did.
    """

    model: str | None = None
    prompt_version: str | None = None
    attempt: int | None = None
    request_key: str | None = None
    request_id: str | None = None
    reviewer: str | None = None


@dataclass(frozen=True, slots=True)
class SegmentCaption:
    """A segment's caption, or why it has none.

    Args:
        segment_id: The segment.
        text: The caption. With another status than `captioned`: what a model said all the same, or "".
        status: What became of the segment.
        reason: Why it failed or was rejected.
        source: Where the text came from.
        score: A model's confidence, where it gives one (predictions).
    """

    segment_id: int
    text: str
    status: CaptionStatus = CaptionStatus.CAPTIONED
    reason: str | None = None
    source: CaptionSource | None = None
    score: float | None = None


@dataclass(frozen=True)
class CaptionedImage:
    """An image, its panoptic map and the captions of its segments.

    Args:
        image: The picture referred to.
        panoptic: The segments.
        captions: At most one a segment, any order.

    Raises:
        ValueError: A caption names a segment that the map lacks, or one segment twice; or the map's
            size is not the picture's.
    """

    image: ImageRef
    panoptic: PanopticMap
    captions: tuple[SegmentCaption, ...] = ()

    def __post_init__(self) -> None:
        if self.panoptic.size_wh != self.image.size_wh:
            raise ValueError(
                f"image {self.image.image_id}: expected a map of {self.image.size_wh} (width, height),"
                f" got {self.panoptic.size_wh}"
            )
        seen: set[int] = set()
        for caption in self.captions:
            if caption.segment_id not in self.panoptic.by_id:
                raise ValueError(
                    f"image {self.image.image_id}: caption for segment {caption.segment_id},"
                    " which the map lacks"
                )
            if caption.segment_id in seen:
                raise ValueError(
                    f"image {self.image.image_id}: two captions for segment {caption.segment_id}"
                )
            seen.add(caption.segment_id)
