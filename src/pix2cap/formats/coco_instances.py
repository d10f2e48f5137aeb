"""COCO instances: polygons and RLE, painted into panoptic maps (cocodataset.org/#format-data, section 1)."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import orjson

from pix2cap.core import Problem
from pix2cap.errors import ImageRefused
from pix2cap.formats.file_places import EscapeError, FolderFiles
from pix2cap.formats.file_source import FileSource, MapReading
from pix2cap.formats.findings import Finding
from pix2cap.formats.image_index import CategoryTable, ImageIndex
from pix2cap.formats.json_stream import describe_type, is_int, stream_lists
from pix2cap.formats.pictures import read_picture
from pix2cap.formats.png import MAX_ID
from pix2cap.formats.rasterise import SegmentationError, Shape, paint_shapes, segmentation_to_rle
from pix2cap.formats.records import ImageRecord, RecordReader, annotated_image, segment_row
from pix2cap.formats.row_store import RowStore


class _Objects:
    """Receives the items of `annotations`; several belong to one image and they come in any order."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.numbers: dict[int, array[int]] = {}
        self.problems: list[Problem] = []
        self.store = RowStore()

    def add(self, item: Any) -> None:
        image_id = annotated_image(item, self.file, self.problems)
        if image_id is None:
            return
        # The area of a whole polygon says nothing of the pixels left after others were painted over it,
        # nor does its box: neither is kept, so neither is compared.
        kept = {key: value for key, value in item.items() if key not in ("area", "bbox")}
        row = [segment_row(kept), item.get("segmentation"), item.get("id")]
        if is_int(item.get("segment_id")):
            # Annotation ids are unique in a file, segment ids in an image: files of ours have both.
            row[0][0] = item["segment_id"]
        self.numbers.setdefault(image_id, array("Q")).append(self.store.append(orjson.dumps(row)))

    def rows(self, image_id: int) -> list[list[Any]]:
        return [orjson.loads(self.store[number]) for number in self.numbers.get(image_id, ())]


def free_ids(annotation_ids: list[Any]) -> list[int]:
    """Segment ids for annotation ids: the same where they fit into 24 bits and come once, else free ones.

    COCO's crowd ids (900,100,259,990 and the like) do not fit into a PNG. A replacement is the smallest
    number from 1 on that no annotation of the image has.

    Example:
        >>> free_ids([7, 900100259990, 7, 1])
        [7, 2, 3, 1]
    """
    taken = {i for i in annotation_ids if is_int(i)}
    used: set[int] = set()
    found = []
    candidate = 1
    for annotation_id in annotation_ids:
        segment_id = annotation_id
        if not is_int(segment_id) or not 1 <= segment_id <= MAX_ID or segment_id in used:
            while candidate in taken or candidate in used:
                candidate += 1
            segment_id = candidate
        used.add(segment_id)
        found.append(segment_id)
    return found


class CocoInstancesSource(FileSource):
    """A COCO instances JSON; made by `read_coco_instances`."""

    def __init__(self, *others: Any, objects: _Objects, arguments: tuple[Any, ...]) -> None:
        super().__init__(*others)
        self._objects = objects
        self._reader = RecordReader(self.name, self.categories)
        self._arguments = arguments
        self._drawn: tuple[int, list[Shape], dict[int, str]] | None = None

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return read_coco_instances, self._arguments

    def record(self, image_id: int) -> ImageRecord:
        """One image's checked entry; segment ids are those of the map.

        Raises:
            KeyError: No such image.
        """
        return self._record(image_id)[0]

    def annotation_ids(self, image_id: int) -> dict[int, Any]:
        """Segment id of the map to the annotation's own id, equal unless that did not fit or came twice.

        Raises:
            KeyError: No such image.
        """
        rows = self._objects.rows(image_id)
        return dict(zip(free_ids([row[0] for row, *_ in rows]), [own for *_, own in rows], strict=True))

    def whole_areas(self, image_id: int) -> dict[int, int]:
        """Pixels of every object that can be drawn, those that smaller ones cover in the map included.

        Raises:
            KeyError: No such image.
        """
        record = self.record(image_id)
        size_wh = self._map_size(record)
        return {} if size_wh is None else {s.segment_id: s.area for s in self._shapes(record, size_wh)[0]}

    def _shapes(self, record: ImageRecord, size_wh: tuple[int, int]) -> tuple[list[Shape], dict[int, str]]:
        """What can be drawn of an image, and why the rest cannot; the last image's is kept."""
        drawn = self._drawn
        if drawn is None or drawn[0] != record.image_id:
            segmentations = self._record(record.image_id)[1]
            drawn = (record.image_id, *_drawable(record, segmentations, size_wh))
            self._drawn = drawn
        return drawn[1], drawn[2]

    def _record(self, image_id: int) -> tuple[ImageRecord, dict[int, Any]]:
        image_row = self._index.row(image_id)
        problems = self._duplicate_problems(image_id)
        rows, segmentations, seen = [], {}, set()
        loaded = self._objects.rows(image_id)
        ids = free_ids([row[0] for row, *_ in loaded])
        for segment_id, (row, segmentation, _) in zip(ids, loaded, strict=True):
            if not is_int(row[0]):
                expected, got = "a whole number as `id` of an annotation", describe_type(row[0])
                problems.append(Problem(self.name, Finding.WRONG_TYPE, image_id, segment_id, expected, got))
            elif row[0] in seen:
                expected, got = "each annotation id once", f"{row[0]} again"
                where = (self.name, Finding.DUPLICATE_SEGMENT, image_id, segment_id)
                problems.append(Problem(*where, expected, got, fatal=False))
            seen.add(row[0] if is_int(row[0]) else None)
            rows.append([segment_id, *row[1:]])
            segmentations[segment_id] = segmentation
        return self._reader.image(image_id, image_row, None, rows, problems), segmentations

    def _map_size(self, record: ImageRecord) -> tuple[int, int] | None:
        if record.size_wh is not None or self.pictures is None:
            return record.size_wh
        try:
            rgb = read_picture(self.pictures.path(record.file_name), name=record.file_name).rgb
        except (ImageRefused, EscapeError):
            return None
        return rgb.shape[1], rgb.shape[0]

    def _read_map(self, record: ImageRecord) -> MapReading:
        image_id, size_wh = record.image_id, self._map_size(record)
        if size_wh is None:
            expected, got = "`width` and `height` of the image", "neither them nor a picture"
            return MapReading(
                None, problems=[Problem(self.name, Finding.MISSING_KEY, image_id, None, expected, got)]
            )
        shapes, failed = self._shapes(record, size_wh)
        expected = f"polygons or RLE for {size_wh[0]} x {size_wh[1]} pixels"
        problems = [
            Problem(self.name, Finding.BAD_SEGMENTATION, image_id, segment_id, expected, reason, fatal=False)
            for segment_id, reason in failed.items()
        ]
        id_map, hidden = paint_shapes(shapes, size_wh)
        for segment_id in hidden:
            where = (self.name, Finding.HIDDEN_SEGMENT, image_id, segment_id)
            problems.append(Problem(*where, "at least one pixel", "none", fatal=False))
        shown = {shape.segment_id for shape in shapes} - set(hidden)
        segments = tuple(s for s in record.segments if s.info.segment_id in shown)
        return MapReading(id_map, segments, problems)


def _drawable(
    record: ImageRecord, segmentations: dict[int, Any], size_wh: tuple[int, int]
) -> tuple[list[Shape], dict[int, str]]:
    """The segments that can be drawn, and why others cannot, by segment id."""
    shapes, failed = [], {}
    for segment in record.segments:
        segment_id = segment.info.segment_id
        try:
            rle = segmentation_to_rle(segmentations[segment_id], size_wh)
        except SegmentationError as error:
            failed[segment_id] = str(error)
            continue
        shapes.append(Shape(segment_id, rle, segment.info.is_crowd))
    return shapes, failed


def read_coco_instances(
    json_path: Path, images: Path | None = None, *, name: str | None = None
) -> CocoInstancesSource:
    """Open a COCO instances JSON; maps are painted on demand, small objects over large ones.

    Objects that are hidden completely or cannot be drawn stay in `entry()`, are missing in `panoptic()`
    and are named by `check()`.

    Args:
        json_path: `instances_val2017.json`.
        images: Folder of pictures; without it `picture()` refuses and `check()` leaves pictures out.
        name: What messages call the JSON; its file name otherwise.

    Raises:
        InputError: The JSON or the folder is missing, damaged or of another shape.
    """
    file = name or json_path.name
    categories, index, objects = CategoryTable(file), ImageIndex(file), _Objects(file)
    licenses: list[Any] = []
    handlers = {
        "images": index.add,
        "annotations": objects.add,
        "categories": categories.add,
        "licenses": licenses.append,
    }
    stream_lists(json_path, handlers, optional=("licenses",))
    problems = [*index.close(), *objects.problems, *categories.problems]
    problems += [
        Problem(file, Finding.ANNOTATION_WITHOUT_IMAGE, i, expected="an entry in `images`", got="none")
        for i in sorted(set(objects.numbers) - set(index.ids))
    ]
    pictures = FolderFiles(images) if images is not None else None
    source = CocoInstancesSource(
        file,
        categories.by_id,
        index,
        pictures,
        problems,
        objects=objects,
        arguments=(json_path, images),
    )
    source.licenses = licenses
    return source
