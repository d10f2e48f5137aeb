"""A result of `pix2cap bench vg` as a table: the split first, since no number means anything without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pix2cap.evaluate.caption_metrics import LABELS
from pix2cap.evaluate.region_result import RegionResult

if TYPE_CHECKING:
    from rich.console import RenderableType

_DIGEST_CHARS = 16
_DENSE = (("dense.map", "mAP", "map"), ("dense.detection_map", "detection mAP", "detection_map"))


def to_text(result: RegionResult) -> str:
    """Plain lines: split, scores, counts, files."""
    rows = [*_split(result), *_scores(result), *_counts(result), *_files(result)]
    width = max(len(label) for label, _ in rows)
    return "\n".join([*(f"{label.ljust(width)}  {text}" for label, text in rows), "", *_small_print(result)])


def to_rich(result: RegionResult) -> RenderableType:
    """The same for a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for rows in (_split, _scores, _counts, _files):
        for label, text in rows(result):
            table.add_row(label, Text(text))
        table.add_section()
    return Group(table, Text("\n".join(_small_print(result)), style="dim"))


def _split(result: RegionResult) -> Iterator[tuple[str, str]]:
    split = result.split
    yield "bench", f"Visual Genome, {'dense captioning' if result.task == 'dense' else 'region captions'}"
    yield "split", f"{split.name}: {split.rule}"
    yield "images", f"{split.images:,}"
    yield "regions", f"{split.regions:,}"
    if result.dense is not None:
        yield "boxes after merging", f"{result.dense.truths:,}"


def _scores(result: RegionResult) -> Iterator[tuple[str, str]]:
    for name, value in result.scores.items():
        label, factor, digits, _ = LABELS.get(name, (name, 100, 1, 100))
        yield label, _told(result, name, value, factor, digits)
    if result.dense is not None:
        for path, label, attribute in _DENSE:
            yield label, _told(result, path, getattr(result.dense, attribute), 100, 2)


def _told(result: RegionResult, path: str, value: float | None, factor: float, digits: int) -> str:
    if value is None:
        return "missing"
    text, interval = f"{value * factor:.{digits}f}", result.intervals.get(path)
    if interval is not None:
        low, high = (f"{end * factor:.{digits}f}" for end in interval)
        text += f"  [{low}, {high}]"
    return text


def _counts(result: RegionResult) -> Iterator[tuple[str, str]]:
    counts = result.counts
    if result.dense is not None:
        yield "predicted boxes", f"{result.dense.predictions:,}"
        yield "boxes found", f"{counts.captioned:,} of {result.dense.truths:,}"
    else:
        yield "captioned", f"{counts.captioned:,}"
        yield "no prediction, scored as empty", f"{counts.missing:,}"
        yield "predicted without words", f"{counts.empty:,}"
    yield "predictions of no region", f"{counts.extra:,}"
    for reason, count in counts.left_out.items():
        yield f"left out, {reason}", f"{count:,}"
    if counts.crossing:
        yield "reach over the picture's edge", f"{counts.crossing:,}"


def _files(result: RegionResult) -> Iterator[tuple[str, str]]:
    for role, file in (result.provenance.inputs if result.provenance else {}).items():
        yield role.replace("_", " "), f"{file.name} sha256 {file.sha256[:_DIGEST_CHARS]}"


def _small_print(result: RegionResult) -> list[str]:
    told = [
        "All scores x 100 but CIDEr, which is 0 to 10; brackets hold 95 % bootstrap intervals over images."
    ]
    return told if result.intervals else [told[0].partition(";")[0] + "."]
