"""Faults of the class, planted in a third way: with nouns and class names that the checks were not tuned on.

Nouns are drawn at random from WordNet's common visible nouns, and from names as LVIS and ADE20K have them.
Which of them a class may be taken for is decided here, by sorts listed below and by WordNet's own files of
animals, food and so on, not by what the checks know. `renamed` gives true classes the
names of other datasets.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final

from benchmarks.check_faults import Picture, Planted
from pix2cap.text.wordnet import wordnet

SORTS: Final = {
    "animal": "alligator camel deer dolphin fox frog gorilla hamster kangaroo koala lion lizard monkey"
    " octopus owl"
    " parrot penguin pig rabbit raccoon rhinoceros shark snake squirrel tiger turtle walrus wolf ferret"
    " beetle",
    "food": "almond artichoke asparagus avocado bagel burrito cabbage cauliflower cookie crouton cucumber"
    " eggplant"
    " garlic grape lasagna lemon mushroom omelet onion pancake pear pineapple popcorn pumpkin raspberry"
    " waffle",
    "tool": "aerosol_can alarm_clock binoculars broom calculator can_opener chainsaw corkscrew dustpan"
    " flashlight"
    " hairdryer hammer hourglass ladder lawn_mower lighter padlock paintbrush pliers screwdriver shovel"
    " stapler"
    " syringe thermometer toothbrush tripod wheelbarrow wrench",
    "music": "accordion banjo cello clarinet drum flute guitar harmonica piano saxophone trumpet violin",
    "vehicle": "ambulance bulldozer cabin_car ferry fire_engine go-kart golfcart helicopter hot-air_balloon"
    " jeep"
    " kayak minivan motor_scooter rickshaw submarine tractor tricycle unicycle wagon canoe",
    "garment": "apron bathrobe bikini blazer bow-tie bracelet cardigan earring glove kimono mitten necklace"
    " raincoat"
    " sandal scarf slipper sock sweater swimsuit wristwatch",
    "furniture": "armoire bassinet bookcase bunk_bed coffee_table crib cupboard dresser footstool hammock"
    " loveseat nightstand ottoman recliner rocking_chair stepladder wardrobe",
    "vessel": "ashtray barrel basket birdcage coffeepot cauldron crock_pot fishbowl flowerpot frying_pan"
    " mug pitcher"
    " pot saucer teacup teakettle thermos_bottle wine_bucket",
    "outdoor": "awning billboard birdhouse flagpole fountain gargoyle gravestone lamppost mailbox manhole"
    " scarecrow skyscraper statue streetlight tower windmill waterfall",
}  # fmt: skip
"""Names as LVIS and ADE20K have them, by what kind of thing they are."""
ALIKE: Final = (
    "animal", "food", "tool", "music", "vehicle", "garment", "furniture vessel", "vessel tool food",
    "outdoor tool", "furniture outdoor",
)  # fmt: skip
"""Sorts that an honest caption may take for each other."""
CLASS_SORTS: Final = {
    "animal": "bird cat dog horse sheep cow elephant bear zebra giraffe",
    "food": "banana apple sandwich orange broccoli carrot pizza donut cake",
    "tool": "scissors toothbrush clock laptop mouse remote keyboard microwave oven toaster refrigerator"
    " book kite"
    " umbrella frisbee skateboard surfboard snowboard skis",
    "vehicle": "bicycle car motorcycle airplane bus train truck boat",
    "furniture": "chair couch bed toilet tv bench sink",
    "vessel": "bottle cup bowl vase",
    "garment": "tie backpack handbag",
    "person": "person",
    "scene": "sky-other-merged grass-merged tree-merged sea road snow sand mountain-merged wall-other-merged"
    " floor-other-merged water-other pavement-merged dirt-merged",
}  # fmt: skip
"""COCO's classes by the same sorts; the others are left alone."""
SAID: Final = {
    "person": "man woman boy girl person player surfer skier rider child lady",
    "sky-other-merged": "sky", "grass-merged": "grass lawn", "tree-merged": "tree trees",
    "sea": "sea water ocean",
    "mountain-merged": "mountain mountains hill", "wall-other-merged": "wall walls",
    "floor-other-merged": "floor",
    "water-other": "water", "pavement-merged": "pavement sidewalk", "dirt-merged": "dirt ground",
    "couch": "couch sofa",
    "tv": "television screen monitor", "motorcycle": "motorcycle motorbike", "bicycle": "bicycle bike",
    "airplane": "airplane plane jet", "donut": "donut doughnut", "handbag": "handbag bag purse",
}  # fmt: skip
"""What captions call a class, where that is not its name alone."""
FAULTY_FILES: Final = {5: "animal", 6: "artefact", 13: "food", 18: "person", 20: "plant"}
"""WordNet's lexicographers' files that nouns are drawn from."""
SEEN_AT_LEAST: Final = 2
AFTER: Final = (
    r"(?=[,.;]|\s+(?:with|in|on|at|of|to|is|are|stands?|sits?|lies|behind|beside|above|below|near|and|under))"
)
SENTENCES: Final = (
    "A {} {} rests near the left edge, partly cut by the frame.",
    "The {} {} on the right, seen from the side.",
    "One {} {} stands close to the middle with a shadow under it.",
    "{} {} in the foreground, lit from above.",
    "At the lower left, a {} {} that faces the viewer.", "Part of a {} {} behind the nearest person.",
)  # fmt: skip
ADJECTIVES: Final = ["large", "small", "dark", "pale", "worn", "shiny", "old", "plain", "weathered", "bright"]
RENAMED: Final = {
    "person": "pedestrian;person;individual", "airplane": "airplane, aeroplane, plane", "couch": "sofa",
    "tv": "television_set", "cell phone": "cellular_telephone", "potted plant": "flowerpot plant",
    "sky-other-merged": "sky", "tree-merged": "tree", "grass-merged": "grass", "road": "road, route",
    "pavement-merged": "sidewalk, pavement", "dirt-merged": "earth, ground",
    "mountain-merged": "mountain, mount",
    "wall-other-merged": "wall", "floor-other-merged": "floor, flooring",
    "building-other-merged": "building, edifice",
    "ceiling-merged": "ceiling", "fence-merged": "fence, fencing", "cabinet-merged": "cabinet",
    "table-merged": "table",
    "window-other": "windowpane, window", "door-stuff": "door;double_door", "rug-merged": "rug, carpet",
    "sea": "sea", "water-other": "water", "light": "lamp", "bicycle": "bicycle, bike, wheel, cycle",
    "motorcycle": "motorcycle", "car": "car, auto, automobile, machine, motorcar", "bus": "autobus",
    "truck": "truck, motortruck", "boat": "boat", "bottle": "bottle", "cup": "cup", "bowl": "bowl",
    "refrigerator": "refrigerator, icebox", "traffic light": "traffic light, traffic signal, stoplight",
    "chair": "chair", "bench": "bench", "book": "book", "dining table": "dining_table", "donut": "doughnut",
    "tie": "necktie", "handbag": "handbag", "sports ball": "ball", "remote": "remote_control",
    "mouse": "mouse_(computer_equipment)", "keyboard": "computer_keyboard", "banner": "banner, streamer",
    "curtain": "curtain, drape, drapery, mantle, pall", "house": "house", "rock-merged": "rock, stone",
    "stairs": "stairs, steps", "river": "river", "sand": "sand", "playingfield": "field",
    "food-other-merged": "food",
    "paper-merged": "paper", "hot dog": "hot_dog", "bed": "bed", "clock": "clock", "vase": "vase",
    "dog": "dog",
}  # fmt: skip
"""COCO's classes as ADE20K and LVIS call them, synonyms and brackets included."""


def plant(picture: Picture, others: list[Picture], rng: random.Random) -> Iterator[Planted]:
    """One fault of each kind, where the image has room for it."""
    captions = picture.captions
    sids = [s for s in captions if picture.agrees[s] and sort_of(picture.names[s])]
    places = [(s, m) for s in sids if (m := noun_place(captions[s], picture.names[s]))]
    if places:
        sid, match = rng.choice(places)
        name = picture.names[sid]
        for kind, noun in (("LVIS noun", stranger(name, rng)), ("WordNet noun", drawn(name, rng))):
            text = captions[sid]
            spoken = noun.replace("_", " ")
            if spoken.endswith("s") and match[0].endswith("s"):
                spoken = spoken.rstrip("s")
            faulty = (
                text[: match.start()] + spoken + ("s" if match[0].endswith("s") else "") + text[match.end() :]
            )
            yield f"class, {kind}", {**captions, sid: faulty}, [sid]
    if sids:
        sid = rng.choice(sids)
        spoken = stranger(picture.names[sid], rng).replace("_", " ")
        text = rng.choice(SENTENCES).format(rng.choice(ADJECTIVES), spoken)
        yield "class, new sentence", {**captions, sid: text[0].upper() + text[1:]}, [sid]


def plant_names(picture: Picture, rng: random.Random) -> Iterator[tuple[str, Picture, list[int]]]:
    """A class that the captions' class is not, called as LVIS or ADE20K call it: the caption is at fault."""
    sids = [s for s in picture.captions if picture.agrees[s] and sort_of(picture.names[s])]
    if sids:
        sid = rng.choice(sids)
        name = stranger(picture.names[sid], rng)
        scene = replace(picture.scene, class_names={**picture.scene.class_names, sid: name})
        yield "class, name of another set", replace(picture, scene=scene), [sid]


def renamed(picture: Picture) -> Picture:
    """The picture with the classes' names as other datasets have them."""
    names = {s: RENAMED.get(name, name) for s, name in picture.scene.class_names.items()}
    return replace(picture, scene=replace(picture.scene, class_names=names))


def sort_of(name: str) -> str:
    """The sort of a COCO class, "" for one that is left alone."""
    return next((sort for sort, names in CLASS_SORTS.items() if f" {name} " in f" {names} "), "")


def noun_place(text: str, name: str) -> re.Match[str] | None:
    """Where a caption says its class among its first words, with no further noun after it."""
    said = "|".join(SAID.get(name, name).split())
    match = re.search(rf"\b(?:{said})\b{AFTER}", " ".join(text.split()[:8]), re.I)
    if match is None or " the " in text[: match.start()] or not match.start():
        return None
    return match


def stranger(name: str, rng: random.Random) -> str:
    """A name of another sort."""
    own = sort_of(name)
    alike = {own}.union(*(set(group.split()) for group in ALIKE if own in group.split()))
    alike |= {"garment"} if own == "person" else {"outdoor", "furniture"} if own == "scene" else set()
    return rng.choice([n for sort, names in SORTS.items() if sort not in alike for n in names.split()])


def drawn(name: str, rng: random.Random) -> str:
    """A common noun of WordNet out of another file than the class."""
    own = sort_of(name)
    files = {
        "animal": {5, 13}, "food": {13, 20}, "person": {18, 6}, "scene": {20, 6}
    }.get(own, {6})  # fmt: skip
    return rng.choice([noun for noun, file in common_nouns() if file not in files])


@lru_cache(maxsize=1)
def common_nouns() -> tuple[tuple[str, int], ...]:
    """Nouns whose first sense can be seen and was seen more than once in tagged texts, with its file."""
    words = wordnet()
    found = []
    for noun in words.nouns():
        senses = words.senses(noun)
        first = senses[0]
        if len(noun) > 2 and not first.rank and first.count >= SEEN_AT_LEAST and words.is_mostly_noun(noun):
            file = words.lexname(first.synset)
            if file in FAULTY_FILES and not noun.endswith("s"):
                found.append((noun, file))
    return tuple(found)
