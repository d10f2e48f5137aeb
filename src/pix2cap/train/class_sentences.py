"""What class names look like to queries at each step: one sentence a class, embedded by the model itself.

Two things make this cheap. Attention in the text encoder is causal and a sentence is read at its end, so rows
are cut behind the longest one: about 12 tokens instead of 77. And a frozen encoder embeds each sentence once.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal

import torch
from torch import Tensor

from pix2cap.model.captioner import PanopticCaptioner
from pix2cap.model.prompts import class_prompts, drawn_prompts
from pix2cap.model.vocabulary import ClassVocabulary


class ClassSentences:
    """Class embeddings for training.

    The sentences of a step depend on seed and step alone. Where the text encoder learns, its embeddings have
    to be computed anew at each step; where it is frozen each sentence is embedded once, by itself, so that
    its numbers do not depend on which others came with it and a resumed run has the same ones.

    Args:
        names: Class names in the order of the class indices, without "background".
        vocabulary: Of the class names.
        sentences: `ModelConfig.class_sentences`: `all` draws one a class and step, `first` takes always the
            first one.
        is_frozen: Whether the text encoder stays as it is.
        seed: Of the drawing.
    """

    def __init__(
        self,
        names: Sequence[str],
        vocabulary: ClassVocabulary,
        *,
        sentences: Literal["all", "first"],
        is_frozen: bool,
        seed: int,
    ) -> None:
        self._names = tuple(names)
        self._vocabulary = vocabulary
        self._sentences = sentences
        self._is_frozen = is_frozen
        self._seed = seed
        self._rows: dict[str, Tensor] = {}
        self._embedded: dict[str, Tensor] = {}

    def prompts(self, step: int) -> list[str]:
        """One sentence a class, and that of "background" last."""
        if self._sentences == "first":
            return [rows[0] for rows in class_prompts(self._names)]
        return drawn_prompts(self._names, Random(f"{self._seed} {step}"))

    def embed(self, model: PanopticCaptioner, step: int) -> Tensor:
        """`(classes + 1, projection_dim)` on the model's device, with gradient where the encoder learns."""
        device = model.predictor.class_embed.device
        prompts = self.prompts(step)
        if not self._is_frozen:
            rows = [self._row(prompt) for prompt in prompts]
            longest = max(int(row.argmax()) + 1 for row in rows)
            return model.class_embeddings([row[None, :longest].to(device) for row in rows])
        for prompt in prompts:
            if prompt not in self._embedded:
                row = self._row(prompt)[: int(self._row(prompt).argmax()) + 1]
                with torch.no_grad():
                    self._embedded[prompt] = model.class_embeddings([row[None].to(device)])[0]
        return torch.stack([self._embedded[prompt] for prompt in prompts])

    def embed_for_test(self, model: PanopticCaptioner) -> Tensor:
        """`(classes + 1, projection_dim)` as `predict` computes them."""
        device = model.predictor.class_embed.device
        most = 1 if self._sentences == "first" else None
        prompts = class_prompts(self._names)
        ids = [torch.from_numpy(self._vocabulary.encode(rows[:most])).to(device) for rows in prompts]
        with torch.no_grad():
            return model.class_embeddings(ids)

    def _row(self, prompt: str) -> Tensor:
        if prompt not in self._rows:
            self._rows[prompt] = torch.from_numpy(self._vocabulary.encode([prompt])[0])
        return self._rows[prompt]
