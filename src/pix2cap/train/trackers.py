"""Experiment trackers, where they are installed and asked for; both have the same three calls."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from pix2cap.errors import UsageError


class TrackerModule(Protocol):
    """What `trackio` and `wandb` have in common."""

    def init(self, *, project: str, name: str, config: Mapping[str, Any], resume: str, **more: Any) -> object:
        """Begin a run, or go on with it."""
        ...

    def log(self, data: Mapping[str, float], step: int) -> None:
        """Note numbers of a step."""
        ...

    def finish(self) -> None:
        """End the run."""
        ...


class Trackers:
    """Sends numbers to all trackers asked for.

    Args:
        modules: Their modules.
        project: The project's name there.
        run_dir: The run's folder, which names the run.
        config: What to show as its settings.
    """

    def __init__(
        self, modules: Sequence[TrackerModule], *, project: str, run_dir: Path, config: Mapping[str, Any]
    ) -> None:
        self._modules = tuple(modules)
        name = run_dir.resolve().name
        for module in self._modules:
            more = {}
            if getattr(module, "__name__", "") == "wandb":
                # The same run is gone on with by its id, which must stay the same between sessions.
                more["id"] = hashlib.sha256(str(run_dir.resolve()).encode()).hexdigest()[:16]
            module.init(project=project, name=name, config=config, resume="allow", **more)

    def log(self, numbers: Mapping[str, float], step: int) -> None:
        """Send numbers of a step."""
        for module in self._modules:
            module.log(dict(numbers), step=step)

    def finish(self) -> None:
        """Let them send what is left."""
        for module in self._modules:
            module.finish()


def import_trackers(names: Sequence[str]) -> list[TrackerModule]:
    """Import trackers by name.

    Raises:
        UsageError: One is not installed.
    """
    found: list[TrackerModule] = []
    for name in names:
        try:
            found.append(cast("TrackerModule", importlib.import_module(name)))
        except ImportError as error:
            raise UsageError(
                f"log.trackers: expected {name} to be installed, got: {error}; `pip install {name}`,"
                " or leave it out: log.jsonl has all numbers"
            ) from error
    return found
