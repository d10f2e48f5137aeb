"""Learning rates as a function of the step alone, so that a resumed run needs no memory of them."""

from __future__ import annotations

import math

from torch.optim import Optimizer

from pix2cap.train.settings import ScheduleSettings


def total_steps(settings: ScheduleSettings, *, images: int, batch: int) -> int:
    """Steps of a whole run.

    Args:
        settings: `steps`, or else `epochs`.
        images: Training pictures.
        batch: Pictures a step.

    Example:
        >>> total_steps(ScheduleSettings(epochs=25), images=18_212, batch=32)
        14229
    """
    return settings.steps or max(1, math.ceil(settings.epochs * images / batch))


def rate_factor(settings: ScheduleSettings, step: int, total: int) -> float:
    """The factor on every learning rate at a step.

    Args:
        settings: The schedule.
        step: From 0 to `total - 1`.
        total: Steps of the run.

    Example:
        >>> published = ScheduleSettings()
        >>> [round(rate_factor(published, step, 10_000), 6) for step in (0, 8_887, 8_888, 9_629)]
        [1.0, 1.0, 0.1, 0.01]
    """
    if settings.kind == "cosine":
        span = max(1, total - 1 - settings.warmup)
        done = min(1.0, max(0, step - settings.warmup) / span)
        factor = settings.final + (1 - settings.final) * (1 + math.cos(math.pi * done)) / 2
    else:
        passed = sum(step >= int(share * total) for share in settings.milestones)
        factor = settings.gamma**passed
    if step < settings.warmup:
        share = step / settings.warmup
        factor *= settings.warmup_factor * (1 - share) + share
    return factor


def set_rates(optimizer: Optimizer, settings: ScheduleSettings, step: int, total: int) -> float:
    """Set the learning rate of every group for a step.

    Returns:
        The factor.
    """
    factor = rate_factor(settings, step, total)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
    return factor
