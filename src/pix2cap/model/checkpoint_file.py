"""Files of weights as others publish them: out of their wrapping, without running anything inside."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from pix2cap.errors import InputError
from pix2cap.model.weights import WEIGHTS_FILE, read_safetensors

_WRAPPERS: Final = ("model", "state_dict", "model_state_dict", "module")
_PREFIXES: Final = ("module.", "model.", "_orig_mod.")


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a file.

    Args:
        path: The file.
        state: Name to tensor, on the CPU, out of all wrapping.
        wrapping: What was taken off, outermost first: `model`, `state_dict`, and prefixes such as `module.`.
        beside: What else the file holds and was not read: optimizer states, counters.
        metadata: Of a safetensors file.
    """

    path: Path
    state: dict[str, Tensor]
    wrapping: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a `.pt`, `.pth`, `.bin` or `.safetensors` file, or our own folder of weights.

    A pickle is only read as far as `torch.load(weights_only=True)` does: nothing inside is run.

    Raises:
        InputError: Missing, damaged, no file of weights, or a pickle of more than weights.
    """
    file = path / WEIGHTS_FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{file}: expected a file of weights (.pt, .pth, .bin or .safetensors), got none")
    if file.suffix == ".safetensors":
        packed, metadata = read_safetensors(file)
        state, prefixes = _without_prefixes(packed)
        return Checkpoint(file, state, prefixes, metadata=metadata)
    wrapping: list[str] = []
    beside: list[str] = []
    content = _loaded(file)
    while (wrapper := _wrapper(content)) is not None:
        wrapping.append(wrapper)
        beside += [str(name) for name in content if name != wrapper]
        content = content[wrapper]
    tensors = {str(name): tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}
    if not tensors:
        names = ", ".join(str(name) for name in content) or "nothing"
        raise InputError(f"{file}: expected tensors by name, got a dictionary of {names[:100]}")
    beside += [str(name) for name in content if str(name) not in tensors]
    state, prefixes = _without_prefixes(tensors)
    return Checkpoint(file, state, (*wrapping, *prefixes), tuple(beside))


def _loaded(file: Path) -> Mapping[Any, Any]:
    try:
        # Older files are no zip archives and cannot be mapped into memory.
        is_zip = zipfile.is_zipfile(file)
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True if is_zip else None)
    except pickle.UnpicklingError as error:
        reason = str(error).partition("\n")[0][:160]
        raise InputError(
            f"{file}: expected a file of nothing but weights, got one that could run code when it is read, or"
            f" no such file at all ({reason}); where you trust it, save its state dict alone with torch.save"
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, AttributeError) as error:
        reason = str(error).partition("\n")[0][:160]
        raise InputError(
            f"{file}: expected a file of weights, got a damaged or other one ({reason})"
        ) from None
    if not isinstance(content, Mapping):
        raise InputError(f"{file}: expected tensors by name, got {type(content).__name__}")
    return content


def _wrapper(content: Mapping[Any, Any]) -> str | None:
    """The entry that holds the model's tensors, where they are not entries themselves."""
    if any(isinstance(value, Tensor) for value in content.values()):
        return None
    return next((name for name in _WRAPPERS if isinstance(content.get(name), Mapping)), None)


def _without_prefixes(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Take off what stands before every name: data parallelism and compilation put it there."""
    found: list[str] = []
    while prefix := next((p for p in _PREFIXES if state and all(key.startswith(p) for key in state)), None):
        found.append(prefix)
        state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    return state, tuple(found)
