"""A report of a dataset folder, or of predictions of the same shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import CaptionedImage
from pix2cap.errors import InputError
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.dataset_folder import read_dataset
from pix2cap.formats.manifest import read_manifest
from pix2cap.formats.open_source import read_dataset_source
from pix2cap.report.item import ReportItem
from pix2cap.report.page import MAX_ITEMS, Fact, write_report


def report_dataset(
    dataset: str | Path,
    out: str | Path,
    *,
    images: str | Path | None = None,
    title: str | None = None,
    max_items: int = MAX_ITEMS,
) -> Path:
    """Show a dataset folder in one self-contained HTML page.

    A picture that cannot be loaded is named, and its segments and captions stand on grey.

    Args:
        dataset: Holds `panoptic.json` and `panoptic/`; `manifest.json` and `captions.parquet`, where they
            are there, add provenance and the reasons of failures.
        out: The page to write.
        images: Folder of the pictures, where the dataset does not know it.
        title: Heading; the dataset's own name otherwise.
        max_items: Most pictures on the page; all are counted.

    Returns:
        `out`.

    Raises:
        InputError: The folder is damaged, or no folder of pictures is known.
        ImageRefused: A map and its entry disagree.
        StorageFull: The disk took no more.
    """
    folder, pictures = Path(dataset), None if images is None else Path(images)
    if not (folder / "panoptic.json").is_file():
        raise InputError(
            f"{folder}: expected a dataset folder with panoptic.json, found none;"
            " `pix2cap annotate export RUN --out DATASET` makes one"
        )
    source = read_dataset_source(folder, images=pictures)
    if source.pictures is None:
        raise InputError(
            f"{folder}: expected a folder of pictures that manifest.json points to, or {folder / 'images'},"
            " found none; name it with --images"
        )
    manifest = read_manifest(folder) or {}
    return write_report(
        _items(source, read_dataset(folder, images=pictures)),
        Path(out),
        title=title or manifest.get("name") or folder.resolve().name,
        facts=_facts(manifest),
        notes=_notes(manifest),
        max_items=max_items,
        language=manifest.get("language") or "en",
    )


def _items(source: CocoPanopticSource, captioned: Iterator[CaptionedImage]) -> Iterator[ReportItem]:
    for item in captioned:
        names = {s.id: source.categories[s.category_id].name for s in item.panoptic.segments}

        def load(image_id: int = item.image.image_id) -> NDArray[np.uint8]:
            return source.picture(image_id).rgb

        yield ReportItem(item, load, names)


def _facts(manifest: dict[str, Any]) -> dict[str, Fact]:
    """Model, prompt, spend and time, as far as the manifest tells."""
    facts: dict[str, Fact] = {
        key: manifest[key] for key in ("model", "prompt_version") if manifest.get(key) is not None
    }
    spend = manifest.get("spend") or {}
    facts |= {key: value for key, value in spend.items() if isinstance(value, str | int | float | None)}
    if manifest.get("created_at"):
        facts["created"] = manifest["created_at"].replace("T", " ").replace("+00:00", " UTC")
    version = (manifest.get("software") or {}).get("pix2cap")
    if version:
        facts["software"] = f"pix2cap {version}"
    return facts


def _notes(manifest: dict[str, Any]) -> list[str]:
    refused = manifest.get("refused_images") or []
    if not refused:
        return []
    segments = sum(entry["segments"] for entry in refused)
    images, are = ("image", "is") if len(refused) == 1 else ("images", "are")
    first = f"{refused[0]['file_name']}: {refused[0]['reason']}"
    more = f"; and {len(refused) - 1} more" if len(refused) > 1 else ""
    return [
        f"{len(refused):,} {images} with {segments:,} segments could not be used"
        f" and {are} not on this page ({first}{more})."
    ]
