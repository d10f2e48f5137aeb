"""A folder of weights: a safetensors file with its configuration and classes inside, and two vocabularies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pix2cap.core.category import Category
from pix2cap.errors import InputError
from pix2cap.model.config import ModelConfig
from pix2cap.model.keys import compare_keys

WEIGHTS_FILE: Final = "model.safetensors"
FORMAT: Final = "pix2cap"
_OWN: Final = ("format", "config", "categories")
_CONVERT: Final = "`pix2cap weights convert FILE --out DIR` turns a published .pt file into such a folder"


@dataclass(frozen=True)
class LoadedWeights:
    """What a weights folder holds beside its vocabularies.

    Args:
        config: Of the model that the tensors fit exactly.
        categories: In class-index order.
        state: Tensors under published names, on the CPU.
        folder: Where the vocabularies are.
        notes: What was written down when they were made: source, keys that were initialised.
    """

    config: ModelConfig
    categories: tuple[Category, ...]
    state: dict[str, Tensor]
    folder: Path
    notes: dict[str, str] = field(default_factory=dict)


def save_weights(
    folder: Path,
    model_state: Mapping[str, Tensor],
    config: ModelConfig,
    categories: Sequence[Category],
    *,
    notes: Mapping[str, str] | None = None,
) -> Path:
    """Write `model.safetensors` into a folder; the file is whole or not there at all.

    Args:
        folder: Made where it is absent. Vocabularies are saved beside by their own `save`.
        model_state: A model's `state_dict()`.
        config: The model's.
        categories: In class-index order, as many as `config.classes`.
        notes: More to keep in the file's metadata.

    Returns:
        The file.

    Raises:
        ValueError: Another number of categories, or a note that has the name of a part of the format.
    """
    if len(categories) != config.classes:
        raise ValueError(f"expected {config.classes} categories, got {len(categories)}")
    if notes and set(notes) & set(_OWN):
        raise ValueError(f"expected notes of other names than {', '.join(_OWN)}, got {sorted(notes)}")
    table = [{"id": c.id, "name": c.name, "isthing": int(c.is_thing)} for c in categories]
    metadata = {
        "format": FORMAT,
        "config": config.to_json(),
        "categories": json.dumps(table),
        **(notes or {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path, unfinished = folder / WEIGHTS_FILE, folder / f".{WEIGHTS_FILE}.unfinished"
    try:
        unfinished.touch()
        mode = unfinished.stat().st_mode
        save_file(_unshared(model_state), unfinished, metadata=metadata)
        # The library writes for the owner's eyes only, whatever the user's umask says.
        unfinished.chmod(mode)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def load_weights(path: Path) -> LoadedWeights:
    """Read what `save_weights` wrote.

    Args:
        path: The folder, or its `model.safetensors`.

    Raises:
        InputError: No such file, none of ours, damaged, or tensors that do not fit the configuration inside.
    """
    file = path / WEIGHTS_FILE if path.is_dir() else path
    if not file.is_file():
        told = f"a folder without {WEIGHTS_FILE}" if path.is_dir() else "nothing of that name"
        raise InputError(f"{path}: expected a folder of weights, got {told}; {_CONVERT}")
    if file.suffix != ".safetensors":
        raise InputError(
            f"{path}: expected a folder of weights or its {WEIGHTS_FILE}, got a file; {_CONVERT}"
        )
    state, metadata = read_safetensors(file)
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{file}: expected weights that pix2cap wrote, got no configuration inside; {_CONVERT}"
        )
    config = ModelConfig.from_json(metadata.get("config", ""))
    report = compare_keys(state, config)
    if not report.fits:
        raise InputError(
            f"{file}: expected the {len(state)} tensors of the configuration inside, got {report.summary()};"
            f" `pix2cap weights inspect {file}` lists all"
        )
    categories = parse_categories(metadata.get("categories", ""), file)
    if len(categories) != config.classes:
        raise InputError(f"{file}: expected {config.classes} categories inside, got {len(categories)}")
    return LoadedWeights(config, categories, state, file.parent, own_notes(metadata))


def read_safetensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a safetensors file, on the CPU, and its metadata.

    Raises:
        InputError: Missing, damaged or of another format.
    """
    try:
        with safe_open(file, framework="pt", device="cpu") as opened:
            state = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 (not a mapping)
            return state, dict(opened.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise InputError(f"{file}: expected a safetensors file, got {error}") from None


def own_notes(metadata: Mapping[str, str]) -> dict[str, str]:
    """The notes among a file's metadata."""
    return {name: text for name, text in metadata.items() if name not in _OWN}


def parse_categories(text: str, file: Path) -> tuple[Category, ...]:
    """The categories of a file's metadata.

    Raises:
        InputError: Not such a list.
    """
    try:
        rows = json.loads(text)
        return tuple(Category(int(row["id"]), str(row["name"]), bool(row["isthing"])) for row in rows)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{file}: expected a list of categories with id, name and isthing inside, got {text[:60]!r}"
            f" ({type(error).__name__}: {error})"
        ) from None


def _unshared(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Dense tensors on the CPU, no two of which share memory: safetensors refuses those."""
    seen: set[int] = set()
    dense: dict[str, Tensor] = {}
    for key, tensor in state.items():
        own = tensor.detach().to("cpu").contiguous()
        place = own.untyped_storage().data_ptr()
        if place in seen:
            own = own.clone(memory_format=torch.contiguous_format)
        seen.add(own.untyped_storage().data_ptr())
        dense[key] = own
    return dense
