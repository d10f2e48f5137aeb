"""What decides a fine-tuning run, and how it is read from TOML."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from pix2cap.errors import InputError, UsageError
from pix2cap.sft.questions import Style
from pix2cap.sft.regions import BoxKind, RegionMode

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0)]
Mention = Literal["token", "box", "none"]
Part = Literal["vision", "projector", "regions", "language", "lora"]
Objective = Literal["answers", "words"]
_STRICT: ConfigDict = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Table [data]: what is learnt from.

    Args:
        train: For `kind = "region"` a captioned dataset or COCO panoptic JSON; for `kind = "plain"` the
            folder that `pix2cap sft export --to trl` or `--to marked` wrote.
        masks: Folder or zip of the maps, where they do not lie beside the JSON.
        images: Folder of the pictures, where they are not known.
        limit: Only the first so many pictures; 0 for all.
        max_regions: Regions in one conversation, drawn anew each time; GPT4RoI's data has up to 15.
        styles: Kinds of questions, drawn for each region: `describe` and `name`.
        mention: How a question names its region: a `<region>` token, its box in numbers, or not at all.
        boxes: The numbers of `mention = "box"`.
        cache_mib: Decoded pictures are kept in memory until they fill this, in each process.
        workers: Processes that prepare samples; 0 prepares them in the training process.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    train: Path
    masks: Path | None = None
    images: Path | None = None
    limit: Count = 0
    max_regions: Positive = 15
    styles: tuple[Style, ...] = ("describe",)
    mention: Mention = "token"
    boxes: BoxKind = "thousand"
    cache_mib: Count = 0
    workers: Count = 0


@dataclass(frozen=True, kw_only=True)
class RegionSettings:
    """Table [model.region]: the region module; see `RegionConfig` for each field."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    mode: RegionMode = "mask"
    layers: tuple[int, ...] = (-11, -8, -5, -2)
    tokens: Positive = 1
    width: Positive = 512
    box_position: bool = True
    shape: Count = 0
    roi_size: Positive = 14
    roi_samples: Positive = 2


@dataclass(frozen=True, kw_only=True)
class LoraTable:
    """Table [model.lora]: low-rank adapters; see `LoraSettings` for each field."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    rank: Positive = 16
    alpha: Positive = 32
    dropout: Share = 0.0
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, kw_only=True)
class TinyTable:
    """Table [model.tiny]: sizes where `base` is `tiny`; see `TinySettings` for each field."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    picture: Positive = 96
    patch: Positive = 8
    vision_width: Positive = 128
    vision_layers: Positive = 3
    text_width: Positive = 128
    text_layers: Positive = 2
    heads: Positive = 4
    vocabulary: Positive = 512
    max_tokens: Positive = 1024


@dataclass(frozen=True, kw_only=True)
class ChatTable:
    """Table [model.chat]: the words between turns; see `ChatFormat`, whose defaults are Vicuna's."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    system: str = ""
    user: str = "USER: "
    assistant: str = " ASSISTANT:"
    answer_prefix: str = " "
    between: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """Table [model]: what is tuned.

    Args:
        base: A folder, a name that transformers resolves, or `tiny`: a small LLaVA of random weights whose
            tokenizer is trained on the captions.
        kind: `region` puts a region module into a LLaVA; `plain` tunes any vision-language model with TRL on
            exported rows, in which regions are marks in the picture or boxes in the text.
        region: The region module.
        lora: Adapters; needed where a stage trains `lora`.
        merge: Add the adapters to the weights at the end, so that no peft is needed to load them.
        fit: How pictures are put on the tower's square.
        tiny: Sizes of `tiny`.
        chat: The words between turns.
        max_tokens: Longest conversation, picture included.
        checkpointing: Forget activations and compute them again: less memory, a third more time.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    base: str
    kind: Literal["region", "plain"] = "region"
    region: RegionSettings | None = None
    lora: LoraTable | None = None
    merge: bool = False
    fit: Literal["pad", "squash"] = "pad"
    tiny: TinyTable = field(default_factory=TinyTable)
    chat: ChatTable = field(default_factory=ChatTable)
    max_tokens: Positive = 2048
    checkpointing: bool = False


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """One of [[stages]]: what learns, for how long, how fast.

    Args:
        name: Of its folder.
        train: Parts that learn: vision, projector, regions, language, lora; the others stay as they are.
        objective: `answers` is the language model's loss on the answers; `words` runs no language model, and
            regions learn to find the words of their answers among its embeddings (`words_objective`).
        lr: Highest learning rate.
        steps: Optimiser steps; 0 takes `epochs`.
        epochs: Passes over the pictures.
        batch: Conversations a step, over all devices.
        accumulate: Passes a step is split into, for less memory.
        schedule: `cosine`, `linear` or `constant`, after the warm-up.
        warmup: Share of the steps over which the rate rises.
        weight_decay: AdamW's, but for norms and biases.
        clip: Largest norm of the gradient.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    train: tuple[Part, ...]
    lr: Rate
    objective: Objective = "answers"
    steps: Count = 0
    epochs: Positive = 1
    batch: Positive = 16
    accumulate: Positive = 1
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: Share = 0.03
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Rate = 1.0


@dataclass(frozen=True, kw_only=True)
class SftSettings:
    """A fine-tuning configuration.

    Args:
        data: Table [data].
        model: Table [model].
        stages: [[stages]], one after the other.
        seed: Of fresh weights, order, questions and dropout.
        precision: `bf16` computes in bfloat16 and keeps weights that learn in 32 bits.
        weights: What frozen weights are kept in.
        log_every: Steps a line of the log.
        checkpoint_every: Steps a checkpoint.
        keep: Checkpoints of a stage that are kept.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    data: DataSettings
    model: ModelSettings
    stages: Annotated[tuple[StageSettings, ...], Field(min_length=1)]
    seed: Count = 0
    precision: Literal["fp32", "bf16"] = "fp32"
    weights: Literal["fp32", "bf16"] = "fp32"
    log_every: Positive = 10
    checkpoint_every: Positive = 500
    keep: Annotated[int, Field(ge=2)] = 2


def read_sft_settings(path: Path, changes: Sequence[str] = ()) -> SftSettings:
    """Read a configuration; paths in it are relative to the current folder.

    Args:
        path: TOML.
        changes: `data.train=scenes` or `stages.0.lr=1e-4`, each in place of what the file says; the value is
            TOML, or else a text.

    Raises:
        InputError: The file is missing or wrong; every fault is named, with the key that was probably meant.
        UsageError: A change is of another form.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: expected a fine-tuning configuration in TOML, got: {error}") from error
    for change in changes:
        _change(document, change)
    return parse_sft_settings(document, where=str(path))


def parse_sft_settings(document: Mapping[str, Any], *, where: str = "settings") -> SftSettings:
    """Check the tables of a configuration.

    Raises:
        InputError: Names every fault.
    """
    try:
        # Through JSON, where strictness still lets lists be tuples and texts be paths.
        settings = TypeAdapter(SftSettings).validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        faults = [_told(one) for one in error.errors(include_url=False, include_context=False)]
        raise InputError(f"{where}: {'; '.join(faults)}") from error
    faults = _contradictions(settings)
    if faults:
        raise InputError(f"{where}: {'; '.join(faults)}")
    return settings


def _contradictions(settings: SftSettings) -> list[str]:
    model, data, faults = settings.model, settings.data, []
    names = [stage.name for stage in settings.stages]
    if len(set(names)) != len(names):
        faults.append(f"stages: expected each name once, got {', '.join(names)}")
    for stage in settings.stages:
        if not stage.name.replace("-", "").replace("_", "").isalnum():
            faults.append(f"stages: expected a name of letters, digits, - and _, got {stage.name!r}")
        if stage.batch % stage.accumulate:
            faults.append(f"{stage.name}: batch should be a multiple of accumulate, got {stage.batch}")
        if "lora" in stage.train and model.lora is None:
            faults.append(f"{stage.name}: trains lora, which needs a table [model.lora]")
        if {"lora", "language"} <= set(stage.train):
            faults.append(
                f"{stage.name}: trains lora and language; adapters stand for a frozen language model"
            )
        if "regions" in stage.train and model.region is None:
            faults.append(f"{stage.name}: trains regions, which needs a table [model.region]")
        if stage.objective == "words" and not {"regions"} <= set(stage.train) <= {"regions", "vision"}:
            faults.append(f'{stage.name}: objective "words" trains regions, with or without vision, alone')
    if "locate" in data.styles:
        faults.append("data.styles: locate has no region in its question; export it, or leave it out")
    if not data.styles:
        faults.append("data.styles: expected a style, got none")
    if model.kind == "region" and (data.mention == "token") != (model.region is not None):
        faults.append('data.mention: "token" goes with a table [model.region], and the others without')
    if model.kind == "plain" and (model.base == "tiny" or model.region is not None or len(names) > 1):
        faults.append('model.kind: "plain" takes a base of transformers, no [model.region], and one stage')
    return faults


def _told(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] in ("missing", "missing_argument"):
        return f"{where}: is needed"
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden", "unexpected_property"):
        known = _fields_at(error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1, cutoff=0.5)
        return f"{where}: unknown key, " + (
            f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        )
    return f"{where}: {error['msg'].replace('Input should', 'should')}, got {error['input']!r}"


_TABLES: Mapping[str, type[Any]] = {
    "data": DataSettings,
    "model": ModelSettings,
    "stages": StageSettings,
    "region": RegionSettings,
    "lora": LoraTable,
    "tiny": TinyTable,
    "chat": ChatTable,
}


def _fields_at(where: Sequence[str | int]) -> list[str]:
    kind = next((_TABLES[str(part)] for part in reversed(where) if str(part) in _TABLES), SftSettings)
    assert is_dataclass(kind)
    return [one.name for one in fields(kind)]


def _change(document: dict[str, Any], change: str) -> None:
    name, equals, text = change.partition("=")
    parts = [part.strip() for part in name.split(".")]
    if not equals or not all(parts):
        raise UsageError(f"expected a change as stages.0.lr=2e-5, got {change!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    table: Any = document
    for part in parts[:-1]:
        table = _step(table, part, change)
    last = parts[-1]
    if isinstance(table, list):
        _step(table, last, change)
        table[int(last)] = value
    else:
        table[last] = value


def _step(table: Any, part: str, change: str) -> Any:
    if isinstance(table, list):
        if not part.isdigit() or int(part) >= len(table):
            raise UsageError(f"{change!r}: expected the number of one of {len(table)} stages, got {part}")
        return table[int(part)]
    found = table.setdefault(part, {})
    if not isinstance(found, dict | list):
        raise UsageError(f"expected a change as stages.0.lr=2e-5, got {change!r}: {part} is no table")
    return found
