"""Nouns, adjectives and verbs of English captions by spaCy's tagger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pix2cap.text.spacy_model import MODELS, TEXTS_AT_ONCE, load_spacy_model

if TYPE_CHECKING:
    from spacy.language import Language

_UNUSED: Final = ("ner", "senter", "parser", "lemmatizer", "attribute_ruler")


@dataclass(frozen=True, slots=True)
class TagCounts:
    """Words of one caption by their Penn Treebank tag.

    Args:
        nouns: NN, NNS, NNP, NNPS.
        adjectives: JJ, JJR, JJS.
        verbs: VB, VBD, VBG, VBN, VBP, VBZ: forms of *be* and participles too, modal verbs not.
    """

    nouns: int
    adjectives: int
    verbs: int


class Tagger:
    """Counts parts of speech; make one with `load` (about a second) and keep it.

    Args:
        nlp: A pipeline that sets Penn Treebank tags.
        name: Pipeline and version, as results name it.
        library: spaCy and its version.
    """

    def __init__(self, nlp: Language, *, name: str, library: str) -> None:
        self._nlp = nlp
        self.name = name
        self.library = library

    @classmethod
    def load(cls, *, models: Sequence[str] = MODELS) -> Tagger:
        """Load spaCy and the first of the models that is installed.

        Args:
            models: Names of installed packages with an English pipeline.

        Raises:
            MetricUnavailable: spaCy or the model is missing; the message says what to type.
        """
        model = load_spacy_model("parts of speech", without=_UNUSED, models=models)
        return cls(model.nlp, name=f"{model.package} {model.version}", library=model.library)

    def count(self, texts: Sequence[str]) -> list[TagCounts]:
        """Counts of each text, in their order; memory is given back after each call."""
        counts = []
        with self._nlp.memory_zone():
            for doc in self._nlp.pipe(texts, batch_size=TEXTS_AT_ONCE):
                kinds = [token.tag_[:2] for token in doc]
                counts.append(TagCounts(kinds.count("NN"), kinds.count("JJ"), kinds.count("VB")))
        return counts
