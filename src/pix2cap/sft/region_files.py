"""A folder with a `RegionLlava`: the wrapped model's own files, or adapters, and the region module beside."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pix2cap.errors import InputError, UsageError
from pix2cap.sft.region_features import RegionConfig
from pix2cap.sft.region_llava import RegionLlava, load_llava, new_encoder, part_of, peft_is_behind

if TYPE_CHECKING:
    from transformers import PreTrainedModel

REGIONS_JSON: Final = "regions.json"
REGIONS_WEIGHTS: Final = "regions.safetensors"
LEARNT_OF_BASE: Final = "learnt_of_base.safetensors"
"""What of the base has learnt, where the rest of the folder is adapters."""


def save_region_llava(model: RegionLlava, folder: Path) -> None:
    """Write the wrapped model in its own format, or its adapters, and the region module too.

    Adapters stand beside what else of the base has learnt; the base itself is referred to.

    Raises:
        UsageError: There are adapters, and no base that they could be put on again.
    """
    if model.has_adapters and not model.base:
        raise UsageError("save: expected merged weights where the base is no file of its own, got adapters")
    folder.mkdir(parents=True, exist_ok=True)
    base = None
    if model.has_adapters:
        base = _save_adapters(model, folder)
    else:
        model.llava.save_pretrained(folder)
    record = {
        "format": "pix2cap-region-llava",
        "region": None if model.regions is None else model.regions.config.to_json(),
        "image_token_id": model.image_token_id,
        "region_token_id": model.region_token_id,
        "adapters_of": base,
    }
    if model.regions is not None:
        _save(model.regions.state_dict(), folder / REGIONS_WEIGHTS)
    (folder / REGIONS_JSON).write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def _save_adapters(model: RegionLlava, folder: Path) -> str:
    """Write adapters and what else learnt; returns the base's name, or the way to it from the folder."""
    is_local = Path(model.base).exists()
    base = os.path.relpath(Path(model.base).resolve(), folder.resolve()) if is_local else model.base
    save_adapters(model.llava, folder, base=Path(model.base).resolve().name if is_local else base)
    parts = model.touched - {"regions", "lora"}
    named = {n: p for n, p in model.bare.named_parameters() if "lora_" not in n and part_of(n) in parts}
    _save({name.replace(".base_layer.", "."): p for name, p in named.items()}, folder / LEARNT_OF_BASE)
    return base


def save_adapters(model: Any, folder: Path, *, base: str) -> None:
    """Write adapters as peft does, but for the path of a local base, which would tell of the user's disk."""
    for config in model.peft_config.values():
        config.base_model_name_or_path = base
    # The vocabulary never grows here; peft would ask a server to be sure of it.
    model.save_pretrained(folder, save_embedding_layers=False)
    # A form that nobody filled in, with that path in it.
    (folder / "README.md").unlink(missing_ok=True)


def load_region_llava(folder: Path, *, dtype: torch.dtype | None = None) -> RegionLlava:
    """A model that `save_region_llava` wrote, ready to answer.

    Args:
        folder: As `pix2cap sft train` leaves it in `model/`.
        dtype: Of all weights; 32 bits by default.

    Raises:
        InputError: The folder holds none, or its adapters' base is not where it was.
    """
    path = folder / REGIONS_JSON
    try:
        record = json.loads(path.read_text("utf-8"))
        base = record["adapters_of"]
        if base is not None and (folder / base).exists():
            base = str(folder / base)
        llava = load_llava(str(folder) if base is None else base, dtype=dtype)
        if base is not None:
            llava = _with_adapters(llava, folder)
        ids = {name: int(record[name]) for name in ("image_token_id", "region_token_id")}
        model = RegionLlava(llava, None, base=base or str(folder), **ids)
        if record["region"] is not None:
            model.regions = new_encoder(model.bare, RegionConfig.from_json(record["region"]), dtype=dtype)
            model.regions.load_state_dict(load_file(folder / REGIONS_WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"{path}: expected a model as `pix2cap sft train` writes it, got: {error}"
        ) from error
    return model.eval()


def _with_adapters(llava: PreTrainedModel, folder: Path) -> PreTrainedModel:
    from peft import PeftModel

    learnt = load_file(folder / LEARNT_OF_BASE)
    unknown = llava.load_state_dict(learnt, strict=False).unexpected_keys
    if unknown:
        raise ValueError(f"{LEARNT_OF_BASE}: weights that the base lacks ({unknown[0]})")
    with peft_is_behind():
        return cast("PreTrainedModel", PeftModel.from_pretrained(llava, folder))


def _save(state: Mapping[str, Tensor], path: Path) -> None:
    kept = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    save_file(kept, path, metadata={"format": "pt"})
