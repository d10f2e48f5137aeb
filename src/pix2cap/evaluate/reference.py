"""Reference mode: what the released evaluator prints, quirk by quirk, and a list of these quirks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category
from pix2cap.evaluate.inputs import ImageSegments
from pix2cap.evaluate.panoptic_captioning_captions import SHOWN, PairCaptions, Told, score_pairs
from pix2cap.evaluate.panoptic_captioning_pairs import (
    MatchedImage,
    category_scores,
    common_warnings,
    image_counts,
    match_images,
    panoptic_scores,
    with_scores,
)
from pix2cap.evaluate.result import (
    CaptionQuality,
    CaptionScores,
    MapScores,
    PanopticCaptioningResult,
    threshold_key,
)
from pix2cap.metrics.dense_caption_map import (
    IOU_THRESHOLDS,
    Records,
    mean_average_precision,
    released_records,
)
from pix2cap.metrics.nltk_meteor import released_meteor
from pix2cap.metrics.panoptic_quality import PanopticCounts, Quality, panoptic_quality


def score_released(
    images: Sequence[ImageSegments],
    categories: Mapping[int, Category],
    metrics: Sequence[str],
    *,
    shards: int = 1,
    on_progress: Told | None = None,
    processes: int | None = None,
) -> PanopticCaptioningResult:
    """Score a set as the released evaluator does.

    Args:
        images: In the order of the ground truth's annotations, on which shards and mAP depend.
        categories: All categories by id.
        metrics: Caption metrics as `caption_suite` has them.
        shards: Processes of the released evaluator: the images are cut into so many parts, and a part in
            which no pair with captions matched is lost with its counts.
        on_progress: Told as slow metrics go on.
        processes: Processes that slow metrics may use.
    """
    matched = match_images(images, gt_areas="json", crowds="last")
    kept, lost = _surviving(matched, shards)
    counts = PanopticCounts.total(one.counts for one in kept)
    quality = panoptic_quality(counts, categories)
    pairs = [pair for one in kept for pair in one.pairs(captioned_only=True)]
    captions = score_pairs(pairs, metrics, on_progress=on_progress, processes=processes)
    segments = counts.tp + counts.fp + counts.fn
    scored = with_scores(pairs, captions.per_pair)
    printed = {c: Quality(q.pq or 0.0, q.sq or 0.0, q.rq or 0.0) for c, q in quality.per_category.items()}
    reasons = {k: v for k, v in captions.missing.items() if k != "meteor"}
    return PanopticCaptioningResult(
        "reference",
        len(matched),
        counts.tp,
        counts.fp,
        counts.fn,
        panoptic_scores(quality),
        _caption_scores(captions, len(pairs) / segments if segments else 0.0),
        _released_map(matched),
        CaptionQuality(),
        category_scores(printed, counts, categories, scored),
        warnings=tuple(common_warnings(matched)),
        missing=reasons | {"caption_pq": "the released evaluator has none"},
        quirks=tuple(_quirks(matched, lost, shards)),
        pairs=scored,
        per_image=image_counts(kept),
    )


def _surviving(
    matched: Sequence[MatchedImage], shards: int
) -> tuple[list[MatchedImage], list[list[MatchedImage]]]:
    """The images of shards with a captioned match, and the shards without."""
    parts = [[matched[row] for row in rows] for rows in np.array_split(np.arange(len(matched)), shards)]
    has_pair = [any(one.is_captioned for one in part) for part in parts]
    kept = [one for part, has in zip(parts, has_pair, strict=True) if has for one in part]
    return kept, [part for part, has in zip(parts, has_pair, strict=True) if part and not has]


def _caption_scores(captions: PairCaptions, factor: float) -> CaptionScores:
    """Times n / (TP + FP + FN); METEOR is the 0 that stands in the released code."""
    values = {name: captions.corpus.get(name) for name in SHOWN}
    scaled = {name: None if value is None else value * factor for name, value in values.items()}
    return CaptionScores(**(scaled | {"meteor": 0.0}))


def _released_map(matched: Sequence[MatchedImage]) -> MapScores:
    records = Records.joined(
        released_records(one.image.image_id, one.image.overlaps, gt_areas="json") for one in matched
    )
    gt, pred = _captions_by_id(matched)
    columns = records.image_ids, records.gt_ids, records.pred_ids
    keys = list(zip(*(column.tolist() for column in columns), strict=True))
    spoken = np.array([pred[image_id, pred_id] != "" for image_id, _, pred_id in keys], np.bool_)
    meteor = np.zeros(len(records))
    for row in np.flatnonzero(spoken & (records.iou >= IOU_THRESHOLDS[0])).tolist():
        image_id, gt_id, pred_id = keys[row]
        meteor[row] = released_meteor(gt[image_id, gt_id].split(), pred[image_id, pred_id])
    npos = sum(len(one.image.overlaps.gt) for one in matched)
    found = mean_average_precision(records.iou, meteor, spoken, npos)
    by_threshold = {threshold_key(t, s): value for (t, s), value in found.by_threshold.items()}
    return MapScores(found.map, found.detection_map, by_threshold)


def _captions_by_id(
    matched: Sequence[MatchedImage],
) -> tuple[dict[tuple[int, int], str], dict[tuple[int, int], str]]:
    def side(ids: NDArray[np.int64], captions: Sequence[str | None]) -> Iterator[tuple[int, str]]:
        return ((i, caption or "") for i, caption in zip(ids.tolist(), captions, strict=True))

    gt: dict[tuple[int, int], str] = {}
    pred: dict[tuple[int, int], str] = {}
    for one in matched:
        image = one.image
        gt |= {(image.image_id, i): text for i, text in side(image.overlaps.gt.ids, image.gt_captions)}
        pred |= {(image.image_id, i): text for i, text in side(image.overlaps.pred.ids, image.pred_captions)}
    return gt, pred


def _quirks(
    matched: Sequence[MatchedImage], lost: Sequence[list[MatchedImage]], shards: int
) -> Iterator[str]:
    yield "METEOR is hard-wired to 0, and the released table (not this one) swaps ROUGE and SPICE"
    yield "caption scores are times matched pairs / (TP + FP + FN)"
    yield "CIDEr's document frequencies and BLEU's lengths are of the matched pairs alone"
    yield "mAP: nltk's METEOR, the ground truth as candidate, each character of the prediction as reference"
    yield "mAP: records are in file order, unranked by score and not one to one; crowd counts as to be found"
    yield "mAP: a prediction that meets no ground truth of its class is no false positive"
    wrong = sum(one.image.wrong_areas for one in matched)
    if wrong:
        yield f"areas of the ground truth are those of the JSON, of which {wrong} are not those of the pixels"
    if lost:
        images = sum(map(len, lost))
        segments = sum(one.counts.fp + one.counts.fn for part in lost for one in part)
        yield (
            f"{len(lost)} of {shards} shards matched no captioned pair and were dropped, with {images} images"
            f" and their {segments} false positives and negatives"
        )
