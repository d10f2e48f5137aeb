"""What checks are told and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Box = tuple[float, float, float, float]
"""`(x0, y0, x1, y1)` as shares of the picture, 0..1."""

CHECK_NAMES: Final = (
    "missing", "refusal", "mark_talk", "length", "repeat", "class", "swap", "side", "language", "cut",
)  # fmt: skip
"""Every check, in the order in which their findings are told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found wrong with a caption.

    Args:
        check: The check's name, out of `CHECK_NAMES`.
        reason: A sentence that a model can be told and a person can read.
        hard: True drops the caption; False is a warning that is kept with it.
        confidence: How sure the check is, 0..1; sorts lists of findings.
    """

    check: str
    reason: str
    hard: bool = True
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class SceneFacts:
    """What is known of the picture that the captions speak of.

    Args:
        class_names: Segment id to class name, for all segments of the picture.
        boxes_unit: Segment id to box as shares of the picture.
        texts: Segment id to caption, for those already accepted.
        centroids_unit: Segment id to `(x, y)` of its centre of mass as shares of the picture.
    """

    class_names: Mapping[int, str]
    boxes_unit: Mapping[int, Box]
    texts: Mapping[int, str] = field(default_factory=dict)
    centroids_unit: Mapping[int, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """What captions are held to.

    Args:
        language: Language code that was asked for.
        soft_words: Lengths outside are a warning.
        hard_words: Lengths outside drop the caption.
    """

    language: str = "en"
    soft_words: tuple[int, int] = (10, 45)
    hard_words: tuple[int, int] = (6, 60)

    @property
    def is_english(self) -> bool:
        """True where the checks that read English may speak."""
        return self.language.split("-")[0].lower() == "en"
