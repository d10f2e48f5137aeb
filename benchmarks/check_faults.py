"""Faults of every kind, planted into real captions with a seed: the first way.

`check_faults_other.py` plants the same kinds in other words and ways, so that checks that fit one set of
faults
show it on the other.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from pix2cap.annotate.check_place import contradicted
from pix2cap.annotate.findings import CheckSettings, Finding
from pix2cap.dataset.check_color import claims_of
from pix2cap.dataset.check_image import Habits, check_scene
from pix2cap.dataset.check_scene import CheckedScene
from pix2cap.text.classes import are_kin, sense_of
from pix2cap.text.color_claims import colors_in
from pix2cap.text.subject_spacy import SecondReader

MARK_TALK = (
    "Object 3 is {}", "Segment 4: {}", "{} It is outlined in red.", "The image shows {}",
    "{} It is marked with the number 5.", "{} It is labelled 7 in the picture.", "This image depicts {}",
    "The highlighted region is {}", "#6 {}", "{} (object 2)", "The outlined area contains {}",
    "In the image, {}", "{} inside the green outline.", "{} within the bounding box.",
    "The number 3 mark is on {}", "Region 12 shows {}", "{} as seen in the photo.", "The photo shows {}",
    "Mark 9, {}", "The segmented object is {}", "{} highlighted in yellow.",
    "{} enclosed by a blue contour.", "The picture depicts {}", "Label 8 points at {}", "8. {}",
    "{} next to segment 2.", "{} beside object 11, which is larger.", "The marked object is {}",
    "{} The segmentation mask covers all of it.", "{} surrounded by a magenta outline.",
)  # fmt: skip
REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I cannot identify people in this picture, sorry about that.",
    "As an AI language model, I cannot see the picture that you sent.",
    "Error: rate limit exceeded, please retry later.", "N/A", "null",
    "I am unable to describe this segment because it is too small.", '{"id": 3, "caption": "A dog"}',
    "<html><body><h1>502 Bad Gateway</h1></body></html>", "Sorry, I can't provide a caption for this one.",
    "undefined", "Unable to determine what is shown here from the given view.",
    "Internal server error (500), try again later please.",
    "I can't make out what this is, so I will not guess.", "No caption available.",
    "Unfortunately, I cannot assist with this.",
    "The request was blocked by our content policy and safety system.", '```json {"captions": []}```',
    "TODO", "I apologize, but the segment cannot be described with any certainty.",
    "TypeError: 'NoneType' object is not subscriptable",
    "I don't have enough information to describe this segment well.", "not visible",
    "Request timed out after 60 seconds of waiting.",
)  # fmt: skip
OTHER_LANGUAGES = (
    "Ein großer brauner Hund liegt links auf dem grünen Sofa neben einem Kissen.",
    "Hellblauer Himmel mit dünnen weißen Wolken über den Bäumen.",
    "Roter Bus mit schwarzen Streifen am rechten Rand.",
    "Un grand chien brun couché sur le canapé vert à côté d'un coussin.",
    "Une femme en robe rouge tient un parapluie noir sous la pluie.",
    "Herbe verte et courte au premier plan devant la clôture.",
    "Un perro marrón grande acostado en el sofá verde junto a una almohada.",
    "Cielo azul pálido con nubes blancas sobre los árboles.",
    "Mesa de madera oscura con un plato blanco encima.",
    "Un grosso cane marrone sdraiato sul divano verde accanto a un cuscino.",
    "Cielo azzurro con nuvole bianche sopra gli alberi.",
    "Um grande cachorro marrom deitado no sofá verde ao lado de uma almofada.",
    "Parede branca atrás da mulher de vestido vermelho.",
    "Een grote bruine hond ligt op de groene bank naast een kussen.",
    "Groen gras op de voorgrond voor het houten hek.",
    "En stor brun hund ligger på den gröna soffan bredvid en kudde.",
    "Mies punaisessa takissa seisoo tien vieressä.",
    "Duży brązowy pies leży na zielonej kanapie obok poduszki.",
    "Velký hnědý pes leží na zelené pohovce vedle polštáře.",
    "Egy nagy barna kutya fekszik a zöld kanapén a párna mellett.",
    "Büyük kahverengi bir köpek yeşil kanepede yatıyor.",
    "Большая коричневая собака лежит на зелёном диване рядом с подушкой.",
    "Великий коричневий пес лежить на зеленому дивані.", "一只棕色的大狗躺在绿色沙发上，旁边有一个靠垫。",
    "大きな茶色の犬が緑のソファの上に横たわっている。", "커다란 갈색 개가 초록색 소파 위에 누워 있다.",
    "كلب بني كبير مستلق على الأريكة الخضراء بجانب وسادة.", "כלב חום גדול שוכב על הספה הירוקה ליד כרית.",
    "Một con chó nâu lớn nằm trên ghế sofa xanh cạnh chiếc gối.",
    "Seekor anjing besar berwarna cokelat berbaring di sofa hijau.",
    "Un câine mare maro stă întins pe canapeaua verde.",
    "Ένας μεγάλος καφέ σκύλος ξαπλώνει στον πράσινο καναπέ.",
)  # fmt: skip
_PICTURE_SIDE = re.compile(
    r"\b(?:(?:at|on|in|along|near)\s+(?:the\s+)?(?:very\s+|far\s+|extreme\s+)?(?:(?:upper|lower|top"
    r"|bottom)\s+)?"
    r"(left|right)(?:\s+(?:edge|side|corner|foreground|background|half))?)(?=[,.;]|\s+(?:and|with|behind"
    r"|beside)\b|$)"
)
_FLIPS = {
    "left": "right", "right": "left", "upper": "lower", "lower": "upper", "top": "bottom", "bottom": "top",
}  # fmt: skip
FAR_COLORS: Final[dict[str, tuple[str, ...]]] = {
    "black": ("white", "yellow", "red", "orange", "pink"),
    "gray": ("red", "yellow", "green", "orange", "purple"),
    "white": ("black", "red", "blue", "green", "purple", "brown"),
    "brown": ("blue", "green", "white", "purple", "turquoise"),
    "tan": ("blue", "green", "purple", "red"),
    "beige": ("black", "blue", "green", "purple"),
    "red": ("blue", "green", "white", "yellow", "turquoise"),
    "orange": ("blue", "green", "purple", "black", "white"),
    "yellow": ("blue", "red", "purple", "black", "green"),
    "green": ("red", "orange", "purple", "white", "pink"),
    "turquoise": ("red", "yellow", "orange", "brown"),
    "blue": ("red", "yellow", "orange", "green", "brown"),
    "purple": ("yellow", "green", "orange", "white"),
    "pink": ("green", "blue", "black", "yellow"),
}
"""Colours that nobody takes for the one they replace."""


@dataclass(frozen=True)
class Picture:
    """One image with its recorded captions.

    Args:
        scene: What the checks know of it.
        agrees: Segment id to whether the captioner saw the class that the annotation has.
        half: 0 for images that the checks were tuned on, 1 for those held out.
        habits: Of the dataset.
        second_reader: spaCy, where it reads along.
    """

    scene: CheckedScene
    agrees: dict[int, bool]
    half: int
    habits: Habits
    second_reader: SecondReader | None = None

    @property
    def captions(self) -> dict[int, str]:
        """Segment id to caption."""
        return dict(self.scene.texts)

    @property
    def names(self) -> dict[int, str]:
        """Segment id to class name, of captioned segments."""
        return {sid: self.scene.class_names[sid] for sid in self.scene.texts}

    def findings(self, captions: dict[int, str]) -> dict[int, tuple[Finding, ...]]:
        """What `dataset check` would list of each segment."""
        scene = replace(self.scene, texts=captions)
        found = check_scene(scene, CheckSettings(), self.habits, second_reader=self.second_reader)
        return {sid: tuple(f for f in fs if f.hard and f.confidence >= 0.5) for sid, fs in found.items()}


Planted = tuple[str, dict[int, str], list[int]]
"""Kind, captions with the fault, segments at fault."""


def plant(picture: Picture, others: list[Picture], rng: random.Random) -> Iterator[Planted]:
    """One fault of each kind, where the image has room for it."""
    yield from plant_words(picture, rng)
    yield from plant_pairs(picture, rng)
    yield from plant_class(picture, others, rng)
    yield from plant_sides(picture, rng)
    yield from plant_color(picture, rng)


def lower_first(text: str) -> str:
    """`A dog.` to `a dog`."""
    return text[:1].lower() + text[1:].rstrip(".")


def plant_words(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    """Faults of the wording: one caption each."""
    captions = picture.captions
    sid = rng.choice(list(captions))
    text = captions[sid]
    template = rng.choice(MARK_TALK)
    inner = (
        lower_first(text) if not template.startswith("{}") else text if ". " in template else text.rstrip(".")
    )
    words = text.split()
    keep = rng.randint(7, max(7, len(words) - 2))
    in_word = len(" ".join(words[:keep])) + max(1, len(words[min(keep, len(words) - 1)]) // 2)
    texts = {
        "mark_talk": template.format(inner),
        "refusal": rng.choice(REFUSALS),
        "language": rng.choice(OTHER_LANGUAGES),
        "cut, after a word": " ".join(words[:keep]).rstrip("."),
        "cut, in a word": text[:in_word].rstrip("."),
    }
    for kind, faulty in texts.items():
        yield kind, {**captions, sid: faulty}, [sid]


def plant_pairs(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    """Faults between two captions of a picture."""
    captions = picture.captions
    if len(captions) < 2:
        return
    first, second = rng.sample(list(captions), 2)
    text = captions[first]
    yield "repeat, word for word", {**captions, second: text}, [first, second]
    clauses = text.rstrip(".").split(", ")
    altered = (
        ", ".join(clauses[1:] + clauses[:1]) if len(clauses) > 1 else text.upper().replace(" A ", " THE ")
    )
    faulty = {**captions, second: altered[:1].upper() + altered[1:] + "."}
    yield "repeat, altered", faulty, [first, second]
    yield from plant_swaps(picture, rng)


def plant_swaps(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    """Two captions exchanged: of other classes, of near relatives, of one class."""
    captions, names = picture.captions, picture.names
    pairs = [(a, b) for a in captions for b in captions if a < b]
    for kind, fits in (
        ("swap, other class", lambda a, b: names[a] != names[b]),
        ("swap, not even kin", lambda a, b: not kin(names[a], names[b])),
        ("swap, near relatives", lambda a, b: names[a] != names[b] and kin(names[a], names[b])),
        ("swap, same class", lambda a, b: names[a] == names[b]),
    ):
        if choice := [pair for pair in pairs if fits(*pair)]:
            a, b = rng.choice(choice)
            yield kind, {**captions, a: captions[b], b: captions[a]}, [a, b]


def plant_class(picture: Picture, others: list[Picture], rng: random.Random) -> Iterator[Planted]:
    """A caption of another class out of another image."""
    captions, names = picture.captions, picture.names
    sid = rng.choice(list(captions))
    other = rng.choice([p for p in others if p is not picture])
    theirs = rng.choice(list(other.captions))
    if not other.agrees[theirs] or other.names[theirs] == names[sid]:
        return
    kind = "class, near relative" if kin(names[sid], other.names[theirs]) else "class, other"
    yield kind, {**captions, sid: other.captions[theirs]}, [sid]


def plant_sides(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    """Left and right, upper and lower exchanged, where the mask lies on one side of the middle."""
    captions = picture.captions
    boxes = {sid: place.box_unit for sid, place in picture.scene.places.items()}
    flippable = []
    for sid, text in captions.items():
        x0, _, x1, _ = boxes[sid]
        match = _PICTURE_SIDE.search(text)
        if match and ((match[1] == "left" and x1 < 0.45) or (match[1] == "right" and x0 > 0.55)):
            flippable.append(sid)
    if flippable:
        sid = rng.choice(flippable)
        flipped = re.sub(r"\b(left|right|upper|lower|top|bottom)\b", lambda m: _FLIPS[m[1]], captions[sid])
        yield "side, words flipped", {**captions, sid: flipped}, [sid]
    sid = rng.choice(list(captions))
    sides = [side for side in ("left", "right", "top", "bottom") if contradicted(side, boxes[sid])]
    if sides:
        where = rng.choice(("at the {}", "on the {} side", "at the {} edge", "in the {} half of the picture"))
        added = captions[sid].rstrip(".") + ", " + where.format(rng.choice(sides)) + "."
        yield "side, added", {**captions, sid: added}, [sid]


def plant_color(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    """The colour of the subject's own noun replaced by one that nobody takes for it."""
    found = []
    for sid, text in picture.captions.items():
        for claim in claims_of(text, picture.names[sid]):
            if claim.is_whole and len(claim.names) == 1 and claim.names[0] in FAR_COLORS:
                word = next(
                    (w for w in re.findall(r"[A-Za-z-]+", text) if claims_like(w, claim.names[0])), None
                )
                found += [(sid, word, claim.names[0])] if word else []
    if found:
        sid, word, name = rng.choice(found)
        new = rng.choice(FAR_COLORS[name])
        text = re.sub(
            rf"\b{word}\b", new.capitalize() if word[0].isupper() else new, picture.captions[sid], count=1
        )
        yield "colour", {**picture.captions, sid: text}, [sid]


def claims_like(word: str, name: str) -> bool:
    """True for a word that says a basic colour by itself."""
    return colors_in(word.lower()) == (name,)


def kin(first: str, second: str) -> bool:
    """True for classes that are taken for each other, or are one."""
    return first == second or are_kin(sense_of(first).classes, sense_of(second).classes)
