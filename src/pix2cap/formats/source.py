"""What every reader of images with segments offers, whatever the files look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pix2cap.core import Category, ImageRef, PanopticMap, Problem
from pix2cap.formats.pictures import Picture


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """What the JSON says of one segment, before any pixel is read."""

    segment_id: int
    category_id: int
    is_crowd: bool = False
    description: str | None = None


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One image of a source as its JSON has it."""

    image: ImageRef
    segments: tuple[SegmentInfo, ...]


class Source(Protocol):
    """Images with panoptic segments, read lazily so that memory does not grow with their number."""

    @property
    def name(self) -> str:
        """The JSON or folder as the user named it, for messages."""
        ...

    @property
    def categories(self) -> Mapping[int, Category]:
        """Categories by id."""
        ...

    @property
    def image_ids(self) -> Sequence[int]:
        """All image ids, in the order of the file."""
        ...

    @property
    def problems(self) -> Sequence[Problem]:
        """Inconsistencies of the JSON that concern no single image, or an image listed twice."""
        ...

    def entries(self) -> Iterator[SourceImage]:
        """Every image in the order of the file."""
        ...

    def entry(self, image_id: int) -> SourceImage:
        """One image.

        Raises:
            KeyError: No such image.
        """
        ...

    def panoptic(self, image_id: int) -> PanopticMap:
        """Decode one map.

        Raises:
            ImageRefused: The map and the JSON disagree so that ids cannot be trusted; `problems` lists all.
        """
        ...

    def picture(self, image_id: int) -> Picture:
        """Decode one picture, at the size of its map.

        Raises:
            ImageRefused: The file is missing, damaged or of another size.
        """
        ...

    def check(self, image_id: int) -> list[Problem]:
        """Every problem of one image, fatal or not, without raising."""
        ...
