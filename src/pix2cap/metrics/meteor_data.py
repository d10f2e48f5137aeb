"""What METEOR 1.5 knows of English, read from its jar without a JVM.

PyPI's pycocoevalcap carries the jar, which is a zip file with word lists in it, and the paraphrase table
beside it.
"""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from pix2cap.errors import InputError, MetricUnavailable
from pix2cap.metrics.meteor_paraphrases import ParaphraseTable

_JAR: Final = "meteor-1.5.jar"
_TABLE: Final = "data/paraphrase-en.gz"

_NOUN: Final = (
    ("s", ""),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
)
_VERB: Final = (
    ("s", ""),
    ("ies", "y"),
    ("es", "e"),
    ("es", ""),
    ("ed", "e"),
    ("ed", ""),
    ("ing", "e"),
    ("ing", ""),
)
_ADJECTIVE: Final = (("er", ""), ("est", ""), ("er", "e"), ("est", "e"))
_NOTHING: Final[frozenset[int]] = frozenset()


@dataclass(frozen=True)
class MeteorData:
    """METEOR's English data; `load` reads it.

    Args:
        function_words: Words that count for less.
        abbreviations: Words that keep their period.
        abbreviations_before_numbers: Words that keep it before a number.
        bases: Irregular form to its base forms.
        synsets: Base form to the numbers of its WordNet synonym sets, as text.
        paraphrases: Phrases that say the same.
        source: What `load` was called with, by which another process loads the same.
    """

    function_words: frozenset[str]
    abbreviations: frozenset[str]
    abbreviations_before_numbers: frozenset[str]
    bases: dict[str, list[str]]
    synsets: dict[str, str]
    paraphrases: ParaphraseTable
    source: tuple[Path, Path | None]
    _known: dict[str, frozenset[int]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, path: Path | None = None, *, cache: Path | None = None) -> Self:
        """Reads the data.

        The first call packs the paraphrase table into the cache folder, which takes some seconds; later ones
        read the packed form. The rest is read from the jar each time.

        Args:
            path: Folder with `meteor-1.5.jar` and `data/paraphrase-en.gz`; that of pycocoevalcap by default.
            cache: Folder for the packed paraphrases; the user's cache folder (or PIX2CAP_CACHE) by default.

        Raises:
            MetricUnavailable: The data is not there; the message says how to get it.
            InputError: A file is damaged.
        """
        folder = path or _installed_folder()
        for name in (_JAR, _TABLE):
            if not (folder / name).is_file():
                raise MetricUnavailable(
                    f"METEOR 1.5 needs {name}; there is none in {folder}. "
                    "Get it: pip install 'pix2cap[metrics]'"
                )
        try:
            with zipfile.ZipFile(folder / _JAR) as jar:
                texts = {
                    name: jar.read(name).decode("utf-8")
                    for name in (
                        "function/english.words",
                        "nonbreaking/english.prefixes",
                        "synonym/english.exceptions",
                        "synonym/english.synsets",
                    )
                }
        except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
            raise InputError(
                f"{folder / _JAR}: expected METEOR 1.5's jar with its English data, got {error}"
            ) from error
        always, before_numbers = _abbreviations(texts["nonbreaking/english.prefixes"])
        synsets = texts["synonym/english.synsets"].split("\n")
        return cls(
            function_words=frozenset(texts["function/english.words"].split("\n")) - {""},
            abbreviations=always,
            abbreviations_before_numbers=before_numbers,
            bases=_bases(texts["synonym/english.exceptions"]),
            synsets=dict(zip(synsets[0::2], synsets[1::2], strict=False)),
            paraphrases=ParaphraseTable.open(folder / _TABLE, cache),
            source=(folder, cache),
        )

    def __reduce__(self) -> tuple[Callable[..., MeteorData], tuple[Path, Path | None]]:
        return _load, self.source

    def synsets_of(self, word: str) -> frozenset[int]:
        """Numbers of the synonym sets of a word and of its base form."""
        known = self._known.get(word)
        if known is None:
            bases = self.bases.get(word) or [self._base(word)]
            known = frozenset(
                int(number) for form in (word, *bases) for number in self.synsets.get(form, "").split()
            )
            if not known:
                known = _NOTHING
            self._known[word] = known
        return known

    def _base(self, word: str) -> str:
        """The base form by the rules of WordNet, nouns before verbs before adjectives; empty without one."""
        if len(word) <= 2 or word.endswith("ss"):
            return word
        for suffix, ending in (*_NOUN, *_VERB, *_ADJECTIVE):
            if word.endswith(suffix):
                form = word[: len(word) - len(suffix)] + ending
                if form in self.synsets:
                    return form
        return ""


def _load(path: Path, cache: Path | None) -> MeteorData:
    return MeteorData.load(path, cache=cache)


def _installed_folder() -> Path:
    package = importlib.util.find_spec("pycocoevalcap")
    if package is None or not package.submodule_search_locations:
        raise MetricUnavailable(
            "METEOR 1.5 reads its data from pycocoevalcap, which is not installed. "
            "Get it: pip install 'pix2cap[metrics]'"
        )
    return Path(package.submodule_search_locations[0]) / "meteor"


def _bases(text: str) -> dict[str, list[str]]:
    bases: dict[str, list[str]] = {}
    lines = text.split("\n")
    for base, forms in zip(lines[0::2], lines[1::2], strict=False):
        for form in forms.split():
            bases.setdefault(form, []).append(base)
    return bases


def _abbreviations(text: str) -> tuple[frozenset[str], frozenset[str]]:
    always: set[str] = set()
    before_numbers: set[str] = set()
    for line in text.split("\n"):
        parts = line.split()
        if parts and not parts[0].startswith("#"):
            numeric = len(parts) > 1 and parts[1] == "#NUMERIC_ONLY#"
            (before_numbers if numeric else always).add(parts[0])
            (always if numeric else before_numbers).discard(parts[0])
    return frozenset(always), frozenset(before_numbers)
