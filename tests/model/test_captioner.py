from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pix2cap.model.captioner import PanopticCaptioner, _scale_gradient
from pix2cap.model.config import ModelConfig
from pix2cap.model.records import Batch, SegmentTargets
from tests.builders.small_weights import small_config

THINGS = [True] * 10 + [False] * 8


def make_batch(config: ModelConfig, *, captioned: bool = True) -> Batch:
    torch.manual_seed(3)
    targets = []
    for count in (3, 2):
        masks = torch.zeros(count, 48, 64, dtype=torch.bool)
        for number, mask in enumerate(masks):
            mask[5 + 10 * number : 14 + 10 * number, 8:40] = True
        ids = torch.randint(3, config.caption_vocabulary, (count, 7))
        predicted = torch.full((count, 7), captioned)
        predicted[:, 0] = False
        targets.append(SegmentTargets(torch.arange(count), masks, ids, predicted))
    return Batch(torch.randn(2, 3, 48, 64), ((48, 64), (41, 50)), tuple(targets))


def embeddings(config: ModelConfig) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(config.classes + 1, config.projection_dim), dim=-1)


@pytest.mark.parametrize("memory", ["query", "rich"])
@pytest.mark.parametrize("matched", ["mask_iou", "hungarian"])
def test_every_learning_part_gets_a_gradient(memory: str, matched: str) -> None:
    # Three layers: one for each scale.
    config = small_config(caption_memory=memory, caption_targets=matched, decoder_layers=3)
    model = PanopticCaptioner(config)
    ids = torch.randint(1, config.text_vocabulary, (config.classes + 1, 1, 8))
    losses = model.losses(make_batch(config), model.class_embeddings(list(ids)))
    assert {name.split("_")[0] for name in losses} == {"class", "mask", "dice", "caption"}
    total = torch.stack(list(losses.values())).sum()
    assert total.isfinite()
    total.backward()
    without = {name for name, p in model.named_parameters() if p.requires_grad and p.grad is None}
    # No loss teaches boxes, as published; its weights are there for those who have them.
    assert all("bbox_embed" in name for name in without)


def test_a_batch_without_captions_teaches_none() -> None:
    config = small_config()
    model = PanopticCaptioner(config)
    losses = model.losses(make_batch(config, captioned=False), embeddings(config))
    assert losses["caption_0"].item() == 0
    torch.stack(list(losses.values())).sum().backward()


def test_predictions_cover_their_pictures_and_are_captioned() -> None:
    config = small_config()
    model = PanopticCaptioner(config).eval()
    batch = replace(make_batch(config), targets=())
    predictions = model.predict(
        batch, embeddings(config), is_thing=THINGS, out_sizes_hw=[(48, 64), (90, 110)]
    )
    assert [tuple(p.id_map.shape) for p in predictions] == [(48, 64), (90, 110)]
    for prediction in predictions:
        assert {s.id for s in prediction.segments} == set(prediction.id_map.unique().tolist()) - {0}
        for segment in prediction.segments:
            ys, xs = (prediction.id_map == segment.id).nonzero(as_tuple=True)
            box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            assert segment.box_xyxy == tuple(int(side) for side in box)
            assert 0 <= segment.query < config.queries and segment.caption_log_prob < 0
            assert len(segment.caption_ids) < config.caption_max_tokens


def test_captions_do_not_depend_on_the_other_pictures_of_a_batch() -> None:
    config = small_config(size_divisibility=64)
    model = PanopticCaptioner(config).eval()
    both, names = replace(make_batch(config), targets=()), embeddings(config)
    together = model.predict(both, names, is_thing=THINGS)
    alone = [
        model.predict(Batch(both.images[i : i + 1], both.sizes_hw[i : i + 1]), names, is_thing=THINGS)[0]
        for i in range(2)
    ]
    for one, other in zip(together, alone, strict=True):
        assert torch.equal(one.id_map, other.id_map)
        assert [s.caption_ids for s in one.segments] == [s.caption_ids for s in other.segments]


def test_without_captions_none_are_written() -> None:
    config = small_config()
    model = PanopticCaptioner(config).eval()
    batch = replace(make_batch(config), targets=())
    predictions = model.predict(batch, embeddings(config), is_thing=THINGS, captions=False)
    assert any(p.segments for p in predictions)
    assert all(s.caption_ids == () for p in predictions for s in p.segments)


def test_nothing_found_is_an_empty_map() -> None:
    config = small_config(object_threshold=1.1)
    model = PanopticCaptioner(config).eval()
    (first, _) = model.predict(replace(make_batch(config), targets=()), embeddings(config), is_thing=THINGS)
    assert first.segments == () and not first.id_map.any()


def test_a_scaled_gradient_keeps_the_values() -> None:
    x = torch.randn(4, requires_grad=True)
    scaled = _scale_gradient(x, 1 / 3)
    torch.testing.assert_close(scaled, x)
    scaled.sum().backward()
    torch.testing.assert_close(x.grad, torch.full((4,), 1 / 3))
