"""Which segments of a ground truth and a prediction overlap, by how much, and which of them match."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import PanopticMap
from pix2cap.core.panoptic import VOID

Areas = Literal["png", "json"]
"""Where the area of a ground truth comes from: its pixels, or what the JSON stated."""
Crowds = Literal["all", "last"]
"""Which crowd segments of a class excuse a prediction: all, or (as released) the last of the JSON."""

_ID_BITS = np.uint64(32)


class SegmentFacts(NamedTuple):
    """What matching needs to know of a segment beside its pixels."""

    id: int
    category_id: int
    is_crowd: bool = False
    declared_area: int | None = None


@dataclass(frozen=True, slots=True)
class JointPixels:
    """How many pixels each pair of ids shares, void included, by ascending (gt id, prediction id).

    Args:
        gt_ids: `(K,)` int64.
        pred_ids: `(K,)` int64.
        pixels: `(K,)` int64, all positive; they sum to the size of the map.
    """

    gt_ids: NDArray[np.int64]
    pred_ids: NDArray[np.int64]
    pixels: NDArray[np.int64]

    def ids(self, side: Literal["gt", "pred"]) -> set[int]:
        """The ids that occur on one side, void excluded."""
        found = self.gt_ids if side == "gt" else self.pred_ids
        return set(np.unique(found).tolist()) - {VOID}


def joint_pixels(gt_id_map: NDArray[np.uint32], pred_id_map: NDArray[np.uint32]) -> JointPixels:
    """Count the pixels of every pair of ids.

    Works on runs: a pixel starts a new one where either map changes along the rows, so a few thousand
    runs are sorted instead of the pixels.

    Args:
        gt_id_map: `(H, W)` uint32.
        pred_id_map: `(H, W)` uint32.

    Raises:
        ValueError: The maps differ in size.

    Example:
        >>> a = np.array([[1, 1, 0], [1, 2, 2]], np.uint32)
        >>> joint_pixels(a, a[::-1]).pixels.tolist()
        [1, 2, 1, 1, 1]
    """
    if gt_id_map.shape != pred_id_map.shape:
        raise ValueError(f"expected maps of one size, got {gt_id_map.shape} and {pred_id_map.shape}")
    if gt_id_map.size == 0:
        empty = np.empty(0, np.int64)
        return JointPixels(empty, empty, empty)
    gt, pred = gt_id_map.reshape(-1), pred_id_map.reshape(-1)
    begins = np.empty(gt.size, np.bool_)
    begins[0] = True
    np.not_equal(gt[1:], gt[:-1], out=begins[1:])
    begins[1:] |= pred[1:] != pred[:-1]
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=gt.size)
    keys = gt[starts].astype(np.uint64) << _ID_BITS | pred[starts]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    firsts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    pixels = np.add.reduceat(lengths[order], firsts)
    pairs = keys[firsts]
    gt_ids = (pairs >> _ID_BITS).astype(np.int64)
    pred_ids = (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return JointPixels(gt_ids, pred_ids, pixels)


@dataclass(frozen=True, slots=True)
class SideSegments:
    """The segments of one side of an image, in the order of its JSON.

    Args:
        ids: `(N,)` int64.
        category_ids: `(N,)` int64.
        is_crowd: `(N,)` bool.
        areas: `(N,)` int64 pixels, counted in the map.
        declared_areas: `(N,)` int64 as the JSON stated, the counted one where it stated none.
    """

    ids: NDArray[np.int64]
    category_ids: NDArray[np.int64]
    is_crowd: NDArray[np.bool_]
    areas: NDArray[np.int64]
    declared_areas: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Overlaps:
    """All that the metrics need of the pixels of one image.

    Args:
        gt: Segments of the ground truth.
        pred: Segments of the prediction.
        gt_index: `(K,)` row in `gt` of each pair that shares a pixel, by ascending (gt id, prediction id).
        pred_index: `(K,)` row in `pred`.
        pixels: `(K,)` shared pixels.
        void_pixels: `(P,)` pixels of each prediction where the ground truth is void.
    """

    gt: SideSegments
    pred: SideSegments
    gt_index: NDArray[np.int64]
    pred_index: NDArray[np.int64]
    pixels: NDArray[np.int64]
    void_pixels: NDArray[np.int64]

    def same_category(self) -> NDArray[np.bool_]:
        """`(K,)` whether both segments of a pair are of one category."""
        same: NDArray[np.bool_] = (
            self.gt.category_ids[self.gt_index] == self.pred.category_ids[self.pred_index]
        )
        return same

    def iou(self, gt_areas: Areas = "png") -> NDArray[np.float64]:
        """`(K,)` intersection over union; pixels of the prediction in void are out of the union.

        Stated areas may be wrong: they can give values above 1, and 0 stands where the union is not positive.
        """
        areas = self.gt.areas if gt_areas == "png" else self.gt.declared_areas
        union = (
            self.pred.areas[self.pred_index]
            + areas[self.gt_index]
            - self.pixels
            - self.void_pixels[self.pred_index]
        )
        iou = np.zeros(len(union))
        np.divide(self.pixels, union, out=iou, where=union > 0)
        return iou

    def excused(self, crowds: Crowds = "all") -> NDArray[np.bool_]:
        """`(P,)` predictions of which more than half lies in void and in crowds of their own class."""
        counts = self.gt.is_crowd
        if crowds == "last":
            counts = np.zeros_like(counts)
            last = {int(self.gt.category_ids[i]): i for i in np.flatnonzero(self.gt.is_crowd)}
            counts[list(last.values())] = True
        in_crowd = self.same_category() & counts[self.gt_index]
        pixels = self.void_pixels + np.bincount(
            self.pred_index[in_crowd], self.pixels[in_crowd], minlength=len(self.pred)
        )
        excused: NDArray[np.bool_] = pixels / np.maximum(self.pred.areas, 1) > 0.5
        return excused


def find_overlaps(gt: PanopticMap, pred: PanopticMap) -> Overlaps:
    """Overlaps of two maps of one image.

    Raises:
        ValueError: They differ in size, or ids stand in pixels or segments alone.
    """
    sides = (
        [SegmentFacts(s.id, s.category_id, s.is_crowd, s.declared_area) for s in side.segments]
        for side in (gt, pred)
    )
    return overlaps_of(joint_pixels(gt.id_map, pred.id_map), *sides)


def overlaps_of(joint: JointPixels, gt: Iterable[SegmentFacts], pred: Iterable[SegmentFacts]) -> Overlaps:
    """Overlaps from counted pixels.

    Args:
        joint: From `joint_pixels`.
        gt: Segments of the ground truth in the order of its JSON.
        pred: Segments of the prediction.

    Raises:
        ValueError: An id stands in the pixels or in the segments alone.
    """
    gt_rows, gt_side = _side("ground truth", joint.gt_ids, joint.pixels, list(gt))
    pred_rows, pred_side = _side("prediction", joint.pred_ids, joint.pixels, list(pred))
    in_void = (gt_rows < 0) & (pred_rows >= 0)
    void = np.zeros(len(pred_side), np.int64)
    np.add.at(void, pred_rows[in_void], joint.pixels[in_void])
    both = (gt_rows >= 0) & (pred_rows >= 0)
    return Overlaps(gt_side, pred_side, gt_rows[both], pred_rows[both], joint.pixels[both], void)


def _side(
    name: str, ids: NDArray[np.int64], pixels: NDArray[np.int64], segments: list[SegmentFacts]
) -> tuple[NDArray[np.int64], SideSegments]:
    """Row of each id in `segments` (-1 for void), and the segments with their counted areas."""
    listed = np.array([s.id for s in segments], np.int64)
    if len(set(listed.tolist())) != len(listed):
        raise ValueError(f"expected each segment id of the {name} once, got some twice")
    values, inverse = np.unique(ids, return_inverse=True)
    row_of = {segment.id: row for row, segment in enumerate(segments)}
    rows = np.array([row_of.get(v, -1) for v in values.tolist()], np.int64)
    strangers = values[(rows < 0) & (values != VOID)].tolist()
    absent = sorted(row_of.keys() - set(values.tolist()))
    if strangers or absent:
        raise ValueError(
            f"expected the same ids in pixels and segments of the {name}, got {strangers[:10]} only in pixels"
            f" and {absent[:10]} only in segments"
        )
    areas = np.zeros(len(segments), np.int64)
    by_value = np.bincount(inverse, pixels, minlength=len(values)).astype(np.int64)
    areas[rows[rows >= 0]] = by_value[rows >= 0]
    declared = [s.declared_area for s in segments]
    stated = np.array(
        [a if d is None else d for a, d in zip(areas.tolist(), declared, strict=True)], np.int64
    )
    side = SideSegments(
        listed,
        np.array([s.category_id for s in segments], np.int64),
        np.array([s.is_crowd for s in segments], np.bool_),
        areas,
        stated,
    )
    return rows[inverse], side
