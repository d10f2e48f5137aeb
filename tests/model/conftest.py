"""Fixtures of the model's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.parity import Parity, parity_folder, read_parity


@pytest.fixture(scope="session")
def parity(request: pytest.FixtureRequest) -> Parity:
    """What the released code computed; users of the project do not have it.

    `golden` is asked for only when the environment names no folder, since it skips where it is absent.
    """

    def golden() -> Path:
        path = request.getfixturevalue("golden")
        assert isinstance(path, Path)
        return path

    return read_parity(parity_folder(golden))
