"""A reference to a picture; pixels stay on disk until somebody needs them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A picture that a dataset speaks of.

    Args:
        image_id: The dataset's number for it.
        file_name: Name relative to the folder of pictures; never a home path.
        width: Pixels, as the panoptic map has them.
        height: Pixels.
    """

    image_id: int
    file_name: str
    width: int
    height: int

    @property
    def size_wh(self) -> tuple[int, int]:
        """`(width, height)` in pixels."""
        return self.width, self.height
