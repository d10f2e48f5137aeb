"""The same kinds of faults, planted in other words and ways than `check_faults.py` plants them.

Every list is dealt out: even items go to the images that the checks were tuned on, odd items to those held
out,
so that neither those images nor those words were ever looked at.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from benchmarks.check_faults import Picture, Planted, kin, lower_first
from pix2cap.text.words import word_set

MARK_TALK: Final = (
    "{} This is the object tagged 4.", "The item carrying label 12 is {}", "{} Its contour is drawn in cyan.",
    "Inside the purple polygon there is {}", "{} (marked #3)", "As can be seen in the picture, {}",
    "This snapshot shows {}", "{} The green line traces its border.", "Instance 7 is {}",
    "{}, as the number 9 indicates.", "Here we see the highlighted object, {}",
    "{} The mark sits on its centre.",
    "The area delineated in orange is {}", "{} It carries the numeral 6.", "Region #2 – {}",
    "The photograph displays {}", "{} It is the segment with id 14.", "Object no. 5, {}",
    "What is marked by 3 is {}", "{} It is enclosed in a red bounding box.",
    "{} The label 10 is placed on it.",
    "{} This region is masked in blue.", "The segmented area depicts {}",
    "{} It is shown inside the coloured outline.",
    "Number 11 marks {}", "A close-up of {}", "{} In this image it is next to mark 2.",
    "The object under label 8 appears to be {}", "{} The overlay covers it.", "Mask 6: {}",
    "The second image shows the crop of {}", "{} It has been circled in yellow.", "ID 9: {}",
    "The photo captures {}", "{} It lies within the marked region.", "In the given picture, {}",
    "{} It is annotated with a 3.", "Segment number 15 contains {}", "{} The number tag 4 points to it.",
    "The object outlined with a thin white line is {}",
)  # fmt: skip
REFUSALS: Final = (
    "Apologies, but describing this content is not something I am able to do.",
    "I'm not able to make out any details in this area.", "Error 429: Too Many Requests",
    "It's impossible for me to tell what this object is.", "[no description]", "None",
    "My guidelines do not allow me to describe this person.", "<caption></caption>",
    "Request failed with status code 500", "The model returned an empty response.",
    "Sorry, something went wrong. Please try again.", "nan",
    "I do not feel comfortable identifying the individual shown here.", "{'caption': None}",
    "As a language model I have no access to pictures.", "Connection reset by peer",
    "There isn't enough visual information for a caption.", "[CAPTION MISSING]",
    "ValueError: could not convert string to float", "I must decline to answer this.",
    "Your request has been flagged by our safety filters.", "-", "Description unavailable at this time.",
    "Could you please share a clearer picture of the segment?", "ERR_TIMEOUT while waiting for the model",
    "I was unable to find the requested segment.", "Sure! Here's the caption you asked for:", "???",
    "This content may violate our usage policies.", "caption generation failed",
    "Regrettably, no accurate description can be given.", "{\"error\": {\"message\": \"overloaded\"}}",
    "It is not clear what is being shown, so no caption can be written.", "HTTP 403 Forbidden",
    "The object is too blurry for me to describe.", "No output", "I won't describe real people's faces.",
    "Traceback (most recent call last): File \"run.py\", line 3", "Invalid image format.",
    "Insufficient credits: please top up your account.",
)  # fmt: skip
LANGUAGES: Final = (
    "Ein Mann in blauer Jacke steht am Straßenrand und telefoniert.",
    "Vorhang aus weißem Stoff neben dem Fenster.",
    "Trois girafes mangent des feuilles sous un grand arbre.",
    "Un bus rouge à deux étages roule dans la rue.",
    "Una mujer joven sostiene una raqueta de tenis.", "Dos vacas blancas pastan cerca de la valla.",
    "Un uomo con la camicia bianca guida una bicicletta.", "Piatto di pasta al pomodoro sul tavolo.",
    "Um menino de camisa azul joga futebol na grama.", "Prédio alto com muitas janelas ao fundo.",
    "Twee zwarte katten zitten op de vensterbank.", "Een man met een hoed fietst langs het water.",
    "Liten båt med vita segel på det blå havet.", "En gammel mand sidder på en bænk i parken.",
    "En brun hest står ved siden av gjerdet på jordet.", "Kaksi lasta leikkii hiekalla meren rannalla.",
    "Mała dziewczynka w czerwonej sukience trzyma balon.", "Biały samochód zaparkowany przed domem.",
    "Starý muž v černém kabátě čeká na autobus.", "Piros alma fekszik a fából készült asztalon.",
    "Mavi gömlekli bir adam masada oturuyor.", "Молодая женщина держит в руке чашку кофе.",
    "Білий кіт спить на підвіконні біля квітки.",
    "穿白衬衫的男人站在公交车旁边。", "赤い傘を持った女性が道を歩いている。",
    "파란 셔츠를 입은 남자가 자전거를 타고 있다.", "امرأة ترتدي فستانا أحمر تجلس على الكرسي.",
    "איש בחולצה לבנה עומד ליד החלון.", "Người đàn ông mặc áo xanh đang đi xe máy.",
    "Seorang wanita muda duduk di kursi kayu dekat jendela.", "Un bărbat în cămașă albă stă lângă mașină.",
    "Μια γυναίκα με κόκκινο φόρεμα κάθεται στον πάγκο.", "नीली कमीज़ पहने एक आदमी साइकिल चला रहा है।",
    "ผู้หญิงสวมเสื้อสีแดงยืนอยู่ข้างรถ",
    "A man in a blue jacket steht am Straßenrand neben einem roten Auto und wartet.",
    "A large table mit einem weißen Tuch und vielen Tellern darauf.",
)  # fmt: skip
MOJIBAKE: Final = (
    ("'s", "â€™s"), ("a ", "Ã¡ "), ("e", "Ã©"), (", ", "â€” "), ("the ", "\ufffd\ufffd "), ("with", "wÃ¬th"),
    ("o", "Ð¾"), (" ", "Â "),
)  # fmt: skip
OPENERS: Final = word_set("the a an of with and in its his her behind beside at on from above")
SAME: Final = (
    ("large", "big"), ("small", "little"), ("man", "guy"), ("stands", "is standing"), ("sits", "is sitting"),
    ("beside", "next to"), ("near", "close to"), ("grey", "gray"), ("behind", "at the back of"),
    ("woman", "lady"), ("shows", "is visible"), ("rests", "lies"), ("above", "over"), ("pale", "light"),
    ("in front of", "before"), ("holding", "clutching"), ("fills", "occupies"), ("runs", "extends"),
)  # fmt: skip
SIDES: Final[dict[str, tuple[str, ...]]] = {
    "left": ("on the far left side of the image", "in the left part of the frame", "at the extreme left",
             "along the left-hand edge of the photo", "in the left foreground", "on the left-hand side",
             "over on the left of the scene", "close to the left border of the picture"),
    "right": ("on the far right side of the image", "in the right part of the frame", "at the extreme right",
              "along the right-hand edge of the photo", "in the right foreground", "on the right-hand side",
              "over on the right of the scene", "close to the right border of the picture"),
    "top": ("at the very top of the image", "in the upper part of the frame", "along the top edge",
            "near the top of the picture", "in the uppermost part of the scene",
            "in the upper half of the photo"),
    "bottom": ("at the very bottom of the image", "in the lower part of the frame", "along the bottom edge",
               "near the bottom of the picture", "in the lowermost part of the scene",
               "in the lower half of the photo"),
}  # fmt: skip
CORNERS: Final = ("in the {} corner", "in the {} corner of the image", "towards the {}", "in the {} quadrant",
                  "in the {} of the photo", "at the {} of the frame")  # fmt: skip
SIBLINGS: Final = (
    "dog cat horse sheep cow elephant bear zebra giraffe bird",
    "car bus train truck boat airplane bicycle motorcycle",
    "fork knife spoon", "banana apple orange broccoli carrot pizza donut cake sandwich",
    "chair couch bed bench toilet",
    "bottle cup bowl vase", "laptop keyboard mouse remote",
    "skis snowboard surfboard skateboard kite frisbee",
    "sky sea grass snow road wall tree mountain", "microwave oven sink refrigerator toaster clock book",
    "umbrella backpack handbag suitcase tie",
)  # fmt: skip
_COLORS: Final = (
    "black", "white", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "gray", "grey",
)  # fmt: skip
_FAR: Final[dict[str, str]] = {
    "black": "white yellow pink", "white": "black green red blue", "red": "green blue white",
    "orange": "blue green",
    "yellow": "blue purple black", "green": "red purple orange", "blue": "red yellow orange",
    "purple": "yellow green",
    "pink": "green blue black", "brown": "blue green purple", "gray": "red yellow green",
    "grey": "red orange green",
}  # fmt: skip


def plant(picture: Picture, others: list[Picture], rng: random.Random) -> Iterator[Planted]:
    """One fault of each kind, where the image has room for it."""
    captions = picture.captions
    for kind, make in (
        ("mark_talk", _mark_talk), ("refusal", _refusal), ("language", _language), ("language, garbled",
        _garbled),
        ("cut, anywhere", _cut), ("cut, in a phrase, with a stop", _cut_with_stop),
    ):  # fmt: skip
        sid = rng.choice(list(captions))
        if (text := make(captions[sid], picture.half, rng)) is not None:
            yield kind, {**captions, sid: text}, [sid]
    yield from _repeat(picture, rng)
    yield from _class(picture, rng)
    yield from _ring(picture, rng)
    yield from _side(picture, rng)
    yield from _color(picture, rng)


def _deal(items: Sequence[Any], half: int, rng: random.Random) -> Any:
    return rng.choice(items[half::2])


def _mark_talk(text: str, half: int, rng: random.Random) -> str:
    template = _deal(MARK_TALK, half, rng)
    inner = (
        lower_first(text)
        if not template.startswith("{}")
        else text.rstrip(".")
        if template[2] in ", ("
        else text
    )
    return (
        template.format(inner if template.startswith("{}, ") or "{} " not in template[:3] else text)
    ).rstrip(".") + "."


def _refusal(text: str, half: int, rng: random.Random) -> str:
    return _deal(REFUSALS, half, rng)


def _language(text: str, half: int, rng: random.Random) -> str:
    return _deal(LANGUAGES, half, rng)


def _garbled(text: str, half: int, rng: random.Random) -> str | None:
    old, new = _deal(MOJIBAKE, half, rng)
    return text.replace(old, new) if old in text else None


def _cut(text: str, half: int, rng: random.Random) -> str:
    words = text.rstrip(".").split()
    return " ".join(words[: rng.randint(4, max(4, len(words) - 1))])


def _cut_with_stop(text: str, half: int, rng: random.Random) -> str | None:
    words = text.rstrip(".").split()
    places = [i for i, word in enumerate(words[:-1]) if i >= 4 and word in OPENERS]
    return " ".join(words[: rng.choice(places) + 1]) + "." if places else None


def _repeat(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    captions = picture.captions
    if len(captions) < 2:
        return
    first, second = rng.sample(list(captions), 2)
    text = captions[first]
    for old, new in SAME[picture.half :: 2]:
        text = re.sub(rf"\b{old}\b", new, text, count=1)
    text = rng.choice(
        (text, f"There is {lower_first(text)}.", text.rstrip(".") + ", clearly visible.", text.lower())
    )
    yield "repeat, in other words", {**captions, second: text}, [first, second]


def _class(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    """The noun of the class replaced by one of a sibling, and by one of something else."""
    found = []
    for sid, text in picture.captions.items():
        own = re.split(r"[- ]", picture.names[sid].replace("-other", "").replace("-merged", ""))
        group = next((g.split() for g in SIBLINGS if own[-1] in g.split()), None)
        match = re.search(rf"\b{own[-1]}(s|es)?\b", " ".join(text.split()[:7]), re.I)
        if group and match and picture.agrees[sid]:
            found.append((sid, match, group, own[-1]))
    if not found:
        return
    sid, match, group, own_noun = rng.choice(found)
    text = picture.captions[sid]
    strangers = [n for g in SIBLINGS for n in g.split() if n not in group]
    for kind, choice in (("class, sibling noun", group), ("class, other noun", strangers)):
        noun = rng.choice([n for n in choice if n != own_noun])
        faulty = text[: match.start()] + noun + (match[1] or "") + text[match.end() :]
        yield kind, {**picture.captions, sid: faulty[0].upper() + faulty[1:]}, [sid]


def _ring(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    """Three captions passed on in a ring, of three classes that are no kin."""
    captions, names = picture.captions, picture.names
    chosen: list[int] = []
    for sid in rng.sample(list(captions), len(captions)):
        if len(chosen) < 3 and not any(kin(names[sid], names[other]) for other in chosen):
            chosen.append(sid)
    if len(chosen) == 3:
        passed = {a: captions[b] for a, b in zip(chosen, chosen[1:] + chosen[:1], strict=True)}
        yield "swap, three in a ring", {**captions, **passed}, chosen


def _side(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    """A wrong place added to a caption of a segment that lies wholly past the middle."""
    captions = picture.captions
    found = []
    for sid, place in picture.scene.places.items():
        x0, y0, x1, y1 = place.box_unit
        x, y = place.centroid_unit
        wrong = {
            "left": x0 > 0.5 and x > 0.62, "right": x1 < 0.5 and x < 0.38,
            "top": y0 > 0.5 and y > 0.62, "bottom": y1 < 0.5 and y < 0.38,
        }  # fmt: skip
        found += [(sid, side, wrong) for side, is_wrong in wrong.items() if is_wrong and sid in captions]
    if not found:
        return
    sid, side, wrong = rng.choice(found)
    where = _deal(SIDES[side], picture.half, rng)
    vertical = [v for v in ("top", "bottom") if wrong[v]]
    if side in {"left", "right"} and vertical and rng.random() < 0.4:
        level = rng.choice({"top": ("top", "upper"), "bottom": ("bottom", "lower")}[vertical[0]])
        where = _deal(CORNERS, picture.half, rng).format(f"{level} {side}")
    if rng.random() < 0.3:
        faulty = f"{where[0].upper()}{where[1:]}, {lower_first(captions[sid])}."
    else:
        faulty = f"{captions[sid].rstrip('.')}{rng.choice((', ', ' '))}{where}."
    yield "side, other words", {**captions, sid: faulty}, [sid]


def _color(picture: Picture, rng: random.Random) -> Iterator[Planted]:
    """The first colour word of a caption, where it stands among its first five words."""
    found = []
    for sid, text in picture.captions.items():
        head = " ".join(text.split()[:5])
        match = re.search(rf"\b({'|'.join(_COLORS)})\b(?! (?:and|or|with)\b)(?![-])", head, re.I)
        if match and not head[: match.start()].endswith("-"):
            found.append((sid, match))
    if found:
        sid, match = rng.choice(found)
        new = rng.choice(_FAR[match[1].lower()].split())
        text = picture.captions[sid]
        faulty = (
            text[: match.start()] + (new.capitalize() if match[1][0].isupper() else new) + text[match.end() :]
        )
        kind = "colour, of a person" if picture.names[sid] == "person" else "colour, of a thing"
        yield kind, {**picture.captions, sid: faulty}, [sid]
