"""From logits and masks to segments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from pix2cap.core.boxes import label_extents
from pix2cap.model.postprocess import (
    boxes_from_masks,
    each_resized,
    instances,
    keep_queries,
    lay_segments,
    panoptic,
    resize_masks,
    semantic,
    semantic_classes,
)
from tests.builders.parity import Parity, read_parity

Post = tuple[dict[str, Tensor], dict[str, Any], list[bool]]


@pytest.fixture(scope="module")
def post(golden: Path) -> Post:
    facts = json.loads((golden / "parity_post" / "golden.json").read_text())
    is_thing = [c in facts["things"] for c in range(facts["num_classes"])]
    return load_file(golden / "parity_post" / "tensors.safetensors"), facts, is_thing


@pytest.fixture(scope="module")
def parity(golden: Path) -> Parity:
    return read_parity(golden / "parity_focal")


@pytest.mark.parametrize("name", ["default", "loose", "none"])
def test_published_panoptic_maps(post: Post, name: str) -> None:
    tensors, facts, is_thing = post
    object_threshold, overlap_threshold = facts[f"thr.{name}"]
    result = panoptic(
        tensors["mask_cls"],
        tensors["mask_pred"],
        is_thing=is_thing,
        object_threshold=object_threshold,
        overlap_threshold=overlap_threshold,
    )
    assert torch.equal(result.id_map, tensors[f"panoptic.{name}"])
    assert [
        (s.id, s.class_index, is_thing[s.class_index], facts["caps"][s.query]) for s in result.segments
    ] == [(s["id"], s["category_id"], s["isthing"], s["caption"]) for s in facts[f"segments.{name}"]]
    probability = tensors["mask_cls"].softmax(1)
    assert [s.score for s in result.segments] == pytest.approx(
        [probability[s.query, s.class_index].item() for s in result.segments]
    )


def test_published_semantic_scores(post: Post) -> None:
    tensors, _, _ = post
    scores = semantic(tensors["mask_cls"], tensors["mask_pred"])
    torch.testing.assert_close(scores, tensors["semantic"], rtol=1e-4, atol=1e-4)


def test_published_instances(post: Post) -> None:
    tensors, facts, is_thing = post
    expected = tensors["instance.scores"]
    # The fixture took the best 20 pairs and kept things, in no particular order: ours are sorted.
    found = instances(tensors["mask_cls"], tensors["mask_pred"], is_thing=is_thing, top=20)
    order = expected.argsort(descending=True)
    torch.testing.assert_close(found.scores, expected[order], rtol=1e-4, atol=1e-4)
    assert torch.equal(found.classes, tensors["instance.classes"][order])
    assert torch.equal(found.masks, tensors["instance.masks"][order].bool())
    captions = [facts["caps"][query] for query in found.queries.tolist()]
    assert captions == [facts["instance.captions"][place] for place in order.tolist()]


@pytest.mark.parametrize("picture", [0, 1])
def test_published_results_of_the_model(parity: Parity, picture: int) -> None:
    tensors, golden = parity.tensors, parity.golden
    logits, masks = tensors["eval.pred_logits"][picture], tensors["eval.pred_masks"][picture]
    resized = resize_masks(
        masks,
        padded_hw=(tensors["backbone.input"].shape[2], tensors["backbone.input"].shape[3]),
        size_hw=(tensors[f"in.image{picture}"].shape[1], tensors[f"in.image{picture}"].shape[2]),
        out_hw=tuple(golden[f"out_size{picture}"]),
    )
    torch.testing.assert_close(resized[:4], tensors[f"post.masks{picture}"], rtol=1e-4, atol=1e-4)
    things = golden["config"]["thing_classes"]
    result = panoptic(
        logits,
        resized,
        is_thing=[c in things for c in range(parity.config.classes)],
        object_threshold=parity.config.object_threshold,
        overlap_threshold=parity.config.overlap_threshold,
    )
    assert torch.equal(result.id_map, tensors[f"post.panoptic_seg{picture}"])
    assert [(s.id, s.class_index) for s in result.segments] == [
        (s["id"], s["category_id"]) for s in golden[f"segments_info{picture}"]
    ]
    best = semantic_classes(logits, resized, rows_at_once=50)
    assert torch.equal(best, tensors[f"post.semseg_argmax{picture}"].long())


def _plain_panoptic(
    logits: Tensor, masks: Tensor, is_thing: list[bool], thresholds: tuple[float, float]
) -> tuple[Tensor, list[tuple[int, int, int]]]:
    """The rule segment by segment, with all masks in memory."""
    scores, classes = logits.softmax(1).max(1)
    kept = [q for q in range(len(logits)) if classes[q] != len(is_thing) and scores[q] > thresholds[0]]
    id_map = torch.zeros(masks.shape[1:], dtype=torch.int32)
    segments: list[tuple[int, int, int]] = []
    if not kept:
        return id_map, segments
    probability = masks[kept].sigmoid()
    owner = (scores[kept, None, None] * probability).argmax(0)
    for place, query in enumerate(kept):
        own, solid = owner == place, probability[place] >= 0.5
        if not (own & solid).any() or own.sum().item() / solid.sum().item() < thresholds[1]:
            continue
        label = int(classes[query])
        same = [s for s in segments if s[1] == label and not is_thing[label]]
        if not same:
            segments.append((len(segments) + 1, label, query))
        id_map[own & solid] = same[0][0] if same else len(segments)
    return id_map, segments


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    queries=st.integers(1, 9),
    thresholds=st.tuples(st.sampled_from([0.0, 0.4, 0.9]), st.sampled_from([0.0, 0.5, 0.95])),
)
def test_laying_masks_one_by_one_is_laying_all(
    seed: int, queries: int, thresholds: tuple[float, float]
) -> None:
    draw = torch.Generator().manual_seed(seed)
    is_thing = [True, False, False]
    logits = 2 * torch.randn(queries, 4, generator=draw)
    masks = torch.nn.functional.interpolate(4 * torch.randn(1, queries, 3, 3, generator=draw), (12, 15))[0]
    result = panoptic(
        logits,
        masks,
        is_thing=is_thing,
        object_threshold=thresholds[0],
        overlap_threshold=thresholds[1],
    )
    id_map, segments = _plain_panoptic(logits, masks, is_thing, thresholds)
    assert torch.equal(result.id_map, id_map)
    assert [(s.id, s.class_index, s.query) for s in result.segments] == segments


def test_resizing_only_what_is_kept_changes_nothing(parity: Parity) -> None:
    logits, masks = parity.tensors["eval.pred_logits"][1], parity.tensors["eval.pred_masks"][1]
    things = parity.golden["config"]["thing_classes"]
    is_thing = [c in things for c in range(parity.config.classes)]
    sizes = {"padded_hw": (96, 128), "size_hw": (80, 112), "out_hw": (157, 229)}
    whole = panoptic(
        logits, resize_masks(masks, **sizes), is_thing=is_thing, object_threshold=0.1, overlap_threshold=0.1
    )
    kept = keep_queries(logits, 0.1)
    assert len(kept.queries) > 1
    lean = lay_segments(
        kept,
        each_resized(masks[kept.queries], at_once=2, **sizes),
        size_hw=sizes["out_hw"],
        is_thing=is_thing,
        overlap_threshold=0.1,
    )
    assert torch.equal(lean.id_map, whole.id_map)
    assert lean.segments == whole.segments


def test_nothing_kept_is_an_empty_map() -> None:
    result = panoptic(
        torch.tensor([[0.0, 0.0, 5.0]]),
        torch.ones(1, 4, 6),
        is_thing=[True, False],
        object_threshold=0.5,
        overlap_threshold=0.5,
    )
    assert result.segments == ()
    assert result.id_map.dtype == torch.int32
    assert torch.equal(result.id_map, torch.zeros(4, 6, dtype=torch.int32))
    none = torch.zeros(0, 4, 4)
    assert resize_masks(none, padded_hw=(8, 8), size_hw=(7, 8), out_hw=(14, 16)).shape == (0, 14, 16)
    assert list(each_resized(none, padded_hw=(8, 8), size_hw=(7, 8), out_hw=(14, 16))) == []


def test_masks_already_at_the_wanted_size_stay() -> None:
    masks = torch.randn(2, 6, 8)
    assert torch.equal(resize_masks(masks, padded_hw=(6, 8), size_hw=(6, 8), out_hw=(6, 8)), masks)
    cut = resize_masks(masks, padded_hw=(6, 8), size_hw=(5, 7), out_hw=(5, 7))
    assert torch.equal(cut, masks[:, :5, :7])


@pytest.mark.parametrize("rows_at_once", [1, 7, 64])
def test_classes_strip_by_strip(rows_at_once: int) -> None:
    logits, masks = torch.randn(5, 4), torch.randn(5, 20, 9)
    expected = semantic(logits, masks).argmax(0)
    assert torch.equal(semantic_classes(logits, masks, rows_at_once=rows_at_once), expected)


def test_instances_of_stuff_alone_are_none() -> None:
    found = instances(torch.randn(3, 3), torch.randn(3, 4, 5), is_thing=[False, False], top=100)
    assert found.masks.shape == (0, 4, 5)
    assert len(found.queries) == len(found.classes) == len(found.scores) == 0


def test_an_empty_mask_scores_nothing() -> None:
    found = instances(torch.tensor([[9.0, 0.0]]), torch.full((1, 4, 5), -3.0), is_thing=[True])
    assert found.scores.tolist() == [0.0]


@given(seed=st.integers(0, 10_000), count=st.integers(1, 6))
def test_boxes_are_those_of_the_id_map(seed: int, count: int) -> None:
    id_map = np.random.default_rng(seed).integers(0, 40, (7, 9)).astype(np.uint32)
    ids, _, boxes = label_extents(id_map)
    wanted = ids[:count]
    masks = (
        torch.from_numpy(id_map.astype(np.int64)) == torch.from_numpy(wanted.astype(np.int64))[:, None, None]
    )
    assert boxes_from_masks(masks).tolist() == boxes[:count].tolist()


def test_boxes_of_nothing() -> None:
    masks = torch.zeros(2, 4, 6, dtype=torch.bool)
    masks[1, 3, 5] = True
    assert boxes_from_masks(masks).tolist() == [[0, 0, 0, 0], [5, 3, 6, 4]]
    assert boxes_from_masks(masks[:0]).shape == (0, 4)
