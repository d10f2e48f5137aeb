"""Arrange WordNet 3.0's concrete nouns for `pix2cap.text.wordnet`.

    apt-get install wordnet-base
    python scripts/wordnet_nouns.py [--wordnet /usr/share/wordnet] [--out src/pix2cap/text/wordnet_nouns.txt]

Reads `data.noun`, `index.noun`, `noun.exc`, `cntlist.rev` and the indices of the other parts of speech, keeps
the nouns that can name something visible, and writes one text file, the same from the same input every time.
Left out are names of single things (instances), names of genera and families, and nouns without a visible
sense.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

OUT: Final = Path(__file__).resolve().parents[1] / "src" / "pix2cap" / "text" / "wordnet_nouns.txt"
LICENCE_LINES: Final = 29
"""How many lines of WordNet's own files are its licence."""

ROOTS: Final = (
    "physical_entity%1:03:00::", "group%1:03:00::", "shape%1:03:00::", "sign%1:10:00::", "signal%1:10:00::",
    "visual_communication%1:10:00::", "written_communication%1:10:00::",
)  # fmt: skip
"""Sense keys above everything that a picture can show; `ROOTS[1]` holds collections of such things."""
UNSEEN: Final = ("process%1:03:00::", "taxonomic_group%1:14:00::")
"""Sense keys of branches below those roots that no caption is about."""
SEEN_PROCESSES: Final = ("phenomenon%1:03:00::", "fire%1:22:00::")
"""Branches of the unseen that a picture shows all the same: clouds, rain, flames."""

MAX_WORDS: Final = 3
_HOLONYMS: Final = ("#p", "#m", "#s")


@dataclass
class Synset:
    """One meaning.

    Args:
        offset: Its place in `data.noun`, which is its name there.
        lexname: Number of the lexicographer's file.
        words: Lemmas with their lexicographer's ids.
        above: Offsets of hypernyms.
        wholes: Offsets of what it is a part, member or substance of.
        is_instance: Whether it is a single thing with a name of its own.
    """

    offset: str
    lexname: int
    words: list[tuple[str, int]]
    above: list[str]
    wholes: list[str]
    is_instance: bool
    below: list[str] = field(default_factory=list)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    if not (arguments.wordnet / "data.noun").is_file():
        sys.exit(f"{arguments.wordnet}: expected WordNet's data.noun; type `apt-get install wordnet-base`")
    lines = list(arrange(arguments.wordnet))
    arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{arguments.out}: {len(lines)} lines, {arguments.out.stat().st_size} bytes")


def arrange(folder: Path) -> Iterator[str]:
    """Lines of the file: the licence, the meanings, the words, the irregular plurals."""
    synsets = read_synsets(folder / "data.noun")
    counts = read_counts(folder / "cntlist.rev")
    kept = visible(synsets)
    order = numbered(synsets, kept)
    yield from header(folder / "data.noun")
    yield "synsets"
    sizes = descendants(synsets, kept)
    for offset in order:
        synset = synsets[offset]
        above = ",".join(str(order[a]) for a in synset.above if a in order)
        wholes = ",".join(str(order[w]) for w in synset.wholes if w in order)
        yield f"{synset.lexname} {above} {sizes[offset] or ''} {wholes}".rstrip()
    yield "words"
    others = {pos: read_index(folder / f"index.{pos}") for pos in ("adj", "verb")}
    totals = other_totals(counts)
    words = {}
    for lemma, offsets in sorted(read_index(folder / "index.noun").items()):
        if line := word_line(lemma, offsets, synsets, order, counts):
            marks = "".join(
                mark
                for pos, mark in (("adj", "a"), ("verb", "v"))
                if lemma in others[pos]
                and is_rather(totals[lemma, pos], lemma, pos, offsets, synsets, counts)
            )
            words[lemma] = line
            yield f"{lemma}{f' {marks}' if marks else ''} {line}"
    yield "plurals"
    for line in (folder / "noun.exc").read_text("ascii").splitlines():
        plural, *singulars = line.split()
        if any(s in words for s in singulars) and plural not in singulars:
            yield " ".join([plural, *(s for s in singulars if s in words)])


def header(path: Path) -> Iterator[str]:
    """Where it comes from, and WordNet's licence as its own files have it."""
    yield "# Concrete nouns of WordNet 3.0, arranged anew for pix2cap.text.wordnet by"
    yield "# scripts/wordnet_nouns.py."
    yield "# A synset a line, numbered from 0: lexicographer's file, hypernyms, how many lie below it, wholes"
    yield "# that it is a part, member or substance of. A word a line: `a` or `v` where it is as often an"
    yield "# adjective or a verb, senses in WordNet's order as synset*count, `-` for one that cannot be seen,"
    yield "# `=` for a single thing with a name of its own. Then irregular plurals with their singulars."
    yield "#"
    for line in path.read_text("ascii").splitlines()[:LICENCE_LINES]:
        yield f"# {line.strip().lstrip('0123456789').strip()}".rstrip()


def read_synsets(path: Path) -> dict[str, Synset]:
    """Offset to synset; the layout is that of WordNet's wndb(5WN)."""
    synsets = {}
    for line in path.read_text("ascii").splitlines()[LICENCE_LINES:]:
        cells = line.split(" | ")[0].split()
        count = int(cells[3], 16)
        words = [(cells[4 + 2 * i], int(cells[5 + 2 * i], 16)) for i in range(count)]
        start = 5 + 2 * count
        pointers = [
            (cells[start + 4 * i], cells[start + 1 + 4 * i])
            for i in range(int(cells[start - 1]))
            if cells[start + 2 + 4 * i] == "n"
        ]
        synsets[cells[0]] = Synset(
            cells[0],
            int(cells[1]),
            words,
            [offset for kind, offset in pointers if kind == "@"],
            [offset for kind, offset in pointers if kind in _HOLONYMS],
            any(kind == "@i" for kind, _ in pointers),
        )
    for synset in synsets.values():
        for above in synset.above:
            synsets[above].below.append(synset.offset)
    return synsets


def read_counts(path: Path) -> dict[str, int]:
    """Sense key to how often it was seen in WordNet's tagged texts."""
    rows = (line.split() for line in path.read_text("ascii").splitlines())
    return {key: int(count) for key, _, count in rows}


def read_index(path: Path) -> dict[str, list[str]]:
    """Lemma to offsets of its synsets, in the order of its senses."""
    found = {}
    for line in path.read_text("ascii").splitlines()[LICENCE_LINES:]:
        cells = line.split()
        found[cells[0]] = cells[-int(cells[2]) :]
    return found


def sense_key(lemma: str, synset: Synset) -> str:
    """The name that counts are kept under."""
    number = next((n for word, n in synset.words if word.lower() == lemma), 0)
    return f"{lemma}%1:{synset.lexname:02d}:{number:02d}::"


def noun_total(lemma: str, offsets: Iterable[str], synsets: dict[str, Synset], counts: dict[str, int]) -> int:
    """How often a lemma was seen as a noun."""
    return sum(counts.get(sense_key(lemma, synsets[offset]), 0) for offset in offsets)


def is_rather(
    total: int,
    lemma: str,
    pos: str,
    offsets: Iterable[str],
    synsets: dict[str, Synset],
    counts: dict[str, int],
) -> bool:
    """True where a lemma is as often that as a noun; of two that were never seen, a verb is the rarer."""
    return total >= noun_total(lemma, offsets, synsets, counts) and (total > 0 or pos == "adj")


def other_totals(counts: dict[str, int]) -> dict[tuple[str, str], int]:
    """Lemma and part of speech to how often it was seen so."""
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for key, count in counts.items():
        lemma, _, rest = key.partition("%")
        pos = {"2": "verb", "3": "adj", "5": "adj"}.get(rest[:1])
        if pos:
            totals[lemma, pos] += count
    return totals


def visible(synsets: dict[str, Synset]) -> set[str]:
    """Offsets of what a picture can show, with all that lies above it."""
    keys = {sense_key(w.lower(), s): s.offset for s in synsets.values() for w, _ in s.words}
    unseen = below(synsets, [keys[k] for k in UNSEEN])
    seen = below(synsets, [keys[k] for k in ROOTS])
    wanted = (seen - unseen) | below(synsets, [keys[k] for k in SEEN_PROCESSES])
    wanted = {offset for offset in wanted if not synsets[offset].is_instance}
    queue = list(wanted)
    while queue:
        for above in synsets[queue.pop()].above:
            if above not in wanted:
                wanted.add(above)
                queue.append(above)
    return wanted


def below(synsets: dict[str, Synset], offsets: Iterable[str]) -> set[str]:
    """The synsets and all their hyponyms."""
    queue = list(offsets)
    found = set(queue)
    while queue:
        for offset in synsets[queue.pop()].below:
            if offset not in found:
                found.add(offset)
                queue.append(offset)
    return found


def descendants(synsets: dict[str, Synset], kept: set[str]) -> dict[str, int]:
    """How many kept synsets lie below each."""
    return {offset: len(below(synsets, [offset]) & kept) - 1 for offset in kept}


def numbered(synsets: dict[str, Synset], kept: set[str]) -> dict[str, int]:
    """Offset to number, parents before children, so that a reader needs one pass."""
    order: dict[str, int] = {}
    roots = sorted(o for o in kept if not any(a in kept for a in synsets[o].above))
    waiting = {o: sum(a in kept for a in synsets[o].above) for o in kept}
    queue = list(reversed(roots))
    while queue:
        offset = queue.pop()
        order[offset] = len(order)
        for child in sorted(synsets[offset].below, reverse=True):
            if child in kept:
                waiting[child] -= 1
                if not waiting[child]:
                    queue.append(child)
    return order


def word_line(
    lemma: str,
    offsets: Iterable[str],
    synsets: dict[str, Synset],
    order: dict[str, int],
    counts: dict[str, int],
) -> str:
    """Senses of a word, "" for one that names nothing visible, or is no word of captions."""
    if (
        lemma.count("_") >= MAX_WORDS
        or not lemma.replace("_", "").replace("-", "").replace("'", "").isalpha()
    ):
        return ""
    cells = []
    for offset in offsets:
        synset = synsets[offset]
        count = counts.get(sense_key(lemma, synset), 0)
        name = "=" if synset.is_instance else "-"
        if offset in order and not is_binomial(lemma, synset):
            name = str(order[offset])
        cells.append(f"{name}*{count}" if count else name)
    while cells and cells[-1] in {"-", "="}:
        cells.pop()
    return " ".join(cells) if any(cell[0].isdigit() for cell in cells) else ""


def is_binomial(lemma: str, synset: Synset) -> bool:
    """True for a Latin name beside an English one."""
    written = next((word for word, _ in synset.words if word.lower() == lemma), lemma)
    plain = any(word.islower() for word, _ in synset.words)
    return synset.lexname in {5, 20} and "_" in written and written[0].isupper() and plain


if __name__ == "__main__":
    main()
