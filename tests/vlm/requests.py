"""Requests for tests of models."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from pix2cap.core import ImageRef, PanopticMap
from pix2cap.vlm.model import CaptionRequest, PicturePart, Sampling
from pix2cap.vlm.unit import Unit, UnitRow

SCHEMA = {
    "type": "object",
    "properties": {"captions": {"type": "array", "items": {"type": "object"}}},
    "required": ["captions"],
    "additionalProperties": False,
}


def jpeg(size_wh: tuple[int, int] = (64, 48)) -> bytes:
    """A small grey picture."""
    buffer = io.BytesIO()
    Image.new("RGB", size_wh, (90, 120, 150)).save(buffer, "JPEG")
    return buffer.getvalue()


def make_request(key: str = "k1", *, prompt: str = "Describe.", **options: object) -> CaptionRequest:
    """A request with two pictures and a schema; `options` replace fields."""
    pictures = (
        PicturePart(jpeg(), "image/jpeg", "clean"),
        PicturePart(b"\x89PNG not really", "image/png", "marked"),
    )
    fields = {"pictures": pictures, "schema": SCHEMA, "sampling": Sampling(seed=3)} | options
    return CaptionRequest(prompt=prompt, key=key, **fields)  # type: ignore[arg-type]


def make_unit(image_id: int = 5) -> Unit:
    """Three segments 11, 12, 13 numbered 1, 2, 3."""
    id_map = np.repeat(np.array([[11, 12, 13]], np.uint32), 3, axis=0)
    panoptic = PanopticMap.from_id_map(id_map, dict.fromkeys((11, 12, 13), (1, True, False)))
    rows = tuple(UnitRow(n, 10 + n, "cat", ((n - 1) / 3, 0.0, n / 3, 1.0)) for n in (1, 2, 3))
    return Unit(ImageRef(image_id, "a.jpg", 3, 3), panoptic, rows, {11: "cat", 12: "cat", 13: "cat"})
