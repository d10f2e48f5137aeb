"""One small exported set, and the libraries that read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.builders.panoptic import CocoPaths
from tests.builders.talks import captioned_coco, export

Exporter = Callable[..., Path]


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> CocoPaths:
    """Three pictures; do not change what lies in it."""
    return captioned_coco(tmp_path_factory.mktemp("set"), n_images=3, n_segments=6)


@pytest.fixture
def exported(small_set: CocoPaths, tmp_path: Path) -> Exporter:
    """`exported("trl", rows="picture")`: the folder."""

    def run(to: str, **options: Any) -> Path:
        export(small_set, tmp_path / "out", to=to, **options)
        return tmp_path / "out"

    return run


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Any]:
    """`datasets.load_dataset` with a cache of the test's own."""
    datasets = pytest.importorskip("datasets")

    def run(*arguments: Any, **options: Any) -> Any:
        return datasets.load_dataset(*arguments, cache_dir=str(tmp_path / "cache"), **options)

    return run
