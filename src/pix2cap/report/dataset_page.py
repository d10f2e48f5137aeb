"""The report of a dataset folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pix2cap.errors import ImageRefused, InputError
from pix2cap.formats.dataset_folder import read_dataset
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.manifest import read_manifest
from pix2cap.formats.open_source import read_dataset_source
from pix2cap.report.item import ReportItem
from pix2cap.report.page import MAX_ITEMS, Fact, write_report

_GREY = 128


def report_dataset(
    dataset: str | Path, out: str | Path, *, images: str | Path | None = None, max_items: int = MAX_ITEMS
) -> Path:
    """Show a dataset folder in one self-contained HTML page.

    A picture that is missing or damaged is shown as a grey field with its segments, and named.

    Args:
        dataset: A dataset folder.
        out: The page.
        images: Folder of the pictures; None where the dataset knows it.
        max_items: Most pictures on the page; all are counted.

    Returns:
        The path of the page.

    Raises:
        InputError: The folder is no dataset, or its pictures are not to be found.
    """
    folder, page = Path(dataset), Path(out)
    if not (folder / "panoptic.json").is_file():
        raise InputError(
            f"{folder}: expected a dataset folder with panoptic.json, found none;"
            " `pix2cap annotate export RUN --out DATASET` makes one"
        )
    source = read_dataset_source(folder, images=None if images is None else Path(images))
    manifest = read_manifest(folder) or {}
    notes = [f"{r['file_name']} could not be used: {r['reason']}" for r in manifest.get("refused_images", [])]
    items = _items(folder, source)
    title = str(manifest.get("name") or folder.name)
    return write_report(items, page, title=title, facts=_facts(manifest), notes=notes, max_items=max_items)


def _items(folder: Path, source: FileSource) -> Iterator[ReportItem]:
    for captioned in read_dataset(folder):
        image_id = captioned.image.image_id

        def pixels(image_id: int = image_id) -> NDArray[np.uint8]:
            try:
                return source.picture(image_id).rgb
            except ImageRefused:
                width, height = source.panoptic(image_id).size_wh
                return np.full((height, width, 3), _GREY, np.uint8)

        names = {s.id: source.categories[s.category_id].name for s in captioned.panoptic.segments}
        yield ReportItem(captioned, pixels, names)


def _facts(manifest: dict[str, object]) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for name in ("model", "prompt_version", "created_at"):
        value = manifest.get(name)
        if isinstance(value, str):
            facts[name] = value
    spend = manifest.get("spend")
    if isinstance(spend, dict):
        facts.update({name: spend.get(name) for name in ("requests", "cost_usd")})
    return facts
