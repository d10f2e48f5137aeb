"""Words, lengths and languages of captions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.text.language import language_name, other_language
from pix2cap.text.words import (
    content_stems,
    count_words,
    ends_dangling,
    normalise,
    singulars,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("A dog.", 2), ("It's a red-and-white bus!", 4), ("No. 7 - a bus", 4), ("Ein großer Hund", 3)],
)
def test_words_are_counted(text: str, count: float) -> None:
    assert count_words(text) == count


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("一只棕色的大狗躺在绿色沙发的左边，旁边放着一个红色的靠垫，头朝着窗户。", "zh"),
        ("大きな茶色の犬が緑のソファの左側に横たわり、その横には赤いクッションが置かれている。", "ja"),
        ("สุนัขสีน้ำตาลตัวใหญ่นอนอยู่ทางซ้ายของโซฟาสีเขียว ข้างหมอนสีแดงใบเล็ก", "th"),
    ],
)
def test_scripts_without_spaces_count_like_english(text: str, language: str) -> None:
    assert 10 <= count_words(text, language=language) <= 30


@pytest.mark.parametrize(
    ("text", "dangles"),
    [
        ("A dog beside the", True),
        ("A dog with a red,", True),
        ("A dog is", True),
        ("A dog runs past", False),
        ("A dog on the bed.", False),
        ("Sky above.", False),
        ("", False),
    ],
)
def test_ends_that_no_sentence_has(text: str, dangles: bool) -> None:
    assert ends_dangling(text) is dangles


@pytest.mark.parametrize(
    ("plural", "singular"),
    [("dogs", "dog"), ("knives", "knife"), ("leaves", "leaf"), ("women", "woman"), ("benches", "bench"),
     ("people", "person"), ("berries", "berry"),
     ("buses", "bus"), ("glass", "glass"), ("tomatoes", "tomato")],
)  # fmt: skip
def test_plurals_lead_to_singulars(plural: str, singular: str) -> None:
    assert singular in singulars(plural)


def test_content_is_what_is_left() -> None:
    assert content_stems("The dog was running") == content_stems("A dog runs")
    assert content_stems("of the and") == frozenset()


@given(st.text(max_size=80))
def test_any_text_has_words_and_a_normal_form(text: str) -> None:
    assert count_words(text) >= 0
    assert words_of(text.upper()) is not None
    assert normalise(normalise(text)) == normalise(text)


ENGLISH = (
    "Silver sedan parked.",
    "A Coca-Cola sign hangs over the Café de Paris entrance in Montréal.",
    "Dim grey wall behind sofa",
    "The word ROLEX stands in gold on the cream clock face.",
    "Sushi, ramen and gyoza on a black tray beside the soy sauce.",
    "Large baroque palazzo facade with ornate stucco panels.",
)


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_not_taken_for_something_else(text: str) -> None:
    assert other_language(text, "en") is None


OTHERS = {
    "de": "Ein roter Bus mit weißen Streifen steht am rechten Straßenrand vor dem grauen Haus.",
    "fr": "Une femme en robe rouge tient un parapluie noir à gauche du vieux bâtiment.",
    "es": "Un perro marrón duerme en el sofá verde junto a una almohada blanca.",
    "it": "Un cane marrone dorme sul divano verde accanto a un cuscino bianco.",
    "pl": "Duży brązowy pies leży na zielonej kanapie obok białej poduszki.",
    "tr": "Büyük kahverengi bir köpek yeşil kanepede beyaz yastığın yanında yatıyor.",
    "ru": "Большая коричневая собака лежит на зелёном диване рядом с подушкой.",
    "uk": "Великий коричневий пес лежить на зеленому дивані поруч із подушкою.",
    "zh": "一只棕色的大狗躺在绿色沙发上，旁边有一个靠垫。",
    "ja": "大きな茶色の犬が緑のソファの上に横たわっている。",
    "ko": "커다란 갈색 개가 초록색 소파 위에 누워 있다.",
    "ar": "كلب بني كبير مستلق على الأريكة الخضراء بجانب وسادة.",
    "el": "Ένας μεγάλος καφέ σκύλος ξαπλώνει στον πράσινο καναπέ.",
}


@pytest.mark.parametrize("code", list(OTHERS))
def test_each_language_is_itself_and_not_english(code: str) -> None:
    assert other_language(OTHERS[code], code) is None
    assert other_language(OTHERS[code], "en") is not None
    english = "A large brown dog lies on the green sofa beside a white pillow."
    assert other_language(english, code) == ("English", pytest.approx(1.0, abs=0.05)) or code in {
        "zh", "ja", "ko", "ar", "el", "ru", "uk"}  # fmt: skip
    assert other_language(english, code) is not None


def test_german_is_not_french_and_an_unknown_code_is_never_contradicted() -> None:
    found = other_language(OTHERS["fr"], "de")
    assert found is not None and found[0] == "French"
    assert other_language(OTHERS["fr"], "tlh") is None
    assert other_language("", "en") is None
    assert other_language(OTHERS["ja"], "zh") is not None


def test_names_of_languages() -> None:
    assert [language_name(code) for code in ("de", "zh", "pt-BR", "x-own")] == [
        "German", "Chinese", "Portuguese (pt-BR)", "x-own"]  # fmt: skip
