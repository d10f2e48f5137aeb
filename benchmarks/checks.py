"""How many planted faults does `dataset check` catch, and how many true captions does it accuse?

    python benchmarks/checks.py ../shared/data/coco [--seed 7] [--rounds 1] [--faults first|other|both]
    [--show KIND]

Reads the recorded captions with masks and photos, plants one fault at a time into copies of the captions of
an
image, checks the image as `dataset check` does, and prints, per kind of fault, the share that was found, by
the
check that the fault belongs to and by any check. The checks were tuned on every second image; the other
half is
reported apart. The last rows count findings on untouched captions.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

if __package__ in {None, ""}:  # Run as a script: its neighbours are found from the checkout's root.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import check_faults, check_faults_other
from benchmarks.check_faults import Picture, Planted
from pix2cap.dataset.check_image import habits_of
from pix2cap.dataset.check_scene import open_captioned, read_scene

Planter = Callable[[Picture, list[Picture], random.Random], Iterator[Planted]]
PLANTERS: dict[str, Planter] = {"first": check_faults.plant, "other": check_faults_other.plant}

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
                found = picture.findings(captions)
                count = table.setdefault(kind, [[0, 0, 0], [0, 0, 0]])[picture.half]
                for sid in at_fault:
                    own = kind.split(",")[0]
                    count[0] += 1
                    count[1] += any(f.check == own for f in found[sid])
                    count[2] += bool(found[sid])
                    if show and kind.startswith(show) and not found[sid] and not picture.half:
                        print(f"missed {kind} [{picture.names[sid]}]: {captions[sid]}")
    return table


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


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--faults", choices=("first", "other", "both"), default="both")
    parser.add_argument("--show", help="print missed faults of the kinds that begin so, and all false alarms")
    arguments = parser.parse_args()
    pictures = read_pictures(arguments.folder)
    names = tuple(PLANTERS) if arguments.faults == "both" else (arguments.faults,)
    heads = ("planted", "own", "any", "planted", "own", "any")
    for name in names:
        table = measure(
            pictures, PLANTERS[name], seed=arguments.seed, rounds=arguments.rounds, show=arguments.show
        )
        print(f"{f'faults: {name}':<32}{'tuned on':>24}{'held out':>24}")
        print(f"{'':<32}" + "".join(f"{head:>8}" for head in heads))
        for kind, halves in sorted(table.items()):
            cells = [c for n, own, found in halves for c in (str(n), share(own, n), share(found, n))]
            print(f"{kind:<32}" + "".join(f"{cell:>8}" for cell in cells))
    for title, agrees in (("untouched, class agrees", True), ("untouched, other class", False)):
        cells = []
        for half in (0, 1):
            total, lines = accused(pictures, agrees=agrees, half=half)
            cells += [str(total), "", share(len(lines), total)]
            if arguments.show and not half:
                print("\n".join(lines))
        print(f"{title:<32}" + "".join(f"{cell:>8}" for cell in cells))


if __name__ == "__main__":
    main()
