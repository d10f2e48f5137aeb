"""`pix2cap train` on the command line; what it learns is tested in tests/train."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pix2cap.cli.train_progress import report_training
from pix2cap.train.task import TrainProgress
from tests.builders.training import build_scenes
from tests.cli.conftest import Call

CONFIG = """
[data]
train = "scenes"
image_size = 64

[model]
preset = "tiny"
embed_dim = 8
queries = 8
decoder_layers = 1
caption_vocabulary = 300

[optim]
batch = 1

[schedule]
steps = 2

[loss]
points = 64
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    with contextlib.chdir(tmp_path):
        yield tmp_path


def test_it_trains_says_so_and_names_the_next_command(here: Path, call: Call) -> None:
    build_scenes(here / "scenes", images=2, side=64)
    arguments = ("train", "config.toml", "--out", "run", "--device", "cpu", "--format", "json")
    called = call(*arguments, "--set", "log.every=1", "--set", "schedule.steps=3")
    assert called.code == 0, called.err
    assert called.json["steps"] == 3 and called.json["weights"] == "run/weights"
    assert (here / "run" / "weights" / "model.safetensors").is_file()
    assert "step 3/3" in called.err
    assert called.err.splitlines()[-1].startswith("next: ")
    assert "predict PICTURES --weights run/weights" in called.err
    call(*arguments, "--set", "schedule.steps=9").refused("schedule.steps", "3 then, 9 now")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("optim.lrr=1", ["config.toml", "optim.lrr", "did you mean lr?"]),
        ("optim.lr", ["optim.lr=2e-4"]),
        ("data.train=nowhere", ["nowhere"]),
        ("model.weights=nowhere", ["nowhere", "weights"]),
        ("log.trackers=['wandb']", ["wandb"]),
    ],
)
def test_wrong_settings_are_refused(here: Path, call: Call, change: str, words: list[str]) -> None:
    build_scenes(here / "scenes", images=2, side=64)
    call("train", "config.toml", "--out", "run", "--set", change).refused(*words)


def test_a_missing_configuration_is_told(here: Path, call: Call) -> None:
    call("train", "no.toml", "--out", "run").refused("no.toml", "training configuration")


def test_without_a_terminal_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with report_training() as advance:
        for step in range(1, 101):
            advance(TrainProgress(step, 100, 1.5, 8.0, (100 - step) * 40.0))
        advance(TrainProgress(100, 100, 0.0, 0.0, None, "evaluating"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "step 1/100: loss 1.500, 8.0 images/s, about 1 h 6 min left",
        "step 100/100: loss 1.500, 8.0 images/s, about 0 s left",
        "step 100/100: evaluating",
    ]
