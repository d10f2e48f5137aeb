"""What a caption is about: the nouns of its subject, found without a parser.

Captions of segments begin with their subject. The reader skips what stands before it ("At the lower
left, ..."), then collects nouns up to the first word that cannot belong to the noun phrase any more: a
preposition, a verb, a new article. Neighbours come after that point and are not heard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pix2cap.text.words import singulars, word_set

_TOKEN: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*(?:-[^\W_]+(?:['’][^\W_]+)*)*|[.,;:!?()]|--|[–—]")
_PREPOSITIONS: Final = word_set(
    """in on at by for from to into onto with within without under over above below behind beside between among
    amid amidst across along around against near through toward towards upon off out up down about after before
    during beneath underneath alongside outside inside past via per until atop like next seen worn held made
    shown located visible close just partly partially mostly barely lit cut set hung topped opposite bearing
    throughout beyond right-hand as while where which who whom whose that when because but although so than
    is are was were be has have had do does appears appear looks look"""
)
"""Words that end the subject: prepositions, relative words, copulas, participles that follow a noun."""

_ARTICLES: Final = word_set("a an the his her its their this that these those another each every my your our")
_LEADS: Final = word_set(
    """in on at by from under over above below behind beside between among amid across along around against near
    through toward towards upon beneath underneath alongside outside inside past atop beyond throughout just
    partly partially mostly barely slightly half seen directly immediately far with next to opposite set cut
    tucked nestled here there running standing sitting lying hanging"""
)
"""Words that open a phrase before the subject; what follows its comma is the subject."""

_VERBS: Final = word_set(
    """stand stands stood sit sits lie lies lay lays hang hangs lean leans rest rests run runs walk walks hold holds
    wear wears ride rides face faces look looks show shows rise rises cover covers fill fills stretch stretches line
    lines spread spreads extend extends peek peeks peer peers appear appears float floats fly flies hover hovers
    perch perches graze grazes drink drinks eat eats carry carries reach reaches swing swings throw throws catch
    catches hit hits bend bends crouch crouches kneel kneels squat squats sleep sleeps move moves drive drives turn
    turns form forms make makes take takes surround surrounds frame frames span spans cross crosses curve curves
    slope slopes emerge emerges jut juts stick sticks point points glow glows shine shines reflect reflects
    tower towers loom looms border borders separate separates support supports display displays feature features
    spans fades fade recedes recede meets meet begins ends continues continue descends descend climbs climb opens
    open closes wraps wrap drapes dangles dangle protrudes protrude occupies occupy dominates dominate blankets
    steps step strides stride trots trot poses pose smiles smile watches watch waits wait gazes gaze grips grip
    holds uses use talks talk jumps jump leaps leap skates surfs skis slides slide glides glide lifts raises raise
    lowers lower tilts tilt slants slant twists pokes poke bears bulges flanks flank crowds crowd encloses
    overlooks overhangs shades blocks block hides hide contains contain comes come goes go gets leads lead"""
)
_ADVERBS: Final = word_set(
    """only also mostly partly partially slightly very quite rather almost nearly fully half brightly dimly
    darkly lightly heavily densely softly tightly loosely neatly entirely completely not too so more most less
    least still just even together alone here there"""
)
_PLAIN: Final = word_set(
    """strip patch band row pair line piece part section area portion edge corner side end top bottom front back
    base bit sliver slice slices half stretch expanse surface field group cluster clump bunch stack pile heap set
    number lot variety collection mass view glimpse series couple dozen handful bundle sheet layer rest one ones
    two three four five six seven eight nine ten several many few some all both each other another rim tip fragment
    chunk lump smear splash spot stripe stripes panel kind type sort form shape outline silhouette middle center
    centre upper lower rear trio quartet swath swathe tangle wall-to-wall herd flock crop spray remains remnant
    arrangement assortment scattering sprinkling belt bank mound block slab column wedge segment reflection ring
    underside interior exterior remainder blob flecks specks drops scene background foreground image thicket
    slivers strips patches bands rows pairs lines pieces parts sections areas portions edges corners sides ends
    tops bits stretches groups clusters clumps stacks piles heaps layers fragments chunks panels herds flocks
    length lengths span bulk majority crowd team class mix mixture blend bowlful plateful glassful serving"""
)
"""Nouns that measure or place: with `of`, what follows is meant."""


_ALSO_ADJECTIVES: Final = word_set(
    """orange green cream light gold silver navy olive rose plum cherry lemon lime peach chocolate brick stone
    concrete glass tile paper straw sand coffee pine oak bamboo grass rock ice brush lavender salmon denim clay
    marble wood leaf melon strawberry rust water window wall floor door street roof sky"""
)
"""Nouns that stand before other nouns as adjectives: "a light chair", "an orange bus"."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The nouns that a caption's subject is made of.

    Args:
        heads: Known nouns that head it, one for each of the phrases joined by "and".
        others: Known nouns that only belong to it: compounds' first parts, what stands after `of`.
    """

    heads: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def nouns(self) -> tuple[str, ...]:
        """All of them."""
        return self.heads + self.others


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
    tokens = [token.replace("’", "'") for token in _TOKEN.findall(text.lower())]
    return _Reader(_skip_lead(tokens), is_known).read()


def _skip_lead(tokens: Sequence[str]) -> Sequence[str]:
    """Drop what stands before the subject."""
    if tokens[:1] == ["there"] and len(tokens) > 2:
        return tokens[2:]
    if tokens[:1] in (["visible"], ["shown"], ["seen"]) or (tokens and tokens[0] in _LEADS):
        comma = next((i for i, token in enumerate(tokens[:16]) if token == ","), None)
        if comma is not None and (tokens[0] not in {"just", "half", "partly"} or comma < 10):
            return _skip_lead(tokens[comma + 1 :]) if comma + 1 < len(tokens) else tokens
        for i, token in enumerate(tokens[1:14], start=1):
            if token in _VERBS or token in {"is", "are"}:
                return tokens[i + 1 :]
        return tokens[1:] if tokens[0] in {"just", "half", "partly", "partially", "mostly"} else ()
    opens_clause = (
        len(tokens) > 2 and tokens[0].endswith(("ing", "ed")) and tokens[1] in _PREPOSITIONS | _ARTICLES
    )
    if opens_clause and "," in tokens[:16]:
        return tokens[list(tokens).index(",") + 1 :]
    return tokens


class _Reader:
    """Walks the subject once; `read` gives its nouns."""

    def __init__(self, tokens: Sequence[str], is_known: Callable[[str], bool]) -> None:
        self._tokens = tokens
        self._is_known = is_known
        self._heads: list[str] = []
        self._others: list[str] = []
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
            if step == 1 and token in _ALSO_ADJECTIVES and not self._phrase_over(index + 1):
                index += 1
                continue
            if step and not self._is_verb(index, step):
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
            elif self._ends(index, token):
                break
            else:
                self._other_word(token)
            index += 1
        self._close()
        return Subject(tuple(dict.fromkeys(self._heads)), tuple(dict.fromkeys(self._others)))

    def _phrase_at(self, index: int) -> int:
        """Length of the longest known noun that starts here, 0 for none."""
        for length in (3, 2, 1):
            if index + length <= len(self._tokens) and self._noun(index, length):
                return length
        return 0

    def _noun(self, index: int, length: int) -> str:
        """The lexicon's form of the noun of `length` tokens at `index`, "" where it has none."""
        words = self._tokens[index : index + length]
        if length == 1 and words[0] in _PLAIN:
            return ""
        if any(not word[0].isalnum() or word.endswith("'s") for word in words):
            return ""
        joined = "-".join(words)
        for form in singulars(joined):
            if self._is_known(form):
                return form
        return ""

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
        if self._head and before not in _PLAIN:
            if self._heads_of_known(index):
                self._others += self._of_words(index)
                self._close()
                self._tokens = self._tokens[: index + 1]
            else:
                self._close()
                self._tokens = self._tokens[: index + 1]
            return
        if self._head:
            self._others.append(self._head)
        self._head, self._said = None, False

    def _heads_of_known(self, index: int) -> bool:
        return bool(self._of_words(index))

    def _of_words(self, index: int) -> list[str]:
        """Known nouns of the phrase after `of`."""
        inner = _Reader(self._tokens[index + 1 :], self._is_known).read()
        return list(inner.nouns)

    def _joins(self, index: int) -> bool:
        """True where "and" goes on with the subject: more adjectives, or a second noun phrase."""
        if not self._said:
            return True
        following = self._tokens[index + 1 : index + 2]
        if not following or following[0] in _VERBS or following[0] in _PREPOSITIONS - {"partly"}:
            return False
        self._close()
        return True

    def _ends(self, index: int, token: str) -> bool:
        if token in _ARTICLES or token.endswith("'s"):
            return self._said
        if not token[0].isalnum():
            return True
        if token in _PREPOSITIONS:
            return self._said or token not in {
                "partly",
                "partially",
                "mostly",
                "barely",
                "just",
                "lit",
                "like",
            }
        return self._said and self._is_verb(index, 1)

    def _is_verb(self, index: int, step: int) -> bool:
        """True where the word after a noun is its verb rather than a further noun."""
        if not self._said or step > 1:
            return False
        token = self._tokens[index]
        following = self._tokens[index + 1] if index + 1 < len(self._tokens) else "."
        phrase_over = self._phrase_over(index + 1)
        if token in _VERBS:
            return phrase_over or not self._phrase_at(index)
        if token.endswith(("ing", "ed")) and not self._phrase_at(index):
            return True
        if self._phrase_at(index):
            return False
        return bool(self._head) and phrase_over and (following in _ARTICLES or token.endswith("s"))

    def _phrase_over(self, index: int) -> bool:
        """True where the word at `index` cannot go on with a noun phrase."""
        token = self._tokens[index] if index < len(self._tokens) else "."
        ends = (
            token in _ARTICLES or token in _PREPOSITIONS or token in _ADVERBS or token in {"and", "or", "of"}
        )
        return ends or token in _VERBS or not token[0].isalnum() or token.endswith("ly")

    def _other_word(self, token: str) -> None:
        """A word the lexicon lacks: before the first noun an adjective, after it perhaps the true head."""
        if token in _ADVERBS or token.endswith("ly"):
            return
        if token in _PLAIN:
            # "a tree line", "a car part": the known noun before still says what it is.
            self._said = self._said or self._head is not None or self._measures(token)
            return
        if self._head and not token.isdigit():
            self._others.append(self._head)
            self._head = None

    def _measures(self, token: str) -> bool:
        return token not in {
            "upper",
            "lower",
            "front",
            "back",
            "top",
            "bottom",
            "rear",
            "middle",
            "one",
            "two",
        } | set(
            "three four five six seven eight nine ten several many few some all both each other another".split()
        )
