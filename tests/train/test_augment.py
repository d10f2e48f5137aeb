"""Variation: masks follow pictures, captions stay true, and chance depends on the sample's key alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pix2cap.scenes.scene import scenes
from pix2cap.train.augment import AugmentConfig, augment, flip_sample, sample_rng
from pix2cap.train.samples import Sample, open_training_set
from tests.builders.training import build_sample, build_scenes

BLOCKS = arrays.arrays(np.uint16, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 4))


def _blocks(blocks: np.ndarray[Any, np.dtype[np.uint16]], size: int) -> Sample:
    """Blocks of `size` pixels; their numbers become 1, 2, ... without gaps, as samples have them."""
    _, index = np.unique(np.concatenate([[0], blocks.ravel()]), return_inverse=True)
    return build_sample(index[1:].reshape(blocks.shape).repeat(size, 0).repeat(size, 1))


def _config(**changes: Any) -> AugmentConfig:
    return AugmentConfig(**{"side": 64, "min_scale": 1.0, "max_scale": 1.0, "flip": 0.0, **changes})


def _agrees(before: Sample, after: Sample) -> None:
    """Numbers without gaps, labels with their ids, and pixels of the colour of their segment."""
    assert after.rgb.shape[:2] == after.index_map.shape
    areas = np.bincount(after.index_map.ravel(), minlength=len(after.labels) + 1)[1:]
    assert len(areas) == len(after.labels) == len(after.segment_ids) == len(after.captions)
    assert (areas > 0).all()
    known = dict(zip(before.segment_ids.tolist(), before.labels.tolist(), strict=True))
    assert [known[i] for i in after.segment_ids.tolist()] == after.labels.tolist()
    for k, segment_id in enumerate(after.segment_ids.tolist()):
        old = before.index_map == before.segment_ids.tolist().index(segment_id) + 1
        color = before.rgb[old][0].astype(int)
        new = after.rgb[after.index_map == k + 1].astype(int)
        near = np.abs(new - color).max(1) <= 2
        assert near.mean() > 0.5 or len(new) < 40


@given(BLOCKS, st.floats(0.3, 2.0), st.integers(0, 20), st.booleans())
@settings(max_examples=60)
def test_masks_follow_the_picture(
    blocks: np.ndarray[Any, np.dtype[np.uint16]], scale: float, seed: int, pad: bool
) -> None:
    sample = _blocks(blocks, 16)
    config = _config(min_scale=scale, max_scale=scale, flip=0.5, pad=pad)
    varied = augment(sample, config, sample_rng(seed, 0, 0))
    _agrees(sample, varied)
    height, width = (round(scale * 64 * n / max(sample.size_hw)) for n in sample.size_hw)
    assert varied.size_hw == ((64, 64) if pad else (min(64, height), min(64, width)))
    if pad:
        assert (varied.rgb[height:] == 128).all() and (varied.index_map[:, width:] == 0).all()


def test_crops_reach_everywhere_and_scales_go_from_end_to_end() -> None:
    index = np.arange(1, 17).reshape(4, 4).repeat(16, 0).repeat(16, 1)
    sample = build_sample(index)
    seen: set[int] = set()
    for number in range(60):
        varied = augment(sample, _config(min_scale=2, max_scale=2), sample_rng(0, 0, number))
        seen |= set(varied.segment_ids.tolist())
        assert len(varied.labels) < 16
    assert len(seen) == 16
    config = _config(min_scale=0.25, max_scale=0.75, pad=False)
    sides = [augment(sample, config, sample_rng(1, 0, n)).size_hw[0] for n in range(200)]
    assert min(sides) <= 18 and max(sides) >= 46 and 28 < np.mean(sides) < 36


def test_chance_depends_on_the_key_alone_and_leaves_the_sample() -> None:
    sample = build_sample(np.arange(1, 17).reshape(4, 4).repeat(16, 0).repeat(16, 1))
    copy = sample.rgb.copy()
    config = _config(min_scale=0.3, max_scale=2, flip=0.5, color_jitter=0.3)
    varied = [augment(sample, config, sample_rng(5, e, n)) for e in range(3) for n in range(3)]
    again = [augment(sample, config, sample_rng(5, e, n)) for e in range(3) for n in range(3)]
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(varied, again, strict=True))
    assert len({v.rgb.tobytes() for v in varied}) == 9
    assert np.array_equal(sample.rgb, copy)


@given(BLOCKS)
def test_flipping_twice_gives_the_sample_again(blocks: np.ndarray[Any, np.dtype[np.uint16]]) -> None:
    sample = _blocks(blocks, 4)
    texts = ("On the left.", "right of it", None, "Its left paw")
    sample = replace(sample, captions=texts[: len(sample.labels)])
    once = flip_sample(sample)
    assert once is not None
    assert np.array_equal(once.index_map, sample.index_map[:, ::-1])
    assert once.captions == ("On the right.", "left of it", None, "Its right paw")[: len(sample.labels)]
    twice = flip_sample(once)
    assert twice is not None
    assert np.array_equal(twice.rgb, sample.rgb) and twice.captions == sample.captions


def test_a_picture_with_a_caption_that_cannot_be_told_is_never_mirrored() -> None:
    index = np.array([[1, 2]]).repeat(64, 0).repeat(32, 1)
    sample = build_sample(index, ["A cup left on the table", "On the right."])
    assert flip_sample(sample) is None
    for number in range(20):
        varied = augment(sample, _config(flip=1.0), sample_rng(0, 0, number))
        assert varied.captions == sample.captions
        assert np.array_equal(varied.index_map, sample.index_map)
    able = build_sample(index, ["A cup", "On the right."])
    flips = [augment(able, _config(flip=0.5), sample_rng(0, 0, n)).captions for n in range(200)]
    assert 70 < flips.count(("A cup", "On the left.")) < 130


def test_mirrored_scenes_say_where_things_are(tmp_path: Path) -> None:
    data = open_training_set(build_scenes(tmp_path / "set", images=12, side=96))
    told = 0
    for i in range(len(data)):
        sample = data[i]
        mirrored = flip_sample(sample)
        assert mirrored is not None
        for k, text in enumerate(mirrored.captions):
            x = np.nonzero(mirrored.index_map == k + 1)[1].mean() / mirrored.index_map.shape[1]
            assert text is not None
            for words, low, high in (("in the top left", 0, 0.34), ("in the bottom right", 0.66, 1)):
                if words in text:
                    assert low <= x <= high
                    told += 1
    assert told >= 3


def test_place_captions_that_a_crop_made_false_go_and_their_masks_stay() -> None:
    index = np.zeros((96, 96), np.int64)
    index[:24, :24], index[60:90, 60:90], index[36:60, 36:60] = 1, 2, 3
    texts = ["A cup in the top left", "A plate to the right of a cup", "A bowl in the center"]
    sample = build_sample(index, texts)
    config = _config(side=96, min_scale=1.9, max_scale=1.9)
    kept = dropped = 0
    for number in range(60):
        varied = augment(sample, config, sample_rng(2, 0, number))
        loose = augment(sample, replace(config, place_captions="keep"), sample_rng(2, 0, number))
        assert np.array_equal(varied.index_map, loose.index_map)
        assert set(loose.captions) <= set(texts)
        for k, segment_id in enumerate(varied.segment_ids.tolist()):
            rows, columns = np.nonzero(varied.index_map == k + 1)
            thirds = tuple(int(3 * (axis.mean() + 0.5) / 96) for axis in (columns, rows))
            true = {100: thirds == (0, 0), 101: True, 102: thirds == (1, 1)}[segment_id]
            assert varied.captions[k] == (texts[segment_id - 100] if true else None)
            kept, dropped = kept + true, dropped + (not true)
    assert kept > 10 and dropped > 10
    whole = augment(sample, _config(side=96, min_scale=0.5), sample_rng(0, 0, 0))
    assert whole.captions == tuple(texts)


def test_what_the_crop_hardly_left_loses_caption_or_all() -> None:
    index = np.ones((64, 64), np.int64)
    index[:, :12] = 2
    sample = build_sample(index, ["A wall", "A post"])
    cut = 0
    for number in range(60):
        rng = sample_rng(4, 0, number)
        varied = augment(sample, _config(min_scale=2, max_scale=2, min_visible=0.4), rng)
        share = (varied.index_map == 2).mean() / (12 / 64 * 4) if 2 in varied.index_map else 0
        if 0 < share < 0.09:
            assert varied.captions == ("A wall", None) or varied.captions == (None, None)
            cut += 1
        small = augment(sample, _config(min_scale=2, max_scale=2, min_area=900), sample_rng(4, 0, number))
        areas = np.bincount(small.index_map.ravel(), minlength=3)[1:]
        assert all(area == 0 or area >= 900 for area in areas.tolist())
    assert cut >= 1


def test_all_segments_may_vanish() -> None:
    index = np.zeros((64, 64), np.int64)
    index[:2, :2] = 1
    varied = [
        augment(build_sample(index), _config(min_scale=2, max_scale=2), sample_rng(0, 0, n))
        for n in range(20)
    ]
    gone = [v for v in varied if len(v.labels) == 0]
    assert gone and all(v.captions == () and not v.index_map.any() for v in gone)


def test_color_jitter_changes_colours_and_no_more_than_told() -> None:
    scene = next(scenes(1, seed=1, size_wh=(64, 64)))
    sample = replace(build_sample(scene.panoptic.id_map), rgb=scene.rgb)
    plain = augment(sample, _config(), sample_rng(0, 0, 0))
    assert np.array_equal(plain.rgb, sample.rgb)
    for number in range(5):
        varied = augment(sample, _config(color_jitter=0.1), sample_rng(0, 0, number))
        change = np.abs(varied.rgb.astype(int) - sample.rgb)
        assert 0 < change.max() <= 0.34 * 255
        assert np.array_equal(varied.index_map, sample.index_map)


@pytest.mark.parametrize(
    "changes",
    [
        {"side": 4},
        {"min_scale": 0.0},
        {"min_scale": 2.0},
        {"flip": 1.5},
        {"min_area": 0},
        {"color_jitter": -0.1},
        {"place_captions": "perhaps"},
    ],
)
def test_configurations_that_make_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        _config(**changes)


def test_real_photos_keep_masks_and_captions_together(coco: Path) -> None:
    data = open_training_set(
        coco / "pix2cap_val.json", masks=coco / "panoptic_val2017", images=coco / "val2017", limit=12
    )
    config = AugmentConfig(side=256)
    flipped = 0
    for number in range(len(data)):
        sample = data[number]
        varied = augment(sample, config, sample_rng(0, 0, number))
        assert varied.size_hw == (256, 256)
        mirrored = flip_sample(sample)
        flipped += mirrored is not None
        known = dict(zip(sample.segment_ids.tolist(), sample.captions, strict=True))
        if mirrored is not None:
            both = zip(mirrored.segment_ids.tolist(), mirrored.captions, strict=True)
            other = dict(both)
        for segment_id, text in zip(varied.segment_ids.tolist(), varied.captions, strict=True):
            assert text in (None, known[segment_id], other[segment_id] if mirrored is not None else None)
    assert flipped >= 8
