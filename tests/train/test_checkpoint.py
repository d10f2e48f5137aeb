"""Checkpoints: everything that decides the next step, whole or not there."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.errors import InputError
from pix2cap.train.checkpoint import (
    FOLDER,
    Checkpoint,
    latest_checkpoint,
    list_checkpoints,
    random_state,
    read_checkpoint,
    save_checkpoint,
    set_random_state,
)


def _checkpoint(step: int, *, size: int = 4) -> Checkpoint:
    return Checkpoint(
        step=step,
        model={"weight": torch.full((size,), float(step))},
        optimizer={"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        average={"updates": step, "average.weight": torch.zeros(size)},
        random=(random_state(),),
        window={"class_0": (1.5, 3)},
    )


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    written = _checkpoint(12)
    path = save_checkpoint(tmp_path, written, keep=2)
    assert path == tmp_path / FOLDER / "step-000000012.pt"
    read = latest_checkpoint(tmp_path)
    assert read is not None
    assert torch.equal(read.model["weight"], written.model["weight"])
    assert (read.step, read.window, read.average["updates"]) == (12, {"class_0": (1.5, 3)}, 12)  # type: ignore[index]
    assert read.optimizer["param_groups"] == written.optimizer["param_groups"]


def _draws() -> tuple[object, ...]:
    return (
        random.random(),
        random.gauss(0, 1),
        float(np.random.rand()),
        float(np.random.standard_normal()),
        torch.rand(3).tolist(),
        torch.randn(1).item(),
    )


@given(st.integers(0, 2**31 - 1), st.booleans())
def test_every_generator_goes_on_where_it_was(seed: int, odd: bool) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    if odd:  # A normal draw leaves half of a pair behind in numpy's and Python's generators.
        _draws()
        np.random.standard_normal()
        random.gauss(0, 1)
    state = random_state()
    expected = _draws()
    _draws()
    set_random_state(state)
    assert _draws() == expected


def test_a_written_state_goes_on_too(tmp_path: Path) -> None:
    np.random.standard_normal()
    save_checkpoint(tmp_path, _checkpoint(1), keep=1)
    expected = _draws()
    read = latest_checkpoint(tmp_path)
    assert read is not None
    set_random_state(read.random[0])
    assert _draws() == expected


def test_the_last_ones_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3, 10):
        save_checkpoint(tmp_path, _checkpoint(step), keep=2)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-000000003.pt", "step-000000010.pt"]
    read = latest_checkpoint(tmp_path)
    assert read is not None and read.step == 10


def test_no_folder_means_no_checkpoint(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None


def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, _checkpoint(1), keep=1)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"step-000000001\.pt: expected a checkpoint.*remove the file"):
        latest_checkpoint(tmp_path)


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (print, ("ran",))

    path = tmp_path / "step-000000001.pt"
    torch.save({**vars(_checkpoint(1)), "window": Evil()}, path)
    with pytest.raises(InputError, match="expected a checkpoint"):
        read_checkpoint(path)


def test_a_write_that_fails_leaves_the_earlier_one(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, _checkpoint(1), keep=1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save_checkpoint(tmp_path, _checkpoint(2, size=100_000), keep=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == ["step-000000001.pt"]


WRITER = """
import sys, torch
from pathlib import Path
from pix2cap.train.checkpoint import Checkpoint, random_state, save_checkpoint
print("ready", flush=True)
for step in range(1, 10**6):
    model = {"weight": torch.full((500_000,), float(step))}
    save_checkpoint(Path(sys.argv[1]), Checkpoint(step, model, {}, None, (random_state(),), {}), keep=2)
"""


def test_killed_at_any_moment_a_whole_checkpoint_is_there(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        while not list_checkpoints(tmp_path):
            time.sleep(0.001)
        for _ in range(10):
            # Stopped in the middle of whatever it does, the folder must be as good as after a kill.
            writer.send_signal(signal.SIGSTOP)
            read = latest_checkpoint(tmp_path)
            assert read is not None
            assert read.model["weight"].unique().item() == read.step
            writer.send_signal(signal.SIGCONT)
            time.sleep(0.003 * random.random())
    finally:
        writer.kill()
        writer.wait()
        assert writer.stdout is not None
        writer.stdout.close()
    read = latest_checkpoint(tmp_path)
    assert read is not None
    assert read.model["weight"].unique().item() == read.step
