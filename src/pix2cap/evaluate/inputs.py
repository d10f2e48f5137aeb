"""Ground truth and predictions, image by image, as what the metrics need of them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category, Problem
from pix2cap.errors import ImageRefused, InputError
from pix2cap.formats.coco_panoptic import CocoPanopticSource, read_coco_panoptic
from pix2cap.formats.file_places import EscapeError
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.findings import Finding, refusal
from pix2cap.formats.open_source import masks_beside, open_source
from pix2cap.formats.png import PngError, decode_id_png
from pix2cap.formats.records import ImageRecord, SegmentRecord
from pix2cap.metrics.matching import JointPixels, Overlaps, SegmentFacts, joint_pixels, overlaps_of

IdMap = NDArray[np.uint32]
Progress = Callable[[int, int], None]
"""Called with the images done and all images."""

_NAMED = 10
_AHEAD = 4
"""Images decoded ahead of each worker: memory does not grow with the set."""


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
        """Read all images, in order; threads serve, as decoding and counting release the interpreter.

        Args:
            workers: Threads that decode and count.
            progress: Told after each image.

        Raises:
            ImageRefused: An image cannot be used; file, image and segment are named.
        """
        for done, image in enumerate(self._read_all(max(1, workers)), start=1):
            if progress is not None:
                progress(done, len(self.image_ids))
            yield image

    def _read_all(self, workers: int) -> Iterator[ImageSegments]:
        if workers == 1:
            yield from map(self.image, self.image_ids)
            return
        with ThreadPoolExecutor(workers, thread_name_prefix="score") as pool:
            waiting: deque[Future[ImageSegments]] = deque()
            for image_id in self.image_ids:
                if len(waiting) >= workers * _AHEAD:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(self.image, image_id))
            while waiting:
                yield waiting.popleft().result()

    def image(self, image_id: int) -> ImageSegments:
        """Read one image.

        Raises:
            ImageRefused: Map and JSON of a side disagree, or the sides differ in size.
        """
        gt_record, gt_map = _read_side(self.gt, image_id)
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
        _check_ids(self.gt, image_id, gt_record.segments, joint.ids("gt"))
        return _image_segments(image_id, joint, gt_record.segments, predicted, refused)

    def _join_prediction(self, image_id: int, gt_map: IdMap) -> tuple[tuple[SegmentRecord, ...], JointPixels]:
        record, id_map = _read_side(self.pred, image_id)
        if id_map.shape != gt_map.shape:
            height, width = gt_map.shape
            got = f"{id_map.shape[1]} x {id_map.shape[0]}"
            file = f"{self.pred.masks.name}/{record.mask_name}"
            expected = f"{width} x {height} as in the ground truth"
            raise refusal([Problem(file, Finding.MASK_SIZE, image_id, expected=expected, got=got)])
        unusable = [p for p in record.problems if (p.expected or "").endswith(("`score`", "`description`"))]
        infinite = [s for s in record.segments if s.score is not None and not math.isfinite(s.score)]
        where = partial(Problem, self.pred.name, Finding.WRONG_TYPE, image_id)
        unusable += [where(s.info.segment_id, "a finite `score`", str(s.score)) for s in infinite]
        if unusable:
            raise refusal([replace(p, fatal=True) for p in unusable])
        joint = joint_pixels(gt_map, id_map)
        _check_ids(self.pred, image_id, record.segments, joint.ids("pred"))
        return record.segments, joint


def _read_side(source: FileSource, image_id: int) -> tuple[ImageRecord, IdMap]:
    """One side's checked entry and its map; whether both agree is seen when they are compared."""
    record = source.record(image_id)
    if any(p.fatal for p in record.problems):
        raise refusal(record.problems, image_id)
    if isinstance(source, CocoPanopticSource) and record.mask_name is not None:
        try:
            id_map = decode_id_png(source.masks.read(record.mask_name))
        except (OSError, EscapeError, PngError, TypeError, OverflowError):
            pass  # The slow way below tells what is wrong, in full.
        else:
            if record.size_wh in (None, id_map.shape[::-1]):
                return record, id_map
    return record, source.panoptic(image_id).id_map


def _check_ids(
    source: FileSource, image_id: int, segments: Sequence[SegmentRecord], in_pixels: set[int]
) -> None:
    if {s.info.segment_id for s in segments} != in_pixels:
        source.panoptic(image_id)  # Raises, naming every id that stands on one side only.


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
    is_folder = pred.is_dir() and (pred / "panoptic.json").is_file()
    json_path = pred / "panoptic.json" if is_folder else pred
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
