"""AdamW as published: less for pretrained parts, no decay where it would only shrink scales."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from torch import nn
from torch.nn import Parameter
from torch.optim import AdamW

from pix2cap.train.settings import OptimSettings, Part

_PREDICTOR: Final = "sem_seg_head.predictor."

PARTS: Final[dict[Part, tuple[str, ...]]] = {
    "backbone": ("backbone.",),
    "pixel_decoder": ("sem_seg_head.pixel_decoder.",),
    "text_encoder": (f"{_PREDICTOR}lang_encoder.",),
    "query_embeddings": (f"{_PREDICTOR}query_feat.", f"{_PREDICTOR}query_embed."),
    "caption_decoder": (
        f"{_PREDICTOR}text_decoder.",
        f"{_PREDICTOR}object_proj.",
        f"{_PREDICTOR}caption_memory.",
    ),
    "query_decoder": (_PREDICTOR,),
}
"""Part to how the names of its parameters begin; the first part that fits is a parameter's own."""

_NORMS: Final = (
    nn.LayerNorm,
    nn.GroupNorm,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
)


def part_of(name: str) -> Part | None:
    """The part of the model that a parameter belongs to; None for one that belongs to none.

    Example:
        >>> part_of("backbone.patch_embed.proj.weight"), part_of("sem_seg_head.predictor.class_embed")
        ('backbone', 'query_decoder')
    """
    return next((part for part, starts in PARTS.items() if name.startswith(starts)), None)


def freeze_parts(model: nn.Module, parts: Sequence[Part]) -> int:
    """Exclude parts from learning.

    Returns:
        How many numbers were frozen.
    """
    frozen = 0
    for name, parameter in model.named_parameters():
        if part_of(name) in parts:
            parameter.requires_grad_(False)
            frozen += parameter.numel()
    return frozen


def set_training_mode(model: nn.Module, frozen: Sequence[Part]) -> None:
    """Training mode, but for frozen parts: what does not learn should not be disturbed by noise either."""
    model.train()
    for name, module in model.named_modules():
        if part_of(f"{name}.") in frozen:
            module.training = False


def make_optimizer(model: nn.Module, settings: OptimSettings) -> AdamW:
    """AdamW over all parameters that learn.

    Groups carry `initial_lr`, which `schedule.set_rates` multiplies, and `parts`, for people.

    Raises:
        ValueError: Nothing is left to learn.
    """
    groups: dict[tuple[float, float], list[Parameter]] = {}
    parts: dict[tuple[float, float], set[str]] = {}
    for name, parameter, decay in _learning(model, settings):
        part = part_of(name)
        factor = settings.lr_factors.get(part, 1.0) if part is not None else 1.0
        groups.setdefault((settings.lr * factor, decay), []).append(parameter)
        parts.setdefault((settings.lr * factor, decay), set()).add(part or "rest")
    if not groups:
        raise ValueError(f"expected a part that learns, got all frozen: {', '.join(settings.freeze)}")
    return AdamW(
        [
            {
                "params": parameters,
                "lr": lr,
                "initial_lr": lr,
                "weight_decay": decay,
                "parts": sorted(parts[lr, decay]),
            }
            for (lr, decay), parameters in groups.items()
        ],
        lr=settings.lr,
        betas=settings.betas,
    )


def _learning(model: nn.Module, settings: OptimSettings) -> Iterator[tuple[str, Parameter, float]]:
    """Every parameter that learns, once, with its weight decay; a tied one counts where it stands first."""
    seen: set[int] = set()
    for prefix, module in model.named_modules():
        decay = _decay(module, settings)
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                yield (f"{prefix}.{name}" if prefix else name), parameter, decay


def _decay(module: nn.Module, settings: OptimSettings) -> float:
    if isinstance(module, _NORMS):
        return settings.weight_decay_norm
    if isinstance(module, nn.Embedding):
        return settings.weight_decay_embedding
    return settings.weight_decay


def group_rates(optimizer: AdamW) -> Mapping[str, float]:
    """Part to its learning rate now."""
    return {part: float(group["lr"]) for group in optimizer.param_groups for part in group["parts"]}
