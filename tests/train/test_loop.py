"""The training loop: it learns, goes on exactly where it was, and stops in time."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch

from pix2cap.core.interrupt import Interrupt, interruptible
from pix2cap.errors import RunLocked, RunMismatch, TrainingDiverged, UsageError
from pix2cap.train.checkpoint import latest_checkpoint, list_checkpoints
from pix2cap.train.log import LOG_NAME, read_log
from pix2cap.train.run_folder import CONFIG_NAME, open_run
from tests.builders.small_task import small_settings, train_small, train_until_killed


def _log(run_dir: Path, event: str = "train") -> list[dict[str, Any]]:
    return [record for record in read_log(run_dir / LOG_NAME) if record["event"] == event]


def _numbers(run_dir: Path) -> list[Any]:
    """All of a log that does not depend on the clock."""
    return [
        (r["step"], r["loss"], r["losses"], r["grad_norm"], r["lr"])
        if r["event"] == "train"
        else (r["step"], r["scores"])
        for r in read_log(run_dir / LOG_NAME)
        if r["event"] in ("train", "eval")
    ]


def _weights(run_dir: Path, name: str = "weights") -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(run_dir / name / "weights.pt", weights_only=True)
    return state


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    run_dir = tmp_path_factory.mktemp("whole") / "run"
    train_small(run_dir, small_settings())
    return run_dir


def test_it_learns_logs_evaluates_and_delivers(whole: Path) -> None:
    lines = _log(whole)
    assert [line["step"] for line in lines] == list(range(1, 31))
    losses = [line["loss"] for line in lines]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    assert lines[0]["loss"] == pytest.approx(sum(lines[0]["losses"].values()))
    assert lines[0]["lr"]["backbone"] == pytest.approx(0.1 * lines[0]["lr"]["rest"])
    scores = _log(whole, "eval")
    assert [line["step"] for line in scores] == [7, 14, 21, 28, 30]
    best = orjson.loads((whole / "best" / "scores.json").read_bytes())
    values = [line["scores"]["panoptic.all.pq"] for line in scores]
    assert best["scores"]["panoptic.all.pq"] == max(values)
    assert best["step"] == scores[values.index(max(values))]["step"]
    assert len(list_checkpoints(whole)) == 2
    assert not [path for path in whole.iterdir() if path.name.startswith(".")]


def test_what_is_delivered_is_the_average(whole: Path) -> None:
    checkpoint = latest_checkpoint(whole)
    assert checkpoint is not None and checkpoint.average is not None
    delivered = _weights(whole)
    assert torch.equal(delivered["head.weight"], checkpoint.average["average.head.weight"])
    assert not torch.equal(delivered["head.weight"], checkpoint.model["head.weight"])


def test_the_same_seed_gives_the_same_run_and_another_gives_another(whole: Path, tmp_path: Path) -> None:
    train_small(tmp_path / "again", small_settings())
    assert _numbers(tmp_path / "again") == _numbers(whole)
    document = small_settings()
    other = type(document)(**{**vars(document), "seed": 1})
    train_small(tmp_path / "other", other)
    assert _numbers(tmp_path / "other")[0] != _numbers(whole)[0]


@pytest.fixture(scope="module")
def start() -> Callable[..., BaseProcess]:
    context = multiprocessing.get_context("forkserver")
    # Imported once, so that a session starts at once; an optimizer's first step imports the last two.
    context.set_forkserver_preload(
        [
            "pix2cap.train.loop",
            "pix2cap.train.run_folder",
            "pix2cap.train.settings_file",
            "sympy",
            "torch._dynamo",
        ]
    )

    def begin(run_dir: Path, *, pause_s: float = 0.02) -> BaseProcess:
        process = context.Process(target=train_until_killed, args=(str(run_dir), pause_s))
        process.start()
        return process

    return begin


def test_killed_at_random_moments_it_ends_as_if_nothing_had_been(
    whole: Path, tmp_path: Path, start: Callable[..., BaseProcess]
) -> None:
    run_dir, chance = tmp_path / "run", random.Random(5)
    kills = 0
    while kills < 3:
        done = len(_log(run_dir))
        process = start(run_dir)
        enough = done + chance.randint(1, 6)
        while process.is_alive() and len(_log(run_dir)) < enough:
            time.sleep(0.001)
        time.sleep(0.02 * chance.random())
        if not process.is_alive():
            break
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += 1
    assert kills >= 3
    train_small(run_dir, small_settings())
    assert _numbers(run_dir) == _numbers(whole)
    assert len(_log(run_dir, "session")) >= 2
    for key, value in _weights(whole).items():
        assert torch.equal(_weights(run_dir)[key], value)


def test_two_runs_never_share_a_folder(tmp_path: Path, start: Callable[..., BaseProcess]) -> None:
    process = start(tmp_path / "run", pause_s=0.2)
    while not _log(tmp_path / "run"):
        time.sleep(0.01)
    with pytest.raises(RunLocked, match=str(process.pid)):
        train_small(tmp_path / "run", small_settings())
    process.kill()
    process.join()


@pytest.mark.parametrize("numbers", [(signal.SIGINT,), (signal.SIGTERM,)], ids=["int", "term"])
def test_ctrl_c_saves_the_step_under_way(whole: Path, tmp_path: Path, numbers: tuple[int, ...]) -> None:
    told: list[str] = []
    with interruptible(told.append, handle_signals=True) as interrupt:
        timer = threading.Timer(0.1, os.kill, (os.getpid(), numbers[0]))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            train_small(tmp_path, small_settings(), interrupt=interrupt, pause_s=0.03)
        timer.join()
    assert "saving" in told[0]
    checkpoint = latest_checkpoint(tmp_path)
    assert checkpoint is not None
    assert checkpoint.step == _log(tmp_path)[-1]["step"] < 30
    train_small(tmp_path, small_settings())
    assert _numbers(tmp_path) == _numbers(whole)


def test_an_evaluation_that_was_interrupted_is_made_up_for(whole: Path, tmp_path: Path) -> None:
    interrupt = Interrupt()
    settings = small_settings()

    class Late(Interrupt):
        """Set while the first evaluation is under way."""

        def check(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_small(tmp_path, settings, interrupt=Late())
    assert _log(tmp_path)[-1]["step"] == 7 and not _log(tmp_path, "eval")
    train_small(tmp_path, settings, interrupt=interrupt)
    assert _numbers(tmp_path) == [*_numbers(whole)]


def test_a_loss_that_is_no_number_stops_before_it_spoils_anything(tmp_path: Path) -> None:
    with pytest.raises(TrainingDiverged, match=r"step 12: expected finite losses.*size_0 = nan") as stopped:
        train_small(tmp_path, small_settings(), nan_at=11)
    assert stopped.value.step == 12
    checkpoint = latest_checkpoint(tmp_path)
    assert checkpoint is not None and checkpoint.step == 9
    assert all(value.isfinite().all() for value in checkpoint.model.values())


def test_a_gradient_that_is_no_number_stops_too(tmp_path: Path) -> None:
    with pytest.raises(TrainingDiverged, match=r"step 5: .*gradient norm = (nan|inf)"):
        train_small(tmp_path, small_settings(), infinite_gradient_at=4)


def test_passes_of_a_step_add_up_to_one(tmp_path: Path) -> None:
    # Without noise or dropout the mean over halves is the mean over all, so both ways learn the same.
    for name, accumulate in (("one", 1), ("two", 2)):
        settings = small_settings(
            optim={"accumulate": accumulate, "freeze": ["backbone"]}, schedule={"steps": 4, "warmup": 0}
        )
        train_small(tmp_path / name, settings, noise=0.0)
    for one, two in zip(_log(tmp_path / "one"), _log(tmp_path / "two"), strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-5)
        assert two["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-5)


def test_lines_are_means_since_the_last_and_survive_a_stop(tmp_path: Path) -> None:
    every = small_settings(log={"every": 1})
    some = small_settings(log={"every": 10, "checkpoint_every": 4})
    train_small(tmp_path / "every", every)
    train_small(tmp_path / "some", some)
    losses = [line["loss"] for line in _log(tmp_path / "every")]
    means = [line["loss"] for line in _log(tmp_path / "some")]
    assert means == pytest.approx([sum(losses[i : i + 10]) / 10 for i in (0, 10, 20)])
    with pytest.raises(TrainingDiverged):
        train_small(tmp_path / "cut", some, nan_at=17)
    train_small(tmp_path / "cut", some)
    assert _numbers(tmp_path / "cut") == _numbers(tmp_path / "some")


def test_a_run_that_is_done_delivers_again_and_learns_nothing(whole: Path, tmp_path: Path) -> None:
    settings = small_settings(schedule={"steps": 4})
    train_small(tmp_path, settings)
    before = _weights(tmp_path)
    (tmp_path / "weights" / "weights.pt").unlink()
    train_small(tmp_path, settings)
    assert all(torch.equal(value, before[key]) for key, value in _weights(tmp_path).items())
    assert [line["step"] for line in _log(tmp_path)] == [1, 2, 3, 4]


def test_frozen_parts_do_not_move(tmp_path: Path) -> None:
    settings = small_settings(optim={"freeze": ["backbone"]}, schedule={"steps": 5})
    task = train_small(tmp_path, settings)
    checkpoint = latest_checkpoint(tmp_path)
    assert checkpoint is not None
    torch.manual_seed(settings.seed)
    fresh = type(task.model)().state_dict()
    moved = {key for key, value in checkpoint.model.items() if not torch.equal(value, fresh[key])}
    assert moved == {"head.weight", "head.bias"}


def test_bfloat16_learns_too(tmp_path: Path) -> None:
    document = small_settings()
    settings = type(document)(**{**vars(document), "precision": "bf16"})
    train_small(tmp_path, settings)
    losses = [line["loss"] for line in _log(tmp_path)]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"optim": {"lr": 0.02}}, ["optim.lr: 0.1 then, 0.02 now"]),
        ({"schedule": {"steps": 31}}, ["schedule.steps: 30 then, 31 now"]),
        ({"model": {"preset": "tiny", "queries": 3}}, ["model.preset", "model.overrides.queries: none then"]),
    ],
)
def test_other_settings_are_refused(whole: Path, tables: dict[str, dict[str, Any]], words: list[str]) -> None:
    before = (whole / CONFIG_NAME).read_bytes()
    with pytest.raises(RunMismatch) as refused:
        train_small(whole, small_settings(**tables))
    for word in (*words, "another --out"):
        assert word in str(refused.value)
    assert (whole / CONFIG_NAME).read_bytes() == before


def test_what_changes_no_number_may_change(tmp_path: Path) -> None:
    train_small(tmp_path, small_settings(schedule={"steps": 4}))
    changed = small_settings(
        schedule={"steps": 4}, log={"every": 2}, eval={"every": 2}, data={"workers": 1, "val": "there"}
    )
    train_small(tmp_path, changed)


def test_other_data_and_other_devices_are_refused(tmp_path: Path) -> None:
    settings = small_settings(schedule={"steps": 2})
    with open_run(tmp_path, settings) as keep:
        keep({"train_sha256": "a"})
    with (
        pytest.raises(RunMismatch, match=r"facts\.train_sha256: a then, b now"),
        open_run(tmp_path, settings) as keep,
    ):
        keep({"train_sha256": "b"})


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        train_small(tmp_path, small_settings())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_no_home_path_is_stored(tmp_path: Path) -> None:
    settings = small_settings(data={"train": str(tmp_path / "data" / "set")})
    with open_run(tmp_path / "run", settings):
        pass
    text = (tmp_path / "run" / CONFIG_NAME).read_text("utf-8")
    assert str(tmp_path) not in text
    assert 'train = "../data/set"' in text
