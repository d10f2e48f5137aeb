"""Regions given as data, shown to a model: drawn into the picture, and as a unit for models of our own."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from PIL import Image

from pix2cap.annotate.render import RenderStyle, clean_part
from pix2cap.core import ImageRef, PanopticMap
from pix2cap.core.boxes import xyxy_to_unit
from pix2cap.draw.encode import encode_jpeg
from pix2cap.draw.marks import draw_marks, drawing_scale
from pix2cap.draw.style import CropStyle, MarkStyle
from pix2cap.errors import InputError
from pix2cap.evaluate.asking import Shown
from pix2cap.formats.pictures import decode_picture
from pix2cap.formats.rasterise import SegmentationError, Shape, paint_shapes, segmentation_to_rle
from pix2cap.vlm.model import PicturePart
from pix2cap.vlm.unit import Unit, UnitRow

STYLE = RenderStyle(MarkStyle(max_long_side=2048), CropStyle(), jpeg_quality=90, max_side=2048)
UNKNOWN_CLASS = "object"


@dataclass(frozen=True, slots=True)
class RegionView:
    """One picture with the regions that a question is about, in the order of their numbers 1, 2, ...

    Args:
        path: The picture.
        image_id: For the unit.
        segmentations: COCO polygons or RLE, one a region, in pixels of the picture.
        class_names: One a region; `object` where nothing is known.
    """

    path: Path
    image_id: int
    segmentations: tuple[Any, ...] = ()
    class_names: tuple[str, ...] = ()

    def fingerprint(self) -> dict[str, Any]:
        """What decides the pixels that are sent: for the key of a question.

        Raises:
            InputError: The picture cannot be read.
        """
        shapes = orjson.dumps(_jsonable(self.segmentations))
        return {
            "picture": hashlib.sha256(self._read()).hexdigest(),
            "regions": hashlib.sha256(shapes).hexdigest(),
            "classes": self.class_names,
            "render": STYLE.fingerprint(),
        }

    def size_wh(self) -> tuple[int, int]:
        """Width and height of the file as stored; its header alone is read.

        Raises:
            InputError: It is no picture.
        """
        try:
            with Image.open(io.BytesIO(self._read())) as opened:
                return opened.size
        except (OSError, Image.DecompressionBombError) as error:
            raise InputError(f"{self.path}: expected a picture, got {error}") from error

    def sent_sizes_wh(self, *, marked: bool) -> tuple[tuple[int, int], ...]:
        """Width and height of the pictures that `show` sends, for what they can cost."""
        width, height = self.size_wh()
        scales = [min(1.0, STYLE.max_side / max(width, height))]
        if marked:
            scales.append(drawing_scale((width, height), STYLE.marks))
        return tuple((max(1, round(width * scale)), max(1, round(height * scale))) for scale in scales)

    def show(self, *, marked: bool, with_pictures: bool = True) -> Shown:
        """Decode, draw and encode.

        Args:
            marked: Also send the picture with the regions' contours and numbers.
            with_pictures: False for a model that reads the unit alone.

        Raises:
            InputError: The picture or a region cannot be used.
        """
        picture = decode_picture(self._read(), name=str(self.path))
        height, width = picture.rgb.shape[:2]
        unit = None
        if self.segmentations:
            panoptic = self._panoptic((width, height))
            rows = tuple(
                UnitRow(
                    number,
                    number,
                    self._class_name(number),
                    xyxy_to_unit(panoptic.by_id[number].box_xyxy, panoptic.size_wh),
                )
                for number in range(1, len(self.segmentations) + 1)
            )
            unit = Unit(
                ImageRef(self.image_id, self.path.name, width, height),
                panoptic,
                rows,
                {row.segment_id: row.class_name for row in rows},
                picture.rgb,
            )
        parts = [clean_part(picture, STYLE)] if with_pictures else []
        if with_pictures and marked and unit is not None:
            drawn = draw_marks(picture.rgb, unit.panoptic, unit.segment_ids, style=STYLE.marks).rgb
            parts.append(PicturePart(encode_jpeg(drawn, quality=STYLE.jpeg_quality), "image/jpeg", "marked"))
        return Shown(tuple(parts), unit)

    def _class_name(self, number: int) -> str:
        return self.class_names[number - 1] if self.class_names else UNKNOWN_CLASS

    def _panoptic(self, size_wh: tuple[int, int]) -> PanopticMap:
        shapes = []
        for number, segmentation in enumerate(self.segmentations, start=1):
            try:
                rle = segmentation_to_rle(segmentation, size_wh)
            except SegmentationError as error:
                raise InputError(
                    f"{self.path}, region {number}: expected polygons or RLE, got {error}"
                ) from error
            shapes.append(Shape(number, rle, is_crowd=False))
        id_map, hidden = paint_shapes(shapes, size_wh)
        if hidden:
            raise InputError(
                f"{self.path}: expected regions with pixels of their own, got none of region {hidden[0]}:"
                " it is empty, outside the picture, or smaller regions cover it"
            )
        return PanopticMap.from_id_map(id_map, {shape.segment_id: (0, True, False) for shape in shapes})

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise InputError(f"{self.path}: expected a picture, got {error.strerror or error}") from error


def polygon(points_xy: Sequence[tuple[float, float]]) -> list[list[float]]:
    """Corner points as COCO writes a polygon."""
    return [[value for point in points_xy for value in point]]


def _jsonable(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    if isinstance(value, dict):
        return {key: _jsonable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(one) for one in value]
    return value
