from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.errors import MetricUnavailable
from pix2cap.text.scene_graph import SceneGraph, SceneGraphParser, parse_scene_graph
from pix2cap.text.scene_graph_lemmas import Lemmas
from pix2cap.text.scene_graph_words import Word, is_color, is_number, is_size
from pix2cap.text.words import word_set

pytest.importorskip("spacy")


@pytest.fixture(scope="module")
def parser() -> SceneGraphParser:
    try:
        return SceneGraphParser.load()
    except MetricUnavailable as missing:
        pytest.skip(str(missing))


def _tree(*rows: tuple[str, str, str, int]) -> list[Word]:
    """Words of `(text, tag, dep, head)`; the lemma is the text."""
    words = [Word(index, text, tag, dep, text) for index, (text, tag, dep, _) in enumerate(rows)]
    for word, (_, _, _, head) in zip(words, rows, strict=True):
        word.head = words[head]
        if word.head is not word:
            word.head.children.append(word)
    return words


SENTENCES = [
    # Adjectives, joined by "and"; a place of three words; auxiliaries say nothing.
    ("A black and white cat is sleeping on top of a bed.",
     "bed cat", "cat black, cat white", "cat|sleep on top of|bed"),
    # Numbers, words or digits.
    ("Two small dogs are chasing a red ball.",
     "ball dog", "ball red, dog 2, dog small", "dog|chase|ball"),
    ("A fence with 2 birds.", "bird fence", "bird 2", "fence|with|bird"),
    ("There are three birds on the fence.", "bird fence", "bird 3", "bird|on|fence"),
    # A group and what it is of are both things.
    ("A group of people is standing in front of the brick building.",
     "building group people", "building brick", "group|of|people, group|stand in front of|building"),
    # Noun modifiers are attributes; "next to" is one preposition.
    ("A street sign next to a fire hydrant.",
     "hydrant sign", "hydrant fire, sign street", "sign|next to|hydrant"),
    # Copula and predicates.
    ("The wall is painted white.", "wall", "wall white", ""),
    ("The dog looks happy.", "dog", "dog happy", ""),
    ("The bus is red.", "bus", "bus red", ""),
    ("The bus is on the bridge.", "bridge bus", "", "bus|on|bridge"),
    ("A vase full of flowers.", "flower vase", "vase full", "vase|full of|flower"),
    # Possession by nouns and by pronouns.
    ("The man's hat lies on the wooden table.",
     "hat man table", "table wooden", "hat|lie on|table, man|have|hat"),
    ("A woman puts on her coat.", "coat woman", "", "woman|have|coat, woman|put on|coat"),
    # A verb shares the subject of the one that governs it.
    ("A boy holds a kite while wearing a striped shirt.",
     "boy kite shirt", "shirt striped", "boy|hold|kite, boy|wear|shirt"),
    ("A dog that is jumping over the fence.", "dog fence", "", "dog|jump over|fence"),
    # Passive, reduced clause, two objects.
    ("The car is covered by snow.", "car snow", "", "car|cover by|snow"),
    ("A man wearing jeans rides a horse through the water.", "horse jeans man water", "",
     "man|ride|horse, man|ride through|water, man|wear|jeans"),
    ("A child gives the horse an apple.", "apple child horse", "", "child|give|apple, child|give to|horse"),
    # Compounds with a hyphen are one word, shades are two.
    ("A reddish-brown horse with a dark blue blanket.", "blanket horse",
     "blanket blue, blanket dark, horse reddish-brown", "horse|with|blanket"),
    ("A cat walks out of the house.", "cat house", "", "cat|walk out of|house"),
    # What a verb without object says; what it denies is not said.
    ("The men are not smiling.", "man", "man not smile", ""),
    ("A girl is smiling.", "girl", "girl smile", ""),
    # First and second person are nobody in the picture.
    ("I see it.", "", "", ""),
    ("It is raining.", "", "", ""),
    ("", "", "", ""),
    ("!?", "", "", ""),
]  # fmt: skip


def _expected(objects: str, attributes: str, relations: str) -> SceneGraph:
    pairs = [part.strip().split(" ", 1) for part in attributes.split(",") if part.strip()]
    triples = [part.strip().split("|") for part in relations.split(",") if part.strip()]
    return SceneGraph(
        frozenset(objects.split()),
        frozenset((thing, value) for thing, value in pairs),
        frozenset((subject, name, other) for subject, name, other in triples),
    )


@pytest.mark.parametrize(("text", "objects", "attributes", "relations"), SENTENCES)
def test_sentences(
    parser: SceneGraphParser, text: str, objects: str, attributes: str, relations: str
) -> None:
    assert parser.parse(text) == _expected(objects, attributes, relations)


def test_case_punctuation_and_line_breaks_do_not_count(parser: SceneGraphParser) -> None:
    said = parser.parse("A small dog (brown) sleeps on the sofa.")
    assert parser.parse("a Small DOG,\n brown, sleeps on the sofa") == said


def test_many_are_parsed_as_each(parser: SceneGraphParser) -> None:
    texts = [row[0] for row in SENTENCES]
    many = parser.parse_many([*texts, *reversed(texts)])
    assert many == [parser.parse(text) for text in [*texts, *reversed(texts)]]
    assert parser.parse_many([]) == []


def test_several_processes_give_the_same(parser: SceneGraphParser) -> None:
    texts = [f"A red ball beside {number} dogs." for number in range(2, 8)]
    assert parser._parse_apart([text.lower() for text in texts], 2) == parser.parse_many(texts)


def test_rules_alone_on_a_hand_made_tree() -> None:
    words = _tree(
        ("man", "NN", "nsubj", 1),
        ("ride", "VBZ", "ROOT", 1),
        ("big", "JJ", "amod", 3),
        ("horse", "NN", "dobj", 1),
        ("and", "CC", "cc", 3),
        ("cart", "NN", "conj", 3),
        ("near", "IN", "prep", 1),
        ("water", "NN", "pobj", 6),
    )
    assert parse_scene_graph(words) == SceneGraph(
        frozenset({"man", "horse", "cart", "water"}),
        frozenset({("horse", "big")}),
        frozenset({("man", "ride", "horse"), ("man", "ride", "cart"), ("man", "ride near", "water")}),
    )


def test_chains_of_any_length_do_not_exhaust_the_stack() -> None:
    nouns = [("thing", "NN", "ROOT", 0)] + [("thing", "NN", "conj", index) for index in range(3000)]
    assert parse_scene_graph(_tree(*nouns)).objects == {"thing"}
    shades = [("thing", "NN", "ROOT", 0)] + [(f"a{index}", "JJ", "amod", index) for index in range(3000)]
    assert len(parse_scene_graph(_tree(*shades)).attributes) == 3000
    verbs = [("thing", "NN", "ROOT", 0)] + [("go", "VB", "conj", index) for index in range(3000)]
    assert parse_scene_graph(_tree(*verbs)).size > 0
    places = [("thing", "NN", "ROOT", 0)] + [("of", "IN", "prep", index) for index in range(3000)]
    assert parse_scene_graph(_tree(*places)).size == 1


DEPS = sorted(
    word_set(
        """nsubj nsubjpass dobj pobj prep agent conj amod advmod acomp attr expl relcl acl xcomp ccomp advcl
        pcomp poss compound nummod prt dative neg oprd dep"""
    )
)


@st.composite
def _random_trees(draw: st.DrawFn) -> list[Word]:
    size = draw(st.integers(0, 12))
    tags = st.sampled_from(["NN", "NNS", "VBZ", "VBG", "JJ", "IN", "RB", "PRP", "PRP$", "WDT", "CD", "CC"])
    deps = st.sampled_from(DEPS)
    rows = []
    for index in range(size):
        # A head to the left, or right of the root, never round in circles.
        head = 0 if index == 0 else draw(st.integers(0, index - 1))
        rows.append((draw(st.sampled_from("abcdef")), draw(tags), draw(deps) if index else "ROOT", head))
    return _tree(*rows)


@settings(max_examples=300)
@given(_random_trees())
def test_whatever_the_tree_attributes_and_relations_are_of_objects(words: list[Word]) -> None:
    graph = parse_scene_graph(words)
    assert {thing for thing, _ in graph.attributes} <= graph.objects
    assert {thing for subject, _, other in graph.relations for thing in (subject, other)} <= graph.objects
    assert all(value.strip() == value != "" for _, value in graph.attributes)
    assert graph.objects <= {word.lemma for word in words if word.is_noun}


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_any_text_has_a_graph(text: str) -> None:
    assert isinstance(_shared_parser().parse(text), SceneGraph)


_loaded: list[SceneGraphParser] = []


def _shared_parser() -> SceneGraphParser:
    if not _loaded:
        try:
            _loaded.append(SceneGraphParser.load())
        except MetricUnavailable as missing:
            pytest.skip(str(missing))
    return _loaded[0]


def test_a_missing_model_says_what_to_type() -> None:
    with pytest.raises(
        MetricUnavailable, match=r"none of no_such_model .*python -m spacy download en_core_web_sm"
    ):
        SceneGraphParser.load(models=["no_such_model"])


LEMMAS = Lemmas(
    exceptions={"noun": {"men": ["man"]}, "verb": {"sat": ["sit"]}},
    rules={"noun": [("s", ""), ("ies", "y")], "verb": [("ing", "e"), ("ing", "")]},
    known={"noun": frozenset({"pony", "dog", "jean"}), "verb": frozenset({"rid", "ride", "walk"})},
)


@pytest.mark.parametrize(
    ("text", "tag", "lemma"),
    [
        ("men", "NNS", "man"), ("ponies", "NNS", "pony"), ("dogs", "NNS", "dog"), ("grass", "NNS", "grass"),
        ("jeans", "NNS", "jeans"), ("dogs", "NN", "dogs"), ("sat", "VBD", "sit"), ("riding", "VBG", "ride"),
        ("walking", "VBG", "walk"), ("walking", "NN", "walking"), ("blorping", "VBG", "blorping"),
    ],
)  # fmt: skip
def test_lemmas(text: str, tag: str, lemma: str) -> None:
    assert LEMMAS.lemma(text, tag) == lemma
    assert LEMMAS.lemma(text, tag) == lemma  # from memory


def test_kinds_of_attributes() -> None:
    assert is_color("reddish-brown") and not is_color("wooden")
    assert is_size("tiny") and not is_size("red")
    assert is_number("12") and not is_number("twelve")
