"""Propositions of scene graphs: merged where their words are synonyms, and matched between two sides."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence, Set
from itertools import product

from pix2cap.text.scene_graph import SceneGraph

Synonyms = Mapping[str, Collection[Hashable]]
"""A lemma (words of a phrase joined by `_`) and its senses; two that share a sense are synonyms."""

Term = tuple[str, ...]
"""Lemmas that mean the same in one graph, sorted."""

Proposition = tuple[Term, ...]
"""`(object,)`, `(object, attribute)` or `(subject, relation, object)`."""


def merge_graphs(graphs: Sequence[SceneGraph], synonyms: Synonyms) -> set[Proposition]:
    """What several captions say together; synonyms among their words become one term.

    Args:
        graphs: Graphs in any order; the result does not depend on it.
        synonyms: Senses of lemmas.

    Example:
        >>> graph = SceneGraph(objects=frozenset({"sofa", "couch"}))
        >>> merge_graphs([graph], {"sofa": [7], "couch": [7, 8]})
        {(('couch', 'sofa'),)}
    """
    objects = {name for graph in graphs for name in graph.objects}
    attributes = {pair for graph in graphs for pair in graph.attributes}
    relations = {triple for graph in graphs for triple in graph.relations}
    thing = _terms(objects, synonyms)
    value = _terms({value for _, value in attributes}, synonyms)
    relation = _terms({name for _, name, _ in relations}, synonyms)
    merged: set[Proposition] = {(thing[name],) for name in objects}
    merged.update((thing[name], value[quality]) for name, quality in attributes)
    merged.update((thing[subject], relation[name], thing[other]) for subject, name, other in relations)
    return merged


def match_propositions(
    said: Set[Proposition], true: Set[Proposition], synonyms: Synonyms
) -> tuple[set[Proposition], set[Proposition]]:
    """The propositions of each side that have a counterpart on the other.

    Two match when each term of one has a lemma that equals, or is a synonym of, one in the other's term.
    """
    terms_of: dict[Hashable, set[Term]] = {}
    for term in {term for proposition in true for term in proposition}:
        for key in _keys(term, synonyms):
            terms_of.setdefault(key, set()).add(term)
    alternatives: dict[Term, set[Term]] = {}
    for term in {term for proposition in said for term in proposition}:
        found = (terms_of.get(key, ()) for key in _keys(term, synonyms))
        alternatives[term] = {other for others in found for other in others}
    said_matched: set[Proposition] = set()
    true_matched: set[Proposition] = set()
    for proposition in said:
        hits = [other for other in product(*(alternatives[term] for term in proposition)) if other in true]
        if hits:
            said_matched.add(proposition)
            true_matched.update(hits)
    return said_matched, true_matched


def _keys(term: Term, synonyms: Synonyms) -> Iterator[Hashable]:
    for lemma in term:
        yield lemma
        for sense in _senses(lemma, synonyms):
            # Wrapped, so that a sense written as a string is not taken for a lemma.
            yield (sense,)


def _senses(lemma: str, synonyms: Synonyms) -> Collection[Hashable]:
    return synonyms.get(lemma.replace(" ", "_"), ())


def _terms(lemmas: Set[str], synonyms: Synonyms) -> dict[str, Term]:
    """Each lemma's term: the lemmas reached from it over shared senses."""
    parent = {lemma: lemma for lemma in lemmas}

    def root(lemma: str) -> str:
        while parent[lemma] != lemma:
            lemma = parent[lemma]
        return lemma

    owner: dict[Hashable, str] = {}
    for lemma in lemmas:
        for sense in _senses(lemma, synonyms):
            other = owner.setdefault(sense, lemma)
            if other is not lemma:
                parent[root(lemma)] = root(other)
    groups: dict[str, list[str]] = {}
    for lemma in lemmas:
        groups.setdefault(root(lemma), []).append(lemma)
    return {lemma: term for group in groups.values() for term in [tuple(sorted(group))] for lemma in group}
