"""Relations of nouns, and what they say of a caption's class."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.text.classes import sense_of, subject_of
from pix2cap.text.kinship import Relation, domains_of, is_vague, relate
from pix2cap.text.verdict import Standing, standing, strangeness
from pix2cap.text.wordnet import wordnet

TABLE = {
    "SAME": "sofa/couch automobile/car airplane/aeroplane",
    "KIND": "poodle/dog skier/person skyscraper/building armchair/chair sedan/car",
    "WIDER": "vehicle/bus animal/dog furniture/couch phone/cell_phone",
    "PART": "windshield/car tusk/elephant forest/tree jacket/person coffee/cup wood/table sail/boat",
    "VAGUE": "group/person slice/pizza edge/table statue/dog",
    "NEAR": "plate/bowl sidewalk/road bush/tree lamp/light sheep/goat",
    "SIBLING": "cat/dog horse/cow walrus/dog truck/boat",
    "FAR": "violin/couch fireplace/tv basket/book rock/dog lantern/grass man/horse",
    "UNKNOWN": "zorb/dog dog/zorb",
}
SAMPLE = [
    *("dog", "cat", "car", "bus", "tree", "grass", "sky", "table", "chair", "cup"),
    *("apple", "pizza", "person", "violin", "hammer", "river", "wall", "kite"),
]


@pytest.mark.parametrize(
    ("pair", "relation"), [(pair, name) for name, row in TABLE.items() for pair in row.split()]
)
def test_relations(pair: str, relation: str) -> None:
    noun, other = (name.replace("_", " ") for name in pair.split("/"))
    assert relate(noun, other).relation.name == relation


@given(st.sampled_from(SAMPLE), st.sampled_from(SAMPLE))
def test_relations_mirror(noun: str, other: str) -> None:
    turned = {Relation.KIND: Relation.WIDER, Relation.WIDER: Relation.KIND}
    here, there = relate(noun, other), relate(other, noun)
    assert here.closeness == there.closeness
    if here.relation in (Relation.SAME, *turned):
        assert turned.get(here.relation, here.relation) is there.relation


@given(st.sampled_from(wordnet().nouns()))
def test_every_noun_is_itself_or_vague(noun: str) -> None:
    assert relate(noun, noun).relation is Relation.SAME
    assert not relate(noun, noun).is_other


def test_shapes_and_groups_are_vague_and_things_have_a_sort() -> None:
    words = wordnet()
    assert is_vague(words.named("row#1")) and not is_vague(words.named("dog#1"))
    assert domains_of(words.named("tram#3")) == {"vehicle"}
    assert "food" in domains_of(words.named("pizza#1"))


@pytest.mark.parametrize(
    ("caption", "name"),
    [
        ("A curly poodle on a lead.", "dog"),
        ("A vehicle with bright headlights.", "bus"),
        ("An animal asleep in the shade.", "walrus"),
        ("The edge of a cage at the left.", "birdcage"),
        ("A slice with melted cheese.", "pizza"),
        ("A stretch of sand.", "sand"),
        ("A blue sky with white clouds.", "sky-other-merged"),
        ("A carpet of snow on the ground.", "snow"),
        ("A crane with a long neck wades.", "bird"),
        ("A crane lifts a beam.", "truck"),
        ("A black mouse beside the laptop.", "mouse_(computer_equipment)"),
        ("A red bat leans on the wall.", "baseball bat"),
        ("The remote on the couch.", "remote"),
        ("A couch with cushions.", "couch/sofa"),
        ("A flat screen on the wall.", "tv/screen/monitor"),
        ("A phone on the desk.", "cell phone"),
        ("A knife handle sticks out.", "knife"),
        ("A truck bed with crates.", "truck"),
        ("A pastry chef at work.", "person"),
        ("A wall of bricks.", "wall-other-merged"),
        ("A glass panel.", "door;double_door"),
        ("A zorb rolls by.", "violin"),
        ("A bowl of apples.", "apple"),
        ("A painting of a horse.", "horse"),
        ("A woman's jacket.", "person"),
        ("An ambulance at the kerb.", "truck"),
        ("A chest with three drawers.", "chest of drawers"),
        ("Nothing is here.", "zorb"),
        ("The deep blue of evening.", "tower"),
    ],
)
def test_what_may_be_said_of_a_class_is_silence(caption: str, name: str) -> None:
    assert strangeness(subject_of(caption, frozenset({name})), sense_of(name), strict=True) == 0


@pytest.mark.parametrize(
    ("caption", "name"),
    [
        ("A violin leans on the wall.", "dog"),
        ("A dog on a lead.", "violin"),
        ("A lantern hangs from the beam.", "couch"),
        ("A teapot with a blue lid.", "traffic light"),
        ("A worn turtle on the beach.", "potted plant"),
        ("A bird of white cloud.", "sky-other-merged"),
        ("A dusk couch fades from blue.", "sky-other-merged"),
        ("Dark evergreen surfboards line the snow.", "tree-merged"),
        ("A cat on a lead.", "dog"),
        ("A walrus by the water.", "armoire, wardrobe"),
        ("The handle of a spoon.", "bus"),
        ("Two fire engines by the kerb.", "giraffe"),
        ("A green parrot.", "crib"),
        ("The man's dark tie.", "elephant"),
    ],
)
def test_what_is_of_another_branch_is_found(caption: str, name: str) -> None:
    assert strangeness(subject_of(caption, frozenset({name})), sense_of(name), strict=True) >= 0.5


def test_the_farther_the_surer_and_siblings_the_least() -> None:
    name = sense_of("accordion")
    far, near = (strangeness(subject_of(f"A {noun}."), name) for noun in ("walrus", "ladder"))
    assert far > near > 0
    dog = sense_of("dog")
    assert strangeness(subject_of("A walrus."), dog, strict=True) < strangeness(
        subject_of("A violin."), dog, strict=True
    )
    assert strangeness(subject_of("A cat."), dog) == 0


@given(st.text(max_size=60), st.text(max_size=20))
def test_any_caption_and_class_have_a_verdict(caption: str, name: str) -> None:
    assert 0 <= strangeness(subject_of(caption), sense_of(name), strict=True) <= 1


def test_standings() -> None:
    got = [
        standing(noun, sense_of("bicycle"))
        for noun in ("bike", "pedal", "vehicle", "edge", "motorcycle", "cat")
    ]
    assert got[0] is Standing.OWN
    assert all(Standing.FITS <= s <= Standing.SILENT for s in got[1:4])
    assert all(s >= Standing.SIBLING for s in got[4:])
