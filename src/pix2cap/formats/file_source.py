"""What the readers of files share: entries from a JSON, maps from somewhere, pictures from a folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category, ImageRef, PanopticMap, Problem, SegmentCaption
from pix2cap.core.boxes import label_extents
from pix2cap.errors import ImageRefused
from pix2cap.formats.file_places import EscapeError, FolderFiles, MaskFiles
from pix2cap.formats.findings import MANY, Finding, refusal
from pix2cap.formats.image_index import ImageIndex
from pix2cap.formats.pictures import Picture, read_picture
from pix2cap.formats.png import MAX_PIXELS, PngError, decode_id_png, read_png_header
from pix2cap.formats.records import ImageRecord, SegmentRecord, segment_caption
from pix2cap.formats.source import SourceImage


@dataclass
class MapReading:
    """What came of reading one map.

    Args:
        id_map: `(H, W)` uint32; None where it could not be decoded.
        segments: Those that the map shows, in the order of the JSON.
        problems: Fatal and other.
    """

    id_map: NDArray[np.uint32] | None
    segments: tuple[SegmentRecord, ...] = ()
    problems: list[Problem] = field(default_factory=list)


class FileSource(ABC):
    """Images with segments, described by one JSON; implements `formats.source.Source`.

    Args:
        name: The JSON's name, for messages.
        categories: By id.
        index: The JSON's images.
        pictures: The folder of pictures; None where the user named none.
        problems: What is wrong with the JSON as a whole.
    """

    def __init__(
        self,
        name: str,
        categories: Mapping[int, Category],
        index: ImageIndex,
        pictures: FolderFiles | None,
        problems: Sequence[Problem],
    ) -> None:
        self.name = name
        self.categories = categories
        self.problems: Sequence[Problem] = tuple(problems)
        self.pictures = pictures
        self._index = index
        self._image_ids = index.ids
        self.licenses: list[Any] = []
        """COCO's `licenses`, to which `license` of the images points."""

    @property
    def image_ids(self) -> Sequence[int]:
        """All image ids, in the order of the file."""
        return self._image_ids

    @abstractmethod
    def record(self, image_id: int) -> ImageRecord:
        """One image's checked entry.

        Raises:
            KeyError: No such image.
        """

    @abstractmethod
    def _read_map(self, record: ImageRecord) -> MapReading:
        """Decode a map and compare it with its entry."""

    def _map_size(self, record: ImageRecord) -> tuple[int, int] | None:
        """The size by the map, for entries that do not state one."""
        return record.size_wh

    def map_png(self, image_id: int) -> bytes | None:
        """The map's own PNG bytes where there is such a file, so that it can be copied unchanged."""
        return None

    def image_extra(self, image_id: int) -> Mapping[str, Any]:
        """Licence, addresses and date of an image, where the JSON gives them."""
        return self.record(image_id).extra

    def captions(self, image_id: int) -> tuple[SegmentCaption, ...]:
        """The captions that the JSON has, for segments with `description`, `caption` or `caption_status`.

        In the published layout an empty `description` means that there is none; such a segment is pending,
        or crowd, unless a status says more.

        Raises:
            KeyError: No such image.
        """
        records = self.record(image_id).segments
        return tuple(c for c in (segment_caption(record) for record in records) if c is not None)

    def _duplicate_problems(self, image_id: int) -> list[Problem]:
        if image_id not in self._index.duplicates:
            return []
        return [
            Problem(
                self.name, Finding.DUPLICATE_IMAGE, image_id, expected="one entry an image id", got="several"
            )
        ]

    def entry(self, image_id: int) -> SourceImage:
        """One image; its size is (0, 0) where neither JSON nor map tells it.

        Raises:
            KeyError: No such image.
        """
        record = self.record(image_id)
        width, height = self._map_size(record) or (0, 0)
        segments = tuple(segment.info for segment in record.segments)
        return SourceImage(ImageRef(image_id, record.file_name, width, height), segments)

    def entries(self) -> Iterator[SourceImage]:
        """Every image in the order of the file."""
        return (self.entry(image_id) for image_id in self._image_ids)

    def panoptic(self, image_id: int) -> PanopticMap:
        """Decode one map.

        Raises:
            ImageRefused: Map and JSON disagree so that ids cannot be trusted; `problems` lists all.
            KeyError: No such image.
        """
        record = self.record(image_id)
        reading = self._read_map(record)
        problems = [*record.problems, *reading.problems]
        if reading.id_map is None or any(problem.fatal for problem in problems):
            raise refusal(problems, image_id)
        infos = {
            segment.info.segment_id: (
                segment.info.category_id,
                self.categories[segment.info.category_id].is_thing,
                segment.info.is_crowd,
            )
            for segment in reading.segments
        }
        declared = {s.info.segment_id: s.area for s in reading.segments if s.area is not None}
        return PanopticMap.from_id_map(reading.id_map, infos, declared)

    def picture(self, image_id: int) -> Picture:
        """Decode one picture, at the size of its map.

        Raises:
            ImageRefused: The file is missing, damaged or of another size; or no folder was named.
            KeyError: No such image.
        """
        record = self.record(image_id)
        name = record.file_name
        if self.pictures is None:
            got = "none; name it with --images"
            problem = Problem(name, Finding.MISSING_FILE, image_id, expected="a folder of pictures", got=got)
            raise refusal([problem])
        try:
            path = self.pictures.path(name)
        except EscapeError:
            raise refusal([_escape(self.name, image_id, name)]) from None
        try:
            return read_picture(path, size_wh=self._map_size(record), name=name)
        except ImageRefused as refused:
            raise refusal([replace(p, image_id=image_id) for p in refused.problems]) from refused

    def check(self, image_id: int) -> list[Problem]:
        """Every problem of one image, fatal or not; pictures are decoded where their folder is known.

        Raises:
            KeyError: No such image.
        """
        record = self.record(image_id)
        problems = [*record.problems, *self._read_map(record).problems]
        if self.pictures is not None:
            try:
                self.picture(image_id)
            except ImageRefused as refused:
                problems += refused.problems
        return problems


class PngSource(FileSource):
    """A source whose maps are PNG files.

    Args:
        masks: Where they lie.
        single_channel: Whether grey and palette PNGs are id-maps too.
        others: The arguments of `FileSource`.
    """

    def __init__(self, *others: Any, masks: MaskFiles, single_channel: bool) -> None:
        super().__init__(*others)
        self.masks = masks
        self._single_channel = single_channel

    def map_png(self, image_id: int) -> bytes | None:
        """The mask file's own bytes; None where it cannot be read."""
        name = self.record(image_id).mask_name
        try:
            return None if name is None else self.masks.read(name)
        except (OSError, EscapeError):
            return None

    def _map_size(self, record: ImageRecord) -> tuple[int, int] | None:
        if record.size_wh is not None or record.mask_name is None:
            return record.size_wh
        try:
            return read_png_header(self.masks.read(record.mask_name, first=33)).size_wh
        except (OSError, EscapeError, PngError):
            return None

    def _read_map(self, record: ImageRecord) -> MapReading:
        if record.mask_name is None:
            return MapReading(None)
        file, image_id = f"{self.masks.name}/{record.mask_name}", record.image_id

        def failed(finding: Finding, expected: str, got: str) -> MapReading:
            return MapReading(None, problems=[Problem(file, finding, image_id, expected=expected, got=got)])

        try:
            id_map = decode_id_png(self.masks.read(record.mask_name), single_channel=self._single_channel)
        except EscapeError:
            return MapReading(None, problems=[_escape(self.name, image_id, record.mask_name)])
        except FileNotFoundError:
            return failed(Finding.MISSING_MASK, "a PNG", "no such file")
        except OSError as error:
            return failed(Finding.UNREADABLE_FILE, "a PNG", error.strerror or str(error))
        except PngError as error:
            return failed(Finding.DAMAGED_MASK, "a whole PNG", str(error))
        except TypeError as error:
            kinds = "RGB, or 8 or 16-bit grey, or palette" if self._single_channel else "8-bit RGB"
            return failed(Finding.MASK_KIND, f"a PNG of kind {kinds}", str(error))
        except OverflowError as error:
            return failed(Finding.TOO_LARGE, f"at most {MAX_PIXELS:,} pixels", str(error))
        problems = compare(file, record, id_map)
        return MapReading(id_map, record.segments, problems)


def _escape(file: str, image_id: int, name: str) -> Problem:
    return Problem(
        file, Finding.PATH_ESCAPES, image_id, expected="a name inside the folder given", got=repr(name)[:80]
    )


def compare(file: str, record: ImageRecord, id_map: NDArray[np.uint32]) -> list[Problem]:
    """Everything in which a map and its JSON entry differ; wrong areas and boxes are not fatal."""
    height, width = id_map.shape
    image_id = record.image_id
    problems = []
    if record.size_wh is not None and record.size_wh != (width, height):
        expected = f"{record.size_wh[0]} x {record.size_wh[1]} as the JSON says"
        problems.append(
            Problem(file, Finding.MASK_SIZE, image_id, expected=expected, got=f"{width} x {height}")
        )
    ids, areas, boxes = label_extents(id_map)
    in_png = {int(i): (int(a), b.tolist()) for i, a, b in zip(ids, areas, boxes, strict=True) if i}
    in_json = {segment.info.segment_id: segment for segment in record.segments}
    for segment_id in sorted(in_json.keys() - in_png.keys()):
        problems.append(
            Problem(file, Finding.ID_NOT_IN_PNG, image_id, segment_id, "pixels of this id", "none")
        )
    strangers = sorted(in_png.keys() - in_json.keys())
    for segment_id in strangers[:MANY]:
        got = f"{in_png[segment_id][0]} pixels"
        problems.append(
            Problem(file, Finding.ID_NOT_IN_JSON, image_id, segment_id, "an entry in the JSON", got)
        )
    if len(strangers) > MANY:
        got = f"{len(strangers) - MANY} more such ids"
        problems.append(Problem(file, Finding.ID_NOT_IN_JSON, image_id, None, "an entry in the JSON", got))
    for segment_id in in_json.keys() & in_png.keys():
        problems += _compare_extent(file, image_id, in_json[segment_id], *in_png[segment_id])
    return problems


def _compare_extent(
    file: str, image_id: int, segment: SegmentRecord, area: int, box_xyxy: list[int]
) -> Iterator[Problem]:
    where = (image_id, segment.info.segment_id)
    if segment.area is not None and segment.area != area:
        yield Problem(file, Finding.WRONG_AREA, *where, f"{area} as in the PNG", str(segment.area), False)
    if segment.bbox_xywh is not None:
        x0, y0, x1, y1 = box_xyxy
        box = (x0, y0, x1 - x0, y1 - y0)
        if any(abs(stated - true) > 0.5 for stated, true in zip(segment.bbox_xywh, box, strict=True)):
            got = str(list(segment.bbox_xywh))
            yield Problem(file, Finding.WRONG_BBOX, *where, f"{list(box)} as in the PNG", got, False)
