"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

# Two OpenMP threads on a busy two-core machine are slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def coco() -> Path:
    """The folder of real COCO photos; users of the project do not have it."""
    path = SHARED / "data" / "coco"
    if not path.is_dir():
        pytest.skip(f"no real COCO sample at {path}")
    return path


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of golden numbers; users of the project do not have it."""
    path = SHARED / "golden"
    if not path.is_dir():
        pytest.skip(f"no golden numbers at {path}")
    return path
