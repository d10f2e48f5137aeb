"""A captioned dataset to the files of somebody's trainer: `export_conversations`."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pix2cap
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.manifest import file_hash
from pix2cap.formats.open_source import open_source
from pix2cap.formats.staged_folder import StagedFolder
from pix2cap.formats.storage import pretty_json, storage
from pix2cap.sft.export_folder import EXPORT
from pix2cap.sft.export_options import ExportOptions
from pix2cap.sft.split_writer import Part, SplitCounts, SplitWriter

Progress = Callable[[int, int], None]
"""Called with the images done and all images."""

_LIBRARIES: Final = ("numpy", "opencv-python-headless", "pycocotools")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        splits: Counts by split, `train` first.
    """

    splits: dict[str, SplitCounts]

    @property
    def refused(self) -> list[dict[str, Any]]:
        """Images that could not be used."""
        return [entry for counts in self.splits.values() for entry in counts.refused]

    def to_json(self) -> dict[str, Any]:
        """The counts of each split."""
        return {split: counts.to_json() for split, counts in self.splits.items()}


def export_conversations(
    dataset: str | Path, out: str | Path, options: ExportOptions, *, on_progress: Progress | None = None
) -> Exported:
    """Write a captioned dataset as rows of questions and answers about its regions.

    The same dataset, options and seed give the same bytes; an image's rows do not depend on the other
    images. Nothing appears in the folder before the end, and the manifest comes last.

    Args:
        dataset: A dataset folder, the published Pix2Cap-COCO files, or any other source with captions.
        out: The folder to write; an earlier export there is replaced.
        options: Format, questions, splits.
        on_progress: Told after each image.

    Returns:
        Counts by split, with what was dropped and why.

    Raises:
        UsageError: Options that contradict each other, or a folder that holds something else.
        InputError: The dataset cannot be read, or a split has no captioned segment.
        StorageFull: The disk took no more.

    Example:
        >>> export_conversations("dataset", "rows", ExportOptions(to="trl"))  # doctest: +SKIP
    """
    row_format, talk = options.resolve()
    path, folder = Path(dataset), Path(out)
    parts = _parts(path, options)
    total, done = sum(len(part.image_ids) for part in parts), 0
    splits: dict[str, SplitCounts] = {}
    files: dict[str, Any] = {}
    with StagedFolder(folder, EXPORT, overwrite=options.overwrite) as target, storage():
        for part in parts:
            writer = SplitWriter(target, part, row_format, talk, copy=options.copy_images)
            with writer:
                for image_id in part.image_ids:
                    writer.add(image_id)
                    done += 1
                    if on_progress is not None:
                        on_progress(done, total)
            splits[part.split] = writer.counts
            _check_rows(part, writer.counts)
            files |= writer.hashes()
        row_files = {part.split: row_format.row_file.format(split=part.split) for part in parts}
        for name, value in row_format.companions(row_files).items():
            target.write(name, pretty_json(value))
            files[name] = file_hash(target.partial / name)
        exported = Exported(splits)
        target.finish(_manifest(path, parts, options, exported, files))
    return exported


def split_ids(image_ids: Sequence[int], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Image ids for training and validation, each in the order given.

    Images are ranked by a hash of seed and id, so that the choice does not depend on their order.

    Example:
        >>> train, validation = split_ids(range(10), 0.2, 0)
        >>> len(train), len(validation)
        (8, 2)
    """

    def rank(image_id: int) -> bytes:
        return hashlib.sha256(f"{seed}:{image_id}".encode()).digest()

    held_out = set(sorted(image_ids, key=rank)[: round(share * len(image_ids))])
    return [i for i in image_ids if i not in held_out], [i for i in image_ids if i in held_out]


def _parts(path: Path, options: ExportOptions) -> list[Part]:
    source = _open(path, options.masks, options.images)
    ids = list(source.image_ids[: options.limit])
    if options.validation is not None:
        other = _open(options.validation, options.validation_masks, options.validation_images)
        return [Part("train", source, ids), Part("validation", other, other.image_ids[: options.limit])]
    if not options.split:
        return [Part("train", source, ids)]
    train, validation = split_ids(ids, options.split, options.seed)
    if not train or not validation:
        raise UsageError(
            f"expected --split to leave images on both sides, got {len(train)} for training and"
            f" {len(validation)} for validation; give another share of the {len(ids)} images"
        )
    return [Part("train", source, train), Part("validation", source, validation)]


def _open(path: Path, masks: Path | None, images: Path | None) -> FileSource:
    source = open_source(path, masks=masks, images=images)
    if source.pictures is None:
        raise InputError(f"{path}: expected a folder of pictures, got none; name it with --images")
    return source


def _check_rows(part: Part, counts: SplitCounts) -> None:
    if counts.rows:
        return
    reasons = {**counts.dropped, "refused images": len(counts.refused)}
    told = ", ".join(f"{number} {reason}" for reason, number in sorted(reasons.items()) if number)
    raise InputError(
        f"{part.source.name}: expected captioned segments for the split {part.split}, got none in"
        f" {len(part.image_ids)} images ({told or 'no segments'})"
    )


def _manifest(
    path: Path, parts: Sequence[Part], options: ExportOptions, exported: Exported, files: dict[str, Any]
) -> dict[str, Any]:
    row_format, talk = options.resolve()
    software = {"pix2cap": pix2cap.__version__, "python": platform.python_version()}
    software |= {name: importlib.metadata.version(name) for name in _LIBRARIES}
    datasets = [_dataset_of(path, parts[0])]
    if options.validation is not None:
        datasets.append(_dataset_of(options.validation, parts[1]))
    return {
        "options": options.to_json(row_format, talk),
        "counts": exported.to_json(),
        "refused_images": exported.refused,
        "datasets": datasets,
        "software": software,
        "files": files,
    }


def _dataset_of(path: Path, part: Part) -> dict[str, Any]:
    """Name and hash of the JSON behind a part; names only, no path."""
    json_path = path if path.is_file() else path / part.source.name
    known = file_hash(json_path) if json_path.is_file() else {}
    return {"name": path.resolve().name, "file": json_path.name, **known}
