from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.metrics.bootstrap import (
    Resamples,
    panoptic_resamples,
    percentile_interval,
    precision_resamples,
    ratios,
)
from pix2cap.metrics.dense_caption_map import average_precision


def test_each_resample_draws_as_many_images_as_there_are() -> None:
    weights = Resamples.draw(30, 200, seed=3).weights
    assert weights.shape == (200, 30)
    assert set(weights.sum(axis=1).tolist()) == {30}
    assert abs(weights.mean(axis=0) - 1).max() < 0.4


def test_the_seed_decides() -> None:
    one, same, other = (Resamples.draw(12, 9, seed=s).weights for s in (5, 5, 6))
    assert (one == same).all()
    assert (one != other).any()


def test_no_image_has_no_interval() -> None:
    none = Resamples.draw(0, 5)
    assert percentile_interval(ratios(none.sums(np.zeros((0, 1)))[:, 0], np.zeros(5))) is None


def test_sums_repeat_what_was_drawn() -> None:
    resamples = Resamples(np.array([[2, 0, 1], [0, 3, 0]], np.uint16))
    assert resamples.sums(np.array([[1.0, 10.0], [2.0, 20.0], [5.0, 50.0]])).tolist() == [[7, 70], [6, 60]]


def test_the_interval_of_a_mean_has_its_known_width() -> None:
    values = np.random.default_rng(0).normal(2, 1, 400)
    resamples = Resamples.draw(400, 2000, seed=1)
    interval = percentile_interval(resamples.sums(values[:, None])[:, 0] / 400)
    assert interval is not None
    low, high = interval
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)


@given(st.data())
def test_weighted_precision_is_that_of_records_written_out(data: st.DataObject) -> None:
    n_images, n_records = data.draw(st.integers(1, 5)), data.draw(st.integers(0, 15))
    images = data.draw(st.lists(st.integers(0, n_images - 1), min_size=n_records, max_size=n_records))
    is_true = np.array(data.draw(st.lists(st.booleans(), min_size=n_records, max_size=n_records)), np.bool_)
    weights = np.array(
        data.draw(
            st.lists(
                st.lists(st.integers(0, 3), min_size=n_images, max_size=n_images), min_size=1, max_size=4
            )
        ),
        np.uint16,
    )
    record_images = np.array(images, np.int64)
    npos = np.bincount(record_images[is_true], minlength=n_images) + data.draw(st.integers(0, 3))
    rows = [np.flatnonzero(is_true), np.flatnonzero(~is_true & False)]
    found = precision_resamples(Resamples(weights), record_images, rows, npos.astype(np.float64))
    for row, drawn in enumerate(weights.tolist()):
        target = sum(w * int(n) for w, n in zip(drawn, npos, strict=True))
        written = [t for i, t in zip(images, is_true.tolist(), strict=True) for _ in range(drawn[i])]
        if target:
            assert found[row, 0] == pytest.approx(
                average_precision(np.flatnonzero(written), target), abs=1e-12
            )
            assert found[row, 1] == 0
        else:
            assert np.isnan(found[row]).all()


def test_quality_of_a_resample_is_that_of_its_images() -> None:
    iou = np.array([[0.8, 0.0], [0.0, 0.6]])
    tp, fp, fn = np.array([[1.0, 0], [0, 1]]), np.array([[0.0, 0], [1, 0]]), np.array([[0.0, 2], [0, 0]])
    resamples = Resamples(np.array([[1, 1], [2, 0], [0, 2]], np.uint16))
    groups = {"all": np.array([True, True]), "things": np.array([True, False])}
    found = panoptic_resamples(resamples, iou, tp, fp, fn, groups)
    assert found["all.pq"].tolist() == pytest.approx(
        [(0.8 / 1.5 + 0.6 / 2) / 2, (0.8 + 0) / 2, (0 + 0.6) / 2]
    )
    assert found["things.pq"].tolist() == pytest.approx([0.8 / 1.5, 0.8, 0.0])
    assert found["all.sq"].tolist() == pytest.approx([0.7, 0.4, 0.3])


def test_a_resample_without_a_category_of_the_group_is_left_out() -> None:
    one = np.array([[1.0], [0.0]])
    resamples = Resamples(np.array([[2, 0], [0, 2]], np.uint16))
    found = panoptic_resamples(resamples, one, one, one * 0, one * 0, {"all": np.array([True])})
    assert percentile_interval(found["all.pq"]) == (1.0, 1.0)
