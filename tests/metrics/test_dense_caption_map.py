from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.core import PanopticMap
from pix2cap.metrics.dense_caption_map import (
    AveragePrecision,
    Records,
    average_precision,
    corrected_records,
    mean_average_precision,
    released_records,
)
from pix2cap.metrics.matching import find_overlaps
from tests.metrics.maps import panoptic, panoptic_maps, read_side

Row = tuple[int, int, float, bool]


def rows_of(records: Records) -> list[Row]:
    """`(prediction, ground truth, IoU, took it)` of each record."""
    columns = (records.pred_ids, records.gt_ids, records.iou, records.took)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def naive_average_precision(is_true: list[bool], npos: int) -> float:
    points = []
    for k in range(101):
        best = 0.0
        for end in range(1, len(is_true) + 1):
            found = sum(is_true[:end])
            if npos and found / npos >= np.linspace(0, 1, 101)[k]:
                best = max(best, found / end)
        points.append(best)
    return sum(points) / 101


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 12))
def test_average_precision_is_that_of_the_definition(is_true: list[bool], missed: int) -> None:
    npos = sum(is_true) + missed
    assert average_precision(np.flatnonzero(is_true), npos) == pytest.approx(
        naive_average_precision(is_true, npos), abs=1e-12
    )


def naive_corrected(
    gt: PanopticMap, pred: PanopticMap, scores: dict[int, float], class_aware: bool
) -> list[Row]:
    """REFERENCE's five rules, one mask at a time."""
    void = gt.id_map == 0
    free = {g.id for g in gt.segments}
    rows = []
    for p in sorted(pred.segments, key=lambda s: (-scores[s.id], s.id)):
        named, best = -1, 0.0
        for g in sorted(gt.segments, key=lambda s: s.id):
            both = (gt.mask(g.id) & pred.mask(p.id)).sum()
            iou = both / (p.area + g.area - both - (void & pred.mask(p.id)).sum())
            if not g.is_crowd and (g.category_id == p.category_id or not class_aware) and iou > best:
                named, best = g.id, iou
        outside = (void & pred.mask(p.id)).sum()
        for g in gt.segments:
            if g.is_crowd and g.category_id == p.category_id:
                outside += (gt.mask(g.id) & pred.mask(p.id)).sum()
        if outside / p.area > 0.5 and (named < 0 or best <= 0.3):
            continue
        rows.append((p.id, named, float(best), named in free))
        free.discard(named)
    return rows


@given(panoptic_maps(crowds=True), panoptic_maps(), st.data(), st.booleans())
def test_corrected_records_are_those_of_the_rules(
    gt: PanopticMap, pred: PanopticMap, data: st.DataObject, class_aware: bool
) -> None:
    drawn = data.draw(st.lists(st.sampled_from([0.2, 0.5, 0.9]), min_size=6, max_size=6))
    scores = {s.id: score for s, score in zip(pred.segments, drawn, strict=False)}
    in_order = np.array([scores[s.id] for s in pred.segments])
    records = corrected_records(7, find_overlaps(gt, pred), in_order, class_aware=class_aware)
    naive = naive_corrected(gt, pred, scores, class_aware)
    assert [row[:2] + row[3:] for row in rows_of(records)] == [row[:2] + row[3:] for row in naive]
    assert records.iou.tolist() == pytest.approx([row[2] for row in naive], abs=1e-12)
    assert set(records.image_ids.tolist()) <= {7}


def test_equal_scores_go_by_segment_id() -> None:
    gt = panoptic([[1, 1, 1, 1]], {1: 1})
    pred = panoptic([[9, 9, 9, 4]], {9: 1, 4: 1})
    equal = corrected_records(1, find_overlaps(gt, pred), np.array([0.5, 0.5]))
    assert rows_of(equal) == [(4, 1, 0.25, True), (9, 1, 0.75, False)]
    better = corrected_records(1, find_overlaps(gt, pred), np.array([0.6, 0.5]))
    assert rows_of(better) == [(9, 1, 0.75, True), (4, 1, 0.25, False)]


def test_equal_ious_name_the_lower_ground_truth() -> None:
    gt = panoptic([[8, 8, 3, 3]], {8: 1, 3: 1})
    pred = panoptic([[5, 5, 5, 5]], {5: 1})
    assert rows_of(corrected_records(1, find_overlaps(gt, pred), np.ones(1))) == [(5, 3, 0.5, True)]


def test_a_prediction_whose_ground_truth_is_taken_falls_back_to_no_other() -> None:
    gt = panoptic([[1, 1, 1, 2]], {1: 1, 2: 1})
    pred = panoptic([[5, 6, 6, 6]], {5: 1, 6: 1})
    rows = rows_of(corrected_records(1, find_overlaps(gt, pred), np.array([0.9, 0.8])))
    assert [(p, g, took) for p, g, _, took in rows] == [(5, 1, True), (6, 1, False)]


def test_classes_may_be_left_aside() -> None:
    gt, pred = panoptic([[1, 1]], {1: 1}), panoptic([[5, 5]], {5: 2})
    overlaps = find_overlaps(gt, pred)
    assert rows_of(corrected_records(1, overlaps, np.ones(1))) == [(5, -1, 0.0, False)]
    assert rows_of(corrected_records(1, overlaps, np.ones(1), class_aware=False)) == [(5, 1, 1.0, True)]


def test_records_rank_by_score_then_image_then_segment() -> None:
    gt = panoptic([[1, 2]], {1: 1, 2: 1})
    overlaps = find_overlaps(gt, gt)
    parts = [corrected_records(i, overlaps, np.array([0.5, s])) for i, s in ((9, 0.5), (3, 0.7))]
    ranked = Records.joined(parts).ranked()
    assert list(zip(ranked.image_ids.tolist(), ranked.pred_ids.tolist(), strict=True)) == [
        (3, 2),
        (3, 1),
        (9, 1),
        (9, 2),
    ]


def test_no_record_and_no_ground_truth_score_zero() -> None:
    nothing = Records.joined([]).ranked()
    for npos in (0, 3):
        score = mean_average_precision(nothing.iou, nothing.iou, nothing.took, npos)
        assert (score.map, score.detection_map) == (0.0, 0.0)
        assert len(score.by_threshold) == 30


def test_a_threshold_on_iou_is_reached_but_one_on_meteor_is_passed() -> None:
    score = mean_average_precision(np.array([0.5]), np.array([0.2]), np.array([True]), 1)
    assert [t for t, value in score.by_iou.items() if value] == [0.3, 0.4, 0.5]
    assert [s for (t, s), value in score.by_threshold.items() if value and t == 0.5] == [0.0, 0.05, 0.1, 0.15]


def test_released_records_are_every_pair_that_touches() -> None:
    gt = panoptic([[1, 1, 2, 3]], {1: 1, 2: 1, 3: 1}, crowd=(3,))
    pred = panoptic([[7, 6, 6, 6]], {7: 1, 6: 1})
    records = released_records(4, find_overlaps(gt, pred))
    assert [(g, p) for p, g, _, _ in rows_of(records)] == [(1, 6), (1, 7), (2, 6)]
    elsewhere = released_records(4, find_overlaps(gt, panoptic([[7, 7, 7, 7]], {7: 2})))
    assert len(elsewhere) == 0


def _golden(golden: Path, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    documents = (json.loads((golden / f"{name}_{kind}.json").read_text()) for kind in ("golden", "corrected"))
    released, corrected = documents
    return released, corrected


def _told(golden: Path, name: str, key: str, default: Any) -> dict[tuple[int, int], Any]:
    document = json.loads((golden / name / "pred.json").read_text())
    return {
        (a["image_id"], s["id"]): s.get(key, default)
        for a in document["annotations"]
        for s in a["segments_info"]
    }


def _by_key(score: AveragePrecision, word: str) -> dict[str, float]:
    return {f"iou{t:g}_{word}{s:g}": value for (t, s), value in score.by_threshold.items()}


@pytest.mark.parametrize("name", ["sample2", "n20", "real60"])
@pytest.mark.parametrize("class_aware", [True, False])
def test_corrected_golden_sets(golden: Path, name: str, class_aware: bool) -> None:
    _, expected = _golden(golden, name)
    gt, pred = read_side(golden / name, "gt"), read_side(golden / name, "pred")
    score_of = _told(golden, name, "score", 1.0)
    parts, npos = [], 0
    for image_id in reversed(gt):  # Any order will do.
        overlaps = find_overlaps(gt[image_id], pred[image_id])
        scores = np.array([score_of[image_id, i] for i in overlaps.pred.ids.tolist()])
        parts.append(corrected_records(image_id, overlaps, scores, class_aware=class_aware))
        npos += int((~overlaps.gt.is_crowd).sum())
    records = Records.joined(parts).ranked()
    meteor = [
        expected["pair_meteor15"].get(f"{i}_{g}_{p}", 0.0)
        for i, g, p in zip(
            records.image_ids.tolist(), records.gt_ids.tolist(), records.pred_ids.tolist(), strict=True
        )
    ]
    found = mean_average_precision(records.iou, np.array(meteor), records.took, npos)
    wanted = expected["class_aware" if class_aware else "class_agnostic"]
    assert npos == expected["npos"]
    assert found.map == pytest.approx(wanted["map"], abs=1e-9)
    assert found.detection_map == pytest.approx(wanted["detmap"], abs=1e-9)
    assert _by_key(found, "meteor") == pytest.approx(wanted["ap"], abs=1e-9)
    kept = [r for r in wanted["records"] if not r["ignored"]]
    kept.sort(key=lambda r: (-r["score"], r["image_id"], r["pred_id"]))
    assert [(r["pred_id"], r["gt_id"] or -1, r["ok"]) for r in kept] == [
        (p, g, took) for p, g, _, took in rows_of(records)
    ]


@pytest.mark.parametrize("name", ["sample2", "n20", "real60"])
def test_released_golden_sets(golden: Path, name: str) -> None:
    expected, _ = _golden(golden, name)
    gt, pred = read_side(golden / name, "gt"), read_side(golden / name, "pred")
    caption_of = _told(golden, name, "caption", "")
    overlaps = {i: find_overlaps(gt[i], pred[i]) for i in gt}
    records = Records.joined(released_records(i, o) for i, o in overlaps.items())
    spoken = np.array(
        [
            caption_of[key] != ""
            for key in zip(records.image_ids.tolist(), records.pred_ids.tolist(), strict=True)
        ]
    )
    npos = sum(len(o.gt) for o in overlaps.values())
    assert (len(records), npos) == (expected["map_records_n"], expected["map_npos"])
    all_records = expected.get("map_all_records")
    meteor = np.array([r[1] for r in all_records]) if all_records else np.zeros(len(records))
    found = mean_average_precision(records.iou, meteor, spoken, npos)
    assert found.detection_map == pytest.approx(expected["pix2cap_map"]["detmap"], abs=1e-9)
    assert {f"iou{t:g}": v for t, v in found.by_iou.items()} == pytest.approx(
        expected["pix2cap_map"]["det_breakdown"], abs=1e-9
    )
    head = [r["iou"] for r in expected["map_records_head"]]
    assert records.iou[: len(head)].tolist() == pytest.approx(head, abs=1e-12)
    if all_records:
        assert found.map == pytest.approx(expected["pix2cap_map"]["map"], abs=1e-9)
        assert _by_key(found, "score") == pytest.approx(expected["pix2cap_map"]["ap_breakdown"], abs=1e-9)
