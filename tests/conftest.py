"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

# Two OpenMP threads on a busy two-core machine are slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# The same examples on every machine, so that a red suite is about the change; `HYPOTHESIS_PROFILE=explore`
# looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

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
