"""How to predict: every choice that a caller has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pix2cap.errors import UsageError

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """How to predict; None takes what the weights say.

    Args:
        device: auto takes a GPU where there is one.
        precision: fp32, or bf16 for matrix products in half the memory.
        short_side: Pictures are resized to this short side in pixels before the model sees them,
        max_side: but never beyond this long side.
        beam_size: Sentences kept while a caption is written; 1 is greedy.
        max_tokens: Longest caption in tokens, the opening token counted.
        object_threshold: Class score above which something becomes a segment.
        overlap_threshold: Share of its mask that a segment must keep once others were laid over it.
        batch_size: Pictures that the model sees at once; more than one pads them to one size.
    """

    device: Device = "auto"
    precision: Precision = "fp32"
    short_side: int | None = None
    max_side: int | None = None
    beam_size: int = 1
    max_tokens: int | None = None
    object_threshold: float | None = None
    overlap_threshold: float | None = None
    batch_size: int = 1

    def check(self) -> None:
        """Refuse what cannot work, before anything is read.

        Raises:
            UsageError: A number is out of its range.
        """
        for name in ("beam_size", "batch_size", "short_side", "max_side"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name.replace('_', '-')}: expected 1 or more, got {value}")
        if self.max_tokens is not None and self.max_tokens < 2:
            raise UsageError(
                f"--max-tokens: expected 2 or more, as the opening token counts, got {self.max_tokens}"
            )
        for name in ("object_threshold", "overlap_threshold"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise UsageError(f"--{name.replace('_', '-')}: expected 0 to 1, got {value}")
        if self.short_side and self.max_side and self.max_side < self.short_side:
            raise UsageError(
                f"--max-side: expected at least --short-side {self.short_side}, got {self.max_side}"
            )

    def to_json(self) -> dict[str, Any]:
        """The choices that decide what is predicted; device and batches do not."""
        names = "precision short_side max_side beam_size max_tokens object_threshold overlap_threshold"
        return {name: getattr(self, name) for name in names.split()}
