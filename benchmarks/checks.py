"""How many planted faults do the caption checks catch, and how many true captions do they accuse?

    python benchmarks/checks.py ../shared/data/coco [--seed 7] [--show KIND]

Reads `captions_{train,val}.json` with `panoptic_{train,val}.json`, plants one kind of fault at a time
into copies of the real captions of an image, runs the pipeline's checks on the image as one reply, and
prints, per kind, the share of planted faults that got a hard finding. The last rows count hard findings
on untouched captions.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pix2cap.annotate.check_place import contradicted
from pix2cap.annotate.checks import CheckSettings, Finding, SceneFacts, check_captions
from pix2cap.annotate.parse import ParsedCaption
from pix2cap.text.classes import are_kin, sense_of
from pix2cap.vlm.unit import UnitRow

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
    r"\b(?:(?:at|on|in|along|near)\s+(?:the\s+)?(?:very\s+|far\s+|extreme\s+)?(?:(?:upper|lower|top|bottom)\s+)?"
    r"(left|right)(?:\s+(?:edge|side|corner|foreground|background|half))?)(?=[,.;]|\s+(?:and|with|behind|beside)\b|$)"
)
_FLIPS = {
    "left": "right",
    "right": "left",
    "upper": "lower",
    "lower": "upper",
    "top": "bottom",
    "bottom": "top",
}


@dataclass
class Picture:
    """One image's rows with their recorded captions."""

    rows: list[UnitRow]
    captions: dict[int, str]
    agrees: dict[int, bool]

    def findings(self, captions: dict[int, str]) -> dict[int, tuple[Finding, ...]]:
        """Hard findings a row."""
        scene = SceneFacts(
            {row.segment_id: row.class_name for row in self.rows},
            {row.segment_id: row.box_unit for row in self.rows},
        )
        rows = [row for row in self.rows if row.number in captions]
        parsed = {n: ParsedCaption(text, True) for n, text in captions.items()}
        found = check_captions(rows, parsed, scene=scene, settings=CheckSettings())
        return {n: tuple(f for f in fs if f.hard) for n, fs in found.items()}


Planted = tuple[str, dict[int, str], list[int]]
"""Kind, captions with the fault, rows at fault."""


def read_pictures(folder: Path) -> list[Picture]:
    """The recorded captions that are visible, as one row a segment."""
    pictures = []
    for split in ("train", "val"):
        panoptic = json.loads((folder / f"panoptic_{split}.json").read_text())
        recorded = json.loads((folder / f"captions_{split}.json").read_text())["captions"]
        by_segment = {(c["image_id"], c["segment_id"]): c for c in recorded if c["visible"]}
        names = {c["id"]: c["name"] for c in panoptic["categories"]}
        sizes = {i["id"]: (i["width"], i["height"]) for i in panoptic["images"]}
        for annotation in panoptic["annotations"]:
            image_id = annotation["image_id"]
            width, height = sizes[image_id]
            picture = Picture([], {}, {})
            for info in annotation["segments_info"]:
                if (caption := by_segment.get((image_id, info["id"]))) is None:
                    continue
                number = len(picture.rows) + 1
                x, y, w, h = info["bbox"]
                box = (x / width, y / height, (x + w) / width, (y + h) / height)
                name = names[info["category_id"]]
                picture.rows.append(UnitRow(number, info["id"], name, box))
                picture.captions[number] = caption["caption"]
                picture.agrees[number] = caption["category_seen"] == name
            pictures.append(picture)
    return pictures


def lower_first(text: str) -> str:
    """`A dog.` to `a dog`."""
    return text[:1].lower() + text[1:].rstrip(".")


def plant_words(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    """Faults of the wording: one caption each."""
    number = rng.choice(list(picture.captions))
    text = picture.captions[number]
    template = rng.choice(MARK_TALK)
    inner = (
        lower_first(text) if not template.startswith("{}") else text if ". " in template else text.rstrip(".")
    )
    texts = {
        "mark_talk": template.format(inner),
        "refusal": rng.choice(REFUSALS),
        "language": rng.choice(OTHER_LANGUAGES),
    }
    words = text.split()
    keep = rng.randint(7, max(7, len(words) - 2))
    texts["cut after a word"] = " ".join(words[:keep]).rstrip(".")
    texts["cut in a word"] = text[
        : len(" ".join(words[:keep])) + max(1, len(words[min(keep, len(words) - 1)]) // 2)
    ].rstrip(".")
    for kind, faulty in texts.items():
        yield kind, {**picture.captions, number: faulty}, [number]


def plant_pairs(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    """Faults between two captions of a picture."""
    numbers = list(picture.captions)
    if len(numbers) < 2:
        return
    first, second = rng.sample(numbers, 2)
    text = picture.captions[first]
    yield "repeat, word for word", {**picture.captions, second: text}, [first, second]
    clauses = text.rstrip(".").split(", ")
    altered = (
        ", ".join(clauses[1:] + clauses[:1]) if len(clauses) > 1 else text.upper().replace(" A ", " THE ")
    )
    yield (
        "repeat, altered",
        {**picture.captions, second: altered[:1].upper() + altered[1:] + "."},
        [first, second],
    )
    names = {row.number: row.class_name for row in picture.rows}
    pairs = [(a, b) for a in numbers for b in numbers if a < b]
    for kind, fits in (
        ("swap, other class", lambda a, b: names[a] != names[b]),
        ("swap, not even kin", lambda a, b: not _kin(names[a], names[b])),
        ("swap, near relatives", lambda a, b: names[a] != names[b] and _kin(names[a], names[b])),
        ("swap, same class", lambda a, b: names[a] == names[b]),
    ):
        if choice := [pair for pair in pairs if fits(*pair)]:
            a, b = rng.choice(choice)
            yield kind, {**picture.captions, a: picture.captions[b], b: picture.captions[a]}, [a, b]


def plant_sides(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    """Left and right, upper and lower exchanged, where the box lies on one side of the middle."""
    boxes = {row.number: row.box_unit for row in picture.rows}
    for number, text in picture.captions.items():
        x0, _, x1, _ = boxes[number]
        match = _PICTURE_SIDE.search(text)
        if match and ((match[1] == "left" and x1 < 0.45) or (match[1] == "right" and x0 > 0.55)):
            flipped = re.sub(r"\b(left|right|upper|lower|top|bottom)\b", lambda m: _FLIPS[m[1]], text)
            yield "side, words flipped", {**picture.captions, number: flipped}, [number]
    number = rng.choice(list(picture.captions))
    sides = [side for side in ("left", "right", "top", "bottom") if contradicted(side, boxes[number])]
    if sides:
        where = rng.choice(("at the {}", "on the {} side", "at the {} edge", "in the {} half of the picture"))
        added = picture.captions[number].rstrip(".") + ", " + where.format(rng.choice(sides)) + "."
        yield "side, added", {**picture.captions, number: added}, [number]


def plant_classes(picture: Picture, others: list[Picture], rng: random.Random) -> Iterator[Planted]:
    """A caption of another class out of another image."""
    number = rng.choice(list(picture.captions))
    own = next(row.class_name for row in picture.rows if row.number == number)
    other = rng.choice([p for p in others if p is not picture])
    row = rng.choice(other.rows)
    if not other.agrees[row.number] or row.class_name == own:
        return
    kind = "class, near relative" if _kin(own, row.class_name) else "class, other"
    yield kind, {**picture.captions, number: other.captions[row.number]}, [number]


def _kin(first: str, second: str) -> bool:
    return first == second or are_kin(sense_of(first).classes, sense_of(second).classes)


def measure(pictures: list[Picture], *, seed: int, rounds: int, show: str | None) -> dict[str, list[int]]:
    """Kind to `[caught, planted]`, a row at fault each."""
    rng = random.Random(seed)
    table: dict[str, list[int]] = {}
    usable = [picture for picture in pictures if picture.captions]
    planters: list[Callable[[Picture], Iterator[Planted]]] = [
        lambda p: plant_words(p, rng),
        lambda p: plant_pairs(p, rng),
        lambda p: plant_classes(p, usable, rng),
    ]
    for round_number in range(rounds):
        for picture in usable:
            chosen = [*planters, lambda p: plant_sides(p, rng)] if round_number == 0 else planters
            for planter in chosen:
                for kind, captions, at_fault in planter(picture):
                    found = picture.findings(captions)
                    count = table.setdefault(kind, [0, 0])
                    for number in at_fault:
                        count[0] += bool(found[number])
                        count[1] += 1
                        if show and kind.startswith(show) and not found[number]:
                            name = next(r.class_name for r in picture.rows if r.number == number)
                            print(f"missed {kind} [{name}]: {captions[number]}")
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--show", help="print missed faults of the kinds that begin so, and all false alarms")
    arguments = parser.parse_args()
    pictures = read_pictures(arguments.folder)
    table = measure(pictures, seed=arguments.seed, rounds=arguments.rounds, show=arguments.show)
    print(f"{'fault':<24}{'planted':>9}{'caught':>9}{'share':>9}")
    for kind, (caught, planted) in sorted(table.items()):
        print(f"{kind:<24}{planted:>9}{caught:>9}{caught / planted:>9.1%}")
    for title, agrees in (("untouched, class agrees", True), ("untouched, other class", False)):
        total = accused = 0
        for picture in pictures:
            found = picture.findings(picture.captions)
            for number in picture.captions:
                if picture.agrees[number] is agrees:
                    total += 1
                    accused += bool(found[number])
                    if arguments.show and found[number]:
                        print(f"accused: {picture.captions[number]} -> {found[number][0].reason}")
        print(f"{title:<24}{total:>9}{accused:>9}{accused / total:>9.1%}")


if __name__ == "__main__":
    main()
