from __future__ import annotations

import json
from pathlib import Path

import pytest

from pix2cap.metrics.caption_pq import CaptionPq, caption_pq
from pix2cap.metrics.matching import find_overlaps
from pix2cap.metrics.panoptic_quality import PanopticCounts, count_matches, match_panoptic
from tests.metrics.maps import read_side


def test_misses_weigh_half() -> None:
    found = caption_pq([1, 1, 2], [0.8, 0.6, 1.0], [0.5, 1.0, 0.25], [(2, 1, 1), (3, 0, 2)])
    assert found.cap_pq_micro == pytest.approx((0.4 + 0.6 + 0.25) / (3 + 1 + 1))
    assert found.cap_f1_micro == pytest.approx((0.5 + 1.0 + 0.25) / 5)
    assert found.cap_pq_macro == pytest.approx((0.5 + 0.125 + 0.0) / 3)


def test_nothing_found_and_nothing_to_find_score_zero() -> None:
    assert caption_pq([], [], [], []) == CaptionPq(0.0, 0.0, 0.0)
    assert caption_pq([], [], [], [(1, 0, 0)]) == CaptionPq(0.0, 0.0, 0.0)
    assert caption_pq([], [], [], [(1, 3, 2)]) == CaptionPq(0.0, 0.0, 0.0)


def test_perfect_captions_give_panoptic_quality_itself() -> None:
    found = caption_pq([4], [0.9], [1.0], [(4, 1, 0)])
    assert found.cap_pq_micro == found.cap_pq_macro == pytest.approx(0.9 / 1.5)


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        caption_pq([1], [0.5], [], [])


@pytest.mark.parametrize("name", ["sample2", "n20", "real60"])
@pytest.mark.parametrize("metric", ["meteor15", "rouge_l"])
def test_golden_sets(golden: Path, name: str, metric: str) -> None:
    expected = json.loads((golden / f"{name}_corrected.json").read_text())
    gt, pred = read_side(golden / name, "gt"), read_side(golden / name, "pred")
    categories, ious, scores, counts = [], [], [], PanopticCounts()
    for image_id, pan in gt.items():
        overlaps = find_overlaps(pan, pred[image_id])
        matches = match_panoptic(overlaps)
        counts += count_matches(overlaps, matches)
        ious += matches.iou.tolist()
        categories += overlaps.gt.category_ids[matches.gt_index].tolist()
        ids = zip(
            overlaps.gt.ids[matches.gt_index].tolist(),
            overlaps.pred.ids[matches.pred_index].tolist(),
            strict=True,
        )
        scores += [expected[f"pair_{metric}"][f"{image_id}_{g}_{p}"] for g, p in ids]
    found = caption_pq(categories, ious, scores, [(c, v.fp, v.fn) for c, v in counts.by_category.items()])
    wanted = expected[f"caption_pq_{metric}"]
    assert found.cap_pq_micro == pytest.approx(wanted["cap_pq_micro"], abs=1e-9)
    assert found.cap_f1_micro == pytest.approx(wanted["cap_f1_micro"], abs=1e-9)
    assert found.cap_pq_macro == pytest.approx(wanted["cap_pq_macro"], abs=1e-9)
    assert [counts.tp, counts.fp, counts.fn] == expected["tp_fp_fn"]
