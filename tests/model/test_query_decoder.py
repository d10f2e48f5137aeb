from __future__ import annotations

import torch
from torch import Tensor

from pix2cap.model.config import ModelConfig
from pix2cap.model.query_decoder import QueryDecoder, _inside
from pix2cap.model.records import PixelFeatures
from tests.builders.small_weights import small_config


def features(config: ModelConfig, pictures: int = 2) -> PixelFeatures:
    def grid(side: int, channels: int) -> Tensor:
        return torch.randn(pictures, channels, side, side)

    scales = (grid(2, config.conv_dim), grid(4, config.conv_dim), grid(8, config.conv_dim))
    return PixelFeatures(grid(16, config.mask_dim), grid(2, config.conv_dim), scales)


def names(config: ModelConfig) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(config.classes + 1, config.projection_dim), dim=-1)


def test_one_prediction_before_the_first_layer_and_one_after_each() -> None:
    config = small_config()
    layers = QueryDecoder(config)(features(config), names(config))
    assert len(layers) == config.decoder_layers + 1
    for layer in layers:
        assert layer.logits.shape == (2, config.queries + 1, config.classes + 1)
        assert layer.masks.shape == (2, config.queries + 1, 16, 16)
        assert layer.queries.shape == (2, config.queries + 1, config.hidden_dim)
        assert ((layer.boxes >= 0) & (layer.boxes <= 1)).all()


def test_objects_do_not_see_the_class_query() -> None:
    torch.manual_seed(0)
    config = small_config()
    decoder, seen, classes = QueryDecoder(config), features(config), names(config)
    with torch.no_grad():
        before = decoder(seen, classes)[-1]
        decoder.query_feat.weight[-1] += 3
        after = decoder(seen, classes)[-1]
    torch.testing.assert_close(before.masks[:, :-1], after.masks[:, :-1])
    assert not torch.allclose(before.masks[:, -1], after.masks[:, -1])


def test_a_query_looks_everywhere_where_its_mask_is_nowhere() -> None:
    masks = torch.full((1, 2, 8, 8), -1.0)
    masks[0, 1, :, :4] = 5
    inside = _inside(masks, torch.Size((4, 4)))[0, 0]
    assert inside[0].all()
    assert inside[1].view(4, 4).tolist() == [[True, True, False, False]] * 4


def test_widths_may_differ_between_the_parts() -> None:
    config = small_config(hidden_dim=32, conv_dim=64, mask_dim=48, projection_dim=24, object_dim=40)
    decoder = QueryDecoder(config)
    assert "input_proj.0.weight" in decoder.state_dict()
    assert decoder(features(config), names(config))[-1].masks.shape == (2, config.queries + 1, 16, 16)


def test_the_form_of_a_mask_changes_the_class_only_where_asked() -> None:
    for source, expected in (("query", False), ("mask", True)):
        config = small_config(class_source=source)
        assert any("mask_form" in name for name in QueryDecoder(config).state_dict()) is expected
