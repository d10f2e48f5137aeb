"""From a dependency tree to objects, attributes and relations.

A caption says that things exist, that they have attributes, and how they stand to each other. Nouns are the
things; adjectives, numbers, noun modifiers and what a verb without object says are attributes; verbs,
prepositions and possession are relations. Pronouns stand for the nouns they refer to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pix2cap.text.scene_graph_words import MULTIWORD_PREPOSITIONS, NUMBERS, Word
from pix2cap.text.words import word_set

_SUBJECTS: Final = ("nsubj", "nsubjpass", "csubj")
_MODIFIERS: Final = ("amod", "nummod", "compound", "nmod")
_NOT_TELLING: Final = frozenset({"aux", "auxpass", "amod", "prep", "case", "compound", "nmod"})
"""Relations in which a verb form says nothing of its own: auxiliaries, modifiers, "including"."""
_PERSONAL: Final = frozenset({"PRP", "PRP$"})
_RELATIVE: Final = frozenset({"WDT", "WP", "WP$", "WRB"})
_FIRST_AND_SECOND: Final = word_set("i me my mine we us our ours you your yours myself ourselves yourself")
_MAX_DEPTH: Final = 12
"""Steps along a chain of governors or phrases; parses of word salad can be deep."""


@dataclass(frozen=True, slots=True)
class SceneGraph:
    """What a caption says, as sets of lemmas.

    Args:
        objects: Things that are named.
        attributes: `(object, attribute)`; numbers are written in digits.
        relations: `(subject, relation, object)`; a relation may have several words.
    """

    objects: frozenset[str] = frozenset()
    attributes: frozenset[tuple[str, str]] = frozenset()
    relations: frozenset[tuple[str, str, str]] = frozenset()

    @property
    def size(self) -> int:
        """Number of tuples of all kinds."""
        return len(self.objects) + len(self.attributes) + len(self.relations)


def parse_scene_graph(words: Sequence[Word]) -> SceneGraph:
    """The scene graph of a parsed text of one or more sentences.

    Args:
        words: All words in order, with heads and children set.

    Returns:
        Its graph; an empty one for a text without nouns.
    """
    return _Builder(words).graph()


class _Builder:
    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words
        self._swallowed = {noun for word in words if (noun := _place_noun(word)) is not None}
        self._attributes: set[tuple[str, str]] = set()
        self._relations: set[tuple[str, str, str]] = set()

    def graph(self) -> SceneGraph:
        things = [word for word in self._words if self._is_thing(word)]
        for thing in things:
            self._describe(thing)
            self._place([thing], "", thing)
        for word in self._words:
            if word.is_verb and word.dep not in _NOT_TELLING:
                self._tell(word)
        objects = frozenset(thing.lemma for thing in things)
        return SceneGraph(objects, frozenset(self._attributes), frozenset(self._relations))

    def _is_thing(self, word: Word) -> bool:
        return word.is_noun and word.dep not in _MODIFIERS and word not in self._swallowed

    def _things(self, word: Word) -> list[Word]:
        """The nouns among a word and what is joined to it by "and"; a pronoun gives what it stands for."""
        found: list[Word] = []
        for member in _joined(word):
            found += [member] if self._is_thing(member) else self._antecedent(member)
        return found

    def _antecedent(self, word: Word) -> list[Word]:
        """For a third-person pronoun the first noun before it that leads a clause, else the first of all."""
        if word.tag not in _PERSONAL or word.text in _FIRST_AND_SECOND:
            return []
        before = [noun for noun in self._words[: word.index] if self._is_thing(noun)]
        leading = [noun for noun in before if noun.dep in ("nsubj", "nsubjpass", "ROOT", "attr")]
        return (leading or before)[:1]

    def _describe(self, thing: Word) -> None:
        for child in thing.governed(*_MODIFIERS):
            self._qualify([thing], child)
        for child in thing.governed("poss"):
            for owner in self._things(child):
                self._relate(owner, "have", thing)

    def _qualify(self, things: Sequence[Word], quality: Word, denial: str = "") -> None:
        for value in _values(quality):
            said = f"{denial} {value}".lstrip()
            self._attributes.update((thing.lemma, said) for thing in things if thing.lemma != value)

    def _relate(self, subject: Word, relation: str, other: Word) -> None:
        if subject is not other:
            self._relations.add((subject.lemma, relation, other.lemma))

    def _place(self, subjects: Sequence[Word], verb: str, governor: Word) -> int:
        """Relations by the prepositional phrases of a word; returns how many objects they had."""
        count = 0
        for preposition, governed in self._phrases(governor):
            relation = f"{verb} {preposition}".lstrip()
            for other in self._things(governed):
                count += 1
                for subject in subjects:
                    self._relate(subject, relation, other)
        return count

    def _phrases(self, governor: Word, lead: str = "", depth: int = 0) -> Iterator[tuple[str, Word]]:
        """`(preposition, governed noun)` of the phrases that hang on a word, with "next to" and "out of"."""
        if depth > _MAX_DEPTH:
            return
        is_preposition = governor.dep in ("prep", "agent")
        for child in governor.children:
            if child.dep in ("prep", "agent") or (child.dep == "conj" and is_preposition):
                yield from self._phrase(child, lead, depth)
            elif child.dep == "dative":
                yield from [("to", child)] if child.is_noun else self._phrase(child, lead, depth)
            elif child.dep in ("advmod", "amod", "acomp") and not child.is_verb and not is_preposition:
                yield from self._phrases(child, f"{lead} {child.text}".lstrip(), depth + 1)

    def _phrase(self, preposition: Word, lead: str, depth: int) -> Iterator[tuple[str, Word]]:
        name = f"{lead} {preposition.lemma if preposition.is_verb else preposition.text}".lstrip()
        is_bare = True
        for governed in preposition.governed("pobj", "dobj", "pcomp"):
            is_bare = False
            if governed in self._swallowed:
                yield from self._phrases(governed, f"{name} {governed.text}", depth + 1)
            elif governed.dep != "pcomp":
                yield name, governed
        # "out" governs nothing but "of": the two are one preposition.
        yield from self._phrases(preposition, name if is_bare else lead, depth + 1)

    def _tell(self, verb: Word) -> None:
        """What a clause says: relations to objects and places, else the verb itself as an attribute."""
        subjects = self._subjects(verb)
        if not subjects:
            return
        is_copula = verb.lemma == "be"
        denial = "not" if any(verb.governed("neg")) else ""
        name = " ".join([denial, verb.lemma, *(particle.text for particle in verb.governed("prt"))]).lstrip()
        said = self._place(subjects, denial if is_copula else name, verb)
        for governed in verb.governed("dobj"):
            for other in self._things(governed):
                said += 1
                for subject in subjects:
                    self._relate(subject, name, other)
        for quality in verb.governed("acomp", "oprd", "attr"):
            if quality not in subjects:
                said += 1
                self._qualify(subjects, quality, denial)
        if not said and not is_copula:
            self._qualify(subjects, verb, denial)

    def _subjects(self, verb: Word, depth: int = 0) -> list[Word]:
        """The things that a verb speaks of: its own subject, or the one it shares with its governor."""
        own = list(verb.governed(*_SUBJECTS))
        found = [thing for child in own for thing in self._things(child)]
        if found or depth > _MAX_DEPTH:
            return found
        if any(verb.governed("expl")):
            return [thing for child in verb.governed("attr") for thing in self._things(child)]
        if own and not any(child.tag in _RELATIVE for child in own):
            return []
        return self._shared_subjects(verb, depth)

    def _shared_subjects(self, verb: Word, depth: int) -> list[Word]:
        head = verb.head.head if verb.dep == "pcomp" else verb.head
        if head is verb:
            return []
        if not head.is_verb:
            return [head] if self._is_thing(head) else []
        if verb.dep in ("xcomp", "ccomp"):
            objects = [thing for child in head.governed("dobj") for thing in self._things(child)]
            if objects:
                return objects
        return self._subjects(head, depth + 1)


def _joined(word: Word) -> Iterator[Word]:
    """A word and, in a chain of any length, what is joined to it by "and"; no verbs."""
    waiting = [word]
    while waiting:
        member = waiting.pop()
        yield member
        waiting += [other for other in member.governed("conj") if not other.is_verb]


def _values(word: Word) -> Iterator[str]:
    """A modifier, what is joined to it by "and", and what modifies it in turn, as in "dark blue"."""
    waiting = [word]
    while waiting:
        member = waiting.pop()
        yield NUMBERS.get(member.lemma, member.lemma)
        for child in member.children:
            is_shade = child.dep in ("amod", "compound", "nmod", "advmod") and (
                child.is_adjective or child.is_noun
            )
            if is_shade or (child.dep == "conj" and not child.is_verb):
                waiting.append(child)


def _place_noun(word: Word) -> Word | None:
    """Given the word "in", the noun of "in front of" and its like."""
    if word.dep not in ("prep", "conj"):
        return None
    for noun in word.governed("pobj"):
        if any(noun.governed("amod")):
            continue
        if any((word.text, noun.text, last.text) in MULTIWORD_PREPOSITIONS for last in noun.governed("prep")):
            return noun
    return None
