"""Scene graphs of English captions by spaCy's dependency parser, without a JVM."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Final

from pix2cap.text.ptb import ptb_tokens
from pix2cap.text.scene_graph_lemmas import Lemmas
from pix2cap.text.scene_graph_rules import SceneGraph, parse_scene_graph
from pix2cap.text.scene_graph_tree import read_tree
from pix2cap.text.spacy_model import MODELS, TEXTS_AT_ONCE, load_spacy_model

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["SceneGraph", "SceneGraphParser", "parse_scene_graph"]

_UNUSED: Final = ("ner", "senter", "attribute_ruler")
_TEXTS_A_PROCESS: Final = 4000
"""Below this a further process costs more time to start than it saves."""


class SceneGraphParser:
    """Turns captions into scene graphs; make one with `load` (about a second) and keep it.

    Captions are parsed as their Penn Treebank tokens with a full stop, so that case and punctuation, which
    other caption metrics do not count, do not count here either.

    Args:
        nlp: A pipeline that tags and parses English with the labels of spaCy's models.
        lemmas: Base forms.
    """

    def __init__(self, nlp: Language, lemmas: Lemmas) -> None:
        self._nlp = nlp
        self._lemmas = lemmas
        self._models: tuple[str, ...] = MODELS

    @classmethod
    def load(cls, *, models: Sequence[str] = MODELS) -> SceneGraphParser:
        """Load spaCy and the first of the models that is installed.

        Args:
            models: Names of installed packages with an English pipeline.

        Raises:
            MetricUnavailable: spaCy or the model is missing; the message says what to type.
        """
        model = load_spacy_model("scene graphs", without=_UNUSED, models=models)
        parser = cls(model.nlp, _take_lemmas(model.nlp))
        parser._models = (model.package,)
        return parser

    def parse(self, text: str) -> SceneGraph:
        """The scene graph of one caption; `parse_many` is far faster for several."""
        return self.parse_many([text])[0]

    def parse_many(self, texts: Iterable[str], *, processes: int = 1) -> list[SceneGraph]:
        """The scene graphs of captions, in their order; each distinct text is parsed once.

        Args:
            texts: Captions of any length; an empty one has an empty graph.
            processes: How many processes at most. Each loads the model for itself, so that a few thousand
                texts are parsed by one whatever is asked for. Scripts need the usual `__main__` guard.
        """
        texts = list(texts)
        sentences = {text: _sentence(text) for text in dict.fromkeys(texts)}
        distinct = [sentence for sentence in dict.fromkeys(sentences.values()) if sentence]
        processes = min(processes, len(distinct) // _TEXTS_A_PROCESS)
        found = self._parse_apart(distinct, processes) if processes > 1 else self._parse(distinct)
        graphs = dict(zip(distinct, found, strict=True))
        graphs[""] = SceneGraph()
        return [graphs[sentences[text]] for text in texts]

    def _parse(self, sentences: Sequence[str]) -> list[SceneGraph]:
        docs = self._nlp.pipe(sentences, batch_size=TEXTS_AT_ONCE)
        return [parse_scene_graph(read_tree(doc, self._lemmas)) for doc in docs]

    def _parse_apart(self, sentences: Sequence[str], processes: int) -> list[SceneGraph]:
        size = TEXTS_AT_ONCE * 4
        parts = [sentences[start : start + size] for start in range(0, len(sentences), size)]
        # Not forked: the parent may have threads (a progress bar, BLAS) that a fork would leave in pieces.
        with ProcessPoolExecutor(
            processes, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(self._models,)
        ) as pool:
            return [graph for graphs in pool.map(_parse_in_worker, parts) for graph in graphs]


_worker: list[SceneGraphParser] = []
"""The parser of a worker process; empty in any other."""


def _start_worker(models: tuple[str, ...]) -> None:
    _worker.append(SceneGraphParser.load(models=models))


def _parse_in_worker(sentences: Sequence[str]) -> list[SceneGraph]:
    return _worker[0]._parse(sentences)


def _sentence(text: str) -> str:
    """A caption's tokens as plain writing, which the parser was trained on; empty where it has none.

    Brackets are left out (the tokeniser has turned them into `-lrb-`), "'s" and "n't" go back to their words,
    and a full stop follows, unless it would make an abbreviation of a last word of one letter.
    """
    words: list[str] = []
    for token in ptb_tokens(text):
        if words and (token == "n't" or (token.startswith("'") and len(token) > 1)):
            words[-1] += token
        elif not (token.startswith("-") and token.endswith("-")):
            words.append(token)
    if not words:
        return ""
    return " ".join(words) + (" ." if len(words[-1]) == 1 else ".")


def _take_lemmas(nlp: Language) -> Lemmas:
    """The tables of the pipeline's lemmatiser, which leaves the pipeline."""
    lemmatizer: Any = nlp.remove_pipe("lemmatizer")[1]
    tables = {name: lemmatizer.lookups.get_table(f"lemma_{name}") for name in ("exc", "rules", "index")}
    kinds = ("noun", "verb")
    return Lemmas(
        exceptions={kind: tables["exc"][kind] for kind in kinds},
        rules={kind: tables["rules"][kind] for kind in kinds},
        known={kind: frozenset(tables["index"][kind]) for kind in kinds},
    )
