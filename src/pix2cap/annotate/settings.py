"""What decides the requests of a run, and the `run.toml` that remembers it."""

from __future__ import annotations

import os
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import tomli_w

from pix2cap import __version__
from pix2cap.errors import InputError, RunMismatch
from pix2cap.vlm.model import Sampling

CONFIG_NAME = "run.toml"


@dataclass(frozen=True, slots=True)
class AnnotateSettings:
    """Everything that changes what a model is sent; two runs with equal settings send equal requests.

    Args:
        model: Model name as `open_model` takes it.
        strong_model: Asked last about segments that every other attempt failed on; None for no such step.
        language: Language of the captions (ISO 639-1).
        max_marks: Most marks in one picture.
        fewer_marks: Most marks in one picture once two requests have failed.
        prompt: Name and version of the prompt file.
        prompt_sha256: Its hash.
        temperature: 0 for the likeliest words; None leaves it to the endpoint.
        max_tokens: Longest reply in tokens.
        seed: Sampling seed where the endpoint heeds one.
        jpeg_quality: Of the marked picture and crops, 1..100.
        max_side: Longer pictures are shrunk to this many pixels before they are sent.
    """

    model: str
    strong_model: str | None = None
    language: str = "en"
    max_marks: int = 12
    fewer_marks: int = 4
    prompt: str = ""
    prompt_sha256: str = ""
    temperature: float | None = 0.0
    max_tokens: int = 2048
    seed: int | None = None
    jpeg_quality: int = 90
    max_side: int = 2048

    @property
    def prompt_version(self) -> str:
        """The prompt as provenance names it."""
        return f"{self.prompt} sha256:{self.prompt_sha256}"

    @property
    def sampling(self) -> Sampling:
        """The part of the settings that goes to the model's sampler."""
        return Sampling(temperature=self.temperature, max_tokens=self.max_tokens, seed=self.seed)


@dataclass(frozen=True, slots=True)
class SourcePaths:
    """Where the images, masks and captions of a run lie.

    Args:
        source: JSON file or folder that `open_source` takes.
        masks: Folder or zip of mask PNGs, None where the source knows.
        images: Folder of pictures, None where the source knows.
    """

    source: Path
    masks: Path | None = None
    images: Path | None = None


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One run folder's configuration, as `run.toml` holds it."""

    paths: SourcePaths
    settings: AnnotateSettings
    software: str = field(default=f"pix2cap {__version__}")

    def write(self, run_dir: Path) -> None:
        """Write `run.toml`; paths are kept relative to the run folder, so no home path is stored."""
        paths = {
            name: os.path.relpath(Path(path).resolve(), run_dir.resolve())
            for name, path in _present(asdict(self.paths)).items()
        }
        document = {"software": self.software, "paths": paths, "settings": _present(asdict(self.settings))}
        temporary = run_dir / f"{CONFIG_NAME}.new"
        temporary.write_bytes(tomli_w.dumps(document).encode())
        temporary.replace(run_dir / CONFIG_NAME)

    @classmethod
    def read(cls, run_dir: Path) -> RunConfig:
        """Read `run.toml`.

        Raises:
            InputError: The folder is no run, or the file is damaged.
        """
        path = run_dir / CONFIG_NAME
        if not path.is_file():
            raise InputError(
                f"{run_dir}: expected a run folder with {CONFIG_NAME}, found none;"
                " `pix2cap annotate run ... --out RUN` makes one"
            )
        try:
            document = tomllib.loads(path.read_text("utf-8"))
            for name in ("paths", "settings"):
                if not isinstance(document.get(name), dict):
                    raise InputError(f"{path}: expected a run configuration with a table [{name}], got none")
            known = {f.name for f in fields(AnnotateSettings)}
            settings = AnnotateSettings(**{k: v for k, v in document["settings"].items() if k in known})
            paths = {name: run_dir / value for name, value in document["paths"].items()}
            # Settings whose value was None are absent from TOML; None must win over a default then.
            absent = {name: None for name in ("temperature",) if name not in document["settings"]}
            settings = AnnotateSettings(**{**asdict(settings), **absent})
            return cls(SourcePaths(**paths), settings, str(document.get("software", "unknown")))
        except (tomllib.TOMLDecodeError, KeyError, TypeError, UnicodeDecodeError, OSError) as error:
            raise InputError(
                f"{path}: expected a run configuration as pix2cap wrote it, got: {error};"
                " put it back as it was, or give another --out"
            ) from error

    def sends_the_same(self, other: RunConfig) -> bool:
        """True where `other` continues this run: same settings, and the same source wherever it lies now."""
        return not self._differing(other)

    def require_same(self, other: RunConfig, run_dir: Path) -> None:
        """Refuse to continue a run with settings that would send other requests.

        Raises:
            RunMismatch: Names every setting that differs.
        """
        mine, theirs = _comparable(self), _comparable(other)
        differing = self._differing(other)
        if differing:
            told = "; ".join(f"{name}: {mine[name]} then, {theirs[name]} now" for name in differing)
            raise RunMismatch(
                f"{run_dir}: this run was started with other settings ({told});"
                " give the same ones to continue it, or another --out to start anew"
            )

    def _differing(self, other: RunConfig) -> list[str]:
        mine, theirs = _comparable(self), _comparable(other)
        paths = {field.name for field in fields(SourcePaths)}
        # Keys hold what the files say, not where they lie: a source or run folder may have been moved.
        moved = {name for name in paths if mine[name] is not None and not mine[name].exists()}
        return [name for name in mine if name not in moved and mine[name] != theirs[name]]


def _present(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value is not None}


def _comparable(config: RunConfig) -> dict[str, Any]:
    paths = {k: None if v is None else Path(v).resolve() for k, v in asdict(config.paths).items()}
    return {**paths, **asdict(config.settings)}
