from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.core import PanopticMap
from pix2cap.metrics.panoptic_quality import (
    CategoryCounts,
    PanopticCounts,
    count_panoptic,
    panoptic_quality,
)
from tests.metrics.maps import CATEGORIES, panoptic, panoptic_maps, read_categories, read_side


def naive_counts(gt: PanopticMap, pred: PanopticMap) -> dict[int, tuple[float, int, int, int]]:
    """The definition, mask by mask; no crowd."""
    found: dict[int, list[float]] = {}
    void = gt.id_map == 0
    matched: set[int] = set()
    for g in gt.segments:
        row = found.setdefault(g.category_id, [0.0, 0, 0, 0])
        for p in pred.segments:
            both = (gt.mask(g.id) & pred.mask(p.id)).sum()
            union = (gt.mask(g.id) | (pred.mask(p.id) & ~void)).sum()
            if p.category_id == g.category_id and both / union > 0.5:
                row[0] += both / union
                row[1] += 1
                matched.add(p.id)
                break
        else:
            row[3] += 1
    for p in pred.segments:
        if p.id not in matched and (pred.mask(p.id) & void).sum() / p.area <= 0.5:
            found.setdefault(p.category_id, [0.0, 0, 0, 0])[2] += 1
    return {c: (row[0], int(row[1]), int(row[2]), int(row[3])) for c, row in found.items() if any(row)}


@given(panoptic_maps(), panoptic_maps())
def test_counts_are_those_of_the_definition(gt: PanopticMap, pred: PanopticMap) -> None:
    counts = count_panoptic(gt, pred)
    naive = naive_counts(gt, pred)
    assert counts.by_category.keys() == naive.keys()
    for category_id, (iou, tp, fp, fn) in naive.items():
        found = counts.by_category[category_id]
        assert (found.tp, found.fp, found.fn) == (tp, fp, fn)
        assert found.iou_sum == pytest.approx(iou, abs=1e-12)


@given(panoptic_maps(), panoptic_maps(), st.integers(0, 8), st.integers(0, 6))
def test_rolling_and_transposing_both_maps_changes_nothing(
    gt: PanopticMap, pred: PanopticMap, x: int, y: int
) -> None:
    # Runs begin elsewhere then; nothing that is counted changes.
    def turned(pan: PanopticMap) -> PanopticMap:
        ids = np.roll(pan.id_map, (y, x), axis=(0, 1)).T
        return PanopticMap.from_id_map(
            ids, {s.id: (s.category_id, s.is_thing, s.is_crowd) for s in pan.segments}
        )

    one, two = count_panoptic(gt, pred), count_panoptic(turned(gt), turned(pred))
    assert (one.tp, one.fp, one.fn) == (two.tp, two.fp, two.fn)
    assert {c: v.iou_sum for c, v in one.by_category.items()} == {
        c: v.iou_sum for c, v in two.by_category.items()
    }


@given(panoptic_maps())
def test_a_map_against_itself_is_perfect(gt: PanopticMap) -> None:
    quality = panoptic_quality(count_panoptic(gt, gt), CATEGORIES)
    occurs = {s.category_id for s in gt.segments}
    assert quality.all.categories == len(occurs)
    if occurs:
        assert (quality.all.pq, quality.all.sq, quality.all.rq) == (1.0, 1.0, 1.0)
    else:
        assert quality.all.pq is None


@given(st.lists(st.tuples(panoptic_maps(crowds=True), panoptic_maps()), min_size=1, max_size=5), st.data())
def test_parts_add_up_to_the_whole_in_any_order(
    pairs: list[tuple[PanopticMap, PanopticMap]], data: st.DataObject
) -> None:
    counts = [count_panoptic(gt, pred) for gt, pred in pairs]
    whole = panoptic_quality(PanopticCounts.total(counts), CATEGORIES)
    cut = data.draw(st.integers(0, len(counts)))
    shuffled = data.draw(st.permutations(counts))
    merged = PanopticCounts.total(shuffled[:cut]) + PanopticCounts.total(shuffled[cut:])
    assert panoptic_quality(merged, CATEGORIES) == whole


def test_crowd_is_neither_missed_nor_matched() -> None:
    gt = panoptic([[1, 1, 2, 2]], {1: 1, 2: 2}, crowd=(1,))
    counts = count_panoptic(gt, panoptic([[5, 5, 6, 6]], {5: 1, 6: 2}))
    assert {c: (v.tp, v.fp, v.fn) for c, v in counts.by_category.items()} == {2: (1, 0, 0)}


def test_iou_of_exactly_one_half_is_no_match() -> None:
    gt, pred = panoptic([[1, 1, 2, 2]], {1: 1, 2: 3}), panoptic([[5, 0, 0, 0]], {5: 1})
    assert count_panoptic(gt, pred).by_category[1] == CategoryCounts((), fp=1, fn=1)


def test_another_class_is_a_miss_on_both_sides() -> None:
    gt, pred = panoptic([[1, 1]], {1: 1}), panoptic([[5, 5]], {5: 2})
    assert count_panoptic(gt, pred).by_category == {
        1: CategoryCounts((), fn=1),
        2: CategoryCounts((), fp=1),
    }


def test_nothing_on_either_side_is_no_number() -> None:
    quality = panoptic_quality(PanopticCounts(), CATEGORIES)
    assert (quality.all.pq, quality.things.sq, quality.stuff.rq, quality.all.categories) == (None,) * 3 + (0,)
    assert quality.per_category[1].pq is None


def test_things_and_stuff_are_averaged_apart() -> None:
    counts = PanopticCounts(
        {1: CategoryCounts((0.8,)), 2: CategoryCounts((), fp=1), 3: CategoryCounts((0.6,), fn=2)}
    )
    quality = panoptic_quality(counts, CATEGORIES)
    assert (quality.things.pq, quality.things.categories) == (0.4, 2)
    assert (quality.stuff.pq, quality.stuff.sq, quality.stuff.rq) == (0.3, 0.6, 0.5)
    assert quality.all.pq == pytest.approx((0.8 + 0 + 0.3) / 3)


def test_counts_of_an_unknown_category_are_refused() -> None:
    with pytest.raises(KeyError, match="got ids \\[99\\]"):
        panoptic_quality(PanopticCounts({99: CategoryCounts((), fn=1)}), CATEGORIES)


@pytest.mark.parametrize("name", ["sample2", "n20", "real60"])
def test_golden_sets(golden: Path, name: str) -> None:
    expected: dict[str, Any] = json.loads((golden / f"{name}_golden.json").read_text())
    gt, pred = read_side(golden / name, "gt"), read_side(golden / name, "pred")
    for areas in ("png", "json"):
        counts = PanopticCounts.total(
            count_panoptic(gt[i], pred[i], gt_areas=areas)
            for i in gt  # type: ignore[arg-type]
        )
        assert (counts.tp, counts.fp, counts.fn) == tuple(expected["totals"][k] for k in ("tp", "fp", "fn"))
        assert {str(c) for c in counts.by_category} == expected["per_category_counts"].keys()
        for key, row in expected["per_category_counts"].items():
            found = counts.by_category[int(key)]
            assert (found.tp, found.fp, found.fn) == (row["tp"], row["fp"], row["fn"])
            assert found.iou_sum == pytest.approx(row["iou"], abs=1e-9)
        quality = panoptic_quality(counts, read_categories(golden / name))
        for group, key in ((quality.all, "All"), (quality.things, "Things"), (quality.stuff, "Stuff")):
            row = expected["panopticapi"][key]
            assert (group.pq, group.sq, group.rq) == pytest.approx(
                (row["pq"], row["sq"], row["rq"]), abs=1e-9
            )
            assert group.categories == row["n"]
        for key, row in expected["panopticapi"]["per_class"].items():
            one = quality.per_category[int(key)]
            assert (one.pq or 0.0, one.sq or 0.0) == pytest.approx((row["pq"], row["sq"]), abs=1e-9)


def test_a_quarter_of_the_stated_area_doubles_the_released_quality(golden: Path) -> None:
    gt, pred = read_side(golden / "n20", "gt"), read_side(golden / "n20", "pred")
    expected = json.loads((golden / "quirks_n20.json").read_text())["panopticapi with gt area/4 in JSON"]
    counts = []
    for image_id, pan in gt.items():
        infos = {s.id: (s.category_id, s.is_thing, s.is_crowd) for s in pan.segments}
        areas = {s.id: s.area // 4 for s in pan.segments}
        wrong = PanopticMap.from_id_map(pan.id_map, infos, areas)
        counts.append([count_panoptic(wrong, pred[image_id], gt_areas=a) for a in ("json", "png")])  # type: ignore[arg-type]
    categories = read_categories(golden / "n20")
    trusting, counting = (
        panoptic_quality(PanopticCounts.total(c), categories) for c in zip(*counts, strict=True)
    )
    assert trusting.all.pq == pytest.approx(expected["All"]["pq"], abs=1e-9) and expected["All"]["pq"] > 2
    assert trusting.things.sq == pytest.approx(expected["Things"]["sq"], abs=1e-9)
    assert trusting.stuff.rq == pytest.approx(expected["Stuff"]["rq"], abs=1e-9)
    assert counting.all.pq == pytest.approx(0.5293372689871961, abs=1e-9)
