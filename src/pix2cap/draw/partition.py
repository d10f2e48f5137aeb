"""Crowded pictures to several prompt units of spatial neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from pix2cap.core import PanopticMap

READING_BANDS = 8
"""A picture is read in this many horizontal bands, each from left to right."""


def split_into_units(
    panoptic: PanopticMap, segment_ids: Sequence[int], max_marks: int = 12
) -> list[tuple[int, ...]]:
    """Split segments into groups of spatial neighbours whose sizes differ by at most one.

    Cuts the set of box centres across its longer extent again and again, like a k-d tree.

    Args:
        panoptic: The picture's segments.
        segment_ids: Those to ask for, each once.
        max_marks: Largest group, at least 1.

    Returns:
        The fewest groups that hold all ids; within a group the ids are in reading order (by bands of an
        eighth of the picture's height, left to right inside a band), and so are the groups by their first id.

    Raises:
        ValueError: `max_marks` is below 1, or an id is given twice.
        KeyError: The map lacks an id.
    """
    if max_marks < 1:
        raise ValueError(f"expected max_marks of at least 1, got {max_marks}")
    if len(set(segment_ids)) != len(segment_ids):
        raise ValueError(f"expected each segment id once, got {list(segment_ids)}")
    centres: dict[int, tuple[float, float]] = {}
    for segment_id in segment_ids:
        x0, y0, x1, y1 = panoptic.by_id[segment_id].box_xyxy
        centres[segment_id] = ((x0 + x1) / 2, (y0 + y1) / 2)
    height = panoptic.size_wh[1]

    def reading_place(segment_id: int) -> tuple[int, float, float, int]:
        x, y = centres[segment_id]
        return int(y * READING_BANDS / height), x, y, segment_id

    sizes = _balanced_sizes(len(segment_ids), max_marks)
    groups = _cut(sorted(segment_ids), centres, sizes)
    ordered = [tuple(sorted(group, key=reading_place)) for group in groups]
    return sorted(ordered, key=lambda group: reading_place(group[0]))


def _balanced_sizes(total: int, largest: int) -> list[int]:
    count = -(-total // largest)
    return [total // count + (i < total % count) for i in range(count)]


def _cut(ids: list[int], centres: dict[int, tuple[float, float]], sizes: list[int]) -> list[list[int]]:
    if len(sizes) <= 1:
        return [ids] if ids else []
    spans = []
    for axis in (0, 1):
        values = [centres[i][axis] for i in ids]
        spans.append(max(values) - min(values))
    axis = 0 if spans[0] >= spans[1] else 1
    ids = sorted(ids, key=lambda i: (centres[i][axis], centres[i][1 - axis], i))
    half = len(sizes) // 2
    first = sum(sizes[:half])
    return _cut(ids[:first], centres, sizes[:half]) + _cut(ids[first:], centres, sizes[half:])
