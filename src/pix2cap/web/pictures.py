"""Pixels for the browser: pictures, thumbnails, id-maps, and marks and crops as the model saw them."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.annotate import ladder
from pix2cap.core import PanopticMap
from pix2cap.draw.crops import focal_crop, needs_crop
from pix2cap.draw.encode import encode_jpeg
from pix2cap.draw.marks import draw_marks
from pix2cap.draw.palette import segment_colors
from pix2cap.errors import ImageRefused
from pix2cap.formats.png import RGB, PngError, check_png, encode_id_png
from pix2cap.web.collection import Collection

THUMB_SIDE = 320
SCREEN_SIDE = 2048
"""Longest side of what is sent to the browser; maps keep their own size, for exact ids."""

_CACHE_BYTES = 96 * 2**20
_CACHE_SHAPES = 256
_CONVERTED = {b"tRNS", b"gAMA", b"cHRM", b"iCCP", b"sRGB", b"cICP", b"acTL", b"eXIf"}
_KEPT_MAPS = 4
_KEPT_MAP_PIXELS = 4_000_000


@dataclass(frozen=True, slots=True)
class Encoded:
    """Bytes to send, with what tells them from others."""

    data: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, data: bytes, media_type: str) -> Encoded:
        """With an entity tag made of the bytes."""
        return cls(data, media_type, f'"{hashlib.sha256(data).hexdigest()[:32]}"')


@dataclass(frozen=True, slots=True)
class SegmentShape:
    """Where a segment lies and how it is drawn.

    Args:
        box_xyxy: Half-open, in pixels of the map.
        area: Pixels.
        color: `#rrggbb`.
        mark: Its number on the marked picture in which the model saw it; None for crowd.
        crop_seen: True where the model was sent a crop of it.
    """

    box_xyxy: tuple[int, int, int, int]
    area: int
    color: str
    mark: int | None
    crop_seen: bool


@dataclass(frozen=True)
class ImageShapes:
    """All that the pages need of a map, without its pixels.

    Args:
        size_wh: Width and height.
        segments: Segment id to shape.
        boxes_unit: Segment id to box, as shares of the picture.
        centroids_unit: Segment id to centre of mass, as shares of the picture.
        drawn: Segment id to the segments drawn in the picture in which the model saw it.
    """

    size_wh: tuple[int, int]
    segments: Mapping[int, SegmentShape]
    boxes_unit: Mapping[int, tuple[float, float, float, float]]
    centroids_unit: Mapping[int, tuple[float, float]]
    drawn: Mapping[int, tuple[int, ...]]


class ByteCache:
    """The bytes used last, up to a number of bytes in all; safe to share between threads."""

    def __init__(self, most_bytes: int = _CACHE_BYTES) -> None:
        self.most_bytes = most_bytes
        self.n_bytes = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], Encoded] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: tuple[object, ...], make: Callable[[], Encoded]) -> Encoded:
        """What is kept under `key`, made first where it is not there."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = make()  # Outside the lock: two threads may make the same, none waits for another's decoding.
        with self._lock:
            if key not in self._kept and len(made.data) <= self.most_bytes:
                self._kept[key] = made
                self.n_bytes += len(made.data)
            while self.n_bytes > self.most_bytes:
                _, dropped = self._kept.popitem(last=False)
                self.n_bytes -= len(dropped.data)
        return made


class Pictures:
    """Renders what the pages show of images; every method raises `ImageRefused` for one that cannot be used.

    Args:
        collection: Whose images.
        cache: Where encoded bytes are kept.
    """

    def __init__(self, collection: Collection, cache: ByteCache | None = None) -> None:
        self._collection = collection
        self._source = collection.source
        self._cache = cache or ByteCache()
        self._lock = threading.Lock()
        self._shapes: OrderedDict[tuple[object, ...], ImageShapes] = OrderedDict()
        self._maps: OrderedDict[int, PanopticMap] = OrderedDict()

    def pixels(self, image_id: int) -> Encoded:
        """The picture: its own bytes where a browser shows exactly them, else JPEG, at most `SCREEN_SIDE`."""

        def make() -> Encoded:
            picture = self._source.picture(image_id)
            if picture.is_plain and max(picture.rgb.shape[:2]) <= SCREEN_SIDE:
                return Encoded.of(picture.data, picture.media_type)
            return _jpeg(_fit(picture.rgb, SCREEN_SIDE), 90)

        return self._cache.get(("pixels", image_id), make)

    def thumb(self, image_id: int) -> Encoded:
        """A small JPEG."""

        def make() -> Encoded:
            return _jpeg(_fit(self._source.picture(image_id).rgb, THUMB_SIDE), 80)

        return self._cache.get(("thumb", image_id), make)

    def id_map(self, image_id: int) -> Encoded:
        """The map as an RGB PNG of ids, R + 256 G + 65536 B, at its own size."""

        def make() -> Encoded:
            panoptic = self._panoptic(image_id)
            own = self._source.map_png(image_id)
            data = own if own is not None and _shows_its_ids(own) else encode_id_png(panoptic.id_map)
            return Encoded.of(data, "image/png")

        return self._cache.get(("map", image_id), make)

    def marked(self, image_id: int, segment_id: int | None = None) -> Encoded:
        """The picture with marks: as the model saw a segment, or with all segments at once.

        Raises:
            KeyError: No such segment, or one that is never marked.
        """
        drawn = None if segment_id is None else self.shapes(image_id).drawn[segment_id]

        def make() -> Encoded:
            panoptic = self._panoptic(image_id)
            ids = drawn or tuple(segment.id for segment in panoptic.captionable())
            style = self._collection.style
            rgb = draw_marks(self._source.picture(image_id).rgb, panoptic, ids, style=style.marks).rgb
            return _jpeg(rgb, style.jpeg_quality)

        return self._cache.get(("marked", image_id, drawn), make)

    def crop(self, image_id: int, segment_id: int) -> Encoded:
        """The focal crop of a segment as the model saw it, or would have.

        Raises:
            KeyError: No such segment, or one that is never cropped.
        """
        shape = self.shapes(image_id).segments[segment_id]
        if shape.mark is None:
            raise KeyError(segment_id)

        def make() -> Encoded:
            panoptic, style = self._panoptic(image_id), self._collection.style
            rgb = self._source.picture(image_id).rgb
            cut = focal_crop(rgb, panoptic, segment_id, style=style.crops, mark_number=shape.mark)
            return _jpeg(cut.rgb, style.jpeg_quality)

        return self._cache.get(("crop", image_id, segment_id, shape.mark), make)

    def _panoptic(self, image_id: int) -> PanopticMap:
        """The map, decoded once for the page and the pixels that are asked for right after it."""
        with self._lock:
            if (kept := self._maps.get(image_id)) is not None:
                return kept
        panoptic = self._source.panoptic(image_id)
        if panoptic.id_map.size <= _KEPT_MAP_PIXELS:
            with self._lock:
                self._maps[image_id] = panoptic
                while len(self._maps) > _KEPT_MAPS:
                    self._maps.popitem(last=False)
        return panoptic

    def shapes(self, image_id: int) -> ImageShapes:
        """Boxes, areas, colours and marks of an image's segments."""
        asked = self._collection.drawn_with(image_id)
        key = (image_id, tuple(sorted(asked.items())))
        with self._lock:
            found = self._shapes.get(key)
            if found is not None:
                self._shapes.move_to_end(key)
                return found
        made = self._make_shapes(image_id, asked)
        with self._lock:
            self._shapes[key] = made
            while len(self._shapes) > _CACHE_SHAPES:
                self._shapes.popitem(last=False)
        return made

    def _make_shapes(self, image_id: int, asked: Mapping[int, tuple[str, tuple[int, ...]]]) -> ImageShapes:
        panoptic = self._panoptic(image_id)
        names = {s.id: self._source.categories[s.category_id].name for s in panoptic.segments}
        facts = ladder.ImageFacts(panoptic, names)
        drawn = self._drawn(facts, asked)
        colors = segment_colors(panoptic, [segment.id for segment in panoptic.segments])
        style = self._collection.style.crops
        segments = {
            s.id: SegmentShape(
                s.box_xyxy,
                s.area,
                "#{:02x}{:02x}{:02x}".format(*colors[s.id]),
                drawn[s.id].index(s.id) + 1 if s.id in drawn else None,
                s.id in asked and (asked[s.id][0] == "crop" or needs_crop(s, panoptic.size_wh, style)),
            )
            for s in panoptic.segments
        }
        return ImageShapes(panoptic.size_wh, segments, facts.boxes_unit, facts.centroids_unit, drawn)

    def _drawn(
        self, facts: ladder.ImageFacts, asked: Mapping[int, tuple[str, tuple[int, ...]]]
    ) -> dict[int, tuple[int, ...]]:
        """The journal keeps what was asked; on the first two rungs the whole first unit was drawn."""
        _, asks = ladder.next_asks(ladder.start(facts), facts, self._collection.settings)
        drawn = {segment_id: ask.drawn for ask in asks for segment_id in ask.drawn}
        for segment_id, (stage, ids) in asked.items():
            if segment_id in drawn and stage not in ("first", "again") and segment_id in ids:
                drawn[segment_id] = tuple(i for i in ids if i in facts.panoptic.by_id)
        return drawn


def why_refused(collection: Collection, image_id: int) -> str | None:
    """Why an image's map or picture cannot be shown; None where both can."""
    try:
        collection.source.panoptic(image_id)
        collection.source.picture(image_id)
    except ImageRefused as error:
        return str(error)
    return None


def _shows_its_ids(png: bytes) -> bool:
    """True for a file whose colours any browser hands out as they are: 8-bit RGB, nothing to convert."""
    try:
        header, chunks = check_png(png)
    except PngError:
        return False
    return (header.colour_type, header.bit_depth) == (RGB, 8) and not chunks & _CONVERTED


def _jpeg(rgb: NDArray[np.uint8], quality: int) -> Encoded:
    return Encoded.of(encode_jpeg(rgb, quality=quality), "image/jpeg")


def _fit(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return rgb
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
