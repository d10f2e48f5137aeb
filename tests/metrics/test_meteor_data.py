"""METEOR's data: read from a jar, packed once, and missed with a message that helps."""

from __future__ import annotations

import gzip
import pickle
import zipfile
from pathlib import Path

import pytest

from pix2cap.errors import InputError, MetricUnavailable
from pix2cap.metrics.meteor import Meteor, MeteorData
from pix2cap.metrics.meteor_stem import stem
from pix2cap.metrics.meteor_words import normalised_words

_FILES = {
    "function/english.words": "the\na\nof\n",
    "nonbreaking/english.prefixes": "# titles\nDr\nvs\nNo #NUMERIC_ONLY#\n",
    "synonym/english.exceptions": "goose\ngeese\nbe\nis are\n",
    "synonym/english.synsets": "goose\n00000001\ncar\n00000002 00000003\nautomobile\n3\nman\n00000004\n",
}
_PARAPHRASES = [("next to", "beside"), ("next to", "close to the"), ("to the left of", "left of")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "meteor"
    (folder / "data").mkdir(parents=True)
    with zipfile.ZipFile(folder / "meteor-1.5.jar", "w") as jar:
        for name, text in _FILES.items():
            jar.writestr(name, text)
    lines = "".join(f"0.5\n{phrase}\n{paraphrase}\n" for phrase, paraphrase in _PARAPHRASES)
    (folder / "data" / "paraphrase-en.gz").write_bytes(gzip.compress(lines.encode()))
    return folder


def test_words_synonyms_and_paraphrases_are_read(folder: Path, tmp_path: Path) -> None:
    data = MeteorData.load(folder, cache=tmp_path / "cache")
    assert data.function_words == {"the", "a", "of"}
    assert (data.abbreviations, data.abbreviations_before_numbers) == ({"Dr", "vs"}, {"No"})
    assert data.synsets_of("geese") == data.synsets_of("goose") == {1}
    assert data.synsets_of("cars") == {2, 3} and data.synsets_of("men") == {4}
    assert data.synsets_of("unheard") == frozenset()
    assert len(data.paraphrases) == 2
    assert data.paraphrases.of("next to") == {"beside": 0, "close to the": 1}
    assert data.paraphrases.of("far from") == {}


def test_phrases_are_matched_across_their_lengths(folder: Path, tmp_path: Path) -> None:
    scorer = Meteor(MeteorData.load(folder, cache=tmp_path))
    stats = scorer.pair("dog beside car", ["dog next to automobile"])
    assert stats.test_content == (1, 0, 1, 1) and stats.reference_content == (1, 0, 1, 2)
    assert stats.chunks == 1 and stats.is_whole


def test_the_table_is_packed_once(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    MeteorData.load(folder, cache=cache)
    packed = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    assert len([path for path in packed if path.is_dir()]) == 1
    again = MeteorData.load(folder, cache=cache)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == packed
    assert again.paraphrases.of("to the left of") == {"left of": 0}


def test_a_cache_that_cannot_be_written_does_not_stop_it(folder: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert len(MeteorData.load(folder, cache=blocked / "cache").paraphrases) == 2


def test_data_travels_to_another_process_by_its_place(folder: Path, tmp_path: Path) -> None:
    data = MeteorData.load(folder, cache=tmp_path)
    copy = pickle.loads(pickle.dumps(data))
    assert copy.synsets == data.synsets and copy.source == data.source


def test_missing_data_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MetricUnavailable, match=r"pip install 'pix2cap\[metrics\]'"):
        MeteorData.load(tmp_path)


@pytest.mark.parametrize("damage", ["jar", "jar without words", "gzip", "lines", "order"])
def test_damaged_data_is_named(folder: Path, tmp_path: Path, damage: str) -> None:
    jar, table = folder / "meteor-1.5.jar", folder / "data" / "paraphrase-en.gz"
    if damage == "jar":
        jar.write_bytes(b"nothing")
    elif damage == "jar without words":
        with zipfile.ZipFile(jar, "w") as empty:
            empty.writestr("other", "")
    elif damage == "gzip":
        table.write_bytes(table.read_bytes()[:-12])
    elif damage == "lines":
        table.write_bytes(gzip.compress(b"0.5\nnext to\nbeside\n0.5\nnext to\n"))
    else:
        table.write_bytes(gzip.compress(b"1\nx\na\n1\ny\nb\n1\nx\nc\n"))
    expected = jar if damage.startswith("jar") else table
    with pytest.raises(InputError, match=expected.name):
        MeteorData.load(folder, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a well-known man 's hat", "a well known man ' s hat"),
        ("is n't, she'd", "is n 't , she 'd"),
        ("the u.s. army vs. dr. 7", "the us army vs. dr . 7"),
        ("end of it. now etc. no. 5", "end of it. now etc. no . 5"),
        ("1,000 or 5,a and -lrb- x -rrb-", "1,000 or 5 , a and -lrb- x -rrb-"),
        ("wait... what .. ok", "wait ... what .. ok"),
        ("“so” `it` goes – on -- and", "\" so \" ' it ' goes - on - and"),
        ("$5 50% a/b", "$ 5 50 % a / b"),
        ("", ""),
    ],
)
def test_normalised_words(line: str, words: str) -> None:
    assert normalised_words(line, frozenset({"vs"})) == words.split()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        *[
            ("evening", "even"),
            ("added", "ad"),
            ("biologist", "biologist"),
            ("skies", "sky"),
            ("dying", "die"),
        ],
        *[("generously", "generous"), ("communion", "communion"), ("hopping", "hop"), ("hoping", "hope")],
        *[("cries", "cri"), ("ties", "tie"), ("gas", "gas"), ("kiwis", "kiwi"), ("sayings", "say")],
        *[
            ("relational", "relat"),
            ("happily", "happili"),
            ("yellow", "yellow"),
            ("agreed", "agre"),
            ("be", "be"),
        ],
        *[
            ("man's", "man"),
            ("'tis", "tis"),
            ("skating", "skate"),
            ("controlled", "control"),
            ("inning", "inning"),
        ],
    ],
)
def test_stems_are_those_of_2006(word: str, expected: str) -> None:
    assert stem(word) == expected
