"""Everything that is wrong with a dataset, listed instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pix2cap.core import Problem
from pix2cap.dataset.validate_captions import caption_problems
from pix2cap.dataset.validate_folder import folder_problems, read_whole_manifest
from pix2cap.dataset.validate_json import JsonKind, read_json_facts
from pix2cap.dataset.validate_splits import SplitGuard, find_splits, labels, splits_file_problems
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.coco_instances import CocoInstancesSource
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.file_places import EscapeError, check_relative
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.findings import Finding, bad_file
from pix2cap.formats.open_source import open_source
from pix2cap.formats.png import RGBA, PngError, read_png_header
from pix2cap.formats.records import ImageRecord


def validate_source(path: Path, *, masks: Path | None = None, images: Path | None = None) -> list[Problem]:
    """List every problem of a COCO panoptic or instances JSON, of id-maps, or of a dataset folder.

    Images are read one after the other, so memory grows with the problems only.

    Args:
        path: What `open_source` takes, or a folder of splits (`train/`, `val/`).
        masks: Folder or zip of the mask PNGs, where they are not found by themselves.
        images: Folder of pictures; where none is known, pictures are not looked at.

    Returns:
        Problems by image, segment and kind, those of whole files first; empty where all is well. `fatal`
        ones keep an image (or the file) from being annotated, the others do not.

    Example:
        >>> for problem in validate_source(Path("panoptic.json"), masks=Path("masks")):  # doctest: +SKIP
        ...     print(problem.to_json())
    """
    return validate_sources(
        [path], masks=[] if masks is None else [masks], images=[] if images is None else [images]
    )


def validate_sources(
    paths: Sequence[Path], *, masks: Sequence[Path] = (), images: Sequence[Path] = ()
) -> list[Problem]:
    """List every problem of several datasets that are the splits of one, and every image that two share.

    Args:
        paths: As of `validate_source`.
        masks: None, one for all, or one a path.
        images: None, one for all, or one a path.

    Returns:
        Problems as of `validate_source`; where there are several paths, files carry their names in front.

    Raises:
        UsageError: Another number of folders than of paths.
    """
    parts = list(_parts(paths, masks, images))
    guard = SplitGuard()
    several = len(parts) > 1
    found: dict[Problem, None] = {}
    for (path, mask, image), name in zip(parts, labels([part[0] for part in parts]), strict=True):
        for problem in _part_problems(path, mask, image, (guard, name) if several else None):
            known = replace(problem, file=f"{name}/{problem.file}") if several and path.is_dir() else problem
            found.setdefault(known)
    for path in paths:
        found |= dict.fromkeys(splits_file_problems(path, guard.by_path))
    return sorted(found, key=_order)


def _parts(
    paths: Sequence[Path], masks: Sequence[Path], images: Sequence[Path]
) -> Iterator[tuple[Path, Path | None, Path | None]]:
    if not paths:
        raise UsageError("expected at least one dataset, got none")
    for name, given in (("--masks", masks), ("--images", images)):
        if len(given) not in (0, 1, len(paths)):
            raise UsageError(
                f"expected {name} once, or once for each of {len(paths)} datasets, got {len(given)}"
            )
    for number, path in enumerate(paths):
        mask, image = (each[number if len(each) > 1 else 0] if each else None for each in (masks, images))
        yield from ((split, mask, image) for split in find_splits(path))


def _part_problems(
    path: Path, masks: Path | None, images: Path | None, guarded: tuple[SplitGuard, str] | None
) -> Iterator[Problem]:
    source: FileSource | None = None
    try:
        _check_parts(path, masks)
        source = open_source(path, masks=masks, images=images)
    except InputError as error:
        yield from error.problems or [Problem(path.name, Finding.UNREADABLE_FILE, got=str(error))]
    if source is not None:
        yield from source.problems
        yield from iter_source_problems(source, _json_path(path))
        if guarded is not None:
            yield from guarded[0].add(guarded[1], path, source)
    if path.is_dir():
        yield from folder_problems(path, source if isinstance(source, CocoPanopticSource) else None)


def _check_parts(path: Path, masks: Path | None) -> None:
    """Name the one part that a dataset folder lacks, before it is taken for a folder of another kind.

    Raises:
        InputError: It has a manifest of ours, or `panoptic.json`, but not the rest.
    """
    if not path.is_dir():
        return
    has_json, has_masks = (
        (path / "panoptic.json").is_file(),
        masks is not None or (path / "panoptic").is_dir(),
    )
    if isinstance(read_whole_manifest(path), dict) and not has_json:
        raise bad_file(
            "panoptic.json", Finding.MISSING_FILE, expected="a COCO panoptic JSON", got="no such file"
        )
    others = [child for child in path.glob("*.json") if child.name != "panoptic.json"]
    if has_json and not has_masks and others:
        raise bad_file("panoptic", Finding.MISSING_FILE, expected="the folder of masks", got="no such folder")


def _json_path(path: Path) -> Path:
    """The JSON that `open_source` has read."""
    if not path.is_dir():
        return path
    whole = path / "panoptic.json"
    return whole if whole.is_file() else next(iter(sorted(path.glob("*.json"))))


def iter_source_problems(source: FileSource, json_path: Path) -> Iterator[Problem]:
    """The problems of each image of an open source, and those that a second reading of its JSON tells.

    Args:
        source: The images.
        json_path: Where it was read from.
    """
    kind: JsonKind = "id_maps"
    if isinstance(source, CocoPanopticSource):
        kind = "panoptic"
    elif isinstance(source, CocoInstancesSource):
        kind = "instances"
    facts = read_json_facts(json_path, kind)
    yield from (replace(problem, file=source.name) for problem in facts.problems)
    for image_id in source.image_ids:
        record = source.record(image_id)
        yield from source.check(image_id)
        yield from _name_problems(source, record)
        if isinstance(source, CocoPanopticSource):
            yield from _kind_problems(source, record)
        yield from caption_problems(source.name, record, every_segment=facts.is_captioned)


def _name_problems(source: FileSource, record: ImageRecord) -> Iterator[Problem]:
    """A picture's name that leads out of its folder, told of even where pictures are not looked at."""
    try:
        if record.file_name:
            check_relative(record.file_name)
    except EscapeError:
        expected, got = "a name inside the folder given", repr(record.file_name)[:80]
        yield Problem(source.name, Finding.PATH_ESCAPES, record.image_id, None, expected, got)


def _kind_problems(source: CocoPanopticSource, record: ImageRecord) -> Iterator[Problem]:
    """Masks with an alpha channel: read all the same, but COCO's are RGB, and other readers fail."""
    try:
        header = read_png_header(source.masks.read(record.mask_name or "", first=33))
    except (OSError, EscapeError, PngError):
        return
    if header.colour_type == RGBA and header.bit_depth == 8:
        file = f"{source.masks.name}/{record.mask_name}"
        yield Problem(file, Finding.MASK_KIND, record.image_id, None, "8-bit RGB", header.kind, False)


def _order(problem: Problem) -> tuple[bool, int, bool, int, str, str]:
    """Whole files first, then by image and segment; text last, so that lists compare well."""
    image_id, segment_id = problem.image_id, problem.segment_id
    return (
        image_id is not None,
        image_id or 0,
        segment_id is not None,
        segment_id or 0,
        problem.problem,
        problem.file,
    )
