"""What every caption metric takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tokens = Sequence[str]
"""One caption as PTB tokens (`pix2cap.text.ptb.ptb_tokens`)."""


@dataclass(frozen=True)
class CaptionScores:
    """Scores of N candidate captions against their references.

    Args:
        corpus: Metric name to its corpus score (`bleu_1` .. `bleu_4`, `rouge_l`, `cider`, `meteor`, ...).
        per_item: Metric name to `(N,)` float64, one score a caption, in the order given.
    """

    corpus: Mapping[str, float]
    per_item: Mapping[str, NDArray[np.float64]]
