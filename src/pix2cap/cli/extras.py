"""Commands that need more than the base install say so before they begin."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from pix2cap.errors import UsageError

_TRAIN = ("torch", "safetensors", "tokenizers", "accelerate")
_PACKAGES = {
    "train": _TRAIN,
    "sft": (*_TRAIN, "transformers", "peft", "trl", "datasets"),
    "hub": ("huggingface_hub", "datasets", "mlcroissant"),
}


def need_extra(extra: str, *, find: Callable[[str], object | None] = find_spec) -> None:
    """Stop where the packages of an extra are not installed.

    Call it first in a command, before the room that imports them.

    Args:
        extra: `train`, `sft` or `hub`.
        find: Finds an installed package by name, None where there is none.

    Raises:
        UsageError: Packages are missing; the message says how to get them.
    """
    missing = [package for package in _PACKAGES[extra] if find(package) is None]
    if missing:
        raise UsageError(
            f"this command needs {', '.join(missing)}, not installed here; type: pip install"
            f" 'pix2cap[{extra}]'"
        )
