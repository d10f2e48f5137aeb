"""How many planted faults does `dataset check` catch, and how many true captions does it accuse?

    python benchmarks/checks.py ../shared/data/coco [--seed 7] [--rounds 1] [--faults first|other|names|all]
    [--parser auto|own|spacy] [--no-photos] [--show KIND]

Reads the recorded captions with masks and photos, plants one fault at a time into copies of the captions of
an image, checks the image as `dataset check` does, and prints, per kind of fault, the share that was found,
by the check that the fault belongs to and by any check. The checks were tuned on every second image; the
other half is reported apart. The last rows count findings on untouched captions, also with the classes
called as other datasets call them.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

if __package__ in {None, ""}:  # Run as a script: its neighbours are found from the checkout's root.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import check_faults, check_faults_names, check_faults_other
from benchmarks.check_faults import Picture, Planted
from pix2cap.annotate.check_class import check_classes
from pix2cap.dataset.check import second_reader_of
from pix2cap.dataset.check_image import habits_of
from pix2cap.dataset.check_scene import open_captioned, read_scene
from pix2cap.text.classes import subject_of

Planter = Callable[[Picture, list[Picture], random.Random], Iterator[Planted]]
PLANTERS: dict[str, Planter] = {
    "first": check_faults.plant,
    "other": check_faults_other.plant,
    "names": check_faults_names.plant,
}

Table = dict[str, list[list[int]]]
"""Kind to `[planted, found by its own check, found by any]`, a list a half."""


def read_pictures(folder: Path, *, colored: bool = True) -> list[Picture]:
    """The recorded captions that are visible, with their masks and photos."""
    scenes, agrees = [], {}
    for split in ("train", "val"):
        source = open_captioned(
            folder / f"pix2cap_{split}.json",
            masks=folder / f"panoptic_{split}2017",
            images=folder / f"{split}2017",
        )
        scenes += [read_scene(source, i, placed=True, colored=colored) for i in source.image_ids]
        for recorded in json.loads((folder / f"captions_{split}.json").read_text())["captions"]:
            agrees[recorded["image_id"], recorded["segment_id"]] = recorded["category_seen"]
    scenes = [scene for scene in scenes if scene.texts]
    habits = habits_of(text for scene in scenes for text in scene.texts.values())
    return [
        Picture(
            scene,
            {sid: agrees[scene.image_id, sid] == scene.class_names[sid] for sid in scene.texts},
            number % 2,
            habits,
        )
        for number, scene in enumerate(scenes)
    ]


def measure(pictures: list[Picture], planter: Planter, *, seed: int, rounds: int, show: str | None) -> Table:
    """Plant faults into every picture and count what is found."""
    rng = random.Random(seed)
    table: Table = {}
    for _ in range(rounds):
        for picture in pictures:
            for kind, captions, at_fault in planter(picture, pictures, rng):
                _count(table, kind, picture, captions, at_fault, show)
    return table


def measure_names(pictures: list[Picture], *, seed: int, rounds: int, show: str | None) -> Table:
    """Give true captions a class that they do not have, named as other datasets name it."""
    rng = random.Random(seed)
    table: Table = {}
    for _ in range(rounds):
        for picture in pictures:
            for kind, changed, at_fault in check_faults_names.plant_names(picture, rng):
                _count(table, kind, changed, changed.captions, at_fault, show)
    return table


def _count(
    table: Table, kind: str, picture: Picture, captions: dict[int, str], at_fault: list[int], show: str | None
) -> None:
    found = picture.findings(captions)
    count = table.setdefault(kind, [[0, 0, 0], [0, 0, 0]])[picture.half]
    for sid in at_fault:
        own = kind.split(",")[0]
        count[0] += 1
        count[1] += any(f.check == own for f in found[sid])
        count[2] += bool(found[sid])
        if show and kind.startswith(show) and not found[sid] and not picture.half:
            print(f"missed {kind} [{picture.names[sid]}]: {captions[sid]}")


def time_subjects(pictures: list[Picture]) -> float:
    """Milliseconds a caption that the class check takes, models loaded."""
    captions = sum(len(picture.captions) for picture in pictures)
    for again in (False, True):
        if again:
            subject_of.cache_clear()
        start = time.perf_counter()
        for picture in pictures:
            names = picture.scene.class_names
            check_classes(picture.captions, names, strict=True, second_reader=picture.second_reader)
    return 1000 * (time.perf_counter() - start) / captions


def accused(pictures: list[Picture], *, agrees: bool, half: int) -> tuple[int, list[str]]:
    """How many untouched captions there are, and what the checks say against some of them."""
    total, lines = 0, []
    for picture in pictures:
        if picture.half != half:
            continue
        found = picture.findings(picture.captions)
        for sid, text in picture.captions.items():
            if picture.agrees[sid] is agrees:
                total += 1
                if found[sid]:
                    told = found[sid][0]
                    lines.append(f"accused [{picture.names[sid]}]: {text} -> {told.check}: {told.reason}")
    return total, lines


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def print_table(name: str, table: Table) -> None:
    """Rows of one way of planting."""
    heads = ("planted", "own", "any", "planted", "own", "any")
    print(f"{f'faults: {name}':<32}{'tuned on':>24}{'held out':>24}")
    print(f"{'':<32}" + "".join(f"{head:>8}" for head in heads))
    for kind, halves in sorted(table.items()):
        cells = [c for n, own, found in halves for c in (str(n), share(own, n), share(found, n))]
        print(f"{kind:<32}" + "".join(f"{cell:>8}" for cell in cells))


def print_accused(pictures: list[Picture], title: str, *, agrees: bool, show: bool) -> None:
    """A row of findings on untouched captions."""
    cells = []
    for half in (0, 1):
        total, lines = accused(pictures, agrees=agrees, half=half)
        cells += [str(total), "", share(len(lines), total)]
        if show and not half:
            print("\n".join(lines))
    print(f"{title:<32}" + "".join(f"{cell:>8}" for cell in cells))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--faults", choices=(*PLANTERS, "all"), default="all")
    parser.add_argument("--parser", choices=("auto", "own", "spacy"), default="auto")
    parser.add_argument("--no-photos", action="store_true", help="leave colours out, which is quicker")
    parser.add_argument("--show", help="print missed faults of the kinds that begin so, and all false alarms")
    arguments = parser.parse_args()
    reader = second_reader_of(arguments.parser)
    read = read_pictures(arguments.folder, colored=not arguments.no_photos)
    pictures = [replace(picture, second_reader=reader) for picture in read]
    options = {"seed": arguments.seed, "rounds": arguments.rounds, "show": arguments.show}
    for name in PLANTERS if arguments.faults == "all" else (arguments.faults,):
        table = measure(pictures, PLANTERS[name], **options)
        print_table(name, table | (measure_names(pictures, **options) if name == "names" else {}))
    show = bool(arguments.show)
    print_accused(pictures, "untouched, class agrees", agrees=True, show=show)
    print_accused(pictures, "untouched, other class", agrees=False, show=show)
    renamed = [check_faults_names.renamed(picture) for picture in pictures]
    print_accused(renamed, "untouched, classes renamed", agrees=True, show=False)
    print(f"class check: {time_subjects(pictures):.2f} ms a caption, parser {arguments.parser}")


if __name__ == "__main__":
    main()
