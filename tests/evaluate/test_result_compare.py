"""The paired bootstrap against its own plain version, and when it declines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pix2cap.evaluate.result import (
    CaptionQuality,
    Counts,
    ImageCounts,
    MapScores,
    MatchedPair,
    PanopticCaptioningResult,
)
from pix2cap.evaluate.result_compare import compare
from tests.builders.results import changed, made_result, naive_panoptic, shorter


@pytest.fixture(scope="module")
def strong() -> PanopticCaptioningResult:
    return made_result(n_images=30, pairs_each=5, seed=3)


@pytest.fixture(scope="module")
def weak(strong: PanopticCaptioningResult) -> PanopticCaptioningResult:
    return changed(strong, shorter, seed=4)


def test_differences_are_those_of_the_results(
    strong: PanopticCaptioningResult, weak: PanopticCaptioningResult
) -> None:
    found = compare(strong, weak, samples=50)
    assert found.obstacle is None
    assert {
        "panoptic.all.pq",
        "panoptic.stuff.rq",
        "caption_pq.meteor",
        "captions.rouge_l",
    } <= found.differences.keys()
    assert "captions.meteor" not in found.differences, "METEOR's corpus score is no mean of pairs"
    for path, difference in found.differences.items():
        first, second = strong.value(path), weak.value(path)
        assert first is not None
        assert second is not None
        assert difference.delta == pytest.approx(second - first, abs=1e-12), path
        assert difference.interval.low <= difference.interval.high


def test_the_bootstrap_equals_a_plain_one(
    strong: PanopticCaptioningResult, weak: PanopticCaptioningResult
) -> None:
    samples, seed = 64, 11  # one batch, so that the same draws can be made here
    found = compare(strong, weak, samples=samples, seed=seed)
    ids = sorted(image.image_id for image in strong.per_image)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(ids), np.full(len(ids), 1 / len(ids)), size=samples)
    names = {i: (c.name, c.is_thing) for i, c in strong.per_category.items()}
    spread = []
    for weights in drawn:
        pq = []
        for result in (strong, weak):
            by_id = {image.image_id: image.categories for image in result.per_image}
            # An image drawn twice is two images with its counts.
            copies = [by_id[i] for i, n in zip(ids, weights, strict=True) for _ in range(n)]
            pq.append(naive_panoptic(dict(enumerate(copies)), names)[0].all.pq)
        spread.append(pq[1] - pq[0])  # type: ignore[operator]
    expected = np.percentile(spread, [2.5, 97.5])
    np.testing.assert_allclose(found.differences["panoptic.all.pq"].interval, expected, atol=1e-12)


def test_a_result_differs_from_itself_by_nothing(strong: PanopticCaptioningResult) -> None:
    for difference in compare(strong, strong, samples=20).differences.values():
        assert difference == replace(difference, delta=0.0, interval=type(difference.interval)(0.0, 0.0))
        assert not difference.is_clear


def test_a_clear_difference_is_clear_and_its_sign_turns(
    strong: PanopticCaptioningResult, weak: PanopticCaptioningResult
) -> None:
    there = compare(strong, weak).differences["caption_pq.rouge_l"]
    back = compare(weak, strong).differences["caption_pq.rouge_l"]
    assert there.is_clear
    assert there.delta < 0 < back.delta
    assert there.interval.high == pytest.approx(-back.interval.low)


def test_the_seed_decides(strong: PanopticCaptioningResult, weak: PanopticCaptioningResult) -> None:
    assert compare(strong, weak, samples=30, seed=1) == compare(strong, weak, samples=30, seed=1)
    assert compare(strong, weak, samples=30, seed=1) != compare(strong, weak, samples=30, seed=2)


def test_order_of_images_and_pairs_does_not_matter(
    strong: PanopticCaptioningResult, weak: PanopticCaptioningResult
) -> None:
    turned = replace(weak, pairs=weak.pairs[::-1], per_image=weak.per_image[::-1])
    expected = compare(strong, weak, samples=30).differences
    for path, difference in compare(strong, turned, samples=30).differences.items():
        np.testing.assert_allclose(difference.interval, expected[path].interval, atol=1e-12)


def test_things_alone_leave_stuff_without_a_difference() -> None:
    image = ImageCounts(1, {1: Counts(1, 0, 0, 0.9)})
    pair = MatchedPair(1, 1, 1, 1, 0.9, "a", "b", {"meteor": None})
    whole = made_result()
    result = replace(whole, pairs=(pair,), per_image=(image,), per_category={1: whole.per_category[1]})
    paths = compare(result, result, samples=5).differences.keys()
    assert "panoptic.things.pq" in paths
    assert not {path for path in paths if path.startswith(("panoptic.stuff", "caption"))}


def test_what_cannot_be_paired_says_why(strong: PanopticCaptioningResult) -> None:
    reference = replace(strong, mode="reference", map=MapScores(0.1, 0.1), caption_pq=CaptionQuality())
    bare = replace(strong, per_image=())
    fewer = replace(strong, per_image=strong.per_image[1:])
    first = strong.per_image[0]
    other_truth = ImageCounts(first.image_id, {1: Counts(0, 0, 77, 0.0)})
    others = [reference, bare, fewer, replace(strong, per_image=(other_truth, *strong.per_image[1:]))]
    told = ["different modes", "without its counts by image", "different images", "different ground truths"]
    for other, reason in zip(others, told, strict=True):
        found = compare(strong, other)
        assert found.differences == {}
        assert reason in (found.obstacle or "")
    assert "no intervals" in (compare(reference, reference).obstacle or "")
