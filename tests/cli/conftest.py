"""The command line in this process: exit code, data and talk of one call."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pix2cap.cli.main import main
from pix2cap.demo import run_demo
from tests.builders.panoptic import CocoPaths, build_coco_panoptic

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Called:
    """What one call did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def refused(self, *words: str) -> None:
        """Wrong use: exit 2, nothing on stdout, one line that has all the words and is no traceback."""
        assert self.code == 2, (self.code, self.err)
        assert self.out == ""
        last = self.err.splitlines()[-1]
        assert last.startswith("pix2cap: ")
        for word in words:
            assert word in last
        assert "Traceback" not in self.err
        assert "internal error" not in self.err


Call = Callable[..., Called]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """`call("annotate", "plan", path, "--limit", 2)`."""

    def run(*arguments: object) -> Called:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Called(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def small(tmp_path: Path) -> CocoPaths:
    """Three small pictures with four segments each."""
    return build_coco_panoptic(tmp_path / "small", n_images=3, n_segments=4)


def source(paths: CocoPaths) -> list[Path | str]:
    """The words that name a built dataset on the command line."""
    return [paths.json_path, "--images", paths.images, "--masks", paths.masks]


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `pix2cap demo` was called; do not change what lies in it."""
    folder = tmp_path_factory.mktemp("newcomer")
    with contextlib.chdir(folder):
        run_demo("demo")
    return folder


@contextlib.contextmanager
def environment(**values: str) -> Iterator[None]:
    """Environment variables for a while."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """The command as a process of its own, with pipes."""
    command = [sys.executable, "-m", "pix2cap", *map(str, arguments)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **(pipes | options))


@contextlib.contextmanager
def chat_server(paths: CocoPaths, captions: Path, *, latency_s: float = 0.0) -> Iterator[str]:
    """The chat server as a process that answers for a built dataset; yields its base URL."""
    command = [sys.executable, "-m", "tests.builders.chat_server", "--captions", captions]
    command += ["--panoptic", paths.json_path, "--images", paths.images, "--latency-s", str(latency_s)]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True, cwd=PROJECT) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
