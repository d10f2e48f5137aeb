"""Runs of training: stages, resume, what stands in the folder, and that something is learnt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pix2cap.errors import InputError, RunMismatch, TrainingDiverged, UsageError
from pix2cap.sft.answer import RegionAnswerer
from pix2cap.sft.region_data import open_scenes
from pix2cap.sft.region_files import load_region_llava
from pix2cap.sft.run_log import read_sft_log
from pix2cap.sft.settings import SftSettings
from pix2cap.sft.stage_trainer import SftProgress
from pix2cap.sft.training import RunOptions, train_sft
from tests.builders.tiny_lmm import ALL, sft_settings, write_squares

CPU = RunOptions(device="cpu")
# Libraries warn of each other's deprecations.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("squares"))


def weights(out: Path) -> dict[str, torch.Tensor]:
    model = out / "model"
    return {**load_file(model / "model.safetensors"), **load_file(model / "regions.safetensors")}


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def three_stages(data: Path, **changes: Any) -> SftSettings:
    """Tower and language, then the region module, then adapters with dropout, which draws numbers."""
    stages = [
        {"name": "start", "train": ["vision", "language"], "lr": 1e-3, "steps": 2, "batch": 2},
        {"name": "regions", "train": ["regions"], "lr": 1e-2, "steps": 3, "batch": 4, "accumulate": 2},
        {"name": "adapt", "train": ["lora", "projector"], "lr": 1e-2, "steps": 4, "batch": 2},
    ]
    model = {"lora": {"rank": 2, "dropout": 0.3}}
    return sft_settings(data, stages=stages, model=model, checkpoint_every=1, **changes)


class Stop(Exception):
    pass


def stop_at(step: int) -> RunOptions:
    """End without warning, as a crash would."""

    def on_progress(progress: SftProgress) -> None:
        if progress.step == step:
            raise Stop

    return RunOptions(device="cpu", on_progress=on_progress)


@pytest.fixture(scope="module")
def whole(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three stages in one go."""
    out = tmp_path_factory.mktemp("whole") / "run"
    train_sft(three_stages(squares), out, CPU)
    return out


def test_stages_teach_what_they_name(whole: Path, squares: Path) -> None:
    def changed(stage: str) -> set[str]:
        (folder,) = (whole / "stages").glob(f"*-{stage}")
        names = load_file(folder / "done" / "learnt.safetensors")
        return {"lora" if "lora" in name else name.split(".")[0] for name in names}

    assert changed("regions") == {"regions"}
    assert changed("adapt") == {"llava", "lora"}
    records = [r for r in read_sft_log(whole / "log.jsonl") if r["event"] == "train"]
    assert [r["step"] for r in records] == list(range(1, 10))
    assert [r["stage"] for r in records] == ["start"] * 2 + ["regions"] * 3 + ["adapt"] * 4
    assert all(r["loss"] > 0 and r["grad_norm"] > 0 for r in records)
    assert not list(whole.rglob("checkpoint-*"))
    assert "<svg" in (whole / "curves.html").read_text()
    # A tiny base lies in no file of its own, so adapters are merged.
    assert json.loads((whole / "model" / "regions.json").read_text())["adapters_of"] is None
    assert str(squares) not in (whole / "run.json").read_text()


@pytest.mark.parametrize("step", [1, 4, 8])
def test_a_run_that_crashed_ends_with_the_same_weights(
    whole: Path, squares: Path, tmp_path: Path, step: int
) -> None:
    settings = three_stages(squares)
    with pytest.raises(Stop):
        train_sft(settings, tmp_path, stop_at(step))
    # What a kill while a checkpoint is written leaves behind.
    stage = max((tmp_path / "stages").iterdir())
    (stage / "checkpoint-99").mkdir()
    (stage / "checkpoint-99" / "learnt.safetensors").write_bytes(b"half")
    summary = train_sft(settings, tmp_path, CPU)
    assert summary.steps == 9
    assert_same_weights(tmp_path, whole)
    one, other = (read_sft_log(out / "log.jsonl") for out in (tmp_path, whole))
    assert [(r["step"], r["loss"]) for r in one] == [(r["step"], r["loss"]) for r in other]


def test_a_finished_run_is_left_alone(whole: Path, squares: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*.safetensors")}
    train_sft(three_stages(squares), whole, CPU)
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*.safetensors")} == before


_CHILD = """
import sys, time
from pathlib import Path
import torch
from tests.sft.test_sft_training import three_stages
from pix2cap.sft.training import RunOptions, train_sft
torch.set_num_threads(1)
train_sft(three_stages(Path(sys.argv[1])), sys.argv[2],
          RunOptions(device="cpu", on_progress=lambda p: time.sleep(0.2)))
"""


def test_a_killed_run_ends_with_the_same_weights(whole: Path, squares: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, squares, out], env=environment, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 200
    while not (out / "stages" / "1-start" / "done").is_dir():
        assert child.poll() is None, child.stderr and child.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert not (out / "model").exists()
    train_sft(three_stages(squares), out, CPU)
    assert_same_weights(out, whole)


def test_other_settings_are_refused(whole: Path, squares: Path, tmp_path: Path) -> None:
    with pytest.raises(RunMismatch, match=r"seed: 0 then, 1 now"):
        train_sft(three_stages(squares, seed=1), whole, CPU)
    with pytest.raises(RunMismatch, match="training data"):
        train_sft(three_stages(write_squares(tmp_path / "others", images=4)), whole, CPU)
    train_sft(three_stages(squares, log_every=7, keep=3), whole, CPU)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match=r"letter\.txt"):
        train_sft(three_stages(squares), tmp_path / "mine", CPU)


def test_a_loss_that_is_no_number_ends_the_run(squares: Path, tmp_path: Path) -> None:
    stages = [
        {
            "name": "all",
            "train": list(ALL),
            "lr": 1e30,
            "steps": 6,
            "batch": 2,
            "schedule": "constant",
            "warmup": 0.0,
        }
    ]
    with pytest.raises(TrainingDiverged, match="stage all") as raised:
        train_sft(sft_settings(squares, stages=stages), tmp_path, CPU)
    assert 1 < raised.value.step <= 6


def test_layers_that_the_tower_lacks_are_refused(squares: Path, tmp_path: Path) -> None:
    settings = sft_settings(squares, model={"region": {"layers": [-4]}})
    with pytest.raises(InputError, match="from -3 to 2"):
        train_sft(settings, tmp_path, CPU)


def test_training_goes_on_from_a_tuned_model_with_adapters_beside_it(
    whole: Path, squares: Path, tmp_path: Path
) -> None:
    base = whole / "model"
    stages = [{"name": "more", "train": ["lora", "regions"], "lr": 1e-2, "steps": 2, "batch": 2}]
    model = {"base": str(base), "lora": {"rank": 2}}
    train_sft(sft_settings(squares, model=model, stages=stages), tmp_path, CPU)
    assert not (tmp_path / "model" / "model.safetensors").exists()
    tuned, before = load_region_llava(tmp_path / "model"), load_region_llava(base)
    assert tuned.has_adapters
    name = "model.language_model.layers.0.self_attn.q_proj"
    layer = tuned.bare.get_submodule(name)
    assert torch.equal(layer.base_layer.weight, before.bare.get_submodule(name).weight)
    assert layer.lora_B["default"].weight.abs().max() > 0


def test_regions_are_learnt_and_their_tokens_used(squares: Path, tmp_path: Path) -> None:
    """Six pictures by heart: each caption names its own square, and exchanged regions exchange captions."""
    stages = [{"name": "all", "train": list(ALL), "lr": 4e-3, "steps": 150, "batch": 6, "warmup": 0.1}]
    settings = sft_settings(squares, stages=stages, log_every=45, checkpoint_every=1000)
    summary = train_sft(settings, tmp_path, CPU)
    assert summary.loss is not None and summary.loss < 0.2
    answerer = RegionAnswerer.load(tmp_path / "model", device="cpu")
    scenes = open_scenes(squares)
    for number in range(len(scenes)):
        scene, panoptic = scenes[number], scenes.source.panoptic(number + 1)
        told = [one.text for one in answerer.captions(scene.rgb, panoptic, scene.segments)]
        assert told == [scene.captions[s.id] for s in scene.segments]
        backwards = scene.segments[::-1]
        assert [one.text for one in answerer.captions(scene.rgb, panoptic, backwards)] == told[::-1]
