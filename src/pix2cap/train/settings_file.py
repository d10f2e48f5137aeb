"""Training configurations in TOML, checked before anything heavy starts."""

from __future__ import annotations

import dataclasses
import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from pix2cap.errors import InputError, UsageError
from pix2cap.model.config import PRESETS, ModelConfig
from pix2cap.train.settings import (
    LOSS_FIELDS,
    SCORES,
    Count,
    DataSettings,
    EvalSettings,
    LogSettings,
    ModelSettings,
    OptimSettings,
    Precision,
    ScheduleSettings,
    TrainSettings,
)

_NOT_SET_BY_HAND: Final = ("classes", "caption_begin_id", "caption_end_id")
_SECTIONS: Final[dict[str, type[Any]]] = {
    "data": DataSettings,
    "model": ModelSettings,
    "optim": OptimSettings,
    "schedule": ScheduleSettings,
    "log": LogSettings,
    "eval": EvalSettings,
}
_TOP: Final = ("seed", "precision")
_KNOWN_TOP: Final = (*_SECTIONS, "loss", *_TOP)


def read_settings(path: Path, changes: Sequence[str] = ()) -> TrainSettings:
    """Read a configuration file; paths in it are relative to the current folder.

    Args:
        path: TOML with the tables data, model, optim, schedule, loss, log and eval.
        changes: `optim.lr=2e-4`, each in place of what the file says; the value is TOML, or else a text.

    Raises:
        InputError: The file is missing or wrong; all faults are named with the key that was probably meant.
        UsageError: A change is of another form.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: expected a training configuration in TOML, got: {error}") from error
    for change in changes:
        _change(document, change)
    return parse_settings(document, where=str(path))


def parse_settings(document: Mapping[str, Any], *, where: str = "settings") -> TrainSettings:
    """Check the tables of a configuration.

    Args:
        document: What a TOML parser gave.
        where: File name for messages.

    Raises:
        InputError: Names every fault.
    """
    faults = [_unknown(key, "", _KNOWN_TOP) for key in document if key not in _KNOWN_TOP]
    tables = {name: document.get(name, {}) for name in (*_SECTIONS, "loss")}
    for name, table in tables.items():
        if not isinstance(table, dict):
            faults.append(f"{name}: expected a table [{name}], got {table!r}")
    if not faults:
        model, named = _split_model(tables["model"])
        faults += _unknown_fields(named, tables["loss"])
        tables = {**tables, "model": model}
    sections: dict[str, Any] = {}
    if not faults:
        for name, kind in _SECTIONS.items():
            sections[name] = _parse(kind, tables[name], name, faults)
        top = {key: document[key] for key in _TOP if key in document}
        sections |= _parse_top(top, faults)
    if not faults:
        sections["model"] = dataclasses.replace(sections["model"], overrides=named)
        settings = TrainSettings(**sections, loss=tables["loss"])
        faults += _contradictions(settings)
    if faults:
        raise InputError(f"{where}: " + "; ".join(faults))
    return settings


def _change(document: dict[str, Any], change: str) -> None:
    name, equals, text = change.partition("=")
    parts = [part.strip() for part in name.split(".")]
    if not equals or not all(parts):
        raise UsageError(f"expected a change as optim.lr=2e-4, got {change!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    table = document
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise UsageError(f"expected a change as optim.lr=2e-4, got {change!r}: {part} is no table")
    table[parts[-1]] = value


def _split_model(table: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    own = {f.name for f in dataclasses.fields(ModelSettings)} - {"overrides"}
    named = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items() if key not in own}
    return {key: value for key, value in table.items() if key in own}, named


def _unknown_fields(model: Mapping[str, Any], loss: Mapping[str, Any]) -> list[str]:
    own = [f.name for f in dataclasses.fields(ModelSettings) if f.name != "overrides"]
    fields = [f.name for f in dataclasses.fields(ModelConfig) if f.name not in LOSS_FIELDS]
    faults = [f"loss.{key}: stands in [loss], not in [model]" for key in model if key in LOSS_FIELDS]
    faults += [
        f"model.{key}: is taken from the data and vocabularies, leave it out"
        for key in model
        if key in _NOT_SET_BY_HAND
    ]
    faults += [
        _unknown(key, "model", (*own, *fields))
        for key in model
        if key not in fields and key not in LOSS_FIELDS
    ]
    return faults + [_unknown(key, "loss", LOSS_FIELDS) for key in loss if key not in LOSS_FIELDS]


def _unknown(key: str, table: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    few = f"known are {', '.join(known)}" if len(known) <= 20 else "and none is like it"
    hint = f"did you mean {near[0]}?" if near else few
    return f"{table}.{key}: unknown key, {hint}" if table else f"{key}: unknown key, {hint}"


def _parse(kind: type[Any], values: Any, table: str, faults: list[str]) -> Any:
    names = [f.name for f in dataclasses.fields(kind) if f.name != "overrides"]
    unknown = [_unknown(key, table, names) for key in values if key not in names]
    faults += unknown
    if unknown:
        return None
    try:
        # Through JSON, where strictness still lets lists be tuples and texts be paths.
        return TypeAdapter(kind).validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        faults += [_told(one, table) for one in _errors(error)]
        return None


def _parse_top(values: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    kinds: dict[str, Any] = {"seed": Count, "precision": Precision}
    found: dict[str, Any] = {}
    for name, value in values.items():
        try:
            found[name] = TypeAdapter(kinds[name]).validate_python(value, strict=True)
        except ValidationError as error:
            faults += [_told(one, "", name) for one in _errors(error)]
    return found


def _errors(error: ValidationError) -> list[Any]:
    return list(error.errors(include_url=False, include_context=False))


def _told(error: Any, table: str, name: str = "") -> str:
    where = ".".join([part for part in (table, name) if part] + [str(part) for part in error["loc"]])
    if error["type"] == "value_error":
        return f"{where}: {error['msg'].removeprefix('Value error, ')}"
    if error["type"] in ("missing", "missing_argument"):
        return f"{where}: is needed"
    return f"{where}: {error['msg'].replace('Input should', 'should')}, got {error['input']!r}"


def _contradictions(settings: TrainSettings) -> list[str]:
    faults = []
    data, optim = settings.data, settings.optim
    if data.min_scale > data.max_scale:
        faults.append(f"data.min_scale: should be at most data.max_scale, got {data.min_scale}")
    if optim.batch % optim.accumulate:
        faults.append(
            f"optim.batch: should be a multiple of optim.accumulate, got {optim.batch} and {optim.accumulate}"
        )
    if settings.eval.best not in SCORES:
        faults.append(_unknown(settings.eval.best, "eval.best", SCORES))
    if settings.model.preset not in PRESETS:
        near = _unknown(settings.model.preset, "", tuple(PRESETS)).partition(", ")[2]
        faults.append(f"model.preset: should be one of {', '.join(PRESETS)}, {near}")
    elif settings.model.weights is None:
        try:
            configure_model(settings, PRESETS[settings.model.preset])
        except InputError as error:
            faults.append(str(error))
    return faults


def configure_model(settings: TrainSettings, base: ModelConfig) -> ModelConfig:
    """Apply [model] and [loss] to a configuration.

    Raises:
        InputError: A value is of another type than the field, or values do not go together.
    """
    values = {**dataclasses.asdict(base), **settings.model.overrides, **settings.loss}
    try:
        return TypeAdapter(ModelConfig).validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        faults = [
            _told(one, "loss" if one["loc"] and one["loc"][0] in LOSS_FIELDS else "model")
            for one in _errors(error)
        ]
        raise InputError("; ".join(faults)) from None
