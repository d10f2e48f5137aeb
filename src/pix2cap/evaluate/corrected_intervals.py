"""Bootstrap intervals of every headline score of corrected mode.

These get one: `panoptic.{all,things,stuff}.{pq,sq,rq}`, every computed `captions.*`, `map.*.map`,
`map.*.detection_map` and `caption_pq.*`. Single thresholds and categories get none. CIDEr's document
frequencies are those of the whole ground truth in every resample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Category
from pix2cap.evaluate.panoptic_captioning_captions import PairCaptions, meteor_of_parts
from pix2cap.evaluate.panoptic_captioning_pairs import MatchedImage
from pix2cap.evaluate.result import Interval, MatchedPair, PanopticCaptioningResult
from pix2cap.metrics.bleu import NAMES as BLEU_NAMES
from pix2cap.metrics.bleu import BleuItems, bleu_items
from pix2cap.metrics.bootstrap import (
    Resamples,
    panoptic_resamples,
    percentile_interval,
    precision_resamples,
    ratios,
)
from pix2cap.metrics.dense_caption_map import IOU_THRESHOLDS, Records, threshold_rows
from pix2cap.metrics.ngrams import index_ngrams

Array = NDArray[np.float64]
_Sums = Callable[[NDArray[np.number]], Array]


@dataclass(frozen=True)
class CorrectedParts:
    """What a resample adds up again.

    Args:
        matched: Images by ascending id.
        pairs: N matched pairs.
        captions: Their scores.
        records: `class_aware` and `class_agnostic` to ranked records.
        record_meteor: The same to their METEOR.
        meteor: `(N, 21)` parts of METEOR's corpus score; None where it is missing.
    """

    matched: Sequence[MatchedImage]
    pairs: Sequence[MatchedPair]
    captions: PairCaptions
    records: Mapping[str, Records]
    record_meteor: Mapping[str, Array]
    meteor: NDArray[np.int64] | None


def corrected_intervals(
    result: PanopticCaptioningResult,
    parts: CorrectedParts,
    categories: Mapping[int, Category],
    n_resamples: int,
    seed: int,
) -> dict[str, Interval]:
    """95 % intervals by path, for the scores that the result has.

    Args:
        result: The point estimates.
        parts: What they were computed from.
        categories: All categories by id.
        n_resamples: Of the bootstrap; with 0, or with one image, there are no intervals.
        seed: Of the bootstrap.
    """
    if n_resamples < 1 or len(parts.matched) < 2:
        return {}
    resamples = Resamples.draw(len(parts.matched), n_resamples, seed)
    found = {}
    for path, values in _all_values(resamples, parts, categories):
        interval, value = percentile_interval(values), result.value(path)
        if interval is not None and value is not None:
            # Rare categories vanish from resamples of small sets: means over categories may all lie below.
            found[path] = Interval(min(interval[0], value), max(interval[1], value))
    return found


def _all_values(
    resamples: Resamples, parts: CorrectedParts, categories: Mapping[int, Category]
) -> Iterator[tuple[str, Array]]:
    image_row = {one.image.image_id: row for row, one in enumerate(parts.matched)}
    yield from _panoptic_values(resamples, parts.matched, categories)
    pair_rows = np.array([image_row[pair.image_id] for pair in parts.pairs], np.int64)
    yield from _caption_values(resamples, parts, pair_rows)
    for kind, records in parts.records.items():
        yield from _map_values(resamples, parts, kind, records, image_row)


def _panoptic_values(
    resamples: Resamples, matched: Sequence[MatchedImage], categories: Mapping[int, Category]
) -> Iterator[tuple[str, Array]]:
    columns = {category_id: column for column, category_id in enumerate(sorted(categories))}
    table = np.zeros((4, len(matched), len(columns)))
    for row, one in enumerate(matched):
        for category_id, counts in one.counts.by_category.items():
            table[:, row, columns[category_id]] = counts.iou_sum, counts.tp, counts.fp, counts.fn
    things = np.array([categories[category_id].is_thing for category_id in columns], np.bool_)
    groups = {"all": np.ones_like(things), "things": things, "stuff": ~things}
    for name, values in panoptic_resamples(resamples, table[0], table[1], table[2], table[3], groups).items():
        yield f"panoptic.{name}", values


def _by_image(values: NDArray[np.number], rows: NDArray[np.int64], n_images: int) -> Array:
    """`(N, K)` values of pairs to their `(I, K)` sums by image."""
    sums = np.zeros((n_images, values.shape[1]))
    np.add.at(sums, rows, values)
    return sums


def _caption_values(
    resamples: Resamples, parts: CorrectedParts, rows: NDArray[np.int64]
) -> Iterator[tuple[str, Array]]:
    n_images, captions = len(parts.matched), parts.captions

    def sums(values: NDArray[np.number]) -> Array:
        return resamples.sums(_by_image(values, rows, n_images))

    count = sums(np.ones((len(rows), 1)))[:, 0]
    for name in ("rouge_l", "cider", "spice", "spice_sg"):
        if name in captions.per_pair:
            yield f"captions.{name}", ratios(sums(captions.per_pair[name][:, None])[:, 0], count)
    if captions.corpus.get("meteor") is not None and parts.meteor is not None:
        scores = np.array([meteor_of_parts(row) for row in sums(parts.meteor).tolist()])
        yield "captions.meteor", np.where(count > 0, scores, np.nan)
    if captions.corpus.get("bleu_1") is not None:
        bleu = _bleu_scores(parts, sums)
        for column, name in enumerate(BLEU_NAMES):
            yield f"captions.{name}", np.where(count > 0, bleu[:, column], np.nan)
    whole = [[one.counts.tp + one.counts.fp / 2 + one.counts.fn / 2] for one in parts.matched]
    denominators = resamples.sums(np.array(whole))[:, 0]
    iou = np.array([pair.iou for pair in parts.pairs])
    for name in ("meteor", "rouge_l"):
        if name in captions.per_pair:
            weighted = (captions.per_pair[name] * iou)[:, None]
            yield f"caption_pq.{name}", ratios(sums(weighted)[:, 0], denominators)


def _bleu_scores(parts: CorrectedParts, sums: _Sums) -> Array:
    tokens = parts.captions.tokens
    candidates = [tokens[pair.pred_caption] for pair in parts.pairs]
    items = bleu_items(index_ngrams(candidates, [[tokens[pair.gt_caption]] for pair in parts.pairs]))
    lengths = np.stack((items.candidate_lengths, items.reference_lengths), axis=1)
    whole = np.rint(sums(np.concatenate((lengths, items.correct, items.guessed), axis=1))).astype(np.int64)
    return BleuItems(whole[:, 0], whole[:, 1], whole[:, 2:6], whole[:, 6:10]).scores()


def _map_values(
    resamples: Resamples,
    parts: CorrectedParts,
    kind: str,
    records: Records,
    image_row: Mapping[int, int],
) -> Iterator[tuple[str, Array]]:
    npos = np.array([(~one.image.overlaps.gt.is_crowd).sum() for one in parts.matched], np.float64)
    rows = np.array([image_row[image_id] for image_id in records.image_ids.tolist()], np.int64)
    true_rows = threshold_rows(records.iou, parts.record_meteor[kind], records.took)
    values = precision_resamples(resamples, rows, true_rows, npos)
    located = len(IOU_THRESHOLDS)
    yield f"map.{kind}.detection_map", values[:, :located].mean(axis=1)
    yield f"map.{kind}.map", values[:, located:].mean(axis=1)
