import pytest

from pix2cap.vlm.describe_nouns import noun_of, with_article


@pytest.mark.parametrize(
    ("class_name", "text", "number"),
    [
        ("person", "person", "one"),
        ("wall-other-merged", "wall", "one"),
        ("wall-brick", "brick wall", "one"),
        ("wall-tile", "tiled wall", "one"),
        ("floor-wood", "wooden floor", "one"),
        ("floor-other-merged", "floor", "one"),
        ("tree-merged", "trees", "many"),
        ("sky-other-merged", "sky", "mass"),
        ("water-other", "water", "mass"),
        ("door-stuff", "door", "one"),
        ("playingfield", "playing field", "one"),
        ("dining table", "dining table", "one"),
        ("skis", "skis", "many"),
        ("scissors", "scissors", "many"),
        ("bus", "bus", "one"),
        ("wine glass", "wine glass", "one"),
        ("tennis racket", "tennis racket", "one"),
        ("window-blind", "window blind", "one"),
        ("fire_hydrant", "fire hydrant", "one"),
        ("grass-merged", "grass", "mass"),
        ("Oak Leaves", "oak leaves", "many"),
        ("", "thing", "one"),
    ],
)
def test_class_names_become_nouns(class_name: str, text: str, number: str) -> None:
    noun = noun_of(class_name)
    assert (noun.text, noun.number) == (text, number)
    assert noun.verb == ("are" if number == "many" else "is")


@pytest.mark.parametrize(
    ("class_name", "plural"),
    [
        ("person", "people"),
        ("sheep", "sheep"),
        ("bus", "buses"),
        ("bench", "benches"),
        ("wine glass", "wine glasses"),
        ("knife", "knives"),
        ("mouse", "computer mice"),
        ("cell phone", "cell phones"),
        ("teddy bear", "teddy bears"),
        ("toothbrush", "toothbrushes"),
        ("toy", "toys"),
        ("butterfly", "butterflies"),
    ],
)
def test_plurals(class_name: str, plural: str) -> None:
    assert noun_of(class_name).plural == plural


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("umbrella", "an umbrella"),
        ("orange bus", "an orange bus"),
        ("unicycle", "a unicycle"),
        ("hour", "an hour"),
        ("oven", "an oven"),
        ("dark umbrella", "a dark umbrella"),
    ],
)
def test_articles(phrase: str, expected: str) -> None:
    assert with_article(phrase) == expected
