"""What of pix2cap works on this machine: versions, and each optional part with what it lacks."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pix2cap import __version__
from pix2cap.errors import UsageError
from pix2cap.metrics.cache_folder import cache_folder
from pix2cap.metrics.spice_tools import (
    MissingPart,
    find_java,
    find_pycocoevalcap,
    java_version,
    search_spice_tools,
)

PACKAGES = (
    *("numpy", "opencv-python-headless", "pillow", "pyarrow", "pycocotools", "aiohttp", "pydantic"),
    *("cyclopts", "pycocoevalcap", "spacy", "pydantic-ai-slim", "openai", "torch", "transformers"),
)

KEYS = (
    "PIX2CAP_API_KEY",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "HF_TOKEN",
)

_METRICS_EXTRA = "pip install 'pix2cap[metrics]'"
_VENDORS_EXTRA = "pip install 'pix2cap[vendors]'"
_SPACY_MODEL = "python -m spacy download en_core_web_sm"


@dataclass(frozen=True)
class Part:
    """An optional part of pix2cap.

    Args:
        name: What `--need` calls it.
        gives: What works with it.
        ready: Whether all of it is there.
        found: What was found, in words.
        missing: What is not there, in words.
        commands: What to type to get it.
    """

    name: str
    gives: str
    ready: bool
    found: str
    missing: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """What was found on this machine.

    Args:
        versions: Program or package to its version, None where it is not installed.
        parts: The optional parts.
        keys: Environment variable to whether it holds a key; the keys themselves are never shown.
        cache: Folder of what can be computed again.
    """

    versions: dict[str, str | None]
    parts: tuple[Part, ...]
    keys: dict[str, bool]
    cache: str

    def lacking(self, names: Sequence[str]) -> list[Part]:
        """Those of the named parts that are not ready.

        Raises:
            UsageError: There is no such part.
        """
        by_name = {part.name: part for part in self.parts}
        unknown = [name for name in names if name not in by_name]
        if unknown:
            raise UsageError(
                f"expected parts out of {', '.join(by_name)}; got {', '.join(map(repr, unknown))}"
            )
        return [by_name[name] for name in dict.fromkeys(names) if not by_name[name].ready]

    def to_json(self) -> dict[str, Any]:
        """A record of JSON types."""
        return asdict(self)


def diagnose(environ: Mapping[str, str] | None = None) -> Diagnosis:
    """Look at this machine; nothing is downloaded, no key is read beyond whether it is set.

    Args:
        environ: Environment to read; the process's own by default.
    """
    environ = os.environ if environ is None else environ
    return Diagnosis(
        versions={
            "pix2cap": __version__,
            "python": platform.python_version(),
            "java": _java(environ),
            **{package: _version(package) for package in PACKAGES},
        },
        parts=(_meteor(), _spice(environ), _spice_sg(), _vendors()),
        keys={name: bool(environ.get(name)) for name in KEYS},
        cache=str(cache_folder(environ)),
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _java(environ: Mapping[str, str]) -> str | None:
    java = find_java(environ)
    version = None if java is None else java_version(java)
    return None if version is None else str(version)


def _meteor() -> Part:
    gives = "METEOR 1.5 without Java, and synonyms for spice_sg"
    package = find_pycocoevalcap()
    names = ("meteor-1.5.jar", "data/paraphrase-en.gz")
    gaps = [name for name in names if package is None or not (package / "meteor" / name).is_file()]
    if gaps:
        told = MissingPart(f"{' and '.join(gaps)} (Python package pycocoevalcap)", (_METRICS_EXTRA,))
        return _part_with_gaps("meteor", gives, [told])
    return Part("meteor", gives, True, f"the data of pycocoevalcap {_version('pycocoevalcap')}")


def _spice(environ: Mapping[str, str]) -> Part:
    gives = "SPICE, the original, through Java"
    search = search_spice_tools(environ)
    if search.tools is not None:
        found = f"Java {search.tools.java_version} ({search.tools.java}), {len(search.tools.class_path)} jars"
        return Part("spice", gives, True, found)
    return _part_with_gaps("spice", gives, search.missing)


def _part_with_gaps(name: str, gives: str, gaps: Sequence[MissingPart]) -> Part:
    commands = dict.fromkeys(command for gap in gaps for command in gap.commands)
    return Part(name, gives, False, "", tuple(gap.name for gap in gaps), tuple(commands))


def _spice_sg() -> Part:
    from pix2cap.text.spacy_model import MODELS

    gives = "spice_sg, scene-graph scores without Java"
    gaps: list[MissingPart] = []
    if importlib.util.find_spec("spacy") is None:
        gaps.append(MissingPart("spaCy (Python package spacy)", (_METRICS_EXTRA,)))
    model = next((name for name in MODELS if importlib.util.find_spec(name) is not None), None)
    if model is None:
        gaps.append(MissingPart("spaCy's English model en_core_web_sm", (_SPACY_MODEL,)))
    if gaps:
        return _part_with_gaps("spice_sg", gives, gaps)
    return Part("spice_sg", gives, True, f"spaCy {_version('spacy')} with {model}")


def _vendors() -> Part:
    gives = "vision-language models of every vendor that pydantic-ai knows"
    if importlib.util.find_spec("pydantic_ai") is None:
        gap = MissingPart("pydantic-ai (Python package pydantic-ai-slim)", (_VENDORS_EXTRA,))
        return _part_with_gaps("vendors", gives, [gap])
    return Part("vendors", gives, True, f"pydantic-ai {_version('pydantic-ai-slim')}")
