"""From an Ask to what is sent: the pictures, the prompt, and the key that stands for both."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
import orjson
from numpy.typing import NDArray

from pix2cap.annotate.ladder import Ask, ImageFacts
from pix2cap.annotate.prompt import REPLY_SCHEMA, PromptTemplate
from pix2cap.annotate.settings import AnnotateSettings
from pix2cap.core import ImageRef
from pix2cap.draw.crops import CropStyle, focal_crop, needs_crop
from pix2cap.draw.encode import encode_jpeg
from pix2cap.draw.marks import MarkStyle, draw_marks, drawing_scale
from pix2cap.formats.pictures import Picture
from pix2cap.formats.source import Source, SourceImage
from pix2cap.vlm.model import PicturePart
from pix2cap.vlm.unit import UnitRow

RENDER_VERSION = 1
"""Raised when the choice or order of pictures changes; part of every request's key."""


@dataclass(frozen=True, slots=True)
class RenderStyle:
    """How the pictures of a request are drawn."""

    marks: MarkStyle
    crops: CropStyle
    jpeg_quality: int
    max_side: int

    @classmethod
    def of(cls, settings: AnnotateSettings) -> RenderStyle:
        """The style that a run's settings ask for."""
        # Shrinking after drawing would shrink the digits too, so the marks are drawn at the size sent.
        marks = MarkStyle(max_long_side=settings.max_side)
        return cls(marks, CropStyle(), settings.jpeg_quality, settings.max_side)

    def fingerprint(self) -> str:
        """All parameters that decide the bytes, as one short text."""
        parts = (self.marks.fingerprint(), self.crops.fingerprint(), self.jpeg_quality, self.max_side)
        return "/".join(str(part) for part in (RENDER_VERSION, *parts))


@dataclass(frozen=True, slots=True)
class PreparedAsk:
    """An Ask with its words and its key; pictures are drawn later, and only if it is really sent.

    Args:
        ask: What is asked.
        rows: The segments as the prompt names them.
        crops: Mark numbers that get a focal crop, in the order sent.
        prompt: The rendered text.
        key: Hash of everything that decides the reply.
        model: Name of the model asked.
    """

    ask: Ask
    rows: tuple[UnitRow, ...]
    crops: tuple[int, ...]
    prompt: str
    key: str
    model: str

    @property
    def stage(self) -> str:
        """The rung that asks."""
        return self.ask.stage

    @property
    def segment_ids(self) -> tuple[int, ...]:
        """The segments asked for."""
        return self.ask.asked


class LoadedImage:
    """One image with its map; the pixels are dropped after drawing and read again if they are needed again.

    Args:
        source: Where it comes from.
        entry: Which image.

    Raises:
        ImageRefused: Its map or picture cannot be used.
    """

    def __init__(self, source: Source, entry: SourceImage) -> None:
        self._source = source
        self.entry = entry
        panoptic = source.panoptic(entry.image.image_id)
        self._picture: Picture | None = source.picture(entry.image.image_id)
        self.picture_sha256 = self._picture.sha256
        self.map_sha256 = hashlib.sha256(panoptic.id_map.tobytes()).hexdigest()
        categories = source.categories
        names = {segment.id: categories[segment.category_id].name for segment in panoptic.segments}
        self.facts = ImageFacts(panoptic, names)

    @property
    def image(self) -> ImageRef:
        """The picture's reference, with the size that the map has."""
        width, height = self.facts.panoptic.size_wh
        return ImageRef(self.entry.image.image_id, self.entry.image.file_name, width, height)

    def picture(self) -> Picture:
        """The decoded picture."""
        if self._picture is None:
            self._picture = self._source.picture(self.entry.image.image_id)
        return self._picture

    def release(self) -> None:
        """Forget the pixels while replies are awaited."""
        self._picture = None


def prepare_ask(
    loaded: LoadedImage,
    ask: Ask,
    *,
    template: PromptTemplate,
    settings: AnnotateSettings,
    style: RenderStyle,
    round_key: int | str,
    reads_pictures: bool,
) -> PreparedAsk:
    """Word one request and compute its key, without drawing.

    The key holds what decides the reply and nothing else: hashes of picture and map, which segments are
    drawn and cropped, the render parameters, the prompt as rendered, schema, model, sampling, and the round
    (0 unless failed segments are retried on purpose; a text for a reviewer's question). Two rungs that
    would send the same thing so have the same key, and it is sent once. A model that reads no pictures is
    asked about an image id, which joins the key then.
    """
    rows = loaded.facts.rows(ask)
    panoptic = loaded.facts.panoptic
    crops = tuple(
        row.number
        for row in rows
        if ask.stage == "crop" or needs_crop(panoptic.by_id[row.segment_id], panoptic.size_wh, style.crops)
    )
    prompt = template.render(
        rows,
        language=settings.language,
        crops=crops,
        reasons=dict(ask.reasons),
        stage=ask.stage,
    )
    model = settings.strong_model if ask.stage == "stronger" else settings.model
    content = {
        "picture": loaded.picture_sha256,
        "map": loaded.map_sha256,
        "drawn": ask.drawn,
        "crops": crops,
        "crop_only": ask.stage == "crop",
        "render": style.fingerprint(),
        "prompt": prompt,
        "schema": REPLY_SCHEMA,
        "model": model,
        "sampling": asdict(settings.sampling),
        "round": round_key,
        "image_id": None if reads_pictures else loaded.entry.image.image_id,
    }
    key = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:40]
    return PreparedAsk(ask, rows, crops, prompt, key, model or settings.model)


def draw_parts(loaded: LoadedImage, prepared: PreparedAsk, style: RenderStyle) -> tuple[PicturePart, ...]:
    """The pictures of one request, encoded: clean, marked, then a focal crop of each small segment.

    On the `crop` rung the focal crop goes alone.
    """
    picture, panoptic, ask = loaded.picture(), loaded.facts.panoptic, prepared.ask
    segment_of = {row.number: row.segment_id for row in prepared.rows}
    crops = [
        PicturePart(
            encode_jpeg(
                focal_crop(
                    picture.rgb, panoptic, segment_of[number], style=style.crops, mark_number=number
                ).rgb,
                quality=style.jpeg_quality,
            ),
            "image/jpeg",
            f"crop {number}",
        )
        for number in prepared.crops
    ]
    if ask.stage == "crop":
        return tuple(crops)
    marked = draw_marks(picture.rgb, panoptic, ask.drawn, style=style.marks).rgb
    marked_jpeg = encode_jpeg(marked, quality=style.jpeg_quality)
    return (clean_part(picture, style), PicturePart(marked_jpeg, "image/jpeg", "marked"), *crops)


def clean_part(picture: Picture, style: RenderStyle) -> PicturePart:
    """The picture without marks: its own bytes where they will do, else shrunk and encoded anew."""
    height, width = picture.rgb.shape[:2]
    if picture.is_plain and max(height, width) <= style.max_side:
        return PicturePart(picture.data, picture.media_type, "clean")
    small = _shrink(picture.rgb, style.max_side)
    return PicturePart(encode_jpeg(small, quality=style.jpeg_quality), "image/jpeg", "clean")


def _shrink(rgb: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return rgb
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def picture_sizes(
    loaded: LoadedImage, prepared: Sequence[PreparedAsk], style: RenderStyle
) -> list[tuple[int, int]]:
    """`(width, height)` of every picture that the requests will send, for estimates of tokens.

    Crops are counted at their largest size; margins for labels without room, which are rare, are not.
    """
    width, height = loaded.facts.panoptic.size_wh
    clean, marked = (
        (max(1, round(width * scale)), max(1, round(height * scale)))
        for scale in (
            min(1.0, style.max_side / max(width, height)),
            drawing_scale((width, height), style.marks),
        )
    )
    sizes = []
    for one in prepared:
        if one.ask.stage != "crop":
            sizes += [clean, marked]
        sizes += [(style.crops.max_long_side, style.crops.max_long_side)] * len(one.crops)
    return sizes
