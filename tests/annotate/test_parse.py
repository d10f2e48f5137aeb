"""The parser takes what models really send, keeps only what was complete, and never raises."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.annotate.parse import ParsedCaption, clean_caption, parse_reply, read_id

BUS = "A red bus stands at the kerb."
DOG = "A small brown dog, its mouth open, runs past."


def entry(number: object, caption: str = BUS, **more: object) -> dict[str, object]:
    return {"id": number, "caption": caption, "visible": True, **more}


GOOD = json.dumps({"captions": [entry(1, BUS), entry(2, DOG)]})
BOTH = {1: BUS, 2: DOG}

SENT = {
    "plain": GOOD,
    "fenced": f"```json\n{GOOD}\n```",
    "prose around": f"Sure, here you are [2 captions]:\n\n{GOOD}\n\nAnything else?",
    "thinking first": f'<think>{{"captions": [{{"id": 1, "caption": "A draft."}}]}}</think>\n{GOOD}',
    "trailing commas": GOOD.replace("}]", ",},]"),
    "comments": GOOD.replace('"captions"', '// all of them\n"captions"').replace("}, {", "}, /* next */ {"),
    "single quotes": str(json.loads(GOOD)),
    "curly quotes": GOOD.replace('{"', "{“").replace('":', "”:").replace(' "', " “").replace('",', "”,"),
    "bare keys": GOOD.replace('"id"', "id").replace('"caption":', "caption:").replace('"visible"', "visible"),
    "bare list": json.dumps([entry(1, BUS), entry(2, DOG)]),
    "one object a line": json.dumps(entry(1, BUS)) + "\n" + json.dumps(entry(2, DOG)),
    "mapping": json.dumps({"1": BUS, "2": DOG}),
    "mapping under captions": json.dumps({"captions": {"1": BUS, "id 2": DOG}}),
    "mapping to objects": json.dumps({"1": {"caption": BUS, "visible": True}, "2": {"caption": DOG}}),
    "one deeper": json.dumps({"result": {"captions": {"items": [entry(1, BUS), entry(2, DOG)]}}}),
    "string ids": json.dumps([entry("1", BUS), entry("#2", DOG)]),
    "named ids": json.dumps([entry("id 1", BUS), entry("Object 2", DOG)]),
    "float ids": json.dumps([entry(1.0, BUS), entry("2.0", DOG)]),
    "description": json.dumps([{"number": 1, "Description": BUS}, {"number": 2, "Description": DOG}]),
    "line break inside": GOOD.replace("stands at", "stands\n at"),
    "end brackets missing": GOOD[:-2],
    "plain lines": f"1. {BUS}\n2. {DOG}",
    "marked lines": f"**1**: {BUS}\n**2**: {DOG}",
    "id lines": f"Here they are:\nid 1 - {BUS}\n[2] {DOG}".replace("[2]", "[2]:"),
    "twice the same": json.dumps([entry(1, BUS), entry(2, DOG), entry(1, BUS)]),
}  # fmt: skip


@pytest.mark.parametrize("name", list(SENT))
def test_what_models_send_is_read(name: str) -> None:
    reply = parse_reply(SENT[name], [1, 2])
    assert {n: c.text for n, c in reply.captions.items()} == BOTH
    assert all(caption.visible for caption in reply.captions.values())


def test_a_sound_reply_has_no_findings() -> None:
    reply = parse_reply(GOOD, [1, 2])
    assert (reply.findings, reply.cut, reply.dropped) == ((), False, ())


@pytest.mark.parametrize(
    "quoted", ['the word "STOP" on it', 'signs "GO", "STOP" and "WAIT"', 'a "new", red bus']
)
def test_unescaped_quotes_inside_a_caption_stay_in_it(quoted: str) -> None:
    text = f'{{"captions": [{{"id": 1, "caption": "A sign, {quoted}.", "visible": true}}]}}'
    assert parse_reply(text, [1]).captions == {1: ParsedCaption(f"A sign, {quoted}.", True)}


def test_apostrophes_in_single_quotes() -> None:
    text = "[{'id': 1, 'caption': 'The man's hat and the dogs' tails.', 'visible': True}]"
    assert parse_reply(text, [1]).captions[1].text == "The man's hat and the dogs' tails."


@pytest.mark.parametrize("flag", [False, "false", "no", 0, "not visible"])
def test_not_visible_is_heard_in_every_form(flag: object) -> None:
    reply = parse_reply(json.dumps([{"id": 1, "caption": "", "visible": flag}]), [1])
    assert reply.captions == {1: ParsedCaption("", False)}
    without = parse_reply(json.dumps([{"id": 1, "visible": flag}]), [1])
    assert without.captions == {1: ParsedCaption("", False)}


def test_a_missing_flag_means_visible() -> None:
    assert parse_reply('{"captions": [{"id": 1, "caption": "A dog."}]}', [1]).captions[1].visible


def test_two_different_captions_for_one_id_are_both_dropped() -> None:
    reply = parse_reply(json.dumps([entry(1, BUS), entry(1, DOG), entry(2, DOG)]), [1, 2])
    assert set(reply.captions) == {2}
    assert "two different captions for 1" in reply.reasons[1]


def test_ids_that_nobody_asked_for_are_named_and_dropped() -> None:
    reply = parse_reply(json.dumps([entry(1, BUS), entry(7, DOG)]), [1])
    assert set(reply.captions) == {1}
    assert any("not asked for: 7" in finding for finding in reply.findings)


def test_missing_ids_and_nameless_entries_are_named() -> None:
    reply = parse_reply(json.dumps([entry(1, BUS), {"caption": DOG}]), [1, 2])
    assert any("missing from the reply: 2" in finding for finding in reply.findings)
    assert any("without a usable id" in finding for finding in reply.findings)


@pytest.mark.parametrize(
    "text", ["", "   ", "null", "[]", "{}", "42", '"A dog."', "I cannot help with that."]
)
def test_nothing_to_read(text: str) -> None:
    reply = parse_reply(text, [1])
    assert reply.captions == {}
    assert reply.findings


def test_a_row_told_back_is_no_caption() -> None:
    assert parse_reply("1 | dog | [0.100, 0.200, 0.300, 0.400]", [1]).captions == {}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "{",
        '{"a":',
        "[{",
        '"',
        "{'",
        "{'a': '",
        '"//',
        "# ",
        "[}",
        '{"a": "b" ',
        "[/*",
        "\\u",
        "1: ",
        "<think>",
    ],
)
def test_depth_and_length_do_no_harm(piece: str) -> None:
    for text in (
        piece * 40_000,
        "[" + piece * 40_000,
        piece * 20_000 + "}" * 40_000,
        piece * 20_000 + "}]" * 20_000,
    ):
        assert parse_reply(text, [2]).captions == {}


def test_numbers_of_no_use() -> None:
    text = (
        '[{"id": NaN, "caption": "a"}, {"id": 1e999, "caption": "b"}, {"id": 9'
        + "9" * 5000
        + ', "caption": "c"}]'
    )
    assert parse_reply(text, [1]).captions == {}


def test_lone_surrogates_and_control_characters_go() -> None:
    raw = '[{"id": 1, "caption": "A \\ud800red\\u0000 \\tbus\\u2028 \\ud83d\\ude8c.", "visible": true}]'
    assert parse_reply(raw, [1]).captions[1].text == "A red bus 🚌."
    assert clean_caption("A \ud800 red\u200b  bus\x07.") == "A red bus."


CAPTION = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Zl", "Zp")), min_size=1, max_size=60
).map(lambda text: " ".join(text.split()) or "x")  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(CAPTION, min_size=1, max_size=4), st.floats(0, 1), st.booleans())
def test_a_cut_reply_keeps_the_complete_captions_and_no_other(
    texts: list[str], share: float, spaced: bool
) -> None:
    entries = [entry(n, text) for n, text in enumerate(texts, start=1)]
    whole = json.dumps({"captions": entries}, ensure_ascii=False, indent=2 if spaced else None)
    cut_at = int(share * len(whole))
    reply = parse_reply(whole[:cut_at], range(1, 5), finish_reason="length")
    quoted = [json.dumps(text, ensure_ascii=False) for text in texts]
    ends = [whole.find("}", whole.find(text) + len(text)) for text in quoted]
    for number, caption in reply.captions.items():
        assert caption.text == clean_caption(texts[number - 1])
    if len(set(texts)) == len(texts) and not any("}" in t or '"' in t or "\\" in t for t in texts):
        assert {n for n, end in enumerate(ends, start=1) if end < cut_at} <= set(reply.captions)
    assert reply.cut


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_no_string_raises(text: str) -> None:
    parse_reply(text, [1, 2, 3])


PIECES = st.sampled_from(
    ["{", "}", "[", "]", '"', "'", ",", ":", "\\", "\\u", "id", '"id"', '"caption"', "1", "1.", "true", "fal",
     "//", "/*", "*/", "#", "\n", " ", "“", "”", "a dog", "```json", "<think>", "</think>", "\ud800", "1: x"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join), st.sampled_from(["stop", "length"]))
def test_no_string_of_json_pieces_raises(text: str, finish: str) -> None:
    reply = parse_reply(text, [1], finish_reason=finish)
    assert set(reply.captions) <= {1}


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    )
)
def test_no_json_value_raises(value: object) -> None:
    parse_reply(json.dumps(value), [1, 2])


@given(st.integers(0, 999_999_999))
def test_ids_are_read_in_every_spelling(number: int) -> None:
    assert {
        read_id(form) for form in (number, str(number), f"#{number}", f"id {number}", f" {number}.0 ")
    } == {number}
