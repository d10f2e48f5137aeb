"""Vocabularies: exact ids for hand-made tables, whole texts back, the same every time."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.errors import InputError
from pix2cap.model.vocabulary import CaptionVocabulary, ClassVocabulary

CAPTIONS = [
    "A red circle at the left, beside the blue square's edge.",
    "Two small dogs sit on green grass; one of them is 30% brown.",
    "The striped triangle is partly hidden behind a blue square.",
] * 4
BERT = [
    *(
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "a",
        "dog",
        "##s",
        "run",
        "##ning",
        "well",
        "known",
        "cafe",
    ),
    *("-", "'", "s", ".", ",", "don", "t", "[", "]", "sep", "!"),
]
# After 256 letters and 256 letters that end a word: "do" 512, "dog</w>" 513, "an" 514, "a n</w>" is none.
MERGES = ["d o", "do g</w>", "a n", "an t</w>"]


@pytest.fixture(scope="module")
def captions() -> CaptionVocabulary:
    return CaptionVocabulary.train(CAPTIONS, 420)


@pytest.fixture
def bert(tmp_path: Path) -> CaptionVocabulary:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(BERT) + "\n", "utf-8")
    return CaptionVocabulary.from_bert_vocab(path)


def _clip_file(path: Path, merges: list[str] = MERGES) -> Path:
    path.write_bytes(gzip.compress("\n".join(['"bpe#version: 0.2', *merges, ""]).encode()))
    return path


@given(text=st.text(max_size=60))
def test_every_text_comes_back_from_learnt_captions(captions: CaptionVocabulary, text: str) -> None:
    ids = captions.encode(text)
    assert captions.decode(ids) == text
    assert not {captions.pad_id, captions.begin_id, captions.end_id} & set(ids)
    assert all(0 <= i < captions.size for i in ids)


@pytest.mark.parametrize(
    "text", ["[text begins]a[text ends]", " two  spaces\n", "[no token]", "", "Ġ", "é🎉"]
)
def test_a_text_cannot_spell_a_mark(captions: CaptionVocabulary, text: str) -> None:
    assert captions.decode(captions.encode(text)) == text
    assert captions.end_id not in captions.encode(text)


def test_marks_are_left_out_of_the_text(captions: CaptionVocabulary) -> None:
    words = captions.encode("A red circle.")
    row = [captions.begin_id, *words, captions.end_id, captions.pad_id, captions.size + 7]
    assert captions.decode(row) == "A red circle."
    assert (captions.pad_id, captions.begin_id, captions.end_id) == (0, 1, 2)


def test_learning_makes_captions_shorter_and_keeps_to_the_size(captions: CaptionVocabulary) -> None:
    text = CAPTIONS[0]
    assert len(captions.encode(text)) < len(text) / 3
    assert 300 < captions.size <= 420
    assert CaptionVocabulary.train(CAPTIONS, 270).size == 270
    assert CaptionVocabulary.train([], 270).size == 259
    with pytest.raises(ValueError, match="at least 259"):
        CaptionVocabulary.train(CAPTIONS, 258)


def test_learning_twice_gives_the_same_file(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from pix2cap.model.vocabulary import *\n"
        "texts = Path(sys.argv[1]).read_text('utf-8').splitlines()\n"
        "CaptionVocabulary.train(texts, 400).save(Path(sys.argv[2]))\n"
        "ClassVocabulary.train(texts, 400, 16).save(Path(sys.argv[2]))"
    )
    (tmp_path / "texts").write_text("\n".join(CAPTIONS), "utf-8")
    for run in ("one", "two"):
        environment = {**os.environ, "PYTHONHASHSEED": {"one": "1", "two": "2"}[run]}
        words = [sys.executable, "-c", script, str(tmp_path / "texts"), str(tmp_path / run)]
        subprocess.run(words, check=True, env=environment)
    for name in ("captions.tokenizer.json", "classes.tokenizer.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_saved_and_read_again(captions: CaptionVocabulary, bert: CaptionVocabulary, tmp_path: Path) -> None:
    for vocabulary, text in ((captions, CAPTIONS[1]), (bert, "a dog.")):
        vocabulary.save(tmp_path / "w")
        read = CaptionVocabulary.load(tmp_path / "w")
        assert read.encode(text) == vocabulary.encode(text)
        assert read.decode(read.encode(text)) == text
        assert (read.begin_id, read.end_id, read.size) == (
            vocabulary.begin_id,
            vocabulary.end_id,
            vocabulary.size,
        )


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A DOG", ["a", "dog"]),
        ("dogs  running", ["dog", "##s", "run", "##ning"]),
        ("Café.", ["cafe", "."]),
        ("zebra", ["[UNK]"]),
        ("[SEP]", ["[", "sep", "]"]),
        ("", []),
    ],
    ids=repr,
)
def test_berts_pieces(bert: CaptionVocabulary, text: str, tokens: list[str]) -> None:
    assert bert.encode(text) == [BERT.index(token) for token in tokens]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["[CLS]", "a", "dog", "##s", "run", "##ning", "[SEP]", "[PAD]"], "a dogs running"),
        (["a", "well", "-", "known", "dog", "'", "s", "cafe", "."], "a well-known dog's cafe."),
        (["a", ",", "dog", "!"], "a, dog!"),
        (["don", "'", "t"], "don't"),
        (["[UNK]", "dog"], "dog"),
        ([], ""),
    ],
    ids=repr,
)
def test_berts_pieces_joined(bert: CaptionVocabulary, tokens: list[str], text: str) -> None:
    assert bert.decode([BERT.index(token) for token in tokens]) == text


def test_bert_ids_are_line_numbers(bert: CaptionVocabulary) -> None:
    assert (bert.size, bert.pad_id, bert.begin_id, bert.end_id) == (len(BERT), 0, 2, 3)


@pytest.mark.parametrize(
    ("lines", "told"),
    [(["a", "b"], r"no \[PAD\], \[UNK\]"), ([*BERT, "dog"], "stand twice")],
    ids=["another file", "twice"],
)
def test_what_is_no_bert_vocabulary_is_refused(tmp_path: Path, lines: list[str], told: str) -> None:
    (tmp_path / "v").write_text("\n".join(lines), "utf-8")
    with pytest.raises(InputError, match=told):
        CaptionVocabulary.from_bert_vocab(tmp_path / "v")
    with pytest.raises(InputError, match="gone"):
        CaptionVocabulary.from_bert_vocab(tmp_path / "gone")


def test_clips_ids_are_letters_then_merges_then_marks(tmp_path: Path) -> None:
    clip = ClassVocabulary.from_clip_bpe(_clip_file(tmp_path / "bpe.gz"), 8)
    start, end = 516, 517
    assert (clip.size, clip.end_id, clip.context) == (518, end, 8)
    letters = {letter: place for place, letter in enumerate(map(chr, range(0x21, 0x7F)))}
    ends = {letter: place + 256 for letter, place in letters.items()}
    rows = clip.encode(["Dog", " a  dog!", "do", "ant's", "an", ""])
    assert rows.dtype == np.int64
    assert rows.tolist() == [
        [start, 513, end, end, end, end, end, end],
        [start, ends["a"], 513, ends["!"], end, end, end, end],
        [start, letters["d"], ends["o"], end, end, end, end, end],
        [start, 515, letters["'"], ends["s"], end, end, end, end],
        [start, letters["a"], ends["n"], end, end, end, end, end],
        [start, end, end, end, end, end, end, end],
    ]


def test_long_names_keep_their_end(tmp_path: Path) -> None:
    clip = ClassVocabulary.from_clip_bpe(_clip_file(tmp_path / "bpe.gz"), 5)
    assert clip.encode(["dog dog dog dog dog"]).tolist() == [[516, 513, 513, 513, 517]]
    assert clip.encode([]).shape == (0, 5)


def test_bytes_outside_ascii_have_ids(tmp_path: Path) -> None:
    clip = ClassVocabulary.from_clip_bpe(_clip_file(tmp_path / "bpe.gz"), 12)
    # "é" is two bytes, the second of which ends the word: 0xC3 and 0xA9 of the printing letters.
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    assert clip.encode(["É"])[0, 1:4].tolist() == [printed.index(0xC3), 256 + printed.index(0xA9), 517]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"no merges\na b\n", "expected CLIP's merges"),
        (gzip.compress(b"#version\na b c\n"), "expected CLIP's merges"),
        (gzip.compress(b"#version\nabc def\n"), "do not fit"),
        (gzip.compress(b"#version\na b\n")[:-9], "expected CLIP's bpe"),
        (b"\xff\xfe\x00", "expected CLIP's bpe"),
    ],
    ids=["no header", "three parts", "unknown parts", "cut", "not text"],
)
def test_what_are_no_clip_merges_is_refused(tmp_path: Path, data: bytes, told: str) -> None:
    (tmp_path / "bpe").write_bytes(data)
    with pytest.raises(InputError, match=told):
        ClassVocabulary.from_clip_bpe(tmp_path / "bpe")


@given(texts=st.lists(st.text(max_size=30), max_size=4))
def test_learnt_class_rows_begin_and_end(texts: list[str]) -> None:
    vocabulary = ClassVocabulary.train(["a photo of a red circle.", "the blue square."] * 3, 300, 16)
    rows = vocabulary.encode(texts)
    assert rows.shape == (len(texts), 16)
    assert vocabulary.end_id == vocabulary.size - 1 <= 299
    assert (rows.max(initial=-1, axis=1) == vocabulary.end_id).all() if len(texts) else True
    for row in rows.tolist():
        first = row.index(vocabulary.end_id)
        assert set(row[first:]) == {vocabulary.end_id} and row[0] == 1


def test_learnt_classes_are_read_again_and_lower_case(tmp_path: Path) -> None:
    vocabulary = ClassVocabulary.train(["the Blue square."] * 3, 300, 16)
    vocabulary.save(tmp_path)
    read = ClassVocabulary.load(tmp_path)
    assert read.encode(["BLUE  square", "é"]).tolist() == vocabulary.encode(["blue square", "É"]).tolist()
    assert (read.context, read.size) == (16, vocabulary.size)
    with pytest.raises(ValueError, match="at least 3"):
        ClassVocabulary.train(["a"], 300, 2)


def test_missing_or_foreign_files_are_told(captions: CaptionVocabulary, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"captions\.tokenizer\.json beside the weights.*--bert-vocab FILE"):
        CaptionVocabulary.load(tmp_path)
    with pytest.raises(InputError, match=r"classes\.tokenizer\.json.*--clip-bpe FILE"):
        ClassVocabulary.load(tmp_path)
    (tmp_path / "classes.tokenizer.json").write_text("{}", "utf-8")
    with pytest.raises(InputError, match="expected a vocabulary that pix2cap wrote"):
        ClassVocabulary.load(tmp_path)
    captions.save(tmp_path)
    (tmp_path / "captions.tokenizer.json").rename(tmp_path / "classes.tokenizer.json")
    with pytest.raises(InputError, match="rows of one length"):
        ClassVocabulary.load(tmp_path)
    ClassVocabulary.train(["a"], 300, 8).save(tmp_path)
    (tmp_path / "classes.tokenizer.json").rename(tmp_path / "captions.tokenizer.json")
    with pytest.raises(InputError, match="got one of class names"):
        CaptionVocabulary.load(tmp_path)


def test_the_environment_is_left_as_it_was() -> None:
    before = dict(os.environ)
    CaptionVocabulary.train(CAPTIONS, 270)
    assert dict(os.environ) == before
