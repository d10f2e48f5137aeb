"""A training configuration: what is read, what is refused and how that is told."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from pix2cap.errors import InputError, UsageError
from pix2cap.model.config import ModelConfig, preset
from pix2cap.train.settings import (
    LOSS_FIELDS,
    DataSettings,
    EvalSettings,
    LogSettings,
    ModelSettings,
    OptimSettings,
    ScheduleSettings,
)
from pix2cap.train.settings_file import configure_model, parse_settings, read_settings

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def test_what_is_not_named_is_published() -> None:
    settings = parse_settings({"data": {"train": "scenes/train"}})
    assert settings.data.train == Path("scenes/train")
    assert (settings.optim.lr, settings.optim.weight_decay, settings.optim.clip) == (1e-4, 0.05, 5.0)
    assert settings.optim.lr_factors == {"backbone": 0.1, "text_encoder": 0.1}
    assert (settings.optim.weight_decay_norm, settings.optim.weight_decay_embedding) == (0, 0)
    assert (settings.optim.batch, settings.schedule.epochs, settings.schedule.kind) == (32, 25, "steps")
    assert settings.schedule.milestones == (0.88889, 0.96296)
    assert (settings.data.image_size, settings.data.min_scale, settings.data.max_scale) == (1024, 0.1, 2.0)
    assert configure_model(settings, preset("focal-l")) == ModelConfig()


def test_model_and_loss_change_the_configuration() -> None:
    settings = parse_settings(
        {
            "data": {"train": "a"},
            "model": {"preset": "tiny", "depths": [1, 1, 1, 1], "caption_memory": "query", "drop_path": 0},
            "loss": {"points": 99, "caption_weight": 2},
        }
    )
    config = configure_model(settings, preset("tiny"))
    assert config.depths == (1, 1, 1, 1)
    assert (config.caption_memory, config.points, config.caption_weight) == ("query", 99, 2.0)
    assert config.queries == preset("tiny").queries


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, ["data.train: is needed"]),
        ({"dat": {}, "data": {"train": "a"}}, ["dat: unknown key", "did you mean data?"]),
        ({"data": 3}, ["data: expected a table [data]", "3"]),
        ({"data": {"train": "a", "flipp": 0.5}}, ["data.flipp: unknown key", "did you mean flip?"]),
        ({"data": {"train": "a", "zzz": 1}}, ["data.zzz: unknown key", "known are train,"]),
        ({"data": {"train": "a", "flip": 1.5}}, ["data.flip", "less than or equal to 1", "1.5"]),
        ({"data": {"train": "a", "min_scale": 3.0}}, ["data.min_scale", "at most data.max_scale"]),
        ({"data": {"train": "a"}, "model": {"preset": "tny"}}, ["model.preset", "did you mean tiny?"]),
        ({"data": {"train": "a"}, "model": {"querys": 3}}, ["model.querys", "did you mean queries?"]),
        ({"data": {"train": "a"}, "model": {"points": 3}}, ["loss.points: stands in [loss]"]),
        ({"data": {"train": "a"}, "model": {"classes": 3}}, ["model.classes: is taken from the data"]),
        ({"data": {"train": "a"}, "model": {"heads": "a"}}, ["model.heads", "valid integer", "'a'"]),
        ({"data": {"train": "a"}, "model": {"heads": 7}}, ["hidden_dim", "multiple", "7"]),
        ({"data": {"train": "a"}, "loss": {"point": 3}}, ["loss.point: unknown", "did you mean points?"]),
        ({"data": {"train": "a"}, "loss": {"points": 1.5}}, ["loss.points", "integer", "1.5"]),
        ({"data": {"train": "a"}, "optim": {"lr": "3"}}, ["optim.lr", "number", "'3'"]),
        ({"data": {"train": "a"}, "optim": {"lr": -1}}, ["optim.lr", "greater than 0", "-1"]),
        ({"data": {"train": "a"}, "optim": {"freeze": ["bakbone"]}}, ["optim.freeze", "'backbone'"]),
        ({"data": {"train": "a"}, "optim": {"batch": 5, "accumulate": 2}}, ["optim.batch", "multiple"]),
        ({"data": {"train": "a"}, "log": {"trackers": ["tensorboard"]}}, ["log.trackers", "trackio"]),
        ({"data": {"train": "a"}, "eval": {"metrics": ["blue"]}}, ["eval.metrics", "'bleu'"]),
        ({"data": {"train": "a"}, "precision": "fp16"}, ["precision", "'bf16'", "fp16"]),
        ({"data": {"train": "a"}, "seed": -1}, ["seed", "-1"]),
    ],
)
def test_a_wrong_key_or_value_is_named(document: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        parse_settings(document, where="run.toml")
    told = str(refused.value)
    assert told.startswith("run.toml: ")
    for word in words:
        assert word in told


@pytest.mark.parametrize(
    "kind", [DataSettings, ModelSettings, OptimSettings, ScheduleSettings, LogSettings, EvalSettings]
)
def test_every_key_is_documented(kind: type[Any]) -> None:
    table = kind.__name__.removesuffix("Settings").lower()
    text = (CONFIGS.parent / "docs" / "training.md").read_text("utf-8")
    described = text.partition(f"| [{table}]")[2].partition("\n\n")[0]
    names = {f.name for f in dataclasses.fields(kind)} - {"overrides"}
    assert set(re.findall(r"^\| (.*?) \|", described, re.M)), table
    columns = " ".join(re.findall(r"^\| (.*?) \|", described, re.M))
    assert names <= set(re.findall(r"`(\w+)`", columns))
    assert set(LOSS_FIELDS) <= set(re.findall(r"`(\w+)`", text.partition("| [loss]")[2]))


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InputError, match=r"optim\.lr.*schedule\.kind.*seed"):
        parse_settings(
            {"data": {"train": "a"}, "optim": {"lr": 0}, "schedule": {"kind": "line"}, "seed": "one"}
        )


def test_changes_take_the_place_of_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[data]\ntrain = "a"\n[optim]\nlr = 1e-3\n', encoding="utf-8")
    changes = ["optim.lr=2e-4", "data.train=other/set", "optim.freeze=['backbone']", "seed=7"]
    settings = read_settings(path, changes)
    assert (settings.optim.lr, settings.data.train) == (2e-4, Path("other/set"))
    assert (settings.optim.freeze, settings.seed) == (("backbone",), 7)
    with pytest.raises(InputError, match=r"optim\.rl: unknown key"):
        read_settings(path, ["optim.rl=1"])
    for wrong in ("optim.lr", "=3", "optim.lr.x=3"):
        with pytest.raises(UsageError, match="expected a change"):
            read_settings(path, [wrong])


def test_no_toml_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    with pytest.raises(InputError, match=r"run\.toml: expected a training configuration"):
        read_settings(path)
    path.write_text("[data\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        read_settings(path)
