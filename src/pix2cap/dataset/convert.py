"""From one format of captioned segments to another, with what is lost on the way named and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol, get_args

from pix2cap.core import CaptionStatus
from pix2cap.dataset.convert_read import Opened, open_any, told_of
from pix2cap.errors import UsageError
from pix2cap.formats.card import shard_card
from pix2cap.formats.coco_layout import LAYOUTS, CocoLayoutWriter
from pix2cap.formats.dataset_folder import DatasetWriter
from pix2cap.formats.exchange import Carried, Refused, category_rows
from pix2cap.formats.hub_parquet import ParquetShards
from pix2cap.formats.llava_json import LlavaWriter
from pix2cap.formats.manifest import Tally, relative_image_root
from pix2cap.formats.pictures import decode_picture
from pix2cap.formats.published import publish
from pix2cap.formats.staged_folder import StagedFolder
from pix2cap.formats.webdataset_tar import TarShards

Target = Literal["panoptic", "instances", "parquet", "webdataset", "llava", "fiftyone", "supervision"]
TARGETS: Final[tuple[str, ...]] = get_args(Target)
_WITH_PICTURES: Final = frozenset(("parquet", "webdataset", "llava", "fiftyone", "supervision"))
"""Formats that are of no use to their readers without the pictures inside."""
_WHOLE: Final = frozenset(("panoptic", "parquet", "webdataset"))
"""Formats that hold all that is known of a segment."""


@dataclass(frozen=True, kw_only=True)
class ConvertOptions:
    """How to convert.

    Args:
        to: The format to write.
        images: Folder of the pictures, where the dataset does not know it.
        masks: Folder or zip of the masks of a COCO panoptic JSON.
        split: Name of the split in shards.
        shard_mb: A shard ends when it has so many megabytes.
        copy_images: Put pictures also into `panoptic` and `instances`, which else refer to them.
        overwrite: Write even where files of other origin stand.
    """

    to: Target
    images: Path | None = None
    masks: Path | None = None
    split: str = "train"
    shard_mb: int = 256
    copy_images: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Converted:
    """What was written.

    Args:
        folder: Where.
        source_kind: The format that was read.
        to: The format written.
        images: Images written.
        segments: Segments by status.
        lost: What the new files do not tell, or tell otherwise, each with its number.
        refused: Images that could not be carried, each with the reason.
    """

    folder: str
    source_kind: str
    to: str
    images: int
    segments: dict[str, int]
    lost: dict[str, int] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The record as `dataset convert --format json` prints it."""
        return {
            "folder": self.folder,
            "from": self.source_kind,
            "to": self.to,
            "images": self.images,
            "segments": self.segments,
            "lost": self.lost,
            "refused": [one.to_json() for one in self.refused],
        }


class _Writer(Protocol):
    """What receives the images."""

    def add(self, carried: Carried) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


def convert_dataset(
    source: str | Path,
    out: str | Path,
    options: ConvertOptions,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Converted:
    """Write a captioned dataset in another format, image by image in flat memory.

    Ids, masks, captions and statuses are carried exactly, whichever way; what a format cannot hold is counted
    in `lost`. An image whose mask or picture cannot be read is left out and named in `refused`.

    Args:
        source: A dataset in any of the formats written here, COCO panoptic or instances as published, or
            id-maps.
        out: The folder to write; nothing appears in it before all is written.
        options: What and how.
        on_progress: Called with images done and their number.

    Raises:
        InputError: The source is missing, damaged or in no known format.
        UsageError: The format needs pictures and none are known; or `out` holds something else, or what is
            read.

    Example:
        >>> convert_dataset("dataset", "hub", ConvertOptions(to="parquet"))  # doctest: +SKIP
    """
    opened = open_any(Path(source), images=options.images, masks=options.masks)
    out_path = Path(out)
    with_pictures = _wants_pictures(opened, options)
    _require_elsewhere(out_path, opened.places)
    if options.to == "panoptic":
        return _to_dataset(opened, out_path, options, with_pictures, on_progress)
    state = _State(options.to)
    with StagedFolder(out_path, overwrite=options.overwrite) as folder:
        writer = _writer(folder, opened, options)
        try:
            _carry(opened, writer, state, with_pictures, on_progress)
            writer.close()
        except BaseException:
            writer.abort()
            raise
        root = None
        if opened.pictures is not None and not with_pictures:
            root = relative_image_root(out_path, opened.pictures)
        if options.to in ("parquet", "webdataset"):
            card = shard_card(opened.about, state.tally, kind=options.to, split=options.split)
            folder.write("README.md", card.encode())
        lost = _lost(opened, state)
        folder.finish(_manifest(opened, options, state, lost, root))
    return _converted(out_path, opened, options, state, lost)


@dataclass
class _State:
    """Counts that grow while images are carried."""

    to: str
    tally: Tally = field(default_factory=Tally)
    refused: list[Refused] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)

    def add(self, carried: Carried, names: dict[int, str]) -> None:
        published = publish(carried.item)
        self.tally.add(published, names)
        if self.to in _WHOLE:
            return
        for caption in carried.item.captions:
            unpublished = caption.status is not CaptionStatus.CAPTIONED and bool(caption.text)
            self.lost["unpublished texts of segments that are not captioned"] += unpublished
            self.lost["reasons of failed or rejected captions"] += caption.reason is not None
            self.lost["captions' model, prompt, request and reviewer"] += caption.source is not None
        self.lost["areas that the first source stated otherwise than its pixels"] += sum(
            s.declared_area not in (None, s.area) for s in carried.item.panoptic.segments
        )


def _carry(
    opened: Opened,
    writer: _Writer,
    state: _State,
    with_pictures: bool,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    classes = {category.id: category.name for category in opened.categories.values()}
    for done, one in enumerate(opened.read(with_pictures), start=1):
        if isinstance(one, Refused):
            state.refused.append(one)
            state.tally.refused.append(one.to_json())
        else:
            writer.add(one)
            state.add(one, {s.id: classes.get(s.category_id, "") for s in one.item.panoptic.segments})
        if on_progress is not None:
            on_progress(done, max(done, opened.total))


def _writer(folder: StagedFolder, opened: Opened, options: ConvertOptions) -> _Writer:
    about, size = opened.about, options.shard_mb * 2**20
    match options.to:
        case "parquet":
            meta = {**told_of(about), "categories": category_rows(opened.categories)}
            return ParquetShards(folder, opened.categories, meta=meta, split=options.split, shard_bytes=size)
        case "webdataset":
            return TarShards(folder, opened.categories, split=options.split, shard_bytes=size)
        case _:
            layout = LAYOUTS[options.to]
            info = about.info or {"description": about.name}
            coco = CocoLayoutWriter(folder, opened.categories, layout, info=info, licenses=about.licenses)
            return coco if options.to != "llava" else _Both(coco, LlavaWriter(folder, layout.picture_dir))


class _Both:
    """Conversations, and the COCO JSON that holds what they cannot."""

    def __init__(self, coco: CocoLayoutWriter, talk: LlavaWriter) -> None:
        self._coco, self._talk = coco, talk

    def add(self, carried: Carried) -> None:
        self._coco.add(carried)
        self._talk.add(carried.item)

    def close(self) -> None:
        self._coco.close()
        self._talk.close()

    def abort(self) -> None:
        self._coco.abort()
        self._talk.abort()


class _DatasetFolder:
    """The writer of dataset folders as one that receives carried images."""

    def __init__(self, writer: DatasetWriter, *, with_pictures: bool) -> None:
        self._writer, self._with_pictures = writer, with_pictures

    def add(self, carried: Carried) -> None:
        picture = None
        if self._with_pictures and carried.picture is not None:
            picture = decode_picture(carried.picture, name=carried.item.image.file_name)
        self._writer.add(carried.item, map_png=carried.map_png, picture=picture, extra=carried.extra)

    def close(self) -> None:
        """The writer is a context of its own."""

    def abort(self) -> None:
        """As `close`."""


def _to_dataset(
    opened: Opened,
    out: Path,
    options: ConvertOptions,
    with_pictures: bool,
    on_progress: Callable[[int, int], None] | None,
) -> Converted:
    state = _State(options.to)
    with DatasetWriter(
        out,
        opened.categories,
        about=opened.about,
        images_dir=opened.pictures,
        copy_images=with_pictures,
        overwrite=options.overwrite,
    ) as writer:
        _carry(opened, _DatasetFolder(writer, with_pictures=with_pictures), state, with_pictures, on_progress)
        for one in state.refused:
            writer.refuse(one.image_id, one.file_name, one.reason, n_segments=one.segments)
    return _converted(out, opened, options, state, _lost(opened, state))


def _wants_pictures(opened: Opened, options: ConvertOptions) -> bool:
    """Whether pictures go into the new files; those inside shards always do, as they would be gone."""
    needs = options.to in _WITH_PICTURES or options.copy_images
    if needs and not opened.has_pictures:
        raise UsageError(
            f"--to {options.to} puts the pictures in, and none are known of this dataset; name their folder"
            " with --images"
        )
    return needs or (opened.has_pictures and opened.pictures is None)


def _require_elsewhere(out: Path, places: Iterable[Path]) -> None:
    target = out.resolve()
    for place in places:
        if place.resolve().is_relative_to(target):
            raise UsageError(
                f"{out}: expected a folder that is not read from, got the one with {place.name}; give another"
                " --out"
            )


def _lost(opened: Opened, state: _State) -> dict[str, int]:
    return {what: count for what, count in (opened.altered + state.lost).items() if count}


def _manifest(
    opened: Opened, options: ConvertOptions, state: _State, lost: dict[str, int], image_root: str | None
) -> dict[str, Any]:
    return {
        **told_of(opened.about),
        "to": options.to,
        "split": options.split,
        "counts": state.tally.to_json(),
        "image_root": image_root,
        "lost": lost,
        "refused_images": [one.to_json() for one in state.refused],
        "categories": category_rows(opened.categories),
    }


def _converted(
    out: Path, opened: Opened, options: ConvertOptions, state: _State, lost: dict[str, int]
) -> Converted:
    segments = {status.value: count for status, count in sorted(state.tally.statuses.items())}
    return Converted(
        str(out), opened.kind, options.to, state.tally.images, segments, lost, tuple(state.refused)
    )
