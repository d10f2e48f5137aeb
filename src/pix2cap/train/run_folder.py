"""The folder of a training run: one writer, one configuration."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import tomli_w

from pix2cap import __version__
from pix2cap.annotate.lock import LOCK_NAME, run_lock
from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.errors import InputError, RunMismatch, UsageError
from pix2cap.train.settings import TrainSettings

CONFIG_NAME: Final = "run.toml"
_FREE_TO_CHANGE: Final = ("log", "eval", "data.workers", "data.val", "data.val_masks", "data.val_images")
"""What changes no number of the training itself."""
_PATHS: Final = (
    ("data", "train"),
    ("data", "train_masks"),
    ("data", "train_images"),
    ("data", "val"),
    ("data", "val_masks"),
    ("data", "val_images"),
    ("model", "weights"),
    ("model", "vocabularies"),
)


@contextmanager
def open_run(
    run_dir: Path, settings: TrainSettings, *, is_main: bool = True
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Hold a run folder, new or begun with the same settings.

    Args:
        run_dir: Made if absent.
        settings: Of this call.
        is_main: Off in further processes of the same run, which neither lock nor write.

    Yields:
        Call it with what else has to be the same (hashes of the data, the resolved model); it writes
        `run.toml`.

    Raises:
        RunLocked: Another process trains here.
        RunMismatch: The folder was begun with other settings or data; all that differ are named.
        UsageError: The folder has files of others.
        InputError: `run.toml` is damaged.
    """
    if not is_main:
        yield lambda _: None
        return
    make_out_folder(run_dir)
    names = {entry.name for entry in run_dir.iterdir()} - {LOCK_NAME, f"{CONFIG_NAME}.part"}
    if names and CONFIG_NAME not in names:
        raise UsageError(
            f"{run_dir}: expected an empty folder or a training run, found other files"
            f" ({', '.join(sorted(names)[:3])}{', ...' if len(names) > 3 else ''}); give another --out"
        )
    with run_lock(run_dir):
        path, document = run_dir / CONFIG_NAME, describe(settings, run_dir)
        before = _read(path) if CONFIG_NAME in names else None
        if before is not None:
            require_same({name: before[name] for name in before if name != "facts"}, document, run_dir)
        else:
            # Marks the folder as ours before anything else is put into it.
            _write(path, document)

        def keep(facts: Mapping[str, Any]) -> None:
            whole = {**document, "facts": _plain(facts)}
            if before is not None and "facts" in before:
                require_same(before, whole, run_dir)
            _write(path, whole)

        yield keep


def _write(path: Path, document: Mapping[str, Any]) -> None:
    partial = path.with_name(f"{CONFIG_NAME}.part")
    partial.write_bytes(tomli_w.dumps({"software": f"pix2cap {__version__}", **document}).encode())
    partial.replace(path)


def describe(settings: TrainSettings, run_dir: Path) -> dict[str, Any]:
    """The settings as tables of TOML; paths are relative to the run folder, so no home path is stored."""
    document: dict[str, Any] = _plain(dataclasses.asdict(settings))
    for table, key in _PATHS:
        path = document[table].get(key)
        if path is not None:
            document[table][key] = os.path.relpath(Path(path).resolve(), run_dir.resolve())
    return document


def require_same(then: Mapping[str, Any], now: Mapping[str, Any], run_dir: Path) -> None:
    """Refuse to go on with settings under which the run would have gone otherwise.

    Raises:
        RunMismatch: Names every setting that differs.
    """
    before, after = _flat(then), _flat(now)
    differing = [
        name
        for name in {**before, **after}
        if before.get(name) != after.get(name) and name != "software" and not _is_free(name)
    ]
    # A path may have moved: what lies there is what counts, and `facts` has its hash.
    differing = [name for name in differing if tuple(name.split(".")) not in _PATHS]
    if differing:
        told = "; ".join(f"{n}: {before.get(n, 'none')} then, {after.get(n, 'none')} now" for n in differing)
        raise RunMismatch(
            f"{run_dir}: this run was started with other settings ({told});"
            " give the same ones to continue it, or another --out to start anew"
        )


def file_hash(path: Path) -> str:
    """SHA-256 of an annotation file; of a dataset folder, that of its `panoptic.json`."""
    file = path / "panoptic.json" if path.is_dir() else path
    if not file.is_file():
        return ""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_free(name: str) -> bool:
    return any(name == free or name.startswith(f"{free}.") for free in _FREE_TO_CHANGE)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"{path}: expected a configuration as pix2cap wrote it, got: {error};"
            " put it back as it was, or give another --out"
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
