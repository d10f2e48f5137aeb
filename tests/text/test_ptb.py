"""PTB tokens: golden captions, rules, any text at all, and the Java tokeniser itself where it is at hand."""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.text.ptb import PUNCTUATION, ptb_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I can't, won't and shouldn't", "i ca n't wo n't and should n't"),
        (
            "Cannot gonna gotta wanna gimme lemme 'tis 'twas",
            "can not gon na got ta wan na gim me lem me 't is 't was",
        ),
        ("They'd've said it's the dogs' or James's", "they 'd 've said it 's the dogs or james 's"),
        ("o'clock, d'you, rock'n'roll, ma'am, C'mon", "o'clock d'you rock 'n' roll ma'am c'mon"),
        ("'em '90s '90 the 1990's", "'em '90s '90 the 1990 's"),
        ("U.S. vs. Mr. Smith, etc., at 10 a.m.", "u.s. vs. mr. smith etc. at 10 a.m."),
        ("I. The end. No. 5 or no. It is no.", "i the end no. 5 or no it is no"),
        ("In Mass. but with mass. See fig. 3", "in mass. but with mass see fig. 3"),
        ("$3.50, US$5, 50%, 1,000.5 and .5", "$ 3.50 us$ 5 50 % 1,000.5 and .5"),
        ("3/4 1 1/2 ½ 1st 10:30 1/2/2020", "3/4 1\xa01/2 1/2 1st 10:30 1/2/2020"),
        ("(415) 555-1234", "-lrb-415-rrb-\xa0555-1234"),
        ("black-and-white T-shirt -- ok... . . . ----- end", "black-and-white t-shirt ok ----- end"),
        ("“curly” ‘single’ \"straight\" ``tex'' «a»", "curly single straight tex a"),
        (
            "see http://a.b/c?d=e, www.x.com/ya and me@x.com.",
            "see http://a.b/c?d=e www.x.com/ya and me@x.com",
        ),
        ("#tag @home :) ^_^ AT&T a&b R&amp;D", "#tag @home :-rrb- ^_^ at&t a & b r&d"),
        ("[x] {y} (z) <b>bold</b>", "-lsb- x -rsb- -lcb- y -rcb- -lrb- z -rrb- <b> bold </b>"),
        ("a/b and/or A / B * ** ?! !!", "a/b and/or a / b * ** ?! !!"),
        ("soft\xadhyphen zero\u200bwidth 😀 naïve 一只猫", "softhyphen zero width naïve 一只猫"),
        ("", ""),
        (" \t . ", ""),
    ],
)
def test_shapes_of_tokens(text: str, tokens: str) -> None:
    assert ptb_tokens(text) == [token for token in tokens.split(" ") if token]


def test_golden_captions(golden: Path) -> None:
    data = json.loads((golden / "captions_synthetic.json").read_text("utf-8"))
    for text, tokens in data["ptb_cases"]:
        assert " ".join(ptb_tokens(text)) == tokens
    for part in (data["single_ref"], data["multi_ref"]):
        for name, text in data["hyps"].items():
            assert " ".join(ptb_tokens(text)) == part["tokenized_hyps"][name]
            references = [" ".join(ptb_tokens(reference)) for reference in part["refs"][name]]
            assert references == part["tokenized_refs"][name]


@pytest.mark.parametrize("part", ["image", "region"])
def test_golden_captions_of_people(golden: Path, part: str) -> None:
    data = json.loads((golden / "captions_real.json").read_text("utf-8"))[part]
    for name, text in data["hyps"].items():
        assert " ".join(ptb_tokens(text)) == data["tokenized_hyps"][name]


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\u2028", "\u2029", "\x0b", "\x0c", "\t", "\x85"])
def test_a_line_break_is_white_space(line_break: str) -> None:
    assert ptb_tokens(f"a red{line_break}car.{line_break}") == ["a", "red", "car"]


@given(st.text())
def test_any_text_gives_clean_tokens(text: str) -> None:
    for token in ptb_tokens(text):
        assert token and token not in PUNCTUATION
        assert not set(token) & set(" \n\r\u2028\u2029")


@given(st.text(alphabet=st.characters(), min_size=1), st.text(alphabet="abc '.,-", max_size=20))
def test_what_was_read_before_changes_nothing(odd: str, text: str) -> None:
    first = ptb_tokens(text)
    ptb_tokens(odd)
    assert ptb_tokens(text) == first
    assert ptb_tokens(f"{text} ") == first


@given(st.lists(st.text(alphabet="bcdfgh", min_size=2, max_size=8), max_size=12))
def test_tokens_of_plain_words_are_those_words(words: list[str]) -> None:
    words = [word for word in words if word not in {"cd"}]
    text = " ".join(words)
    assert ptb_tokens(text) == words
    assert ptb_tokens(" ".join(ptb_tokens(text))) == words


_PIECES = """
don't cannot 'tis 'em '90s U.S. Mr. etc. e.g. I. No. fig. Mass. mass. Ph.D. a.k.a. non-U.S. AT&T $5
US$5 1/2 3.14 1,000 -5 .5 10:30 2x4 5-year-old T-shirt a/b and/or -- --- ... . ! ?! , ; : " ' `` ''
“ ” ‘ ’ ( ) [ ] { } < > :) ^_^ :-( http://a.b/c. www.foo.com foo.org/x me@x.com <b> </b> &amp;
it&apos;s #tag @home _a_b ** \\* / % ° ½ € £ café naïve 一只猫 😀 soft­hyphen the dog stands near window
Red It The word. word, (word) "word" word's James's' well-known., o'clock d'Angelo y'all li'l n't
're 415-555-1234 12 345 6789 1 1/2 file.txt H2O 20°C x² ™ É ß
"""


@pytest.mark.timeout(120)
def test_the_java_tokeniser_agrees(tmp_path: Path) -> None:
    package = importlib.util.find_spec("pycocoevalcap")
    if shutil.which("java") is None or package is None or not package.submodule_search_locations:
        pytest.skip("no Java, or no pycocoevalcap with the original tokeniser")
    jar = Path(package.submodule_search_locations[0]) / "tokenizer" / "stanford-corenlp-3.4.1.jar"
    choose = random.Random(20)
    pieces = _PIECES.split()
    texts = []
    for _ in range(3000):
        words = (
            choose.choice(pieces) + choose.choice(["", " ", " ", " ", ",", ".", "  ", "'"]) for _ in range(8)
        )
        texts.append("".join(words))
    # A line with a comma between captions, so that none is read together with the next.
    source = tmp_path / "captions.txt"
    source.write_text("".join(f"{text}\n,\n" for text in texts), "utf-8")
    command = [
        "java",
        "-cp",
        str(jar),
        "edu.stanford.nlp.process.PTBTokenizer",
        "-preserveLines",
        "-lowerCase",
    ]
    said = subprocess.run([*command, str(source)], capture_output=True, check=True).stdout.decode("utf-8")
    lines = said.split("\n")[: 2 * len(texts) : 2]
    for text, line in zip(texts, lines, strict=True):
        assert ptb_tokens(text) == [
            token for token in line.split(" ") if token and token not in PUNCTUATION
        ], text


def test_emoji_and_other_unknown_characters_are_dropped() -> None:
    dropped = [chr(code) for code in range(0x1F600, 0x1F650)]
    assert all(unicodedata.category(character) == "So" for character in dropped)
    assert ptb_tokens("a" + "".join(dropped) + "b") == ["a", "b"]
