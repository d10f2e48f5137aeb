"""Experiment trackers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pix2cap.errors import UsageError
from pix2cap.train.trackers import Trackers, import_trackers


class Recorder:
    """Writes down what a tracker is told."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self.began: dict[str, Any] = {}
        self.logged: list[tuple[dict[str, float], int]] = []
        self.is_finished = False

    def init(self, *, project: str, name: str, config: Mapping[str, Any], resume: str, **more: Any) -> None:
        self.began = {"project": project, "name": name, "config": config, "resume": resume, **more}

    def log(self, data: Mapping[str, float], step: int) -> None:
        self.logged.append((dict(data), step))

    def finish(self) -> None:
        self.is_finished = True


def test_all_trackers_are_told_and_a_run_keeps_its_name(tmp_path: Path) -> None:
    trackio, wandb = Recorder("trackio"), Recorder("wandb")
    for _ in range(2):
        trackers = Trackers([trackio, wandb], project="p", run_dir=tmp_path / "run", config={"seed": 1})
        first = dict(wandb.began)
        trackers.log({"loss": 0.5}, 7)
        trackers.finish()
    assert trackio.began == {"project": "p", "name": "run", "config": {"seed": 1}, "resume": "allow"}
    assert wandb.began == first and len(wandb.began["id"]) == 16
    assert trackio.logged == wandb.logged == [({"loss": 0.5}, 7)] * 2
    assert trackio.is_finished and wandb.is_finished


def test_one_that_is_not_installed_is_told() -> None:
    with pytest.raises(UsageError, match=r"log\.trackers: expected no_such_tracker to be installed"):
        import_trackers(["no_such_tracker"])
    assert import_trackers([]) == []
