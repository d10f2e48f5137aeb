"""Recorded captions: `{"captions": [{image_id, segment_id, caption, visible, category_seen}]}`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pix2cap.core import Problem
from pix2cap.errors import InputError
from pix2cap.formats.findings import Finding
from pix2cap.formats.json_stream import describe_type, is_int, stream_lists


@dataclass(frozen=True, slots=True)
class RecordedCaption:
    """What somebody once said of a segment.

    Args:
        caption: The text; may be "" where nothing was visible.
        visible: False where the segment could not be made out.
        category_seen: The class that the captioner saw; it may differ from the annotation's.
    """

    caption: str
    visible: bool = True
    category_seen: str | None = None


class _Records:
    """Receives the items of `captions`."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.by_key: dict[tuple[int, int], RecordedCaption] = {}
        self.problems: list[Problem] = []
        self._classes: dict[str, str] = {}

    def add(self, item: Any) -> None:
        if not isinstance(item, dict):
            self._wrong("an object in `captions`", describe_type(item))
            return
        image_id, segment_id = item.get("image_id"), item.get("segment_id")
        if not is_int(image_id) or not is_int(segment_id):
            got = f"{describe_type(image_id)} and {describe_type(segment_id)}"
            self._wrong("whole numbers as `image_id` and `segment_id`", got)
            return
        caption, visible, seen = item.get("caption"), item.get("visible", True), item.get("category_seen")
        for good, expected, value in (
            (isinstance(caption, str), "a text as `caption`", caption),
            (isinstance(visible, bool), "true or false as `visible`", visible),
            (seen is None or isinstance(seen, str), "a text as `category_seen`", seen),
        ):
            if not good:
                self._wrong(expected, describe_type(value), image_id, segment_id)
                return
        if seen is not None:
            seen = self._classes.setdefault(seen, seen)  # 80 names, not one copy a segment
        record = RecordedCaption(str(caption), visible, seen)
        if self.by_key.setdefault((image_id, segment_id), record) != record:
            expected = "one caption a segment"
            self._wrong(expected, "several that differ", image_id, segment_id, Finding.DUPLICATE_SEGMENT)

    def _wrong(
        self,
        expected: str,
        got: str,
        image_id: int | None = None,
        segment_id: int | None = None,
        finding: Finding = Finding.WRONG_TYPE,
    ) -> None:
        self.problems.append(Problem(self.file, finding, image_id, segment_id, expected, got))


def read_recorded_captions(path: Path) -> dict[tuple[int, int], RecordedCaption]:
    """Read recorded captions by `(image_id, segment_id)`.

    Raises:
        InputError: The file is missing, damaged or of another shape, or has two different captions for
            one segment; `problems` lists every wrong entry.
    """
    records = _Records(path.name)
    stream_lists(path, {"captions": records.add})
    if records.problems:
        more = f"; and {len(records.problems) - 1} more" if len(records.problems) > 1 else ""
        raise InputError(f"{records.problems[0]}{more}", records.problems)
    return records.by_key
