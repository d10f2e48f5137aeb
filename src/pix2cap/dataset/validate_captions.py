"""What is wrong with the captions of one image, whatever file they stand in."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from pix2cap.annotate.check_refusal import check_refusal
from pix2cap.core import Problem
from pix2cap.core.caption import CaptionStatus
from pix2cap.formats.findings import Finding
from pix2cap.formats.records import ImageRecord, SegmentRecord
from pix2cap.text.words import normalise

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Released evaluators read one caption a line: any of these shifts all that follow."""

_DAMAGED: Final = re.compile("\ufffd|[\ud800-\udfff]|[ÃÂ][\x80-\xbf]|â€[\x80-\xbf“”™œ˜¦]")
"""The mark of bytes that could not be decoded, and UTF-8 read as Latin-1."""

_STAND_IN: Final = re.compile(
    r"""\W*(?:
    (?:todo|fixme|tbd)\b.*
    | time-?out (?:\ after\b.*)?
    | missing | redacted | blocked | filtered | censored | skipped | xxx+
    | (?:the\ )?(?:segment|region|object|mark|image|id|annotation)\ ?\#?\d*\ (?:was\ )?not\ found
    | (?:the\ )?(?:image|picture|photo)\ does\ not\ (?:contain|show)
      \ the\ (?:requested|specified|given|marked)\b.*
    )\W*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""What scripts and models leave where a caption should be, over the whole text: files made elsewhere have it,
replies that the pipeline reads hardly."""

_SHOWN: Final = 60


def caption_problems(file: str, record: ImageRecord, *, every_segment: bool) -> Iterator[Problem]:
    """Where descriptions and statuses of one image break the rules of a captioned dataset.

    Every segment has a description or a status; `captioned` has a description and nothing else has;
    `crowd` is the status of crowd segments and of no others. A description is a caption, not an error
    message, and no other segment of the picture has the same. None of it is fatal.

    Args:
        file: The file's name, for the problems.
        record: The image.
        every_segment: Whether each segment must say what became of it; crowd need not.
    """

    def problem(segment: SegmentRecord, finding: Finding, expected: str, got: str) -> Problem:
        return Problem(file, finding, record.image_id, segment.info.segment_id, expected, got, False)

    same = defaultdict[str, list[SegmentRecord]](list)
    for segment in record.segments:
        for fault in _status_faults(segment, every_segment=every_segment):
            yield problem(segment, *fault)
        if is_caption(segment):
            text = segment.info.description or ""
            same[normalise(text)].append(segment)
            for fault in _text_faults(text):
                yield problem(segment, *fault)
    for segments in same.values():
        for place, segment in enumerate(segments if len(segments) > 1 else ()):
            other = segments[1 if place == 0 else 0].info.segment_id
            expected = f"another caption than that of segment {other}"
            yield problem(segment, Finding.REPEATED_CAPTION, expected, _shown(segment.info.description))


def is_caption(segment: SegmentRecord) -> bool:
    """Whether a segment has a text that counts as its caption."""
    has_text = bool((segment.info.description or "").strip())
    return has_text and segment.status in (None, CaptionStatus.CAPTIONED)


def _status_faults(segment: SegmentRecord, *, every_segment: bool) -> Iterator[tuple[Finding, str, str]]:
    text, status, is_crowd = segment.info.description, segment.status, segment.info.is_crowd
    if status is None:
        if every_segment and not is_crowd and not (text or "").strip():
            got = "neither" if text is None else "an empty description and no status"
            yield Finding.NO_STATUS, "`description` or `caption_status`", got
        return
    if status not in set(CaptionStatus):
        yield Finding.UNKNOWN_STATUS, "one of " + ", ".join(CaptionStatus), repr(status)[:_SHOWN]
        return
    if status == CaptionStatus.CAPTIONED and not (text or "").strip():
        yield Finding.CAPTIONED_WITHOUT_TEXT, "a description", "none"
    if status != CaptionStatus.CAPTIONED and (text or "").strip():
        yield Finding.TEXT_WITHOUT_CAPTIONED, f"no description with status {status}", _shown(text)
    if (status == CaptionStatus.CROWD) != is_crowd:
        yield (
            Finding.CROWD_STATUS,
            "status crowd where iscrowd is 1",
            f"{status} with iscrowd {int(is_crowd)}",
        )


def _text_faults(text: str) -> Iterator[tuple[Finding, str, str]]:
    if check_refusal(text) is not None or _STAND_IN.fullmatch(text) is not None:
        yield Finding.REFUSAL, "a caption", _shown(text)
    if found := _CONTROL.search(text):
        yield Finding.CONTROL_CHARACTER, "one line of text", f"U+{ord(found[0]):04X} in {_shown(text)}"
    if found := _DAMAGED.search(text):
        yield Finding.DAMAGED_TEXT, "text in UTF-8", f"{found[0]!a} in {_shown(text)}"


def _shown(text: str | None) -> str:
    return repr(text)[:_SHOWN]
