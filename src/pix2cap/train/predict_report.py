"""The page that shows predictions: every picture, its segments, their classes, scores and captions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import CaptionedImage, CaptionStatus, Category, ImageRef, PanopticMap, SegmentCaption
from pix2cap.formats.pictures import read_picture
from pix2cap.formats.png import decode_id_png
from pix2cap.report import ReportItem
from pix2cap.report.page import Fact, write_report
from pix2cap.train.predict_sources import PictureFile


def report_predictions(
    entries: Iterable[Mapping[str, Any]],
    out: Path,
    *,
    masks: Path,
    files: Mapping[str, PictureFile],
    categories: Mapping[int, Category],
    title: str,
    facts: Mapping[str, Fact],
    refused: Sequence[tuple[str, str]] = (),
) -> Path:
    """Write the page.

    Args:
        entries: Of the journal, in the order of the page.
        out: The HTML file.
        masks: Folder of the maps.
        files: The pictures by file name.
        categories: By id.
        title: Heading.
        facts: Provenance.
        refused: File name and reason of pictures that could not be read.
    """
    items = _items(entries, masks, files, categories)
    return write_report(items, out, title=title, facts=facts, notes=_notes(refused))


def _items(
    entries: Iterable[Mapping[str, Any]],
    masks: Path,
    files: Mapping[str, PictureFile],
    categories: Mapping[int, Category],
) -> Iterator[ReportItem]:
    for entry in entries:
        file, rows = files[entry["file_name"]], entry["segments"]
        infos = {r["id"]: (r["category_id"], categories[r["category_id"]].is_thing, False) for r in rows}
        panoptic = PanopticMap.from_id_map(decode_id_png((masks / entry["mask"]).read_bytes()), infos)
        image = ImageRef(entry["image_id"], entry["file_name"], entry["width"], entry["height"])

        def load(file: PictureFile = file) -> NDArray[np.uint8]:
            return read_picture(file.path, size_wh=file.size_wh, name=file.file_name).rgb

        names = {r["id"]: categories[r["category_id"]].name for r in rows}
        yield ReportItem(CaptionedImage(image, panoptic, tuple(map(_caption, rows))), load, names)


def _caption(row: Mapping[str, Any]) -> SegmentCaption:
    if row["caption"].strip():
        return SegmentCaption(row["id"], row["caption"], score=row["score"])
    reason = "the model wrote nothing"
    return SegmentCaption(row["id"], "", CaptionStatus.FAILED, reason, score=row["score"])


def _notes(refused: Sequence[tuple[str, str]]) -> list[str]:
    if not refused:
        return []
    count, (_, reason) = len(refused), refused[0]
    if count == 1:
        return [f"One picture could not be read and is not on this page ({reason})."]
    return [
        f"{count:,} pictures could not be read and are not on this page ({reason}; and {count - 1} more)."
    ]
