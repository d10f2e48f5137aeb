"""Nouns, adjectives and verbs of English captions by spaCy's tagger."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pix2cap.errors import MetricUnavailable
from pix2cap.text.scene_graph import MODELS, use_numpys_blas

if TYPE_CHECKING:
    from spacy.language import Language

_UNUSED: Final = ("ner", "senter", "parser", "lemmatizer", "attribute_ruler")
_TEXTS_AT_ONCE: Final = 256


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
        try:
            import spacy
        except ImportError as error:
            raise MetricUnavailable(
                f"parts of speech need spaCy, which cannot be imported ({error}); type"
                " `pip install 'pix2cap[metrics]'` and `python -m spacy download en_core_web_sm`"
            ) from error
        model = next((name for name in models if spacy.util.is_package(name)), None)
        if model is None:
            raise MetricUnavailable(
                f"parts of speech need an English model of spaCy; none of {', '.join(models)} is installed;"
                " type `python -m spacy download en_core_web_sm`"
            )
        nlp = spacy.load(model, exclude=list(_UNUSED))
        use_numpys_blas(nlp)
        version = nlp.meta.get("version") or importlib.metadata.version(model)
        return cls(nlp, name=f"{model} {version}", library=f"spaCy {importlib.metadata.version('spacy')}")

    def count(self, texts: Sequence[str]) -> list[TagCounts]:
        """Counts of each text, in their order; memory is given back after each call."""
        counts = []
        with self._nlp.memory_zone():
            for doc in self._nlp.pipe(texts, batch_size=_TEXTS_AT_ONCE):
                kinds = [token.tag_[:2] for token in doc]
                counts.append(TagCounts(kinds.count("NN"), kinds.count("JJ"), kinds.count("VB")))
        return counts
