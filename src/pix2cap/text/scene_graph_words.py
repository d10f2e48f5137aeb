"""Words of a parsed sentence, as the rules of the scene graph read them, and the word lists they need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pix2cap.text.words import word_set


@dataclass(slots=True, eq=False)
class Word:
    """One word in a dependency tree.

    Args:
        index: Place in the text, from 0.
        text: The word in lower case; a hyphenated compound is one word.
        tag: Penn Treebank tag (`NN`, `VBG`, `IN`, ...).
        dep: Relation to the head, in ClearNLP's names as spaCy's English models give them (`nsubj`, ...).
        lemma: Base form: singular of a noun, infinitive of a verb.
        head: The governor; the word itself at a root.
        children: Words governed, in the order of the text.
    """

    index: int
    text: str
    tag: str
    dep: str
    lemma: str
    head: Word = field(init=False, repr=False)
    children: list[Word] = field(default_factory=list, repr=False)

    @property
    def is_noun(self) -> bool:
        """Common or proper noun."""
        return self.tag.startswith("NN")

    @property
    def is_verb(self) -> bool:
        """Any form of a verb, participles included."""
        return self.tag.startswith("VB")

    @property
    def is_adjective(self) -> bool:
        """Adjective of any degree."""
        return self.tag.startswith("JJ")

    def governed(self, *deps: str) -> Iterator[Word]:
        """Children that stand in one of the named relations."""
        return (child for child in self.children if child.dep in deps)


MULTIWORD_PREPOSITIONS: Final = frozenset(
    {("in", "front", "of"), ("on", "top", "of"), ("in", "back", "of"), ("by", "means", "of")}
)
"""Preposition, noun, preposition that together say one place; the noun is no object."""

_NUMBER_WORDS: Final = """zero one two three four five six seven eight nine ten eleven twelve thirteen
    fourteen fifteen sixteen seventeen eighteen nineteen twenty"""
NUMBERS: Final = {word: str(value) for value, word in enumerate(_NUMBER_WORDS.split())}
"""English number words and the digits that say the same."""

COLORS: Final = word_set(
    """red orange yellow green blue purple violet pink brown black white gray grey beige tan turquoise teal
    cyan magenta maroon navy crimson scarlet gold golden silver cream ivory khaki olive lavender indigo
    burgundy bronze copper amber charcoal aqua peach rust russet blond blonde reddish bluish greenish
    yellowish brownish blackish whitish greyish grayish pinkish purplish orangish"""
)
"""Colour words; a hyphenated word is a colour where its last part is one."""

SIZES: Final = word_set(
    """big large huge giant gigantic enormous massive immense vast great small little tiny miniature mini
    minuscule petite compact medium medium-sized large-sized small-sized oversized tall short long wide broad
    narrow thick thin slim slender deep shallow high low"""
)
"""Size words."""


def is_color(word: str) -> bool:
    """Whether an attribute is a colour.

    Example:
        >>> is_color("blue-green"), is_color("wooden")
        (True, False)
    """
    return word.rpartition("-")[2] in COLORS


def is_number(word: str) -> bool:
    """Whether an attribute is a number; `NUMBERS` has turned words into digits."""
    return word.isdigit()


def is_size(word: str) -> bool:
    """Whether an attribute is a size."""
    return word in SIZES
