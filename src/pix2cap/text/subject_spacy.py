"""What a caption is about, by spaCy's parse: a second reader of subjects beside `subject.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from pix2cap.text.spacy_model import MODELS, TEXTS_AT_ONCE, load_spacy_model
from pix2cap.text.subject import MEASURES, Subject
from pix2cap.text.words import singulars

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Token

_UNUSED: Final = ("ner", "senter", "lemmatizer")
_NOUNS: Final = ("NOUN", "PROPN")
_SUBJECTS: Final = ("nsubj", "nsubjpass")
_LONGEST: Final = 3


class SpacySubjects:
    """Reads the subjects of captions with spaCy; make one with `load` (about a second) and keep it.

    Args:
        nlp: A pipeline that tags and parses.
        name: Pipeline and version.
    """

    def __init__(self, nlp: Language, *, name: str) -> None:
        self._nlp = nlp
        self.name = name

    @classmethod
    def load(cls, *, models: Sequence[str] = MODELS) -> SpacySubjects:
        """Load spaCy and the first of the models that is installed.

        Raises:
            MetricUnavailable: spaCy or the model is missing; the message says what to type.
        """
        model = load_spacy_model("head nouns by spaCy", without=_UNUSED, models=models)
        return cls(model.nlp, name=f"{model.package} {model.version}")

    def read(self, texts: Sequence[str], is_known: Callable[[str], bool]) -> list[Subject]:
        """The subjects of texts, in their order; memory is given back after each call.

        Args:
            texts: English captions.
            is_known: Says whether a noun (singular or not, compounds joined by hyphens) is in a lexicon.
        """
        with self._nlp.memory_zone():
            docs = self._nlp.pipe(texts, batch_size=TEXTS_AT_ONCE)
            return [
                _Reading(is_known).of(next(iter(doc.sents)).root) if len(doc) else Subject() for doc in docs
            ]


class _Reading:
    """Collects the nouns of one subject."""

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        self._is_known = is_known
        self._heads: list[str] = []
        self._others: list[str] = []
        self._owners: list[str] = []

    def of(self, root: Token) -> Subject:
        """The subject of the sentence with this root."""
        for noun in _subject_nouns(root):
            self._take(noun)
        found = (self._heads, self._others, self._owners)
        return Subject(*(tuple(dict.fromkeys(nouns)) for nouns in found))

    def _take(self, token: Token) -> None:
        """One noun with what belongs to it; a measure, "a row of trees", leaves it to what is measured."""
        owned = [
            p for prep in token.children if prep.lower_ == "of" for p in prep.children if p.dep_ == "pobj"
        ]
        if owned and (token.lower_ in MEASURES or not self._form(token.lower_)):
            for noun in owned:
                self._take(noun)
            return
        words, length = self._longest(token)
        if words:
            self._heads.append(words)
        before = [t for t in token.lefts if t.dep_ in {"compound", "nmod"} and t.i <= token.i - length]
        self._others += [form for t in before if (form := self._form(t.lower_))]
        owners = [*(t for t in token.children if t.dep_ == "poss"), *owned]
        forms = [form for t in owners if (form := self._longest(t)[0])]
        self._others += forms
        self._owners += forms

    def _longest(self, token: Token) -> tuple[str, int]:
        """The longest known noun that ends in a token, and how many tokens it takes."""
        for length in range(_LONGEST, 0, -1):
            if token.i - length + 1 < token.sent.start:
                continue
            words = [t.lower_ for t in token.doc[token.i - length + 1 : token.i + 1]]
            if all(word[0].isalnum() for word in words) and (form := self._form("-".join(words))):
                return form, length
        return "", 1

    def _form(self, noun: str) -> str:
        if noun in MEASURES:
            return ""
        return next((form for form in singulars(noun) if self._is_known(form)), "")


def _subject_nouns(root: Token) -> Iterator[Token]:
    """The noun that a sentence is about, and those joined to it by "and"."""
    noun = root if root.pos_ in _NOUNS else next((t for t in root.children if t.dep_ in _SUBJECTS), None)
    if noun is None or noun.lower_ == "there":
        noun = next((t for t in root.children if t.dep_ in {"attr", "dobj"} and t.pos_ in _NOUNS), None)
    if noun is None or noun.pos_ not in _NOUNS:
        return
    yield noun
    yield from (t for t in noun.conjuncts if t.pos_ in _NOUNS and t.i > noun.i)


class SecondReader:
    """spaCy beside our own reader of subjects; loaded when it is first needed.

    Args:
        leads: Whether every subject is spaCy's wherever it finds one; otherwise it is asked only about
            captions that are accused by our own reading.
        models: Names of packages with an English pipeline.
    """

    def __init__(self, *, leads: bool = False, models: Sequence[str] = MODELS) -> None:
        self.leads = leads
        self._models = tuple(models)
        self._subjects: SpacySubjects | None = None

    @classmethod
    def where_installed(cls, *, models: Sequence[str] = MODELS) -> SecondReader | None:
        """A reader to be asked about accused captions, None where spaCy or its English model is missing."""
        is_here = find_spec("spacy") is not None and any(find_spec(name) is not None for name in models)
        return cls(models=models) if is_here else None

    @property
    def name(self) -> str:
        """Pipeline and version, "" as long as nothing was read."""
        return self._subjects.name if self._subjects is not None else ""

    def read(self, texts: Sequence[str], is_known: Callable[[str], bool]) -> list[Subject]:
        """The subjects of texts by spaCy.

        Raises:
            MetricUnavailable: spaCy or its model is missing.
        """
        if not texts:
            return []
        if self._subjects is None:
            self._subjects = SpacySubjects.load(models=self._models)
        return self._subjects.read(texts, is_known)
