"""A dataset torn into parts that share no image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from pix2cap.dataset.captioned import CaptionedDataset
from pix2cap.dataset.edited import Edited, OnImage, add_image, edited_about, file_or_none, title_of
from pix2cap.dataset.split_plan import Unit, assign_by_class, assign_by_hash, make_units
from pix2cap.errors import ImageRefused, InputError, UsageError
from pix2cap.formats.dataset_folder import DatasetWriter

SPLITS: Final = "splits.json"
"""Beside the parts: which image is where, and by which rule. Written last."""
_FORMAT: Final = "pix2cap-splits"


@dataclass(frozen=True, slots=True)
class Split:
    """What was written.

    Args:
        folder: The folder of the parts.
        parts: By name, in the order asked for.
    """

    folder: str
    parts: dict[str, Edited]

    @property
    def refused(self) -> int:
        """Images whose map could not be read, in all parts."""
        return sum(part.refused for part in self.parts.values())

    def to_json(self) -> dict[str, Any]:
        """The counts by name."""
        return asdict(self)


def split_dataset(
    dataset: str | Path,
    out: str | Path,
    shares: Mapping[str, float],
    *,
    seed: int = 0,
    by: str = "image",
    groups: Path | None = None,
    stratify: bool = False,
    keep: Path | None = None,
    masks: Path | None = None,
    images: Path | None = None,
    copy_images: bool = False,
    overwrite: bool = False,
    on_image: OnImage | None = None,
) -> Split:
    """Write a dataset as parts that have no image in common and together have all of them.

    An image's part follows from `seed` and its id (or group) alone, so that images added later move none
    of the older ones; shares are met on average. With `stratify` each class has its share in each part
    as nearly as can be; then an image's part depends on the others too, unless `keep` fixes it.

    Args:
        dataset: Dataset folder, or COCO panoptic JSON with captions.
        out: The folder to which `train/`, `val/`, ... and `splits.json` are written.
        shares: Part to its share, which make 1 together (see `parse_shares`).
        seed: Another seed, another split.
        by: What must stay together: `image`, `folder`, `file_name`, a key of COCO's images, or a column
            of `groups`.
        groups: CSV file with columns `image_id` and `by`.
        stratify: Balance the classes.
        keep: Folder of an earlier split; its images stay in their parts.
        masks: Folder or zip of the PNGs, where they do not lie beside the JSON.
        images: Folder of the pictures, where the dataset does not know it.
        copy_images: Put the pictures into the parts.
        overwrite: Write even into folders with files of other origin.
        on_image: Told after each image.

    Returns:
        Counts.

    Raises:
        UsageError: Groups that are unknown, or `out` is what is read.
        InputError: The dataset, the groups or the earlier split are damaged, or contradict each other.
        StorageFull: The disk took no more.

    Example:
        >>> split_dataset("dataset", "parts", {"train": 0.9, "val": 0.1})  # doctest: +SKIP
    """
    source, target = CaptionedDataset(Path(dataset), masks=masks, images=images), Path(out)
    source.require_elsewhere(target)
    for name in shares:
        source.require_elsewhere(target / name)
    _require_same_parts(target / SPLITS, shares)
    units = make_units(source, by=by, groups=groups, seed=seed, with_classes=stratify)
    kept = {} if keep is None else _kept(units, _read_splits(keep, shares))
    assign = assign_by_class if stratify else assign_by_hash
    chosen = assign(units, shares, kept)
    part_of = {image_id: chosen[unit.key] for unit in units for image_id in unit.image_ids}
    rule: dict[str, Any] = {"shares": dict(shares), "seed": seed, "by": by, "groups": file_or_none(groups)}
    rule |= {"stratified": stratify, "kept": file_or_none(keep and keep.resolve())}
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                _writer(source, target, {**rule, "part": name}, copy_images=copy_images, overwrite=overwrite)
            )
            for name in shares
        }
        (target / SPLITS).unlink(missing_ok=True)
        _write_parts(source, writers, part_of, copy_images=copy_images, on_image=on_image)
    _write_splits(target / SPLITS, rule, part_of, list(shares))
    return Split(str(target), {name: Edited.of(writer) for name, writer in writers.items()})


def _writer(
    source: CaptionedDataset, target: Path, rule: Mapping[str, Any], *, copy_images: bool, overwrite: bool
) -> DatasetWriter:
    name = rule["part"]
    title = f"{title_of(source)}, {name}"
    return DatasetWriter(
        target / name,
        source.categories,
        about=edited_about("split", rule, [source], name=title, licenses=source.licenses),
        images_dir=source.pictures,
        copy_images=copy_images,
        overwrite=overwrite,
        with_facts=source.has_facts,
    )


def _write_parts(
    source: CaptionedDataset,
    writers: Mapping[str, DatasetWriter],
    part_of: Mapping[int, str],
    *,
    copy_images: bool,
    on_image: OnImage | None,
) -> None:
    for done, image_id in enumerate(source.image_ids, start=1):
        writer = writers[part_of[image_id]]
        try:
            item = source.item(image_id)
        except ImageRefused as error:
            entry = source.source.entry(image_id)
            writer.refuse(image_id, entry.image.file_name, str(error), n_segments=len(entry.segments))
        else:
            add_image(writer, source, item, copy_images=copy_images, with_facts=source.has_facts)
        if on_image is not None:
            on_image(done, len(source.image_ids))


def _kept(units: Sequence[Unit], earlier: Mapping[int, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for unit in units:
        parts = sorted({earlier[image_id] for image_id in unit.image_ids if image_id in earlier})
        if len(parts) > 1:
            raise InputError(
                f"{unit.key}: expected all its images in one part of the split to keep, got"
                f" {' and '.join(parts)}; split without --keep, or by image"
            )
        if parts:
            kept[unit.key] = parts[0]
    return kept


def _require_same_parts(path: Path, shares: Mapping[str, float]) -> None:
    """Parts of an earlier split beside the new ones would share images with them."""
    if not path.is_file():
        return
    strangers = sorted(set(_read_parts(path)) - set(shares))
    if strangers:
        raise UsageError(
            f"{path.parent}: expected no split, or one with the parts {', '.join(shares)}, got one with"
            f" {', '.join(strangers)} too; give another --out"
        )


def _read_splits(folder: Path, shares: Mapping[str, float]) -> dict[int, str]:
    path = folder / SPLITS
    parts = _read_parts(path)
    if unknown := sorted(parts.keys() - shares.keys()):
        raise UsageError(
            f"--keep: expected the parts of --shares ({', '.join(shares)}) in {path}, got"
            f" {', '.join(unknown)} too"
        )
    return {image_id: name for name, ids in parts.items() for image_id in ids}


def _read_parts(path: Path) -> dict[str, list[int]]:
    try:
        record = orjson.loads(path.read_bytes())
        if record["format"] != _FORMAT:
            raise KeyError(f"format {_FORMAT}")
        return {str(name): [int(i) for i in ids] for name, ids in record["images"].items()}
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{path}: expected the split of an earlier `pix2cap dataset split`, got: {error}"
        ) from error


def _write_splits(
    path: Path, rule: Mapping[str, Any], part_of: Mapping[int, str], names: Sequence[str]
) -> None:
    ids: dict[str, list[int]] = {name: [] for name in names}
    for image_id, name in part_of.items():
        ids[name].append(image_id)
    record = {"format": _FORMAT, **rule, "images": {name: sorted(found) for name, found in ids.items()}}
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    partial.replace(path)
