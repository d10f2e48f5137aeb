"""Checks drop what is wrong with a reason, and leave true captions alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.annotate.checks import CHECK_NAMES, CheckSettings, Finding, SceneFacts, check_captions
from pix2cap.annotate.parse import ParsedCaption
from pix2cap.vlm.unit import UnitRow

LEFT, RIGHT, WIDE = (0.05, 0.3, 0.3, 0.9), (0.7, 0.1, 0.95, 0.5), (0.0, 0.2, 1.0, 0.9)
DOG = "A small brown dog with floppy ears sleeps on the rug, its head between its paws."
BUS = "A tall red bus with a white stripe waits at the kerb behind two parked bicycles."
MAN = "A bearded man in a green raincoat walks past the shop window, holding a paper bag."


def row(number: int, name: str, box: tuple[float, float, float, float] = WIDE) -> UnitRow:
    return UnitRow(number, 100 + number, name, box)


def check(
    rows: list[UnitRow],
    texts: dict[int, str | None],
    *,
    accepted: dict[int, str] | None = None,
    settings: CheckSettings | None = None,
) -> dict[int, tuple[Finding, ...]]:
    """Findings; None as a text is a segment called not visible."""
    captions = {n: ParsedCaption(t or "", t is not None) for n, t in texts.items()}
    scene = SceneFacts(
        {r.segment_id: r.class_name for r in rows}, {r.segment_id: r.box_unit for r in rows}, accepted or {}
    )
    return check_captions(rows, captions, scene=scene, settings=settings or CheckSettings())


def hard(
    name: str, text: str, box: tuple[float, float, float, float] = WIDE, language: str = "en"
) -> list[str]:
    """Names of the hard findings on one caption among sound neighbours."""
    rows = [row(1, name, box), row(2, "thingamajig"), row(3, "whatnot")]
    texts: dict[int, str | None] = {1: text}
    if language == "en":
        texts |= {
            2: "Seven blue widgets of painted tin stand beside each other.",
            3: "One gadget of brass ticks away.",
        }
    found = check(rows, texts, settings=CheckSettings(language=language))
    return [finding.check for finding in found[1] if finding.hard]


@pytest.mark.parametrize(("name", "text"), [("dog", DOG), ("bus", BUS), ("person", MAN)])
def test_a_sound_caption_has_no_finding(name: str, text: str) -> None:
    assert hard(name, text) == []


def test_every_row_is_answered_and_not_visible_is_no_fault() -> None:
    found = check([row(1, "dog"), row(2, "bus"), row(3, "person")], {1: DOG, 2: None, 9: MAN})
    assert {n: [f.check for f in fs] for n, fs in found.items()} == {1: [], 2: [], 3: ["missing"]}
    empty = check([row(1, "dog")], {1: "  "})
    assert [f.check for f in empty[1]] == ["missing"]


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.", "I’m unable to identify people in pictures like this one.",
        "As an AI language model I cannot see this.", "Error: rate limit exceeded, try again in 20 seconds.",
        "N/A", "null", "None.", "...", "<p>A dog lies on the rug beside the door.</p>", "not visible",
        '{"id": 3, "caption": "A dog lies on the rug."}', "```json A dog lies on the rug```",
        "Caption: a dog on a rug.",
        "Sure! Here is the caption for it: a dog lies on the rug.",
        "The segment could not be identified with any certainty.",
        "There is no object with that number in here.",
        "Please provide the picture so that I can describe it.",
        "[object Object]", "[caption goes here]", "502 Bad Gateway",
        "Es tut mir leid, das kann ich nicht beantworten.",
    ],
)  # fmt: skip
def test_refusals_and_errors_are_dropped(text: str) -> None:
    assert hard("dog", text) == ["refusal"]


@pytest.mark.parametrize(
    "text",
    [
        "Sorry-looking brown dog with a wet coat sits on the porch.",
        "An error message glows in white letters on the blue monitor.",
        "A woman in a shirt that says 'I can't even' smiles at the camera.",
        "No entry sign in red and white mounted on a grey pole.",
        "Unknown soldier's monument of grey stone with steps around it.",
    ],
)
def test_words_of_refusals_in_true_captions_are_fine(text: str) -> None:
    assert "refusal" not in hard("zorb", text)


@pytest.mark.parametrize(
    "text",
    [
        "Object 3 is a brown dog that sleeps on the rug.",
        "A brown dog next to segment 12 sleeps on the rug.",
        "A brown dog, outlined in red, sleeps on the rug.",
        "The image shows a brown dog that sleeps on the rug.",
        "A brown dog marked with the number 5 sleeps on the rug.",
        "A brown dog labelled 5 sleeps on the rug.",
        "A brown dog in the yellow bounding box sleeps on the rug.",
        "The number 3 mark lies over a brown sleeping dog.",
        "In this photo, a brown dog sleeps on the rug.",
        "A brown dog sleeps on the rug, as seen in the image.",
        "The highlighted region is a brown dog asleep on the rug.",
        "3. A brown dog sleeps on the rug by the door.",
        "#3 is a brown dog that sleeps on the rug.", "A brown dog (3) sleeps on the rug beside the door.",
        "This segment is a brown dog that sleeps on the rug.",
        "A photo of a brown dog that sleeps on the rug.",
        "A brown dog with a red outline around it sleeps on the rug.",
        "The person labelled \"5\" sleeps on the rug.",
    ],
)  # fmt: skip
def test_talk_of_marks_is_dropped(text: str) -> None:
    assert "mark_talk" in hard("dog", text)


@pytest.mark.parametrize(
    "text",
    [
        "A player in jersey 23 swings his bat at the low ball.",
        "Bus 7 turns at the corner, its number lit in front.",
        "A white sign with the number 12 hangs above the door.",
        "A red outline of a heart painted on the brick wall.",
        "A runner with number 45 on her bib passes the crowd.",
        "A train marked with black stripes and number 395026.",
        "Bare trees outlined against the pale evening sky line the hill.",
        "A catcher in a black mask crouches low.",
        "A jar labelled 'Jam' stands beside a smaller open one.",
        "A framed picture on the wall shows a sailing boat.",
        "A court outlined in white chalk with a net across it.",
        "A photo of a smiling child in a silver frame on the shelf.",
        "A girl takes a photo of the dog with her phone.",
        "A silver box with rounded corners lies open on the bed.",
        "A parking space numbered 14 in white paint on the asphalt.",
        "12 small cupcakes with pink icing stand on the tray.",
        "A wall painted in blue and surrounded by a white border of tiles.",
        "A man highlighted by the low sun walks on.",
    ],
)  # fmt: skip
def test_numbers_and_outlines_of_the_scene_are_fine(text: str) -> None:
    assert "mark_talk" not in hard("zorb", text)


@pytest.mark.parametrize(
    ("words", "outcome"), [(5, True), (6, False), (9, False), (10, None), (45, None),
     (46, False), (60, False), (61, True)]
)  # fmt: skip
def test_length_bands(words: int, outcome: bool | None) -> None:
    text = "A " + " ".join(["dog"] + ["very"] * (words - 3)) + " asleep."
    findings = [f for f in check([row(1, "dog")], {1: text})[1] if f.check == "length"]
    assert [f.hard for f in findings] == ([] if outcome is None else [outcome])


def test_lengths_of_chinese_count_characters() -> None:
    settings = CheckSettings(language="zh")
    fair = "一只棕色的大狗躺在绿色沙发的左边，旁边放着一个红色的靠垫，头朝着窗户。"
    assert check([row(1, "dog")], {1: fair}, settings=settings)[1] == ()
    short = check([row(1, "dog")], {1: "一只狗。"}, settings=settings)[1]
    assert [(f.check, f.hard) for f in short] == [("length", True)]


def test_the_same_caption_twice_in_a_reply_or_among_accepted_ones() -> None:
    rows = [row(1, "dog"), row(2, "dog"), row(3, "dog")]
    found = check(rows, {1: DOG, 2: DOG.upper(), 3: DOG.replace("brown", "white")})
    assert {n for n, fs in found.items() if any(f.check == "repeat" for f in fs)} == {1, 2}
    found = check(rows[:1], {1: DOG}, accepted={555: DOG.replace(",", "")})
    assert [f.check for f in found[1]] == ["repeat"]
    assert check(rows[:1], {1: DOG}, accepted={101: DOG})[1] == ()


def test_the_same_content_in_another_order_is_a_repeat() -> None:
    second = "Its head between its paws, a small brown dog with floppy ears sleeps on the rug."
    found = check([row(1, "dog"), row(2, "dog")], {1: DOG, 2: second})
    assert all("repeat" in [f.check for f in found[n]] for n in (1, 2))


@pytest.mark.parametrize(
    ("this", "that"), [("left", "right"), ("red", "blue"), ("man", "woman"), ("first", "second"),
     ("above", "below"), ("3", "4")]
)  # fmt: skip
def test_captions_that_differ_in_a_telling_word_are_both_true(this: str, that: str) -> None:
    text = "A plain wooden chair stands {} of the round table beside the tall white lamp."
    found = check([row(1, "chair"), row(2, "chair")], {1: text.format(this), 2: text.format(that)})
    assert not any(f.check == "repeat" for fs in found.values() for f in fs)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dog", BUS), ("bus", DOG), ("sky-other-merged", MAN), ("person", DOG),
        ("car", "A giraffe with brown patches stretches its neck up to the leaves."),
        ("horse", "The rider on the white horse leans back in a blue jacket."),
    ],
)  # fmt: skip
def test_a_caption_about_another_class_is_dropped(name: str, text: str) -> None:
    assert hard(name, text) == ["class"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("person", "A surfer in a black wetsuit rides a wave beside another surfboard."),
        ("horse", "A white horse carries a rider in a blue jacket past the fence."),
        ("bowl", "A round white plate at the left holds a pile of golden rolls."),
        ("truck", "A white van with a green patch on its side is parked by the wall."),
        ("fork", "A silver serving spoon rests in the near end of the green salad."),
        ("couch", "A big soft armchair with green cushions stands beside the lamp."),
        ("elephant", "The tail and rear legs of an elephant show behind the leafy tree."),
        ("zorb", "A yellow truck waits at the kerb behind two parked bicycles."),
        ("surfer", "A man in a black wetsuit rides a wave towards the sandy beach."),
        ("table-merged", "A light wooden surface with streaky grain lies below the plate."),
        ("person", "A blurred pale shape moves behind the dark glass of the entrance."),
    ],
)
def test_near_relatives_parts_and_unknown_classes_are_left_alone(name: str, text: str) -> None:
    assert hard(name, text) == []


def test_exchanged_captions_are_told_apart_from_wrong_ones() -> None:
    found = check([row(1, "dog"), row(2, "bus")], {1: BUS, 2: DOG})
    assert [f.check for f in found[1]] == ["swap"]
    assert "'bus'" in found[1][0].reason
    assert [f.check for f in found[2]] == ["swap"]


def test_near_relatives_exchanged_are_found_though_neither_alone_would_be() -> None:
    car = "A low silver sedan with tinted windows waits at the crossing."
    truck = "A heavy yellow truck with a crane on its bed waits at the crossing."
    found = check([row(1, "car"), row(2, "truck")], {1: truck, 2: car})
    assert [[f.check for f in found[n]] for n in (1, 2)] == [["swap"], ["swap"]]
    assert check([row(1, "car")], {1: truck})[1] == ()


@pytest.mark.parametrize(
    ("text", "box", "wrong"),
    [
        ("A dog sleeps on the rug at the far right of the room.", LEFT, False),
        ("A brown dog at the far right, asleep on the rug.", LEFT, True),
        ("A brown dog at the far right, asleep on the rug.", RIGHT, False),
        ("A brown dog at the far right, asleep on the rug.", WIDE, False),
        ("A brown dog in the bottom left corner, asleep.", RIGHT, True),
        ("A brown dog on the left side of the picture sleeps.", RIGHT, True),
        ("A brown dog left of the red armchair, asleep.", RIGHT, False),
        ("A brown dog facing left, its left ear folded back.", RIGHT, False),
        ("A brown dog at the top of the stairs, asleep.", (0.1, 0.7, 0.3, 1.0), False),
        ("A brown dog at the upper left, asleep on the rug.", (0.1, 0.7, 0.3, 1.0), True),
    ],
)
def test_sides(text: str, box: tuple[float, float, float, float], wrong: bool) -> None:
    assert hard("dog", text, box) == (["side"] if wrong else [])


def test_a_centre_of_mass_speaks_before_the_box() -> None:
    rows = [row(1, "dog", (0.45, 0.1, 1.0, 0.9))]
    captions = {1: ParsedCaption("A brown dog on the left, asleep on the rug.", True)}
    for centre, wrong in (((0.55, 0.5), False), ((0.85, 0.5), True)):
        scene = SceneFacts({101: "dog"}, {101: rows[0].box_unit}, centroids_unit={101: centre})
        found = check_captions(rows, captions, scene=scene, settings=CheckSettings())
        assert bool(found[1]) is wrong


@pytest.mark.parametrize(
    ("text", "language", "wrong"),
    [
        ("Ein kleiner brauner Hund schläft auf dem Teppich neben der Tür.", "en", True),
        ("Ein kleiner brauner Hund schläft auf dem Teppich neben der Tür.", "de", False),
        (DOG, "de", True), (DOG, "fr", True), (DOG, "zh", True), (DOG, "en", False),
        ("Un petit chien brun dort sur le tapis à côté de la porte.", "fr", False),
        ("一只棕色的小狗睡在地毯上，头枕着前爪，旁边是一扇门。", "zh", False),
        ("一只棕色的小狗睡在地毯上，头枕着前爪，旁边是一扇门。", "en", True),
    ],
)  # fmt: skip
def test_languages(text: str, language: str, wrong: bool) -> None:
    assert ("language" in hard("dog", text, language=language)) is wrong


def test_checks_that_read_english_are_silent_in_other_languages() -> None:
    text = "Der rote Bus mit der Nummer 7, rechts im Bild, Object 3 steht am Rand."
    found = check([row(1, "dog", LEFT)], {1: text}, settings=CheckSettings(language="de"))
    assert found[1] == ()


@pytest.mark.parametrize(
    "text",
    ["A small brown dog with floppy ears sleeps on the", "A small brown dog with floppy ears sleeps,",
     "A small brown dog with floppy ears sleeps on the ru",
     "A small brown dog (with floppy ears sleeps on rugs",
     "A small brown dog with floppy ears sleeps on...", "A small brown dog with floppy-"],
)  # fmt: skip
def test_cut_captions_are_dropped(text: str) -> None:
    assert hard("dog", text) == ["cut"]


def test_a_missing_full_stop_alone_is_no_proof() -> None:
    texts: dict[int, str | None] = {1: DOG.rstrip("."), 2: BUS.rstrip("."), 3: MAN.rstrip(".")}
    found = check([row(1, "dog"), row(2, "bus"), row(3, "person")], texts)
    assert not any(f.hard for fs in found.values() for f in fs)
    alone = check([row(1, "dog")], {1: DOG.rstrip(".")})
    assert [(f.check, f.hard) for f in alone[1]] == [("cut", False)]


def test_reasons_are_sentences_and_findings_ordered() -> None:
    text = "Object 3, a red bus in the far right corner of the street,"
    found = check([row(1, "dog", LEFT), row(2, "x")], {1: text, 2: text})[1]
    assert [CHECK_NAMES.index(f.check) for f in found] == sorted(CHECK_NAMES.index(f.check) for f in found)
    assert {"mark_talk", "repeat", "class", "cut"} <= {f.check for f in found}
    assert all(f.reason[0].isupper() and f.reason.endswith(".") and 0 < f.confidence <= 1 for f in found)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.integers(1, 4), st.text(max_size=120)), st.sampled_from(["en", "de", "zh", "xx"]))
def test_no_text_raises(texts: dict[int, str], language: str) -> None:
    rows = [row(n, name) for n, name in enumerate(["dog", "", "wall-brick", "zorb 3"], start=1)]
    found = check(rows, dict(texts), settings=CheckSettings(language=language))
    assert set(found) == {1, 2, 3, 4}
