"""Keys and shapes against the published tables, and configurations read off shapes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from pix2cap.errors import InputError
from pix2cap.model.config import PRESETS, ModelConfig, preset
from pix2cap.model.keys import (
    KeyReport,
    Shape,
    compare_keys,
    compare_shapes,
    expected_shapes,
    guess_config,
    preset_name,
)
from tests.builders.published import SMALL, pix2cap_state, xdecoder_state


def _table(path: Path) -> dict[str, Shape]:
    rows = (line.split("\t") for line in path.read_text("utf-8").splitlines()[1:])
    return {row[0]: tuple(json.loads(row[1])) for row in rows}


def test_focal_l_has_exactly_the_published_keys_and_shapes(golden: Path) -> None:
    published = _table(golden / "pix2cap_focal_l_state_dict.tsv")
    assert len(published) == 1043
    assert expected_shapes(preset("focal-l")) == published
    assert guess_config(published) == preset("focal-l")


def test_xdecoder_lacks_captions_boxes_and_object_tokens(golden: Path) -> None:
    published = _table(golden / "xdecoder_focal_l_state_dict.tsv")
    assert len(published) == 930
    assert guess_config(published) == preset("focal-l")
    report = compare_shapes(published, expected_shapes(preset("focal-l")))
    assert report.extra == (("backbone_proj", (1536, 512)),) and not report.mis_shaped
    parts = {key.split(".")[2] for key, _ in report.missing}
    assert parts == {"text_decoder", "bbox_embed", "object_proj"} and len(report.missing) == 114


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_read_off_their_shapes(name: str) -> None:
    config = PRESETS[name]
    guessed = guess_config(expected_shapes(config))
    assert guessed == config and preset_name(guessed) == name


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"hidden_dim": 32},
        {"queries": 11, "classes": 5},
        {"caption_memory": "rich"},
        {"caption_positions": 30, "caption_max_tokens": 30},
        {"text_context": 5, "text_layers": 1, "encoder_layers": 3, "decoder_layers": 1, "caption_layers": 4},
        {"depths": (2, 1, 1, 3), "focal_levels": (1, 2, 3, 4), "focal_windows": (5, 3, 7, 3)},
    ],
    ids=str,
)
def test_sizes_are_read_off_shapes(change: dict[str, object]) -> None:
    config = dataclasses.replace(SMALL, **change)  # type: ignore[arg-type]
    assert guess_config(expected_shapes(config)) == config


def test_what_a_file_lacks_is_the_presets() -> None:
    guessed = guess_config({key: tuple(t.shape) for key, t in xdecoder_state().items()})
    assert guessed.caption_width == preset("focal-l").caption_width
    assert guessed.queries == SMALL.queries and preset_name(guessed) is None
    assert guess_config({}, like=SMALL) == SMALL


def test_what_shapes_do_not_show_is_taken_from_a_likeness() -> None:
    like = dataclasses.replace(preset("focal-l"), heads=4, patch_size=2)
    guessed = guess_config(expected_shapes(SMALL), like)
    assert (guessed.heads, guessed.patch_size, guessed.queries) == (4, 2, SMALL.queries)


def test_shapes_of_no_model_are_refused() -> None:
    shapes = expected_shapes(SMALL) | {"sem_seg_head.predictor.query_feat.weight": (7, 33)}
    with pytest.raises(InputError, match=r"hidden_dim.*33 and 8.*name the preset"):
        guess_config(shapes)


def test_every_difference_is_named() -> None:
    state = pix2cap_state()
    assert compare_keys(state, SMALL).fits
    del state["backbone.norm0.bias"]
    state["more"] = torch.zeros(2)
    state["criterion.empty_weight"] = torch.zeros(9)
    report = compare_keys(state, SMALL)
    assert report == KeyReport(
        missing=(("backbone.norm0.bias", (8,)),),
        extra=(("more", (2,)),),
        mis_shaped=(("criterion.empty_weight", (4,), (9,)),),
    )
    assert not report.fits
    assert [line.split() for line in report.lines()] == [
        ["missing", "backbone.norm0.bias", "[8]"],
        ["extra", "more", "[2]"],
        ["mis-shaped", "criterion.empty_weight", "expected", "[4],", "got", "[9]"],
    ]
    assert report.to_json() == {
        "missing": {"backbone.norm0.bias": [8]},
        "extra": {"more": [2]},
        "mis_shaped": {"criterion.empty_weight": {"expected": [4], "got": [9]}},
    }
    assert report.summary() == (
        "1 missing: backbone.norm0.bias; 1 too many: more; 1 of another shape: criterion.empty_weight is [9]"
        " instead of [4]"
    )


def test_a_summary_is_short_and_counts_all() -> None:
    report = compare_keys({}, SMALL)
    assert report.summary().startswith(f"{len(report.missing)} missing: ")
    assert report.summary().endswith(f" and {len(report.missing) - 5} more")
    assert len(report.lines()) == len(report.missing) == len(expected_shapes(SMALL))


def test_expected_shapes_take_no_memory() -> None:
    huge = ModelConfig(text_vocabulary=10**12)
    assert (10**12, 512) in expected_shapes(huge).values()
