"""One inconsistency found in input files, as a record that tools can sort and count."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, what was expected and what came.

    Args:
        file: The file's name, as the user wrote it or relative to the folder given.
        problem: A short stable phrase (`id in JSON but not in PNG`, `wrong area`).
        image_id: The image concerned, None for the whole file.
        segment_id: The segment concerned, None for the whole image.
        expected: What should stand there, as text.
        got: What stands there, as text.
        fatal: True where the image (or the file, without an image) cannot be used because of it.
    """

    file: str
    problem: str
    image_id: int | None = None
    segment_id: int | None = None
    expected: str | None = None
    got: str | None = None
    fatal: bool = True

    def to_json(self) -> dict[str, Any]:
        """The record with the keys `file image_id segment_id problem expected got`."""
        record = asdict(self)
        del record["fatal"]
        return record

    def __str__(self) -> str:
        where = self.file
        if self.image_id is not None:
            where += f", image {self.image_id}"
        if self.segment_id is not None:
            where += f", segment {self.segment_id}"
        text = f"{where}: {self.problem}"
        if self.expected is not None or self.got is not None:
            text += f" (expected {self.expected}, got {self.got})"
        return text
