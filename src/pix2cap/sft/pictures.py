"""The pictures of an export: referred to, copied, or drawn with marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from pix2cap.core import ImageRef, PanopticMap
from pix2cap.draw.encode import encode_jpeg, encode_png
from pix2cap.draw.marks import draw_marks
from pix2cap.formats.manifest import FolderHash
from pix2cap.formats.pictures import Picture
from pix2cap.sft.regions import Region

_QUALITY: Final = 92


class PictureShelf:
    """Puts pictures where rows find them.

    Args:
        folder: Where copies and drawings are written.
        prefix: That folder as rows see it, without a slash at the end.
        reference: The pictures' own folder as rows see it; None where they are to be copied.
    """

    def __init__(self, folder: Path, prefix: str, *, reference: str | None) -> None:
        self._folder, self._prefix, self._reference = folder, prefix, reference
        self._hash = FolderHash()
        self.converted = 0

    @property
    def written(self) -> dict[str, object]:
        """Number of files written and one hash over all of them."""
        return self._hash.to_json()

    def plain(self, image: ImageRef, picture: Picture) -> str:
        """A picture as rows name it.

        A file that shows other pixels in some viewers (turned by EXIF, with alpha, CMYK, 16 bits) is written
        anew as the upright RGB that boxes and masks refer to, also where the others are referred to.
        """
        name = PurePosixPath(image.file_name).as_posix()
        if not picture.is_plain:
            self.converted += 1
            return self._keep(f"{name}.png", encode_png(picture.rgb))
        if self._reference is None:
            return self._keep(name, picture.data)
        return name if self._reference == "." else f"{self._reference}/{name}"

    def marked(
        self, image: ImageRef, picture: Picture, panoptic: PanopticMap, groups: Sequence[Sequence[Region]]
    ) -> list[str]:
        """One picture a group, each with the group's marks, numbered from 1, and no others."""
        is_lossless = picture.media_type == "image/png"
        suffix = ".png" if is_lossless else ".jpg"
        names = []
        for number, group in enumerate(groups, start=1):
            segment_ids = [region.segment_id for region in sorted(group, key=lambda one: one.number)]
            drawn = draw_marks(picture.rgb, panoptic, segment_ids).rgb
            data = encode_png(drawn) if is_lossless else encode_jpeg(drawn, _QUALITY)
            names.append(self._keep(f"{image.image_id}-marks{number}{suffix}", data))
        return names

    def _keep(self, name: str, data: bytes) -> str:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self._hash.add(name, data)
        return f"{self._prefix}/{name}"
