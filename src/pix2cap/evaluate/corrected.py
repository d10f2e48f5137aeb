"""Corrected mode: areas from the pixels, one-to-one matching by confidence, METEOR 1.5, crowd left out.

Nothing depends on the order of the files: images are taken by id, pairs and records by their ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category
from pix2cap.errors import InputError
from pix2cap.evaluate.corrected_intervals import CorrectedParts, corrected_intervals
from pix2cap.evaluate.inputs import ImageSegments
from pix2cap.evaluate.panoptic_captioning_captions import (
    PairCaptions,
    Told,
    meteor_of_parts,
    meteor_parts,
    open_meteor,
    score_pairs,
)
from pix2cap.evaluate.panoptic_captioning_pairs import (
    MatchedImage,
    PairKey,
    category_scores,
    common_warnings,
    image_counts,
    key_of,
    match_images,
    panoptic_scores,
    with_scores,
)
from pix2cap.evaluate.result import (
    CaptionQuality,
    MapsByClass,
    MapScores,
    MatchedPair,
    PanopticCaptioningResult,
    threshold_key,
)
from pix2cap.metrics.caption_pq import caption_pq
from pix2cap.metrics.dense_caption_map import (
    IOU_THRESHOLDS,
    Records,
    corrected_records,
    mean_average_precision,
)
from pix2cap.metrics.panoptic_quality import PanopticCounts, panoptic_quality

_NAMED = 5


@dataclass(frozen=True)
class CaptionOptions:
    """How captions are scored.

    Args:
        metrics: Names as `caption_suite` has them.
        meteor_pairs: METEOR of pairs that was computed elsewhere, in place of ours pair by pair.
        on_progress: Told as slow metrics go on.
        processes: Processes that slow metrics may use.
    """

    metrics: Sequence[str]
    meteor_pairs: Mapping[PairKey, float] | None = None
    on_progress: Told | None = None
    processes: int | None = None


def score_corrected(
    images: Sequence[ImageSegments],
    categories: Mapping[int, Category],
    options: CaptionOptions,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> PanopticCaptioningResult:
    """Score a set in corrected mode.

    Args:
        images: All images, in any order.
        categories: All categories by id.
        options: Of the captions.
        resamples: Of the bootstrap; 0 for no intervals.
        seed: Of the bootstrap.

    Raises:
        InputError: `meteor_pairs` lacks a pair that is needed.
    """
    matched = match_images(sorted(images, key=lambda image: image.image_id))
    counts = PanopticCounts.total(one.counts for one in matched)
    quality = panoptic_quality(counts, categories)
    pairs = [pair for one in matched for pair in one.pairs()]
    captions = score_pairs(
        pairs,
        options.metrics,
        idf_captions=[text for one in matched for text in one.image.gt_captions if text],
        on_progress=options.on_progress,
        processes=options.processes,
    )
    meteor = _Meteor(matched, options)
    captions = meteor.complete(captions, pairs, asked="meteor" in options.metrics)
    records = {kind: _records(matched, class_aware=kind == "class_aware") for kind in _KINDS}
    of_records = {kind: meteor.of_records(found) for kind, found in records.items()}
    parts = CorrectedParts(matched, pairs, captions, records, of_records, meteor.parts(pairs))
    scored = with_scores(pairs, captions.per_pair)
    result = PanopticCaptioningResult(
        "corrected",
        len(matched),
        counts.tp,
        counts.fp,
        counts.fn,
        panoptic_scores(quality),
        captions.scores(),
        MapsByClass(**{k: meteor.map_of(r, of_records[k], _npos(matched)) for k, r in records.items()}),
        _caption_quality(pairs, captions, counts),
        category_scores(quality.per_category, counts, categories, scored),
        warnings=tuple(_warnings(matched)),
        missing=captions.missing | meteor.missing,
        pairs=scored,
        per_image=image_counts(matched),
    )
    return replace(result, intervals=corrected_intervals(result, parts, categories, resamples, seed))


_KINDS = ("class_aware", "class_agnostic")


def _records(matched: Sequence[MatchedImage], *, class_aware: bool) -> Records:
    parts = (
        corrected_records(one.image.image_id, one.image.overlaps, one.image.scores, class_aware=class_aware)
        for one in matched
    )
    return Records.joined(parts).ranked()


def _npos(matched: Sequence[MatchedImage]) -> int:
    return sum(int((~one.image.overlaps.gt.is_crowd).sum()) for one in matched)


class _Meteor:
    """METEOR 1.5 of any pair of this set: ours, or what was computed elsewhere."""

    def __init__(self, matched: Sequence[MatchedImage], options: CaptionOptions) -> None:
        self._given = options.meteor_pairs
        opened = open_meteor()
        self._meteor = None if isinstance(opened, str) else opened
        self.unavailable = opened if isinstance(opened, str) else None
        self._gt = {
            (one.image.image_id, segment_id): caption or ""
            for one in matched
            for segment_id, caption in zip(
                one.image.overlaps.gt.ids.tolist(), one.image.gt_captions, strict=True
            )
        }
        self._pred = {
            (one.image.image_id, segment_id): caption or ""
            for one in matched
            for segment_id, caption in zip(
                one.image.overlaps.pred.ids.tolist(), one.image.pred_captions, strict=True
            )
        }

    @property
    def reason(self) -> str | None:
        """Why pairs have no METEOR; None where they have."""
        return None if self._given is not None else self.unavailable

    @property
    def missing(self) -> dict[str, str]:
        """The scores that rest on METEOR of pairs, to the reason why they are missing."""
        return {} if self.reason is None else dict.fromkeys(("map", "caption_pq.meteor"), self.reason)

    def score(self, key: PairKey) -> float:
        """Of one pair."""
        image_id, gt_id, pred_id = key
        if self._given is not None:
            if key not in self._given:
                pair = "_".join(map(str, key))
                raise InputError(
                    f"METEOR of pairs: expected a score for {pair} (image_gt_prediction), got none"
                )
            return float(self._given[key])
        assert self._meteor is not None
        return self._meteor.score(self._pred[image_id, pred_id], self._gt[image_id, gt_id])

    def of_records(self, records: Records) -> NDArray[np.float64]:
        """`(R,)`: 0 for records that no threshold on IoU lets through, which are not looked at."""
        found = np.zeros(len(records))
        if self.reason is None:
            for row in np.flatnonzero(records.took & (records.iou >= IOU_THRESHOLDS[0])).tolist():
                key = records.image_ids[row], records.gt_ids[row], records.pred_ids[row]
                found[row] = self.score((int(key[0]), int(key[1]), int(key[2])))
        return found

    def map_of(self, records: Records, scores: NDArray[np.float64], npos: int) -> MapScores:
        """One kind of corrected mAP, from records and their METEOR."""
        found = mean_average_precision(records.iou, scores, records.took, npos)
        if self.reason is not None:
            return MapScores(None, found.detection_map)
        by_threshold = {threshold_key(t, s): value for (t, s), value in found.by_threshold.items()}
        return MapScores(found.map, found.detection_map, by_threshold)

    def parts(self, pairs: Sequence[MatchedPair]) -> NDArray[np.int64] | None:
        """`(N, 21)` parts of the corpus score; None without our METEOR."""
        if self._meteor is None:
            return None
        return meteor_parts([self._meteor.statistics(p.pred_caption, p.gt_caption) for p in pairs])

    def complete(self, captions: PairCaptions, pairs: Sequence[MatchedPair], *, asked: bool) -> PairCaptions:
        """Add METEOR to the other caption scores."""
        missing, corpus, per_pair = dict(captions.missing), dict(captions.corpus), dict(captions.per_pair)
        if self.reason is None and pairs:
            per_pair["meteor"] = np.array([self.score(key_of(pair)) for pair in pairs])
        parts = self.parts(pairs)
        if asked and pairs and parts is not None:
            corpus["meteor"] = meteor_of_parts(parts.sum(axis=0).tolist())
        elif asked and self.unavailable is not None:
            missing["meteor"] = self.unavailable
        return replace(captions, corpus=corpus, per_pair=per_pair, missing=missing)


def _caption_quality(
    pairs: Sequence[MatchedPair], captions: PairCaptions, counts: PanopticCounts
) -> CaptionQuality:
    unmatched = [(c, v.fp, v.fn) for c, v in counts.by_category.items()]
    columns = [p.category_id for p in pairs], [p.iou for p in pairs]

    def micro(name: str) -> float | None:
        if not pairs:
            return 0.0
        if name not in captions.per_pair:
            return None
        scores = captions.per_pair[name].tolist()
        return caption_pq(*columns, scores, unmatched).cap_pq_micro

    return CaptionQuality(micro("meteor"), micro("rouge_l"))


def _warnings(matched: Sequence[MatchedImage]) -> Iterator[str]:
    yield from common_warnings(matched)
    wrong = sum(one.image.wrong_areas for one in matched)
    if wrong:
        images = [one.image.image_id for one in matched if one.image.wrong_areas]
        more = "" if len(images) <= _NAMED else f" and {len(images) - _NAMED} more"
        yield (
            f"{wrong} ground-truth segments state an area that is not theirs (counted pixels are used): "
            f"image{'' if len(images) == 1 else 's'} {', '.join(map(str, images[:_NAMED]))}{more}"
        )
