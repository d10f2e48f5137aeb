"""The differences of two datasets as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from pix2cap import __version__
from pix2cap.dataset.diff import Change, DatasetDiff
from pix2cap.report.shell import asset, csp_hash, replacing, template

MOST_IMAGES: Final = 2000
"""Images on a page; a browser is slow with more. The JSON has all."""


def report_diff(diff: DatasetDiff, out: str | Path) -> Path:
    """Write a page with every difference, image by image, words that went and came marked.

    The page needs no network; texts are shown as text. The same differences give the same bytes.

    Args:
        diff: Of `diff_datasets`.
        out: The page; replaced when the new one is complete.

    Returns:
        `out`.

    Raises:
        StorageFull: The disk took no more.
    """
    style = "".join(map(asset, ("report.css", "diff.css")))
    n_images = len({change.image_id for change in diff.changes})
    page: dict[str, Any] = {
        "diff": diff,
        "images": _images(diff),
        "n_images": n_images,
        "left_out": max(0, n_images - MOST_IMAGES),
        "version": __version__,
        "style": Markup(style),
        "style_hash": csp_hash(style),
    }
    target = Path(out)
    with replacing(target) as file:
        file.writelines(template("diff.html.j2").generate(page))
    return target


def _images(diff: DatasetDiff) -> Iterator[tuple[int, list[Change]]]:
    grouped = groupby(diff.changes, key=lambda change: change.image_id)
    for number, (image_id, changes) in enumerate(grouped):
        if number >= MOST_IMAGES:
            return
        yield image_id, list(changes)
