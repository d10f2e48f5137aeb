"""From compared images to matched pairs, counts and the panoptic part of a result: what both modes share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category
from pix2cap.evaluate.inputs import ImageSegments
from pix2cap.evaluate.result import (
    CategoryScores,
    Counts,
    ImageCounts,
    MatchedPair,
    PanopticScores,
    Quality,
)
from pix2cap.metrics.matching import Areas, Crowds
from pix2cap.metrics.panoptic_quality import (
    CategoryCounts,
    GroupQuality,
    PanopticCounts,
    PanopticMatches,
    PanopticQuality,
    count_matches,
    match_panoptic,
)
from pix2cap.metrics.panoptic_quality import Quality as CategoryQuality

PairKey = tuple[int, int, int]
"""Image id, ground truth's segment id, prediction's segment id."""


@dataclass(frozen=True, slots=True)
class MatchedImage:
    """One image, matched and counted."""

    image: ImageSegments
    matches: PanopticMatches
    counts: PanopticCounts

    @property
    def is_captioned(self) -> bool:
        """Whether any matched pair has a caption, if an empty one, on both sides."""
        gt, pred = self.image.gt_captions, self.image.pred_captions
        rows = zip(self.matches.gt_index.tolist(), self.matches.pred_index.tolist(), strict=True)
        return any(gt[g] is not None and pred[p] is not None for g, p in rows)

    def pairs(self, *, captioned_only: bool = False) -> Iterator[MatchedPair]:
        """The matched pairs, by ascending segment id of the ground truth, then of the prediction."""
        image, overlaps = self.image, self.image.overlaps
        for g, p, iou in zip(
            self.matches.gt_index.tolist(),
            self.matches.pred_index.tolist(),
            self.matches.iou.tolist(),
            strict=True,
        ):
            gt_caption, pred_caption = image.gt_captions[g], image.pred_captions[p]
            if captioned_only and (gt_caption is None or pred_caption is None):
                continue
            yield MatchedPair(
                image.image_id,
                int(overlaps.gt.ids[g]),
                int(overlaps.pred.ids[p]),
                int(overlaps.gt.category_ids[g]),
                iou,
                gt_caption or "",
                pred_caption or "",
            )


def match_images(
    images: Iterable[ImageSegments], *, gt_areas: Areas = "png", crowds: Crowds = "all"
) -> list[MatchedImage]:
    """Match and count every image."""
    found = []
    for image in images:
        matches = match_panoptic(image.overlaps, gt_areas=gt_areas, crowds=crowds)
        found.append(MatchedImage(image, matches, count_matches(image.overlaps, matches)))
    return found


def key_of(pair: MatchedPair) -> PairKey:
    """The key of a pair."""
    return pair.image_id, pair.gt_segment_id, pair.pred_segment_id


def with_scores(
    pairs: Sequence[MatchedPair], scores: Mapping[str, NDArray[np.float64]]
) -> tuple[MatchedPair, ...]:
    """The pairs with the score of each metric."""
    return tuple(
        replace(pair, scores={name: float(values[row]) for name, values in scores.items()})
        for row, pair in enumerate(pairs)
    )


def panoptic_scores(quality: PanopticQuality) -> PanopticScores:
    """Panoptic quality as a result holds it."""

    def group(found: GroupQuality) -> Quality:
        return Quality(found.pq, found.sq, found.rq, found.categories)

    return PanopticScores(group(quality.all), group(quality.things), group(quality.stuff))


def category_scores(
    quality: Mapping[int, CategoryQuality],
    counts: PanopticCounts,
    categories: Mapping[int, Category],
    pairs: Sequence[MatchedPair],
) -> dict[int, CategoryScores]:
    """Every category's scores, by ascending id; captions are means over its matched pairs."""
    by_category: dict[int, list[MatchedPair]] = {}
    for pair in pairs:
        by_category.setdefault(pair.category_id, []).append(pair)
    found = {}
    for category_id in sorted(categories):
        one, count = quality[category_id], counts.by_category.get(category_id, CategoryCounts())
        category = categories[category_id]
        found[category_id] = CategoryScores(
            category.name,
            category.is_thing,
            one.pq,
            one.sq,
            one.rq,
            count.tp,
            count.fp,
            count.fn,
            count.iou_sum,
            _mean_scores(by_category.get(category_id, [])),
        )
    return found


def _mean_scores(pairs: Sequence[MatchedPair]) -> dict[str, float | None]:
    names = pairs[0].scores if pairs else ()
    values = {name: [v for pair in pairs if (v := pair.scores[name]) is not None] for name in names}
    return {name: fmean(found) if found else None for name, found in values.items()}


def image_counts(matched: Iterable[MatchedImage]) -> tuple[ImageCounts, ...]:
    """Counts by image, as paired comparisons need them."""
    return tuple(
        ImageCounts(
            one.image.image_id,
            {
                category_id: Counts(counts.tp, counts.fp, counts.fn, counts.iou_sum)
                for category_id, counts in one.counts.by_category.items()
            },
        )
        for one in matched
    )


def common_warnings(matched: Sequence[MatchedImage]) -> Iterator[str]:
    """What a reader should know of either mode's input."""
    for one in matched:
        if one.image.refused is not None:
            yield f"image {one.image.image_id} counts as not predicted: {one.image.refused}"
    predicted = sum(len(one.image.overlaps.pred) for one in matched)
    unscored = sum(one.image.unscored for one in matched)
    if unscored == predicted and predicted:
        yield "no predicted segment has a score: all count as 1, and records go by image and segment id"
    elif unscored:
        yield f"{unscored} of {predicted} predicted segments have no score; they count as 1"
    silent = sum(caption is None for one in matched for caption in one.image.pred_captions)
    if silent:
        yield f"{silent} of {predicted} predicted segments have no caption"
    untold = sum(
        not caption and not crowd
        for one in matched
        for caption, crowd in zip(one.image.gt_captions, one.image.overlaps.gt.is_crowd.tolist(), strict=True)
    )
    if untold:
        told = int(np.sum([(~one.image.overlaps.gt.is_crowd).sum() for one in matched]))
        yield f"{untold} of {told} ground-truth segments have no caption; captions matched to them score 0"
