"""Configurations of fine-tuning."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pix2cap.errors import InputError, UsageError
from pix2cap.sft.settings import parse_sft_settings, read_sft_settings

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("sft_*.toml"))


def document(**changes: Any) -> dict[str, Any]:
    return {
        "data": {"train": "scenes"},
        "model": {"base": "tiny", "region": {"layers": [-1]}},
        "stages": [{"name": "one", "train": ["regions"], "lr": 1e-3}],
        **changes,
    }


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_that_we_ship_is_valid(path: Path) -> None:
    assert read_sft_settings(path).stages


def test_there_are_the_three_configurations() -> None:
    assert {path.stem for path in CONFIGS} >= {"sft_tiny", "sft_gpt4roi_7b", "sft_vlm_3b"}


def test_lists_become_tuples_and_texts_paths() -> None:
    settings = parse_sft_settings(document())
    assert settings.data.train == Path("scenes")
    assert settings.model.region is not None and settings.model.region.layers == (-1,)
    assert settings.stages[0].train == ("regions",)


STAGE = {"name": "one", "train": ["regions"], "lr": 1e-3}
REGION = {"base": "tiny", "region": {"layers": [-1]}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data": {}}, "data.train: is needed"),
        (
            {"data": {"train": "x", "max_region": 3}},
            "data.max_region: unknown key, did you mean max_regions?",
        ),
        ({"model": {**REGION, "lora": {"ranks": 3}}}, "model.lora.ranks: unknown key, did you mean rank?"),
        ({"modle": {}}, "modle: unknown key, did you mean model?"),
        ({"stages": []}, "stages"),
        ({"stages": [{**STAGE, "learn": 1}]}, "stages.0.learn: unknown key"),
        ({"stages": [{**STAGE, "lr": "fast"}]}, "stages.0.lr"),
        ({"stages": [{**STAGE, "train": ["legs"]}]}, "stages.0.train.0"),
        ({"stages": [STAGE, STAGE]}, "each name once"),
        ({"stages": [{**STAGE, "name": "../up"}]}, "letters"),
        ({"stages": [{**STAGE, "batch": 6, "accumulate": 4}]}, "multiple of accumulate"),
        ({"stages": [{**STAGE, "train": ["lora"]}]}, r"needs a table \[model.lora\]"),
        (
            {"model": {**REGION, "lora": {}}, "stages": [{**STAGE, "train": ["lora", "language"]}]},
            "lora and language",
        ),
        ({"model": {"base": "tiny"}}, r"needs a table \[model.region\]"),
        ({"data": {"train": "x", "mention": "box"}}, "data.mention"),
        ({"data": {"train": "x", "styles": ["locate"]}}, "locate"),
        ({"data": {"train": "x", "styles": []}}, "expected a style"),
        ({"model": {**REGION, "kind": "plain"}}, "plain"),
        ({"keep": 1}, "keep"),
        ({"precision": "fp16"}, "precision"),
    ],
)
def test_faults_are_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as raised:
        parse_sft_settings(document(**changes), where="my.toml")
    assert str(raised.value).startswith("my.toml: ")


def test_changes_take_the_place_of_values(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text(
        '[data]\ntrain = "a"\n[model]\nbase = "tiny"\n[model.region]\n[[stages]]\nname = "s"\nlr = 1.0\n'
    )
    changes = ["data.train=b c", "stages.0.lr=2e-5", 'stages.0.train=["regions"]', "model.lora.rank=4"]
    settings = read_sft_settings(path, changes)
    assert settings.data.train == Path("b c") and settings.stages[0].lr == 2e-5
    assert settings.model.lora is not None and settings.model.lora.rank == 4
    for wrong in ("lr", "=3", "data.train.x=1", "stages.7.lr=1", "stages.first.lr=1"):
        with pytest.raises(UsageError):
            read_sft_settings(path, [wrong])
    path.write_text("[data")
    with pytest.raises(InputError, match="in TOML"):
        read_sft_settings(path)


def test_what_the_big_configurations_say_holds() -> None:
    """The memory told in a comment is computed from these."""
    path = next(path for path in CONFIGS if path.stem == "sft_gpt4roi_7b")
    settings = read_sft_settings(path)
    assert [stage.train for stage in settings.stages] == [("regions",), ("regions", "projector", "language")]
    assert {(stage.lr, stage.epochs) for stage in settings.stages} == {(2e-5, 2)}
    assert all(stage.batch // stage.accumulate == 4 for stage in settings.stages)
    assert tomllib.loads(path.read_text("utf-8"))["weights"] == "bf16"
    with_adapters = [
        "model.lora.rank=64",
        "model.lora.alpha=128",
        'stages.1.train=["regions", "projector", "lora"]',
        "stages.1.lr=1e-4",
    ]
    assert read_sft_settings(path, with_adapters).model.lora is not None
