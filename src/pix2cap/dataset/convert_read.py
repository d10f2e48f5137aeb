"""Open a captioned dataset in whichever of the known formats it is, and carry its images out one by one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pix2cap.core import CaptionedImage, Category, ImageRef
from pix2cap.dataset.captioned import CaptionedDataset
from pix2cap.errors import ImageRefused, InputError
from pix2cap.formats.coco_instances import CocoInstancesSource
from pix2cap.formats.coco_layout import LAYOUTS
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.exchange import Carried, Refused, record_categories
from pix2cap.formats.facts_parquet import FACTS
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.findings import Finding
from pix2cap.formats.hub_parquet import (
    count_rows,
    find_parquet,
    read_parquet_images,
    read_parquet_meta,
    read_parquet_records,
)
from pix2cap.formats.image_index import CategoryTable
from pix2cap.formats.json_stream import read_info
from pix2cap.formats.llava_json import LLAVA, LlavaAnswers
from pix2cap.formats.manifest import DatasetAbout
from pix2cap.formats.open_source import find_images, open_source
from pix2cap.formats.pictures import decode_picture
from pix2cap.formats.published import publish_segment
from pix2cap.formats.staged_folder import CONVERSION
from pix2cap.formats.webdataset_tar import find_shards, read_tar_images, read_tar_records

_ABOUT: Final = (
    "name",
    "created_at",
    "model",
    "prompt_version",
    "spend",
    "source",
    "language",
    "license",
    "info",
)
_NOT_PLAIN: Final = "pictures turned by EXIF, with alpha or 16 bits, which other programs may show otherwise"
_COVERED: Final = "segments that lose pixels to smaller ones drawn over them (masks cannot overlap here)"
_HIDDEN: Final = "segments hidden completely by smaller ones, or with a segmentation that cannot be drawn"


@dataclass
class Opened:
    """A dataset, ready to be read once.

    Args:
        kind: What it is: `panoptic`, `instances`, `parquet`, `webdataset`, `llava`, `fiftyone`,
            `supervision` or `id_maps`.
        categories: By id.
        about: Name, model, prompt, licences.
        total: Images, as far as known.
        places: Files and folders that are read.
        pictures: Folder of pictures; None where none is known, or they are inside.
        has_pictures: Whether pictures can be read at all.
        read: Yields the images; takes whether pictures are wanted.
        altered: What reading changed, by what it is; grows while images are read.
        records: Yields what is known of the images without reading any pixel; None where only `read` does.
        mask_files: Yields name and bytes of the mask files, in the order of the images.
    """

    kind: str
    categories: Mapping[int, Category]
    about: DatasetAbout
    total: int
    places: tuple[Path, ...]
    pictures: Path | None
    has_pictures: bool
    read: Callable[[bool], Iterator[Carried | Refused]]
    altered: Counter[str] = field(default_factory=Counter)
    records: Callable[[], Iterator[dict[str, Any]]] | None = None
    mask_files: Callable[[], Iterator[tuple[str, bytes]]] = lambda: iter(())


def open_any(path: Path, *, images: Path | None = None, masks: Path | None = None) -> Opened:
    """Open a dataset in any format that `dataset convert` writes, and those that `annotate` reads.

    Args:
        path: A folder or file.
        images: Folder of the pictures, where the dataset does not know it.
        masks: Folder or zip of the masks of a COCO panoptic JSON.

    Raises:
        InputError: Missing, damaged or in no known format.
    """
    if not path.exists():
        raise InputError(f"{path}: expected a dataset, found no such file or folder")
    shards = find_parquet(path) if not (path / "panoptic.json").is_file() else []
    if shards:
        return _open_parquet(path, shards)
    tars = find_shards(path)
    if tars:
        return _open_tars(path, tars)
    kind = _layout_of(path)
    if kind is not None:
        return _open_layout(path, kind, images)
    return _open_source(path, images=images, masks=masks)


def _layout_of(path: Path) -> str | None:
    """The COCO layout of a folder, by the names of its files."""
    if not path.is_dir() or (path / "panoptic.json").is_file():
        return None
    if (path / LLAVA).is_file():
        return "llava"
    names = [kind for kind, layout in LAYOUTS.items() if (path / layout.json_name).is_file()]
    return names[0] if names else None


def _open_layout(path: Path, kind: str, images: Path | None) -> Opened:
    layout = LAYOUTS[kind]
    json_path = path / layout.json_name
    if not json_path.is_file():
        raise InputError(
            f"{path}: expected {layout.json_name} beside {LLAVA}, with masks and classes, found none; of"
            " conversations alone no dataset can be made"
        )
    inside = path / layout.picture_dir
    pictures = images or (inside if inside.is_dir() else find_images(path))
    opened = _of_source(
        open_source(json_path, images=pictures), json_path, kind, CONVERSION.read_manifest(path)
    )
    if kind == "llava":
        answers = LlavaAnswers(path / LLAVA)
        plain = opened.read

        def read(with_pictures: bool) -> Iterator[Carried | Refused]:
            for one in plain(with_pictures):
                yield replace(one, item=answers.apply(one.item)) if isinstance(one, Carried) else one

        opened.read = read
    return opened


def _open_source(path: Path, *, images: Path | None, masks: Path | None) -> Opened:
    source = open_source(path, images=images, masks=masks)
    if not isinstance(source, CocoPanopticSource):
        kind = "instances" if isinstance(source, CocoInstancesSource) else "id_maps"
        return _of_source(source, path if path.is_file() else next(path.glob("*.json")), kind, None)
    dataset = CaptionedDataset(path, masks=masks, images=images)
    json_path = path / "panoptic.json" if path.is_dir() else path
    opened = _of_source(dataset.source, json_path, "panoptic", dataset.manifest)
    if dataset.folder is not None and (dataset.folder / FACTS).is_file():
        opened.altered[f"file {FACTS}, which is not carried"] = 1
    opened.read = _reader(dataset.source, dataset.item, opened.altered)
    opened.records = lambda: _records(dataset)
    opened.mask_files = lambda: _mask_files(dataset.source)
    return opened


def _records(dataset: CaptionedDataset) -> Iterator[dict[str, Any]]:
    """As `image_record` makes them, but by the JSON alone: masks stay unread."""
    for image_id in dataset.image_ids:
        record = dataset.source.record(image_id)
        captions = {caption.segment_id: caption for caption in dataset.captions(image_id)}
        segments = []
        for segment in record.segments:
            info = segment.info
            category = dataset.categories.get(info.category_id)
            caption = captions.get(info.segment_id)
            published = publish_segment(caption, is_crowd=info.is_crowd)
            source = None if caption is None else caption.source
            segments.append(
                {
                    "segment_id": info.segment_id,
                    "class_name": "" if category is None else category.name,
                    "is_thing": category is None or category.is_thing,
                    "is_crowd": info.is_crowd,
                    "caption": published.description,
                    "status": published.status.value,
                    "reviewer": None if source is None else source.reviewer,
                }
            )
        yield {"image_id": image_id, **record.extra, "segments": segments}


def _mask_files(source: CocoPanopticSource) -> Iterator[tuple[str, bytes]]:
    for image_id in source.image_ids:
        name, data = source.record(image_id).mask_name, source.map_png(image_id)
        if name is not None and data is not None:
            yield name, data


def _of_source(source: FileSource, json_path: Path, kind: str, manifest: Mapping[str, Any] | None) -> Opened:
    folder = None if source.pictures is None else source.pictures.folder
    masks = getattr(source, "masks", None)
    places = [json_path, folder, getattr(masks, "folder", None) or getattr(masks, "zip_path", None)]
    about = about_of(
        {"name": json_path.stem, "info": read_info(json_path), **(manifest or {})},
        [one for one in source.licenses if isinstance(one, dict)],
    )
    altered = Counter[str]()
    return Opened(
        kind,
        source.categories,
        about,
        len(source.image_ids),
        tuple(place for place in places if place is not None),
        folder,
        folder is not None,
        _reader(source, lambda image_id: _item(source, image_id), altered),
        altered,
    )


def _item(source: FileSource, image_id: int) -> CaptionedImage:
    panoptic = source.panoptic(image_id)
    width, height = panoptic.size_wh
    image = ImageRef(image_id, source.record(image_id).file_name, width, height)
    shown = panoptic.by_id
    return CaptionedImage(
        image, panoptic, tuple(c for c in source.captions(image_id) if c.segment_id in shown)
    )


def _reader(
    source: FileSource, item_of: Callable[[int], CaptionedImage], altered: Counter[str]
) -> Callable[[bool], Iterator[Carried | Refused]]:
    def read(with_pictures: bool) -> Iterator[Carried | Refused]:
        for image_id in source.image_ids:
            record = source.record(image_id)
            try:
                item = item_of(image_id)
                picture = source.picture(image_id) if with_pictures else None
            except ImageRefused as refused:
                crowd = sum(segment.info.is_crowd for segment in record.segments)
                yield Refused(image_id, record.file_name, str(refused), len(record.segments) - crowd)
                continue
            _note_overlaps(source, image_id, item, altered)
            altered[_NOT_PLAIN] += int(picture is not None and not picture.is_plain)
            yield Carried(
                item,
                None if picture is None else picture.data,
                source.map_png(image_id),
                source.image_extra(image_id),
            )

    return read


def _note_overlaps(source: FileSource, image_id: int, item: CaptionedImage, altered: Counter[str]) -> None:
    if isinstance(source, CocoInstancesSource):
        shown = item.panoptic.by_id
        altered[_HIDDEN] += len(source.record(image_id).segments) - len(shown)
        whole = source.whole_areas(image_id)
        altered[_COVERED] += sum(whole[i] > segment.area for i, segment in shown.items())


def _open_parquet(path: Path, shards: list[Path]) -> Opened:
    meta = read_parquet_meta(shards)
    categories = _categories(meta) or _gathered(read_parquet_records(shards))
    images = _checked(lambda: read_parquet_images(shards))
    return Opened(
        "parquet",
        categories,
        about_of({"name": path.stem, **meta}, meta.get("licenses") or ()),
        count_rows(shards),
        (path,),
        None,
        True,
        *images,
        records=lambda: read_parquet_records(shards),
    )


def _open_tars(path: Path, shards: list[Path]) -> Opened:
    beside = path.parent.parent if path.parent.name == "data" else path.parent
    folder = path if path.is_dir() else beside
    meta = CONVERSION.read_manifest(folder) or {}
    categories = _categories(meta) or _gathered(read_tar_records(shards))
    stated = meta.get("counts")
    total = stated.get("images", 0) if isinstance(stated, dict) else 0
    images = _checked(lambda: read_tar_images(shards))
    about = about_of({"name": path.stem, **meta}, meta.get("licenses") or ())
    return Opened(
        "webdataset",
        categories,
        about,
        total,
        (path,),
        None,
        True,
        *images,
        records=lambda: read_tar_records(shards),
    )


def _checked(
    read: Callable[[], Iterator[Carried | Refused]],
) -> tuple[Callable[[bool], Iterator[Carried | Refused]], Counter[str]]:
    """Decode pictures that came with their records, so that a damaged one is not passed on."""
    altered = Counter[str]()

    def images(with_pictures: bool) -> Iterator[Carried | Refused]:
        for one in read():
            if isinstance(one, Refused) or not with_pictures:
                yield one if isinstance(one, Refused) else replace(one, picture=None)
                continue
            image, crowd = one.item.image, sum(s.is_crowd for s in one.item.panoptic.segments)
            segments = len(one.item.panoptic.segments) - crowd
            if one.picture is None:
                reason = (
                    f"{image.file_name}: {Finding.MISSING_FILE} (expected a picture in the record, got none)"
                )
                yield Refused(image.image_id, image.file_name, reason, segments)
                continue
            try:
                picture = decode_picture(one.picture, size_wh=image.size_wh, name=image.file_name)
            except ImageRefused as refused:
                yield Refused(image.image_id, image.file_name, str(refused), segments)
                continue
            altered[_NOT_PLAIN] += int(not picture.is_plain)
            yield one

    return images, altered


def _categories(meta: Mapping[str, Any]) -> dict[int, Category]:
    table = CategoryTable("categories")
    rows = meta.get("categories")
    for row in rows if isinstance(rows, list) else ():
        table.add(row)
    return table.by_id


def _gathered(records: Iterator[dict[str, Any]]) -> dict[int, Category]:
    """Categories that the segments name, by id: for shards that somebody else wrote anew."""
    found: dict[int, Category] = {}
    try:
        for record in records:
            for category_id, category in record_categories(record).items():
                found.setdefault(category_id, category)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"expected segments with category_id, class_name and is_thing, got: {error}"
        ) from error
    return dict(sorted(found.items()))


def about_of(told: Mapping[str, Any], licenses: Sequence[Mapping[str, Any]]) -> DatasetAbout:
    """What a manifest says of a dataset as a whole; what it leaves out is as in `DatasetAbout`."""
    known = {key: told[key] for key in _ABOUT if told.get(key) is not None}
    return DatasetAbout(**known, licenses=tuple(licenses))


def told_of(about: DatasetAbout) -> dict[str, Any]:
    """The reverse of `about_of`."""
    plain = {key: getattr(about, key) for key in _ABOUT}
    return json.loads(json.dumps({**plain, "licenses": list(about.licenses)}, default=dict))  # type: ignore[no-any-return]
