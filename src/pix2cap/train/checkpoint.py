"""Checkpoints: all that decides the next step, in one file that is either whole or not there."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np
import torch

from pix2cap.errors import InputError, StorageFull
from pix2cap.formats.storage import storage

FOLDER: Final = "checkpoints"
_NAME: Final = re.compile(r"step-(\d{9})\.pt")


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run between two steps.

    Args:
        step: Steps done; also the place in the seeded order of the data.
        model: State dict.
        optimizer: State dict.
        average: State dict of the weight average; None where there is none.
        random: For each process what `random_state` gave.
        window: Sums of losses since the last line of the log, and how many.
    """

    step: int
    model: Mapping[str, Any]
    optimizer: Mapping[str, Any]
    average: Mapping[str, Any] | None
    random: tuple[Mapping[str, Any], ...]
    window: Mapping[str, tuple[float, int]]


def random_state() -> dict[str, Any]:
    """The state of every generator that a step may draw from: Python's, numpy's, torch's on all devices."""
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    words = torch.from_numpy(np.asarray(keys).astype(np.int64))
    return {
        "python": random.getstate(),
        "numpy": (str(name), words, position, has_gauss, cached),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Put every generator where `random_state` found it; devices that are not there now are left out."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])


def save_checkpoint(run_dir: Path, checkpoint: Checkpoint, *, keep: int) -> Path:
    """Write a checkpoint, then forget the oldest beyond `keep`.

    The bytes are on the disk before the file gets its name, so a kill or a power cut at any moment leaves
    the earlier checkpoint or the new one.

    Raises:
        StorageFull: The disk took no more; earlier checkpoints are untouched.
    """
    folder = run_dir / FOLDER
    folder.mkdir(exist_ok=True)
    for left in folder.glob("*.part"):
        left.unlink()
    path = folder / f"step-{checkpoint.step:09d}.pt"
    partial = path.with_suffix(".part")
    try:
        with storage(path), partial.open("wb") as file:
            _write(vars(checkpoint), file)
            os.fsync(file.fileno())
        partial.replace(path)
        _sync(folder)
    except (OSError, StorageFull):
        partial.unlink(missing_ok=True)
        raise
    for old in list_checkpoints(run_dir)[:-keep]:
        old.unlink()
    return path


class _Writer:
    """A file for torch.save that remembers the system's own error, which torch turns into another."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()


def _write(record: Mapping[str, Any], file: IO[bytes]) -> None:
    writer = _Writer(file)
    try:
        torch.save(dict(record), cast("IO[bytes]", writer))
        file.flush()
    except RuntimeError:
        if writer.error is not None:
            raise writer.error from None
        raise


def list_checkpoints(run_dir: Path) -> list[Path]:
    """From the oldest to the newest."""
    folder = run_dir / FOLDER
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def latest_checkpoint(run_dir: Path) -> Checkpoint | None:
    """The newest checkpoint on the CPU; None where there is none yet.

    Raises:
        InputError: The file is damaged.
    """
    paths = list_checkpoints(run_dir)
    return read_checkpoint(paths[-1]) if paths else None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint, on the CPU.

    Raises:
        InputError: It is missing, damaged or no checkpoint.
    """
    try:
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise InputError(
            f"{path}: expected a checkpoint of `pix2cap train`, got: {str(error).splitlines()[0][:200]};"
            " remove the file to go on from the one before it"
        ) from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
