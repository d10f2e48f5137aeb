from __future__ import annotations

import pytest

from pix2cap.errors import InputError
from pix2cap.model.config import PRESETS, ModelConfig, preset


@pytest.mark.parametrize("name", PRESETS)
def test_a_configuration_survives_json(name: str) -> None:
    assert ModelConfig.from_json(preset(name).to_json()) == preset(name)


def test_published_behaviour_is_the_default() -> None:
    config = preset("focal-l")
    assert config == ModelConfig()
    assert (config.caption_memory, config.caption_targets, config.class_source) == (
        "query",
        "mask_iou",
        "query",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "as JSON"),
        ('{"queries": 3, "squeries": 4}', "unknown squeries"),
        ('{"depths": [1, 2]}', "four stages"),
        ('{"hidden_dim": 100, "heads": 8}', "hidden_dim to be a multiple"),
        ('{"caption_max_tokens": 2000}', "caption_max_tokens <= caption_positions"),
    ],
)
def test_a_damaged_configuration_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        ModelConfig.from_json(text)


def test_an_unknown_preset_is_told_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="focal-l, focal-t, tiny"):
        preset("focal-h")
