"""Everything that is wrong with a dataset, listed instead of stopping at the first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pix2cap.core import Problem
from pix2cap.core.caption import CaptionStatus
from pix2cap.errors import InputError
from pix2cap.formats.captions_parquet import read_captions_parquet
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.findings import Finding
from pix2cap.formats.manifest import MANIFEST, file_hash, read_manifest
from pix2cap.formats.open_source import open_source
from pix2cap.formats.records import ImageRecord, SegmentRecord


def validate_source(path: Path, *, masks: Path | None = None, images: Path | None = None) -> list[Problem]:
    """List every problem of a COCO panoptic or instances JSON, of id-maps, or of a dataset folder.

    Images are read one after the other, so memory grows with the problems only.

    Args:
        path: What `open_source` takes.
        masks: Folder or zip of the mask PNGs, where they are not found by themselves.
        images: Folder of pictures; where none is known, pictures are not looked at.

    Returns:
        Problems by image, segment and kind, those of whole files first; empty where all is well. `fatal`
        ones keep an image (or the file) from being annotated, the others do not.

    Example:
        >>> for problem in validate_source(Path("panoptic.json"), masks=Path("masks")):  # doctest: +SKIP
        ...     print(problem.to_json())
    """
    problems = list(iter_problems(path, masks=masks, images=images))
    return sorted(dict.fromkeys(problems), key=_order)


def iter_problems(path: Path, *, masks: Path | None = None, images: Path | None = None) -> Iterator[Problem]:
    """The problems of `validate_source` as they are found, image by image in the order of the file."""
    try:
        source = open_source(path, masks=masks, images=images)
    except InputError as error:
        yield from error.problems or [Problem(path.name, Finding.UNREADABLE_FILE, got=str(error))]
        return
    yield from source.problems
    is_dataset = path.is_dir() and read_manifest(path) is not None
    yield from iter_source_problems(source, every_segment=is_dataset)
    if is_dataset:
        yield from _folder_problems(path, source)


def iter_source_problems(source: FileSource, *, every_segment: bool = False) -> Iterator[Problem]:
    """The problems of each image of an open source.

    Args:
        source: The images.
        every_segment: Whether every segment must say what became of it, as in a dataset folder; else
            only those are looked at that say anything.
    """
    for image_id in source.image_ids:
        yield from source.check(image_id)
        record = source.record(image_id)
        if isinstance(source, CocoPanopticSource):
            has_statuses = any(segment.status is not None for segment in record.segments)
            yield from caption_problems(source.name, record, every_segment=every_segment or has_statuses)


def caption_problems(file: str, record: ImageRecord, *, every_segment: bool) -> Iterator[Problem]:
    """Where descriptions and statuses of one image break the rules of a dataset folder.

    Every segment has a description or a status; `captioned` has a description and nothing else has;
    `crowd` is the status of crowd segments and of no others. None of it is fatal.
    """
    for segment in record.segments:
        for finding, expected, got in _caption_faults(segment, every_segment=every_segment):
            yield Problem(file, finding, record.image_id, segment.info.segment_id, expected, got, False)


def _caption_faults(segment: SegmentRecord, *, every_segment: bool) -> Iterator[tuple[Finding, str, str]]:
    text, status = segment.info.description, segment.status
    if status is None:
        if text is None and every_segment:
            yield Finding.NO_STATUS, "`description` or `caption_status`", "neither"
        return
    if status not in set(CaptionStatus):
        yield Finding.UNKNOWN_STATUS, "one of " + ", ".join(CaptionStatus), repr(status)[:60]
        return
    if status == CaptionStatus.CAPTIONED and not (text or "").strip():
        yield Finding.CAPTIONED_WITHOUT_TEXT, "a description", "none"
    if status != CaptionStatus.CAPTIONED and (text or "").strip():
        yield Finding.TEXT_WITHOUT_CAPTIONED, f"no description with status {status}", repr(text)[:60]
    if (status == CaptionStatus.CROWD) != segment.info.is_crowd:
        is_crowd = int(segment.info.is_crowd)
        yield Finding.CROWD_STATUS, "status crowd where iscrowd is 1", f"{status} with iscrowd {is_crowd}"


def _folder_problems(folder: Path, source: FileSource) -> Iterator[Problem]:
    """Files that are missing, changed since the manifest was written, or at odds with each other."""
    files = (read_manifest(folder) or {}).get("files")
    if not isinstance(files, dict):
        yield Problem(MANIFEST, Finding.MISSING_KEY, expected="key 'files'", got="none", fatal=False)
        return
    for name, stated in files.items():
        wanted = stated.get("sha256") if isinstance(stated, dict) else None
        if name == "panoptic/":
            got = _masks_hash(source)
        elif (folder / name).is_file():
            got = file_hash(folder / name)["sha256"]
        else:
            yield Problem(
                name, Finding.MISSING_FILE, expected="as in the manifest", got="no such file", fatal=False
            )
            continue
        if got != wanted:
            expected = f"sha256 {str(wanted)[:12]}..."
            yield Problem(name, Finding.FILE_CHANGED, None, None, expected, f"{got[:12]}...", False)
    yield from _parquet_problems(folder / "captions.parquet", source)


def _masks_hash(source: FileSource) -> str:
    total = hashlib.sha256()
    for image_id in source.image_ids:
        name, data = source.record(image_id).mask_name, source.map_png(image_id)
        total.update(f"{name}\0{hashlib.sha256(data or b'').hexdigest()}\n".encode())
    return total.hexdigest()


def _parquet_problems(path: Path, source: FileSource) -> Iterator[Problem]:
    """`captions.parquet` must tell of the same segments, statuses and texts as `panoptic.json`."""
    if not path.is_file() or not isinstance(source, CocoPanopticSource):
        return
    known = set(source.image_ids)
    image_id, expected = None, dict[int, tuple[str, str]]()
    try:
        for row in read_captions_parquet(path):
            where = (path.name, Finding.FILE_CHANGED, row["image_id"], row["segment_id"])
            if row["image_id"] != image_id:
                image_id = row["image_id"]
                captions = source.captions(image_id) if image_id in known else ()
                expected = {c.segment_id: (c.status.value, c.text) for c in captions}
            got = (row["status"], row["caption"])
            wanted = expected.get(row["segment_id"])
            if wanted != got:
                told = "no such segment" if wanted is None else f"{wanted[0]} {wanted[1]!r}"[:80]
                yield Problem(*where, f"{told} as in panoptic.json", f"{got[0]} {got[1]!r}"[:80], False)
    except (pa.ArrowInvalid, OSError, KeyError) as error:
        yield Problem(
            path.name, Finding.UNREADABLE_FILE, None, None, "a Parquet file", str(error)[:120], False
        )


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
