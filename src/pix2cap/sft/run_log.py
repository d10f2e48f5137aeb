"""A fine-tuning run's folder: its settings, held by one process, and its log in lines of JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from pix2cap import __version__
from pix2cap.annotate.lock import LOCK_NAME, run_lock
from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.errors import InputError, RunMismatch, UsageError
from pix2cap.sft.settings import SftSettings

RUN_NAME: Final = "run.json"
LOG_NAME: Final = "log.jsonl"
_FREE: Final = ("log_every", "checkpoint_every", "keep", "data.cache_mib", "data.workers", "model.merge")
"""Settings that change nothing of what is learnt."""


@contextmanager
def open_sft_run(out: Path, settings: SftSettings, *, is_main: bool = True) -> Iterator[None]:
    """Hold a run folder, new or begun with the same settings.

    Args:
        out: Made if absent.
        settings: Of this call.
        is_main: Off in further processes of the same run, which neither lock nor write.

    Raises:
        RunLocked: Another process trains here.
        RunMismatch: It was begun with other settings or data; all that differ are named.
        UsageError: It has files of others.
        InputError: `run.json` is damaged.
    """
    if not is_main:
        yield
        return
    make_out_folder(out)
    names = {entry.name for entry in out.iterdir()} - {LOCK_NAME, f"{RUN_NAME}.part"}
    if names and RUN_NAME not in names:
        raise UsageError(
            f"{out}: expected an empty folder or a fine-tuning run, found other files"
            f" ({', '.join(sorted(names)[:3])}); give another --out"
        )
    with run_lock(out):
        now = describe(settings, out)
        path = out / RUN_NAME
        # A call that found its data or model wanting has learnt nothing that could be mixed up.
        if names & {"stages", "processor"}:
            _require_same(_read(path), now, out)
        else:
            partial = path.with_name(f"{RUN_NAME}.part")
            partial.write_bytes(orjson.dumps(now, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            partial.replace(path)
        yield


def describe(settings: SftSettings, out: Path) -> dict[str, Any]:
    """The settings and the data's hash as JSON; paths are relative to the run, so no home path is stored."""
    record: dict[str, Any] = json.loads(orjson.dumps(dataclasses.asdict(settings), default=str))
    for name in ("train", "masks", "images"):
        if record["data"][name] is not None:
            record["data"][name] = _relative(record["data"][name], out)
    if Path(settings.model.base).exists():
        record["model"]["base"] = _relative(settings.model.base, out)
    return {
        "software": f"pix2cap {__version__}",
        "settings": record,
        "data_sha256": _data_hash(settings.data.train),
    }


def _relative(path: str, out: Path) -> str:
    return os.path.relpath(Path(path).resolve(), out.resolve())


def _data_hash(path: Path) -> str:
    """Of the annotation file; of an export, that of its manifest, which holds hashes of all."""
    names = ("panoptic.json", "manifest.json") if path.is_dir() else ("",)
    file = next((found for name in names if (found := path / name).is_file()), None)
    if file is None:
        return ""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _require_same(then: Mapping[str, Any], now: Mapping[str, Any], out: Path) -> None:
    before, after = _flat(then["settings"]), _flat(now["settings"])
    moved = ("data.train", "data.masks", "data.images", "model.base")
    differing = [
        name
        for name in {**before, **after}
        if before.get(name) != after.get(name) and name not in (*_FREE, *moved)
    ]
    told = [f"{n}: {before.get(n, 'none')} then, {after.get(n, 'none')} now" for n in differing]
    if then["data_sha256"] != now["data_sha256"]:
        told.append("the training data are others")
    if told:
        raise RunMismatch(
            f"{out}: this run was begun otherwise ({'; '.join(told)}); give the same to continue it, or"
            " another --out to start anew"
        )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value)
    flat: dict[str, Any] = {}
    for key, one in items:
        name = f"{prefix}{key}"
        nested = isinstance(one, Mapping) or (isinstance(one, list) and one and isinstance(one[0], Mapping))
        flat |= _flat(one, f"{name}.") if nested else {name: one}
    return flat


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text("utf-8"))
        record["settings"], record["data_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: expected a run as `pix2cap sft train` wrote it, got: {error}; give another --out"
        ) from error
    return dict(record)


class SftLog:
    """`log.jsonl`: records of steps, each on the disk's way as soon as it is written.

    Args:
        out: The run folder.
        step: Records of later steps are forgotten: the run goes on from here and writes them again.
        is_main: Off, nothing is written.
    """

    def __init__(self, out: Path, *, step: int, is_main: bool = True) -> None:
        self._path = out / LOG_NAME
        self.records = [r for r in read_sft_log(self._path) if r["step"] <= step]
        self._is_main = is_main
        if is_main:
            partial = self._path.with_suffix(".part")
            partial.write_bytes(b"".join(map(_line, self.records)))
            partial.replace(self._path)

    def add(self, event: str, step: int, **facts: Any) -> None:
        """Write one record."""
        record = {"event": event, "step": step, **facts}
        self.records.append(record)
        if self._is_main:
            with self._path.open("ab", buffering=0) as file:
                file.write(_line(record))


def read_sft_log(path: Path) -> list[dict[str, Any]]:
    """The records of a log; a last line that a kill cut off is left out.

    Raises:
        InputError: Another line is damaged.
    """
    records: list[dict[str, Any]] = []
    lines = path.read_bytes().split(b"\n") if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        try:
            if line:
                record = orjson.loads(line)
                record["event"], record["step"]
                records.append(record)
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                break
            raise InputError(
                f"{path}, line {number}: expected a record of a run, got {line[:60]!r}"
            ) from error
    return records


def _line(record: Mapping[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
