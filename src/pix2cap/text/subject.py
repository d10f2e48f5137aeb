"""What a caption is about: the nouns of its subject, found without a parser.

Captions of segments begin with their subject. The reader skips what stands before it ("At the lower
left, ..."), then collects nouns up to the first word that cannot belong to the noun phrase any more: a
preposition, a verb, a new article. Neighbours come after that point and are not heard.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from pix2cap.text.words import singulars, word_set

_TOKEN: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*(?:-[^\W_]+(?:['’][^\W_]+)*)*|[.,;:!?()]|--|[–—]")
_WORDS: Final = {
    name: word_set(words)
    for name, words in tomllib.loads(
        files("pix2cap.text").joinpath("subject_words.toml").read_text("utf-8")
    ).items()
}
PREPOSITIONS: Final = _WORDS["prepositions"]
ARTICLES: Final = _WORDS["articles"]
_LEADS: Final = _WORDS["leads"]
FINITE_VERBS: Final = _WORDS["verbs"]
"""Third-person forms that captions use."""
_GRADES: Final = _WORDS["grades"]
_COUNTS: Final = _WORDS["counts"]
_ORDERS: Final = _WORDS["orders"]
PARTICIPLES: Final = _WORDS["participles"]
ADVERBS: Final = _WORDS["adverbs"]
MEASURES: Final = _WORDS["plain"]
_ALSO_ADJECTIVES: Final = _WORDS["also_adjectives"]


@dataclass(frozen=True, slots=True)
class Subject:
    """The nouns that a caption's subject is made of.

    Args:
        heads: Known nouns that head it, one for each of the phrases joined by "and".
        others: Known nouns that only belong to it: compounds' first parts, what stands after `of`.
        owners: Those of `others` that own the head: what stands after `of` or before an apostrophe.
    """

    heads: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()

    @property
    def nouns(self) -> tuple[str, ...]:
        """All of them."""
        return self.heads + self.others


_MAY_BE_DOING: Final = re.compile(r".*[aeiouy].*ing")
"""A ring, a king, a wing and a string do nothing: no verb is left of them without the ending."""


def find_subject(text: str, is_known: Callable[[str], bool]) -> Subject:
    """Find the subject's known nouns.

    Args:
        text: An English caption.
        is_known: Says whether a noun (singular or not, compounds joined by hyphens) is in a lexicon.

    Example:
        >>> words = {"man", "horse", "light", "chair", "tree"}
        >>> find_subject("At the left, a man riding a horse", words.__contains__).heads
        ('man',)
        >>> find_subject("A light wooden chair beside a man", words.__contains__).heads
        ('chair',)
        >>> find_subject("A row of trees behind the man", words.__contains__).heads
        ('tree',)
    """
    return _Reader(skip_lead(tokens_of(text)), is_known).read()


def tokens_of(text: str) -> list[str]:
    """Lower-cased words and marks of a caption, as its subject is read."""
    return [token.replace("’", "'") for token in _TOKEN.findall(text.lower())]


def skip_lead(tokens: Sequence[str]) -> Sequence[str]:
    """Drop what stands before the subject: "At the left, ...", "In front stands ..."."""
    if tokens[:1] == ["there"] and len(tokens) > 2:
        return tokens[2:]
    if tokens and (tokens[0] in _LEADS or tokens[0] in _GRADES):
        return _skip_phrase(tokens)
    opens = len(tokens) > 2 and tokens[0].endswith(("ing", "ed")) and tokens[1] in PREPOSITIONS | ARTICLES
    return tokens[list(tokens).index(",") + 1 :] if opens and "," in tokens[:16] else tokens


def _skip_phrase(tokens: Sequence[str]) -> Sequence[str]:
    """Skip "At the left, ..." to its comma and "In front stands a ..." to its verb.

    "Partly hidden by a rock, a bear" opens with a phrase, "Partly hidden bear, facing left" does not:
    after a grade the comma counts only where a new noun phrase begins.
    """
    grades = tokens[0] in _GRADES
    for i, token in enumerate(tokens[1:16], start=1):
        if token == "," and i + 1 < len(tokens) and (not grades or tokens[i + 1] in ARTICLES | _COUNTS):
            return skip_lead(tokens[i + 1 :])
    if grades:
        return tokens[1:]
    for i, token in enumerate(tokens[1:14], start=1):
        if token in FINITE_VERBS or token in {"is", "are"}:
            return tokens[i + 1 :]
    return ()


class _Reader:
    """Walks the subject once; `read` gives its nouns."""

    def __init__(self, tokens: Sequence[str], is_known: Callable[[str], bool]) -> None:
        self._tokens = tokens
        self._is_known = is_known
        self._heads: list[str] = []
        self._others: list[str] = []
        self._owners: list[str] = []
        self._head: str | None = None
        """The known noun that the running phrase ends in so far, None while an unknown one does."""
        self._said = False
        """Some noun, known or not, has been said in the running phrase."""

    def read(self) -> Subject:
        """Collect nouns to the end of the subject."""
        index = 0
        while index < len(self._tokens):
            token = self._tokens[index]
            step = self._phrase_at(index)
            if step == 1 and token in _ALSO_ADJECTIVES and not self._is_noun_after_all(index):
                index += 1
                continue
            if step and not self._is_verb(index, step) and not self._is_late_verb(index):
                self._known(self._noun(index, step))
                index += step
                continue
            if token == "of":
                self._of(index)
            elif token in {"and", "or", "&", "plus"}:
                if not self._joins(index):
                    break
            elif token == ",":
                if self._said:
                    break
            elif self._ends(index, token) or self._is_late_verb(index):
                break
            elif token.endswith("'s") and (owner := self._noun_form(token[:-2])):
                self._others.append(owner)
                self._owners.append(owner)
            else:
                self._other_word(token)
            index += 1
        self._close()
        found = (self._heads, self._others, self._owners)
        return Subject(*(tuple(dict.fromkeys(nouns)) for nouns in found))

    def _is_noun_after_all(self, index: int) -> bool:
        """True for the orange of "an orange on a plate", not for those of "an orange and white bus".

        Nor for that of "Orange with white dots, this ring ...": one of a kind that is counted has an article.
        """
        if index == 0 or not self._over(index + 1):
            return False
        joint, *after = self._tokens[index + 1 : index + 3] or ["."]
        is_more = joint in {"and", "or"} and bool(after) and after[0].split("-")[0] in _ALSO_ADJECTIVES
        return not is_more

    def _phrase_at(self, index: int) -> int:
        """Length of the longest known noun that starts here, 0 for none."""
        for length in (3, 2, 1):
            if index + length <= len(self._tokens) and self._noun(index, length):
                return length
        return 0

    def _noun(self, index: int, length: int) -> str:
        """The lexicon's form of the noun of `length` tokens at `index`, "" where it has none."""
        words = self._tokens[index : index + length]
        if length == 1 and words[0] in MEASURES:
            return ""
        if any(not word[0].isalnum() or word.endswith("'s") for word in words):
            return ""
        return self._noun_form("-".join(words))

    def _noun_form(self, noun: str) -> str:
        return next((form for form in singulars(noun) if self._is_known(form)), "")

    def _known(self, noun: str) -> None:
        if self._head:
            self._others.append(self._head)
        self._head, self._said = noun, True

    def _close(self) -> None:
        if self._head:
            self._heads.append(self._head)
        self._head, self._said = None, False

    def _of(self, index: int) -> None:
        """`X of Y`: X heads where it is a known thing of its own; a measure or a part leaves it to Y."""
        before = self._tokens[index - 1] if index else ""
        if self._head and before not in MEASURES:
            owners = _Reader(self._tokens[index + 1 :], self._is_known).read().nouns
            self._others += owners
            self._owners += owners
            self._close()
            self._tokens = self._tokens[: index + 1]
            return
        if self._head:
            self._others.append(self._head)
        self._head, self._said = None, False

    def _joins(self, index: int) -> bool:
        """True where "and" goes on with the subject: more adjectives, or a second noun phrase."""
        if not self._said:
            return True
        following = self._tokens[index + 1 : index + 2]
        if not following or following[0] in FINITE_VERBS or following[0] in PREPOSITIONS - {"partly"}:
            return False
        self._close()
        return True

    def _ends(self, index: int, token: str) -> bool:
        if token in ARTICLES or token.endswith("'s"):
            return self._said
        if not token[0].isalnum():
            return True
        if token in PREPOSITIONS:
            return self._said or token not in _GRADES | PARTICIPLES | {"like"}
        return self._said and self._is_verb(index, 1)

    def _is_verb(self, index: int, step: int) -> bool:
        """True where the word after a noun is its verb rather than a further noun."""
        if not self._said or step > 1:
            return False
        token = self._tokens[index]
        if token in FINITE_VERBS:
            # "a dog stands", "trees line", but "a fruit stand".
            return (
                token.endswith("s")
                or self._tokens[index - 1].endswith(("s", "en", "le"))
                or self._over(index + 1)
            )
        if token in PARTICIPLES or (token.endswith(("ing", "ed")) and not self._phrase_at(index)):
            return True
        if token.endswith("ing") and self._head and self._goes_on(index + 1):
            return True  # "a bag hanging from a hook", though a hanging is a thing too
        if self._phrase_at(index) or not self._over(index + 1):
            return False
        following = self._tokens[index + 1] if index + 1 < len(self._tokens) else "."
        return bool(self._head) and (following in ARTICLES or token.endswith("s"))

    def _goes_on(self, index: int) -> bool:
        following = self._tokens[index] if index < len(self._tokens) else "."
        return following in ARTICLES | PREPOSITIONS | ADVERBS

    def _is_late_verb(self, index: int) -> bool:
        """True for the verb of a subject that no lexicon knows: "towelling runs along the wall"."""
        token = self._tokens[index]
        may_be = index >= 2 and token in FINITE_VERBS and token.endswith("s")
        if not may_be or self._tokens[index - 1] in ARTICLES:
            return False
        following = self._tokens[index + 1] if index + 1 < len(self._tokens) else "."
        return following in ARTICLES | PREPOSITIONS | ADVERBS

    def _over(self, index: int) -> bool:
        """True where the word at `index` cannot go on with a noun phrase."""
        token = self._tokens[index] if index < len(self._tokens) else "."
        if token in ARTICLES | PREPOSITIONS | ADVERBS | FINITE_VERBS | PARTICIPLES | {"and", "or", "of"}:
            return True
        if not token[0].isalnum() or token.endswith("ly") or _MAY_BE_DOING.fullmatch(token):
            return True
        following = self._tokens[index + 1] if index + 1 < len(self._tokens) else "."
        follows_verb = following in ARTICLES | PREPOSITIONS or not following[0].isalnum()
        return token.endswith(("s", "ed")) and follows_verb and not self._phrase_at(index)

    def _other_word(self, token: str) -> None:
        """A word the lexicon lacks: before the first noun an adjective, after it perhaps the true head."""
        if token in ADVERBS or token.endswith("ly"):
            return
        if token in MEASURES:
            # "a tree line", "a car part": the known noun before still says what it is.
            self._said = self._said or self._head is not None or self._measures(token)
            return
        if self._head and not token.isdigit():
            self._others.append(self._head)
            self._head = None

    def _measures(self, token: str) -> bool:
        return token not in _COUNTS | _ORDERS
