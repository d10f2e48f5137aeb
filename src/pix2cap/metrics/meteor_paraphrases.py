"""METEOR's paraphrase table: 5.3 million pairs of phrases, packed once and read by page.

The published table is a gzip file of 260 MB of text that takes the jar's JVM ten seconds and a gigabyte. Here
it is packed once into the cache folder: the phrases that have paraphrases, held in memory, and the
paraphrases themselves, of which only the pages asked for are read.
"""

from __future__ import annotations

import gzip
import hashlib
import mmap
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final, Self

import numpy as np

from pix2cap.errors import InputError
from pix2cap.metrics.cache_folder import cache_folder

_LAYOUT: Final = 1
_BLOCK: Final = 1 << 23
LONGEST_PHRASE: Final = 7
"""Words of the longest phrase in the table."""


class ParaphraseTable:
    """Phrases and their paraphrases.

    Args:
        folder: A folder that `ParaphraseTable.open` packed.
    """

    def __init__(self, folder: Path) -> None:
        phrases = (folder / "phrases.txt").read_text("utf-8").split("\n")
        self._rows: dict[str, int] = dict(zip(phrases, range(len(phrases)), strict=True))
        self._ends = np.load(folder / "ends.npy")
        with (folder / "paraphrases.txt").open("rb") as file:
            self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._read = lru_cache(maxsize=20_000)(self._paraphrases_in_row)

    @classmethod
    def open(cls, source: Path, cache: Path | None = None) -> Self:
        """Opens the table, packing it first where this was not yet done.

        Args:
            source: The published `paraphrase-en.gz`.
            cache: Folder for the packed form; the user's cache folder by default. Where it cannot be written,
            the
                table is packed into a temporary folder, for this process alone.

        Raises:
            InputError: The file is damaged.
        """
        with source.open("rb") as file:
            fingerprint = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        folder = (cache or cache_folder()) / f"meteor-{_LAYOUT}-{fingerprint}"
        if folder.is_dir():
            return cls(folder)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            packed = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
        except OSError:
            with tempfile.TemporaryDirectory(
                prefix="pix2cap-meteor-", ignore_cleanup_errors=True
            ) as temporary:
                _pack(source, Path(temporary))
                return cls(Path(temporary))
        try:
            _pack(source, packed)
            packed.rename(folder)
        except FileExistsError:
            # Another process was faster.
            shutil.rmtree(packed)
        except OSError:
            shutil.rmtree(packed, ignore_errors=True)
            if not folder.is_dir():
                raise
        except BaseException:
            shutil.rmtree(packed, ignore_errors=True)
            raise
        return cls(folder)

    def known(self, runs: set[str]) -> set[str]:
        """Those of some runs of words that have paraphrases."""
        return self._rows.keys() & runs

    def __len__(self) -> int:
        return len(self._rows)

    def of(self, phrase: str) -> Mapping[str, int]:
        """The paraphrases of a phrase, each with its place in the table's order; none for other phrases."""
        row = self._rows.get(phrase)
        return {} if row is None else self._read(row)

    def _paraphrases_in_row(self, row: int) -> dict[str, int]:
        start = int(self._ends[row - 1]) if row else 0
        paraphrases = self._text[start : int(self._ends[row]) - 1].decode("utf-8").split("\n")
        return dict(zip(paraphrases, range(len(paraphrases)), strict=True))


def _pairs(source: Path) -> Iterator[tuple[bytes, bytes]]:
    """Phrase and paraphrase, from lines of three: probability, phrase, paraphrase."""
    rest: list[bytes] = []
    tail = b""
    with gzip.open(source, "rb") as file:
        while block := file.read(_BLOCK):
            lines = (tail + block).split(b"\n")
            tail = lines.pop()
            lines = rest + lines
            whole = len(lines) - len(lines) % 3
            yield from zip(lines[1:whole:3], lines[2:whole:3], strict=True)
            rest = lines[whole:]
    rest += [tail] if tail else []
    if len(rest) == 3:
        yield rest[1], rest[2]
    elif rest:
        raise InputError(f"{source}: expected lines in threes, got {len(rest)} more at the end")


def _pack(source: Path, folder: Path) -> None:
    phrases: list[bytes] = []
    ends: list[int] = []
    end = 0
    try:
        with (folder / "paraphrases.txt").open("wb") as out:
            for phrase, pairs in groupby(_pairs(source), key=itemgetter(0)):
                text = b"\n".join(map(itemgetter(1), pairs))
                out.write(text)
                out.write(b"\n")
                end += len(text) + 1
                phrases.append(phrase)
                ends.append(end)
            out.flush()
            os.fsync(out.fileno())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{source}: expected METEOR's paraphrase table, got a damaged file ({error})"
        ) from error
    if not phrases or len(set(phrases)) != len(phrases):
        raise InputError(f"{source}: expected each phrase once, with its paraphrases in a row")
    (folder / "phrases.txt").write_bytes(b"\n".join(phrases))
    np.save(folder / "ends.npy", np.asarray(ends, dtype=np.uint64))
