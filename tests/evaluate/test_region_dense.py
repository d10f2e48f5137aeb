"""Dense captioning on a set small enough to be worked out on paper."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pix2cap.errors import InputError
from pix2cap.evaluate.region_dense import dense_metrics, evaluate_dense, merge_regions
from pix2cap.evaluate.region_result import RegionResult
from pix2cap.evaluate.visual_genome import ScoreOptions
from pix2cap.evaluate.visual_genome_files import read_regions
from pix2cap.evaluate.visual_genome_split import SplitOptions
from tests.builders.visual_genome import VgPaths, region

ALL = SplitOptions(split="all-regions")

# Two truths in image 1: regions 11 and 12 (IoU .9) merge to [0, 0, 10, 9.5]; one in image 2.
REGIONS = {
    1: [
        region(12, 1, (0, 0, 10, 10), "a red bus"),
        region(11, 1, (0, 0, 10, 9), "the bus that waits"),
        region(13, 1, (40, 0, 10, 10), "green tree"),
    ],
    2: [region(21, 2, (0, 0, 10, 10), "a small dog")],
}
# By score: the bus found and named; the bus again; the dog with IoU .5; the tree found, its words wrong.
PREDICTIONS = [
    {"image_id": 1, "box": [0, 0, 10, 9.5], "caption": "a red bus", "score": 0.9},
    {"image_id": 1, "box": [0, 0, 10, 9.5], "caption": "a red bus", "score": 0.8},
    {"image_id": 2, "box": [0, 0, 10, 5], "caption": "a small dog", "score": 0.7},
    {"image_id": 1, "box": [40, 0, 10, 10], "caption": "zebra", "score": 0.6},
    {"image_id": 3, "box": [0, 0, 5, 5], "caption": "elsewhere", "score": 0.99},
]


@pytest.fixture
def paths(tmp_path: Path) -> VgPaths:
    return VgPaths(tmp_path, dict(REGIONS)).save()


def score(paths: VgPaths, predictions: list[dict[str, object]], bootstrap: int = 0) -> RegionResult:
    path = paths.folder / "dense.json"
    path.write_text(json.dumps(predictions))
    return evaluate_dense(paths.descriptions, path, ALL, ScoreOptions(bootstrap=bootstrap))


def test_overlapping_regions_become_one_with_several_references(paths: VgPaths) -> None:
    bus, tree, dog = merge_regions(read_regions(paths.descriptions).regions)
    assert (bus.region_id, bus.box_xyxy) == (11, (0, 0, 10, 9.5))
    assert bus.references == ("a red bus", "the bus that waits")
    assert (tree.region_id, tree.references) == (13, ("green tree",))
    assert (dog.image_id, dog.box_xyxy) == (2, (0, 0, 10, 10))


def test_map_by_hand(paths: VgPaths) -> None:
    """Three truths, so recall 1/3 is reached by 34 of 101 points and 2/3 by 33 more.

    Captions aside, at IoU up to .5 true positives are first, third and fourth: precision 1, then the best
    of 2/3 and 3/4; above .5 first and fourth: 1, then 1/2. With captions the tree is none: 1, then 2/3; above
    .5 the bus alone.
    """
    result = score(paths, PREDICTIONS)
    assert result.dense is not None
    low, high = (34 + 67 * 3 / 4) / 101, (34 + 33 / 2) / 101
    assert result.dense.detection_map == pytest.approx((3 * low + 2 * high) / 5, abs=1e-12)
    assert result.dense.by_iou["0.5"] == pytest.approx(low) and result.dense.by_iou["0.6"] == pytest.approx(
        high
    )
    low, high = (34 + 33 * 2 / 3) / 101, 34 / 101
    assert result.dense.map == pytest.approx((3 * low + 2 * high) / 5, abs=1e-12)
    assert result.dense.by_threshold["iou0.5_meteor0.25"] == pytest.approx(low)
    assert (result.dense.truths, result.dense.predictions, result.extra) == (3, 4, ("image 3 [0, 0, 5, 5]",))


def test_the_better_reference_counts(paths: VgPaths) -> None:
    said = [dict(one) for one in PREDICTIONS]
    said[0]["caption"] = "the bus that waits"
    first, second = score(paths, PREDICTIONS), score(paths, said)
    assert first.dense is not None and second.dense is not None
    assert second.dense.map == first.dense.map


def test_regions_tell_what_found_them(paths: VgPaths) -> None:
    bus, tree, dog = score(paths, PREDICTIONS[1:]).regions
    assert bus.caption == "a red bus" and bus.scores == {"iou": 1.0, "meteor": pytest.approx(1)}
    assert tree.caption == "zebra" and tree.scores["meteor"] == 0
    assert dog.scores["iou"] == pytest.approx(0.5)
    result = score(paths, PREDICTIONS[:1])
    assert result.missing_regions == (13, 21) and result.counts.captioned == 1


def test_order_of_the_file_does_not_matter(paths: VgPaths) -> None:
    first, second = score(paths, PREDICTIONS), score(paths, PREDICTIONS[::-1])
    assert first.dense == second.dense


def test_metrics_on_all_images_once_and_the_round_trip(paths: VgPaths, tmp_path: Path) -> None:
    result = score(paths, PREDICTIONS, bootstrap=50)
    assert RegionResult.read(result.write(tmp_path / "vg.json")) == result
    assert result.dense is not None and result.records is not None
    ids = [r.image_id for r in result.regions]
    metrics = dense_metrics(result.records, result.dense, ids, {})
    for name, value in (("map", result.dense.map), ("detection_map", result.dense.detection_map)):
        resample = metrics[f"dense.{name}"].resample
        assert resample is not None and resample(np.ones((1, 2))).item() == pytest.approx(value, abs=1e-12)
        low, high = result.intervals[f"dense.{name}"]
        assert low <= (value or 0) <= high
    assert "boxes after merging" in str(result)


def test_a_prediction_without_a_box_is_refused(paths: VgPaths) -> None:
    with pytest.raises(InputError, match="dense task, got region 11"):
        score(paths, [{"region_id": 11, "caption": "a"}])
