"""A dataset folder as a whole: its manifest, the hashes in it, and files that belong to nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pix2cap.core import Problem
from pix2cap.dataset.validate_instances import INSTANCES, instances_problems
from pix2cap.dataset.validate_rows import CAPTIONS, captions_parquet_problems, facts_parquet_problems
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.facts_parquet import FACTS
from pix2cap.formats.file_places import EscapeError, check_relative
from pix2cap.formats.findings import MANY, Finding
from pix2cap.formats.manifest import FORMAT, FORMAT_VERSION, MANIFEST, SUMS, Tally, file_hash
from pix2cap.formats.published import PublishedCaption
from pix2cap.formats.staged_folder import PARTIAL

_MASKS: Final = "panoptic/"
_CROISSANT: Final = "croissant.json"


def _problem(file: str, finding: Finding, expected: str, got: str, image_id: int | None = None) -> Problem:
    return Problem(file, finding, image_id, None, expected, got, False)


def folder_problems(folder: Path, source: CocoPanopticSource | None) -> Iterator[Problem]:
    """Everything that the files of a folder say against each other.

    Args:
        folder: Holds `panoptic.json`; a source or predictions where there is no manifest of ours.
        source: The open folder; None where it could not be opened, and then only hashes are compared.
    """
    if (folder / PARTIAL).exists():
        yield _problem(PARTIAL, Finding.UNFINISHED, "no such folder", "what an interrupted write left")
    yield from _sums_problems(folder)
    manifest = read_whole_manifest(folder)
    if isinstance(manifest, Problem):
        yield manifest
        manifest = None
    if manifest is not None:
        yield from _hash_problems(folder, manifest, source)
        yield from _croissant_problems(folder)
        yield from _image_root_problems(folder, manifest)
    if source is None:
        return
    if manifest is not None:
        yield from _count_problems(manifest, source)
        yield from _stray_problems(folder, manifest, source)
    if manifest is not None or (folder / CAPTIONS).is_file():
        yield from captions_parquet_problems(folder, source)
        yield from facts_parquet_problems(folder, source)
        yield from instances_problems(folder, source)


def read_whole_manifest(folder: Path) -> dict[str, Any] | Problem | None:
    """A dataset's manifest; None where the folder is none of ours, a problem where it must have been one.

    `formats.manifest.read_manifest` takes a damaged manifest for none at all; here it is told of.
    """
    path = folder / MANIFEST
    is_exported = (folder / CAPTIONS).is_file() and (folder / INSTANCES).is_file()
    if not path.exists():
        got = "no such file"
        return (
            _problem(MANIFEST, Finding.MISSING_FILE, "the manifest of a dataset", got)
            if is_exported
            else None
        )
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return _problem(MANIFEST, Finding.UNREADABLE_FILE, "a whole JSON object", str(error)[:120])
    if not isinstance(manifest, dict):
        return _problem(MANIFEST, Finding.NOT_AN_OBJECT, "an object `{...}`", type(manifest).__name__)
    if manifest.get("format") != FORMAT:
        if not is_exported:
            return None  # Predictions, or somebody else's manifest.
        got = repr(manifest.get("format"))[:60]
        return _problem(MANIFEST, Finding.MISSING_KEY, f"`format` {FORMAT!r}", got)
    return manifest


def _hash_problems(
    folder: Path, manifest: Mapping[str, Any], source: CocoPanopticSource | None
) -> Iterator[Problem]:
    """Files that are missing, or changed since the manifest was written."""
    if manifest.get("format_version") != FORMAT_VERSION:
        got = repr(manifest.get("format_version"))[:40]
        yield _problem(MANIFEST, Finding.WRONG_TYPE, f"`format_version` {FORMAT_VERSION}", got)
    files = manifest.get("files")
    if not isinstance(files, dict):
        yield _problem(MANIFEST, Finding.MISSING_KEY, "key 'files'", "none")
        return
    for name in ("panoptic.json", _MASKS, INSTANCES, CAPTIONS):
        if name not in files:
            yield _problem(MANIFEST, Finding.MISSING_KEY, f"{name} under 'files'", "none")
    if FACTS not in files and (folder / FACTS).exists():
        yield _problem(FACTS, Finding.STRAY_FILE, "a name in the manifest", "none")
    for name, stated in files.items():
        wanted = stated if isinstance(stated, dict) else {}
        if name == _MASKS:
            if source is not None:
                yield from _masks_problems(wanted, source)
        else:
            yield from _file_problems(folder, name, wanted)


def _file_problems(
    folder: Path, name: str, wanted: Mapping[str, Any], *, stated_in: str = MANIFEST
) -> Iterator[Problem]:
    try:
        path = folder / check_relative(name)
    except EscapeError:
        yield _problem(stated_in, Finding.PATH_ESCAPES, "a name inside the folder", repr(name)[:80])
        return
    if not path.is_file():
        yield _problem(name, Finding.MISSING_FILE, f"a file, as {stated_in} says", "no such file")
        return
    got = file_hash(path)
    if got["sha256"] != wanted.get("sha256"):
        expected = f"sha256 {str(wanted.get('sha256'))[:12]}... as in {stated_in}"
        yield _problem(name, Finding.FILE_CHANGED, expected, f"{got['sha256'][:12]}...")
    elif got["bytes"] != wanted.get("bytes", got["bytes"]):
        yield _problem(name, Finding.FILE_CHANGED, f"{wanted['bytes']} bytes", f"{got['bytes']} bytes")


def _masks_problems(wanted: Mapping[str, Any], source: CocoPanopticSource) -> Iterator[Problem]:
    total = hashlib.sha256()
    for image_id in source.image_ids:
        name, data = source.record(image_id).mask_name, source.map_png(image_id)
        total.update(f"{name}\0{hashlib.sha256(data or b'').hexdigest()}\n".encode())
    if total.hexdigest() != wanted.get("sha256"):
        expected = f"sha256 {str(wanted.get('sha256'))[:12]}..."
        yield _problem(_MASKS, Finding.FILE_CHANGED, expected, f"{total.hexdigest()[:12]}...")
    count = wanted.get("files")
    if count is not None and count != len(source.image_ids):
        yield _problem(_MASKS, Finding.WRONG_COUNT, f"{count} files", f"{len(source.image_ids)} images")


def _sums_problems(folder: Path) -> Iterator[Problem]:
    """Lines of `SHA256SUMS`, which a published folder has, that its files no longer bear out."""
    path = folder / SUMS
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        wanted, _, name = line.partition("  ")
        if len(wanted) != 64 or not name:
            yield _problem(
                SUMS, Finding.UNREADABLE_FILE, "a hash and a name a line", f"line {number}: {line[:60]!r}"
            )
        else:
            yield from _file_problems(folder, name.removeprefix("./"), {"sha256": wanted}, stated_in=SUMS)


def _croissant_problems(folder: Path) -> Iterator[Problem]:
    """Hashes in `croissant.json` that differ from the files: who edited one forgot the other."""
    path = folder / _CROISSANT
    if not path.is_file():
        return
    try:
        objects = json.loads(path.read_text("utf-8"))["distribution"]
        stated = [(o["contentUrl"], o["sha256"]) for o in objects if "sha256" in o and "contentUrl" in o]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        expected = "a Croissant description with `distribution`"
        yield _problem(
            _CROISSANT, Finding.UNREADABLE_FILE, expected, f"{type(error).__name__}: {error}"[:120]
        )
        return
    for name, wanted in stated:
        if isinstance(name, str) and not Path(name).is_absolute() and (folder / name).is_file():
            got = file_hash(folder / name)["sha256"]
            if got != wanted:
                expected = f"sha256 {got[:12]}... of {name}"
                yield _problem(_CROISSANT, Finding.FILE_CHANGED, expected, f"{str(wanted)[:12]}...")


def _image_root_problems(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Problem]:
    root = manifest.get("image_root")
    if root is not None and not isinstance(root, str):
        yield _problem(MANIFEST, Finding.WRONG_TYPE, "a text or null as `image_root`", repr(root)[:60])
    elif root is not None and (Path(root).is_absolute() or "\\" in root):
        yield _problem(MANIFEST, Finding.PATH_ESCAPES, "a relative `image_root`", repr(root)[:60])
    elif root == "images" and not (folder / root).is_dir():
        yield _problem("images", Finding.MISSING_FILE, "the pictures, as in the manifest", "no such folder")


def _count_problems(manifest: Mapping[str, Any], source: CocoPanopticSource) -> Iterator[Problem]:
    stated = manifest.get("counts")
    if not isinstance(stated, dict):
        yield _problem(MANIFEST, Finding.MISSING_KEY, "key 'counts'", "none")
        return
    tally = Tally()
    for image_id in source.image_ids:
        captions = source.captions(image_id)
        texts = {c.segment_id: PublishedCaption(c.text, c.status, c) for c in captions}
        tally.add(texts, dict.fromkeys(texts, ""))
    refused = manifest.get("refused_images")
    tally.refused = [row for row in refused if isinstance(row, dict)] if isinstance(refused, list) else []
    known = set(source.image_ids)
    for row in tally.refused:
        if row.get("image_id") in known:
            got = "an entry in panoptic.json"
            yield _problem(
                MANIFEST, Finding.WRONG_COUNT, "a refused image that is left out", got, row["image_id"]
            )
    found = tally.to_json() if all("segments" in row for row in tally.refused) else {}
    for name, value in _flat(found):
        if name in (flat := dict(_flat(stated))) and flat[name] != value:
            yield _problem(
                MANIFEST, Finding.WRONG_COUNT, f"{name} {value} as in panoptic.json", str(flat[name])
            )


def _flat(counts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in counts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _stray_problems(
    folder: Path, manifest: Mapping[str, Any], source: CocoPanopticSource
) -> Iterator[Problem]:
    """Masks, and copied pictures, that no image names."""
    records = (source.record(image_id) for image_id in source.image_ids)
    named = [(record.mask_name or "", record.file_name) for record in records]
    yield from _strays(folder, "panoptic", {mask for mask, _ in named})
    if manifest.get("image_root") == "images":
        yield from _strays(folder, "images", {name for _, name in named})


def _strays(folder: Path, inner: str, named: set[str]) -> Iterator[Problem]:
    root = folder / inner
    files = (path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file())
    strays = [name for name in files if name not in named and not name.rpartition("/")[2].startswith(".")]
    for name in strays[:MANY]:
        yield _problem(f"{inner}/{name}", Finding.STRAY_FILE, "an image in panoptic.json", "none")
    if len(strays) > MANY:
        yield _problem(
            inner, Finding.STRAY_FILE, "an image in panoptic.json", f"{len(strays) - MANY} more files"
        )
