"""What a dataset says of each segment: every segment has a status, and only captioned ones a description."""

from __future__ import annotations

from dataclasses import dataclass

from pix2cap.core import CaptionedImage, SegmentCaption
from pix2cap.core.caption import CaptionStatus


@dataclass(frozen=True, slots=True)
class PublishedCaption:
    """A segment's caption as it stands in the JSON files.

    Args:
        description: The text, "" unless captioned.
        status: What became of the segment.
        caption: All that is known of it, where there is anything.
    """

    description: str
    status: CaptionStatus
    caption: SegmentCaption | None


Published = dict[int, PublishedCaption]


def publish(item: CaptionedImage) -> Published:
    """Every segment's published caption: crowd is `crowd`, a segment without caption `pending`.

    A caption that says `captioned` without any text would break the rule that only captioned segments
    have a description, and the reverse; it is published as `failed`.
    """
    by_id = {caption.segment_id: caption for caption in item.captions}
    return {s.id: publish_segment(by_id.get(s.id), is_crowd=s.is_crowd) for s in item.panoptic.segments}


def publish_segment(caption: SegmentCaption | None, *, is_crowd: bool) -> PublishedCaption:
    """One segment's published caption; see `publish`."""
    if is_crowd:
        status = CaptionStatus.CROWD
    elif caption is None:
        status = CaptionStatus.PENDING
    elif caption.status is CaptionStatus.CAPTIONED and not caption.text.strip():
        status = CaptionStatus.FAILED
    else:
        status = caption.status
    text = caption.text if caption is not None and status is CaptionStatus.CAPTIONED else ""
    return PublishedCaption(text, status, caption)
