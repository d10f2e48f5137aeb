"""WordNet's synonyms, read from METEOR's data in PyPI's pycocoevalcap without a JVM."""

from __future__ import annotations

import importlib.util
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Final

from pix2cap.errors import MetricUnavailable

_JAR: Final = "meteor/meteor-1.5.jar"
_TABLE: Final = "synonym/english.synsets"


def load_synonyms(package: Path | None = None) -> dict[str, tuple[int, ...]]:
    """The senses of 150,000 English lemmas and phrases (words joined by `_`), as numbers of WordNet synsets.

    Args:
        package: Folder of pycocoevalcap; the installed one by default.

    Raises:
        MetricUnavailable: The package or its table is missing or damaged.
    """
    folder = _installed() if package is None else package
    if folder is None:
        raise MetricUnavailable(
            "synonyms are read from the Python package pycocoevalcap, which is not installed; type"
            " `pip install 'pix2cap[metrics]'`"
        )
    return _read(folder / _JAR)


def _installed() -> Path | None:
    spec = importlib.util.find_spec("pycocoevalcap")
    places = spec.submodule_search_locations if spec is not None else None
    return Path(places[0]) if places else None


@lru_cache(maxsize=1)
def _read(jar: Path) -> dict[str, tuple[int, ...]]:
    """A line a lemma, then a line of its synsets."""
    try:
        with zipfile.ZipFile(jar) as entries:
            lines = entries.read(_TABLE).decode("utf-8").splitlines()
        return {
            lemma: tuple(map(int, senses.split()))
            for lemma, senses in zip(lines[::2], lines[1::2], strict=True)
        }
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise MetricUnavailable(
            f"synonyms: expected lemmas and synset numbers in {_TABLE} of {jar}, got {error!r}; type"
            " `pip install --force-reinstall pycocoevalcap`"
        ) from error
