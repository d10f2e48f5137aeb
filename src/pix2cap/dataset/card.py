"""Describe a dataset for those who will find it: card, Croissant, manifest, checksums, from the data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from pix2cap.dataset.agreement_file import read_agreement
from pix2cap.dataset.card_evidence import CardCounts, CheckResults, told_sources
from pix2cap.dataset.convert_read import Opened, open_any
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.card import dataset_card, shard_card
from pix2cap.formats.card_evidence import Evidence
from pix2cap.formats.croissant import croissant, shard_croissant
from pix2cap.formats.facts_parquet import FACTS
from pix2cap.formats.manifest import (
    MANIFEST,
    SUMS,
    DatasetAbout,
    FolderHash,
    Tally,
    build_manifest,
    file_hash,
    read_manifest,
)
from pix2cap.formats.staged_folder import CONVERSION
from pix2cap.formats.storage import pretty_json, storage

_KINDS: Final = ("panoptic", "parquet", "webdataset")
_CHECKS: Final = "checks.json"
_AGREEMENT: Final = "agreement.json"


@dataclass(frozen=True, kw_only=True)
class CardOptions:
    """What to tell beyond the data.

    Args:
        checks: What `dataset check --format json` printed; `checks.json` in the folder otherwise, if there.
        agreement: What `dataset agreement --format json` printed; `agreement.json` in the folder otherwise.
        name: Title; that of the manifest otherwise.
        license: Licence of the captions (`cc-by-4.0`); that of the manifest otherwise.
        cite: How to cite the dataset.
    """

    checks: Path | None = None
    agreement: Path | None = None
    name: str | None = None
    license: str | None = None
    cite: str | None = None


@dataclass(frozen=True)
class CardWritten:
    """What was written.

    Args:
        folder: Where.
        files: Names of the files written.
        images: Images counted.
        captions: Published captions.
        findings: Findings of the checks; None where no results were known.
        verdicts: Captions that people judged; None where no verdicts were known.
        unlicensed: Pictures that state no licence.
        changed: Files that are not as the manifest before said.
    """

    folder: str
    files: tuple[str, ...]
    images: int
    captions: int
    findings: int | None
    verdicts: int | None
    unlicensed: int
    changed: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The record as `dataset card --format json` prints it."""
        return asdict(self)


def write_card(
    dataset: str | Path,
    options: CardOptions | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> CardWritten:
    """Write `README.md`, `croissant.json`, `manifest.json` and `SHA256SUMS` of a folder to be published.

    All numbers are counted anew, so that the card tells of the data as they are now, whoever edited them.

    Args:
        dataset: A dataset folder, or one of Parquet or WebDataset shards.
        options: Results of checks and people, title, licence.
        on_progress: Called with images done and their number.

    Raises:
        InputError: The folder is damaged, or a file of results is, or is of another dataset.
        UsageError: It is not such a folder.

    Example:
        >>> write_card("dataset", CardOptions(license="cc-by-4.0"))  # doctest: +SKIP
    """
    options, folder = options or CardOptions(), Path(dataset)
    opened = open_any(folder)
    if not folder.is_dir() or opened.kind not in _KINDS or opened.records is None:
        raise UsageError(
            f"{folder}: expected a dataset folder, or one of Parquet or WebDataset shards, got {opened.kind};"
            f" make one with `pix2cap dataset convert {folder.name} --to panoptic --out DATASET`"
        )
    checks = _found(options.checks, folder / _CHECKS)
    results = None if checks is None else CheckResults(checks)
    agreed = _found(options.agreement, folder / _AGREEMENT)
    counts = _count(opened, results, on_progress)
    manifest = read_manifest(folder) or CONVERSION.read_manifest(folder) or {}
    counts.tally.refused = [dict(one) for one in manifest.get("refused_images") or ()]
    evidence = counts.evidence(
        opened.about.licenses,
        sources=told_sources(opened.about.source),
        checks=None if results is None else results.by_check,
        doubted=0 if results is None else len(results.doubted),
        verified=None if agreed is None else read_agreement(agreed),
    )
    about = replace(
        opened.about,
        name=options.name or opened.about.name,
        license=options.license or opened.about.license,
    )
    changed = _write(folder, opened, about, counts.tally, evidence, manifest, options.cite)
    verdicts = None if evidence.verified is None else evidence.verified.rated
    findings = None if results is None else sum(results.by_check.values())
    named = ("README.md", *(() if opened.kind == "webdataset" else ("croissant.json",)), MANIFEST, SUMS)
    tally = counts.tally
    return CardWritten(
        str(folder), named, tally.images, tally.captioned, findings, verdicts, evidence.unlicensed, changed
    )


def _found(given: Path | None, beside: Path) -> Path | None:
    return given or (beside if beside.is_file() else None)


def _count(
    opened: Opened, results: CheckResults | None, on_progress: Callable[[int, int], None] | None
) -> CardCounts:
    counts = CardCounts()
    assert opened.records is not None
    try:
        for done, record in enumerate(opened.records(), start=1):
            counts.add(record)
            if results is not None:
                results.see(record)
            if on_progress is not None:
                on_progress(done, max(done, opened.total))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected records of pix2cap, got one that is not: {error!r}") from error
    if results is not None:
        results.require_all_seen()
    return counts


def _write(
    folder: Path,
    opened: Opened,
    about: DatasetAbout,
    tally: Tally,
    evidence: Evidence,
    manifest: Mapping[str, Any],
    cite: str | None,
) -> tuple[str, ...]:
    date = (about.created_at or "")[:10] or None
    split, root = str(manifest.get("split") or "train"), manifest.get("image_root")
    description: dict[str, Any] | None = None
    if opened.kind == "panoptic":
        if root is None and (folder / "images").is_dir():
            root = "images"
        # Who reads the card on a hub has no folder beside it.
        shown = root if root == "images" else None
        card = dataset_card(about, tally, image_root=shown, evidence=evidence)
        names = [name for name in ("panoptic.json", "instances.json") if (folder / name).is_file()]
        hashes = {name: file_hash(folder / name) for name in names}
        description = croissant(about, tally, files=hashes, date=date, cite=cite)
    else:
        card = shard_card(about, tally, kind=opened.kind, split=split, evidence=evidence)
        if opened.kind == "parquet":
            description = shard_croissant(about, tally, date=date, cite=cite)
    _replace(folder / "README.md", card.encode("utf-8"))
    if description is not None:
        _replace(folder / "croissant.json", pretty_json(description))
    if opened.kind == "panoptic":
        files = _folder_hashes(folder, opened)
        fresh = build_manifest(about, tally, files=files, image_root=root)
    else:
        files = {name: file_hash(folder / name) for name in published_files(folder) if name != MANIFEST}
        fresh = {**manifest, "name": about.name, "license": about.license, "files": files}
        fresh["counts"] = tally.to_json()
    fresh["checks"] = None if evidence.checks is None else dict(evidence.checks)
    fresh["verified"] = None if evidence.verified is None else asdict(evidence.verified)
    _replace(folder / MANIFEST, pretty_json({**manifest, **fresh}))
    sums = [f"{file_hash(folder / name)['sha256']}  {name}\n" for name in published_files(folder)]
    _replace(folder / SUMS, "".join(sums).encode())
    before = manifest.get("files") or {}
    written = ("README.md", "croissant.json", SUMS)
    return tuple(n for n in sorted(before) if n not in written and files.get(n) != before[n])


def _folder_hashes(folder: Path, opened: Opened) -> dict[str, Any]:
    names = ("panoptic.json", "instances.json", "captions.parquet", FACTS, "README.md", "croissant.json")
    files = {name: file_hash(folder / name) for name in names if (folder / name).is_file()}
    masks = FolderHash()
    for name, data in opened.mask_files():
        masks.add(name, data)
    return {**files, "panoptic/": masks.to_json()}


def published_files(folder: Path) -> list[str]:
    """The files of a dataset folder or of shards that belong to the dataset, by name; the checksums aside.

    What else lies there (results, notes, a `.env`) is nobody's business.
    """
    conversion = CONVERSION.read_manifest(folder)
    tops = ["README.md", "croissant.json", MANIFEST]
    if conversion is not None:
        tops += ["data"] if conversion.get("to") in ("parquet", "webdataset") else []
        named = conversion.get("files")
        tops += [name.partition("/")[0] for name in named] if isinstance(named, dict) else []
    else:
        tops += ["panoptic.json", "instances.json", "captions.parquet", FACTS, "panoptic", "images"]
    found = {name for top in dict.fromkeys(tops) for name in _below(folder, folder / top)}
    return sorted(found - {SUMS})


def _below(folder: Path, path: Path) -> Iterator[str]:
    """Regular files at or below a path, hidden ones and links out of the folder aside."""
    if path.is_dir():
        for where, folders, names in os.walk(path, followlinks=False):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in names:
                yield from _below(folder, Path(where) / name)
    elif path.is_file() and not path.name.startswith(".") and path.resolve().is_relative_to(folder.resolve()):
        yield path.relative_to(folder).as_posix()


def _replace(path: Path, data: bytes) -> None:
    with storage():
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_bytes(data)
        temporary.replace(path)
