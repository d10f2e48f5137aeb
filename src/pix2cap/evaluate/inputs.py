"""Ground truth and predictions, image by image, as what the metrics need of them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category, Problem
from pix2cap.errors import ImageRefused, InputError
from pix2cap.evaluate.inputs_maps import IMAGES_A_WORKER, JoinedMaps, MapJoiner, MapNames
from pix2cap.formats.coco_panoptic import CocoPanopticSource, read_coco_panoptic
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.findings import Finding, refusal
from pix2cap.formats.open_source import masks_beside, open_source
from pix2cap.formats.records import ImageRecord, SegmentRecord
from pix2cap.metrics.matching import JointPixels, Overlaps, SegmentFacts, joint_pixels, overlaps_of

IdMap = NDArray[np.uint32]
Progress = Callable[[int, int], None]
"""Called with the images done and all images."""
Records = tuple[ImageRecord, ImageRecord]

_NAMED = 10


@dataclass(frozen=True, slots=True)
class ImageSegments:
    """One image of both sides, decoded and compared; pixels are gone.

    Args:
        image_id: Of the image.
        overlaps: Segments of both sides and what they share.
        gt_captions: One a segment of `overlaps.gt`; None where the JSON has no such key.
        pred_captions: One a segment of `overlaps.pred`.
        scores: `(P,)` confidence of the predictions, 1 where the JSON has none.
        unscored: Predictions for which the JSON has no score.
        wrong_areas: Ground truths whose stated area is not that of the pixels.
        refused: Why the prediction was left out; None where it was used.
    """

    image_id: int
    overlaps: Overlaps
    gt_captions: tuple[str | None, ...]
    pred_captions: tuple[str | None, ...]
    scores: NDArray[np.float64]
    unscored: int = 0
    wrong_areas: int = 0
    refused: str | None = None


class EvaluationInputs:
    """Both sides of an evaluation, checked as a whole; made by `open_inputs`.

    Args:
        gt: Ground truth.
        pred: Predictions.
        image_ids: Images to score, in the order of the ground truth's annotations.
        missing: Images of these without a prediction.
        warnings: What is odd but does not hinder.
        allow_missing: Score images without a usable prediction as if nothing was predicted.
    """

    def __init__(
        self,
        gt: FileSource,
        pred: CocoPanopticSource,
        *,
        image_ids: Sequence[int],
        missing: Sequence[int],
        warnings: Sequence[str],
        allow_missing: bool,
    ) -> None:
        self.gt, self.pred = gt, pred
        self.image_ids = tuple(image_ids)
        self.missing = frozenset(missing)
        self.warnings = tuple(warnings)
        self._allow_missing = allow_missing

    @property
    def categories(self) -> Mapping[int, Category]:
        """The ground truth's categories by id."""
        return self.gt.categories

    def images(self, *, workers: int = 1, progress: Progress | None = None) -> Iterator[ImageSegments]:
        """Read all images, in order.

        Args:
            workers: Processes that decode and count, where the set is large enough to keep them busy.
            progress: Told after each image.

        Raises:
            ImageRefused: An image cannot be used; file, image and segment are named.
        """
        workers = max(1, min(workers, len(self.image_ids) // IMAGES_A_WORKER))
        records: deque[Records | None] = deque()
        maps = self._joined(records, workers)
        for done, image_id in enumerate(self.image_ids, start=1):
            joined = next(maps, None)
            yield self._image(image_id, records.popleft() if records else None, joined)
            if progress is not None:
                progress(done, len(self.image_ids))

    def _joined(self, records: deque[Records | None], workers: int) -> Iterator[JoinedMaps | None]:
        """Join the maps of all images; `records` gets the entries of those under way."""
        if not isinstance(self.gt, CocoPanopticSource):
            return iter(())
        names = self._names(records)
        return MapJoiner(self.gt.masks, self.pred.masks).join_all(names, workers=workers)

    def _names(self, records: deque[Records | None]) -> Iterator[MapNames]:
        for image_id in self.image_ids:
            if image_id in self.missing:
                records.append(None)
                yield MapNames(None, None)
            else:
                gt, pred = self.gt.record(image_id), self.pred.record(image_id)
                records.append((gt, pred))
                yield MapNames(gt.mask_name, pred.mask_name)

    def _image(self, image_id: int, records: Records | None, maps: JoinedMaps | None) -> ImageSegments:
        if maps is not None and records is not None:
            gt, pred = records
            if _fits(gt, maps, "gt") and _fits(pred, maps, "pred") and not _unusable(self.pred.name, pred):
                return _image_segments(image_id, maps.joint, gt.segments, pred.segments, None)
        return self._image_looked_at(image_id)

    def _image_looked_at(self, image_id: int) -> ImageSegments:
        gt_map = self.gt.panoptic(image_id).id_map
        predicted: tuple[SegmentRecord, ...] = ()
        joint, refused = None, None
        if image_id not in self.missing:
            try:
                predicted, joint = self._join_prediction(image_id, gt_map)
            except ImageRefused as fault:
                if not self._allow_missing:
                    raise
                refused = str(fault)
        joint = joint or joint_pixels(gt_map, np.zeros_like(gt_map))
        return _image_segments(image_id, joint, self.gt.record(image_id).segments, predicted, refused)

    def _join_prediction(self, image_id: int, gt_map: IdMap) -> tuple[tuple[SegmentRecord, ...], JointPixels]:
        record, id_map = self.pred.record(image_id), self.pred.panoptic(image_id).id_map
        if id_map.shape != gt_map.shape:
            height, width = gt_map.shape
            got = f"{id_map.shape[1]} x {id_map.shape[0]}"
            file = f"{self.pred.masks.name}/{record.mask_name}"
            expected = f"{width} x {height} as in the ground truth"
            raise refusal([Problem(file, Finding.MASK_SIZE, image_id, expected=expected, got=got)])
        unusable = _unusable(self.pred.name, record)
        if unusable:
            raise refusal(unusable)
        return record.segments, joint_pixels(gt_map, id_map)


def _fits(record: ImageRecord, maps: JoinedMaps, side: Literal["gt", "pred"]) -> bool:
    """Whether a JSON entry is sound and agrees with the pixels."""
    return (
        record.size_wh in (None, maps.size_wh)
        and not any(p.fatal for p in record.problems)
        and {s.info.segment_id for s in record.segments} == maps.joint.ids(side)
    )


def _unusable(file: str, record: ImageRecord) -> list[Problem]:
    """Values that a dataset may do without, but that decide the score of a prediction."""
    wrong = [p for p in record.problems if (p.expected or "").endswith(("`score`", "`description`"))]
    infinite = [s for s in record.segments if s.score is not None and not math.isfinite(s.score)]
    where = partial(Problem, file, Finding.WRONG_TYPE, record.image_id)
    return [replace(p, fatal=True) for p in wrong] + [
        where(s.info.segment_id, "a finite `score`", str(s.score)) for s in infinite
    ]


def _image_segments(
    image_id: int,
    joint: JointPixels,
    gt: Sequence[SegmentRecord],
    pred: Sequence[SegmentRecord],
    refused: str | None,
) -> ImageSegments:
    overlaps = overlaps_of(joint, map(_facts, gt), map(_facts, pred))
    return ImageSegments(
        image_id,
        overlaps,
        tuple(s.info.description for s in gt),
        tuple(s.info.description for s in pred),
        np.array([1.0 if s.score is None else s.score for s in pred], np.float64),
        unscored=sum(s.score is None for s in pred),
        wrong_areas=int((overlaps.gt.areas != overlaps.gt.declared_areas).sum()),
        refused=refused,
    )


def _facts(segment: SegmentRecord) -> SegmentFacts:
    info = segment.info
    return SegmentFacts(info.segment_id, info.category_id, info.is_crowd, segment.area)


def open_inputs(
    gt: Path,
    pred: Path,
    *,
    gt_masks: Path | None = None,
    pred_masks: Path | None = None,
    allow_missing: bool = False,
) -> EvaluationInputs:
    """Open both sides and check them as far as their JSONs tell.

    Args:
        gt: COCO panoptic JSON, dataset folder, or any other source that `open_source` knows.
        pred: COCO panoptic results (`images` and `categories` may be left out) or a dataset folder.
        gt_masks: Folder or zip of the PNGs; found beside the JSON where it has the JSON's name.
        pred_masks: The same for the predictions.
        allow_missing: Images without a usable prediction are no error.

    Raises:
        InputError: A file is missing or damaged, images stand twice, or images lack a prediction.
    """
    truth = open_source(gt, masks=gt_masks)
    _refuse_fatal(truth.name, truth.problems)
    json_path = pred / "panoptic.json" if pred.is_dir() else pred
    if pred.is_dir() and not json_path.is_file():
        raise InputError(
            f"{pred}: expected a folder of predictions with panoptic.json, found none; where"
            " `pix2cap predict` was stopped, the same command again goes on"
        )
    masks = pred_masks or masks_beside(json_path)
    guess = read_coco_panoptic(json_path, masks, name=pred.name, truth=truth)
    problems = [p for p in guess.problems if p.problem != Finding.NO_IMAGES]
    strangers = {p.image_id for p in problems if p.problem == Finding.ANNOTATION_WITHOUT_IMAGE}
    _refuse_fatal(guess.name, [p for p in problems if p.image_id not in strangers])
    ids = truth.annotated_ids if isinstance(truth, CocoPanopticSource) else list(truth.image_ids)
    if not ids:
        raise InputError(f"{truth.name}: expected annotated images to score against, got none")
    predicted = set(guess.annotated_ids)
    missing = [image_id for image_id in ids if image_id not in predicted]
    if missing and not allow_missing:
        raise InputError(
            f"{guess.name}: expected a prediction for each of {len(ids)} images, got none for"
            f" {_listed(missing)}; --allow-missing counts all their segments as false negatives"
        )
    warnings = [f"{p}; ids may have been renumbered" for p in problems if not p.fatal]
    warnings += _set_warnings(truth, ids, missing, sorted(predicted - set(ids)))
    return EvaluationInputs(
        truth, guess, image_ids=ids, missing=missing, warnings=warnings, allow_missing=allow_missing
    )


def _refuse_fatal(name: str, problems: Sequence[Problem]) -> None:
    fatal = [p for p in problems if p.fatal]
    if fatal:
        more = f"; and {len(fatal) - 1} more" if len(fatal) > 1 else ""
        raise InputError(f"{fatal[0]}{more}" if fatal[0].file == name else f"{name}: {fatal[0]}{more}", fatal)


def _set_warnings(
    truth: FileSource, ids: Sequence[int], missing: Sequence[int], extra: Sequence[int]
) -> Iterator[str]:
    unannotated = sorted(set(truth.image_ids) - set(ids))
    if unannotated:
        yield f"not scored: {_listed(unannotated)} of {truth.name}, which have no annotation"
    if extra:
        yield f"not scored: predictions for {_listed(extra)}, which {truth.name} does not annotate"
    if missing:
        yield f"without a prediction, so that all their segments are false negatives: {_listed(missing)}"


def _listed(image_ids: Sequence[int]) -> str:
    shown = ", ".join(map(str, image_ids[:_NAMED]))
    more = f" and {len(image_ids) - _NAMED} more" if len(image_ids) > _NAMED else ""
    return f"image{'' if len(image_ids) == 1 else 's'} {shown}{more}"
