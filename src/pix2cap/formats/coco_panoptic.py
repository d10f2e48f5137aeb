"""COCO panoptic: one JSON and a PNG of ids an image (cocodataset.org/#format-data, section 4)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import orjson

from pix2cap.core import Problem
from pix2cap.formats.file_places import FolderFiles, open_masks
from pix2cap.formats.file_source import FileSource, PngSource
from pix2cap.formats.findings import Finding
from pix2cap.formats.image_index import CategoryTable, ImageIndex
from pix2cap.formats.json_stream import stream_lists
from pix2cap.formats.records import ImageRecord, RecordReader, annotated_image, segment_row
from pix2cap.formats.row_store import RowStore


class _Annotations:
    """Receives the items of `annotations`."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.rows: dict[int, int] = {}
        self.duplicates: set[int] = set()
        self.problems: list[Problem] = []
        self.store = RowStore()

    def add(self, item: Any) -> None:
        image_id = annotated_image(item, self.file, self.problems)
        if image_id is None:
            return
        if image_id in self.rows:
            self.duplicates.add(image_id)
            return
        segments = item.get("segments_info")
        rows = [segment_row(segment) for segment in segments] if isinstance(segments, list) else segments
        self.rows[image_id] = self.store.append(orjson.dumps([item.get("file_name"), rows]))

    def row(self, image_id: int) -> list[Any]:
        found: list[Any] = orjson.loads(self.store[self.rows[image_id]])
        return found


class CocoPanopticSource(PngSource):
    """A COCO panoptic JSON with its masks; made by `read_coco_panoptic`."""

    def __init__(
        self,
        *others: Any,
        annotations: _Annotations,
        licenses: list[Any],
        arguments: tuple[Any, ...],
        **masks: Any,
    ) -> None:
        super().__init__(*others, **masks, single_channel=False)
        self._annotations = annotations
        self._reader = RecordReader(self.name, self.categories)
        self._arguments = arguments
        self.licenses = licenses

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        *paths, name, truth = self._arguments
        return partial(read_coco_panoptic, name=name, truth=truth), tuple(paths)

    @property
    def annotated_ids(self) -> list[int]:
        """Ids of the images that have an entry in `annotations`, in the order of that list."""
        return list(self._annotations.rows)

    def record(self, image_id: int) -> ImageRecord:
        """One image's checked entry.

        Raises:
            KeyError: No such image.
        """
        image_row = self._index.row(image_id)
        problems = self._duplicate_problems(image_id)
        problem = partial(Problem, self.name, image_id=image_id)
        if image_id in self._annotations.duplicates:
            expected = "one annotation an image"
            problems.append(problem(Finding.DUPLICATE_ANNOTATION, expected=expected, got="several"))
        if image_id not in self._annotations.rows:
            expected, got = "an entry in `annotations`", "none"
            problems.append(problem(Finding.IMAGE_WITHOUT_ANNOTATION, expected=expected, got=got))
            return self._reader.image(image_id, image_row, None, [], problems)
        mask_name, rows = self._annotations.row(image_id)
        if mask_name is None:
            expected = "`file_name` in the annotation"
            problems.append(problem(Finding.MISSING_KEY, expected=expected, got="none"))
        return self._reader.image(image_id, image_row, mask_name, rows, problems)


def read_coco_panoptic(
    json_path: Path,
    masks: Path,
    images: Path | None = None,
    *,
    name: str | None = None,
    truth: FileSource | None = None,
) -> CocoPanopticSource:
    """Open a COCO panoptic JSON; the file is read once, item by item, and only a compact index stays.

    Args:
        json_path: `panoptic_val2017.json`; segments may carry `description` or `caption`.
        masks: Folder or `.zip` of PNGs whose colours are ids: R + 256 G + 65536 B.
        images: Folder of pictures; without it `picture()` refuses and `check()` leaves pictures out.
        name: What messages call the JSON; its file name otherwise.
        truth: For predictions in COCO's results format, which may leave out `images` and `categories`:
            what lacks is taken from here, and categories always are.

    Raises:
        InputError: The JSON or a folder is missing, damaged or of another shape.

    Example:
        >>> source = read_coco_panoptic(Path("panoptic.json"), Path("masks"))  # doctest: +SKIP
        >>> source.panoptic(source.image_ids[0]).segments  # doctest: +SKIP
    """
    file = name or json_path.name
    categories, index, annotations = CategoryTable(file), ImageIndex(file), _Annotations(file)
    licenses: list[Any] = []
    handlers = {
        "images": index.add,
        "annotations": annotations.add,
        "categories": categories.add,
        "licenses": licenses.append,
    }
    optional = ("licenses",) if truth is None else ("licenses", "images", "categories")
    stream_lists(json_path, handlers, optional=optional)
    if truth is not None:
        _add_known_images(index, annotations, truth)
        categories.problems += _renamed(file, categories, truth)
    problems = [*index.close(), *annotations.problems, *categories.problems]
    problems += [
        Problem(file, Finding.ANNOTATION_WITHOUT_IMAGE, i, expected="an entry in `images`", got="none")
        for i in sorted(set(annotations.rows) - set(index.ids))
    ]
    pictures = FolderFiles(images) if images is not None else None
    return CocoPanopticSource(
        file,
        categories.by_id if truth is None else truth.categories,
        index,
        pictures,
        problems,
        annotations=annotations,
        licenses=licenses,
        arguments=(json_path, masks, images, name, truth),
        masks=open_masks(masks),
    )


def _add_known_images(index: ImageIndex, annotations: _Annotations, truth: FileSource) -> None:
    """Take from the truth the images that a results file annotates but does not list."""
    known = set(truth.image_ids)
    for image_id in annotations.rows:
        if image_id not in index and image_id in known:
            record = truth.record(image_id)
            width, height = record.size_wh or (None, None)
            index.add({"id": image_id, "file_name": record.file_name, "width": width, "height": height})


def _renamed(file: str, table: CategoryTable, truth: FileSource) -> list[Problem]:
    """Categories that the results file names otherwise than the truth: ids may have been renumbered."""
    both = [(c, truth.categories[c.id]) for c in table.by_id.values() if c.id in truth.categories]
    return [
        Problem(file, Finding.RENAMED_CATEGORY, None, None, f"{b.id}: {b.name!r}", repr(a.name), False)
        for a, b in both
        if a.name != b.name
    ]
