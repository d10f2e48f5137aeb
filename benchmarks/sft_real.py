"""What a small region-aware LLaVA learns from real captions of a hundred photos, on a CPU.

    OMP_NUM_THREADS=1 python -m benchmarks.sft_real COCO --out DIR [--steps 600] [--words 1000]
        [--variants both,none,blind]

COCO is a folder with `pix2cap_train.json` and `pix2cap_val.json`, their masks in `panoptic_train2017/` and
`panoptic_val2017/` and their photos in `train2017/` and `val2017/`. Trains from nothing on the training
photos, once a variant as in `benchmarks.sft_learning`, and judges captions of the validation photos, none of
which was trained on:

- class: the caption's subject can be called by the segment's class (`pix2cap.text.classes`), over all
  segments, and as the mean over classes;
- colour: its first colour is that of the written caption, where that names one;
- CIDEr-D against the written caption, times 100;
- swap: after the ids of two segments of different classes are exchanged, both captions' subjects fit the
  other's class, and do not fit their own.

Rows that are no model: captions of the training photos drawn at random, drawn from those of the same class
(which knows the class, and sees nothing else), and the written captions themselves: the most that class and
colour can be.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.learning import first_said
from benchmarks.sft_learning import say, stages_of, train_variant
from pix2cap.core import Segment
from pix2cap.metrics.cider import cider_d
from pix2cap.sft.answer import RegionAnswerer
from pix2cap.sft.build import build
from pix2cap.sft.region_data import CaptionedScenes, Scene, Wording, open_scenes
from pix2cap.sft.run_log import read_sft_log
from pix2cap.sft.settings import SftSettings, parse_sft_settings
from pix2cap.text.classes import fit, sense_of, subject_of
from pix2cap.text.ptb import ptb_tokens

VARIANTS = ("both", "none", "blind")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black", "gray",
           "grey", "tan", "beige", "silver", "golden")  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A segment's class, and the caption written for it."""

    class_name: str
    true: str


def settings_of(variant: str, coco: Path, grey: Path, *, steps: int, words: int, seed: int) -> SftSettings:
    regions = {"region": {"mode": "both", "layers": [-4, -3, -2, -1], "width": 128, "roi_size": 7}}
    return parse_sft_settings(
        {
            "seed": seed,
            "log_every": 20,
            "checkpoint_every": 200,
            "data": {
                "train": str(coco / "pix2cap_train.json"),
                "masks": str(coco / "panoptic_train2017"),
                "images": str(grey / "train" if variant == "blind" else coco / "train2017"),
                "max_regions": 8,
                "styles": ["describe", "name"],
                "mention": "none" if variant == "none" else "token",
                "cache_mib": 1024,
            },
            "model": {
                "base": "tiny",
                "fit": "squash",
                "tiny": {"picture": 96, "patch": 8, "vocabulary": 2000, "max_tokens": 1024},
                **({} if variant == "none" else regions),
            },
            "stages": stages_of(steps, words, has_tokens=variant != "none"),
        }
    )


def make_grey(coco: Path, grey: Path) -> None:
    for split in ("train", "val"):
        (grey / split).mkdir(parents=True, exist_ok=True)
        for path in (coco / f"{split}2017").iterdir():
            with Image.open(path) as photo:
                Image.new("RGB", photo.size, (128, 128, 128)).save(grey / split / path.name)


def validation(coco: Path, images: Path) -> CaptionedScenes:
    return open_scenes(coco / "pix2cap_val.json", masks=coco / "panoptic_val2017", images=images)


def class_of(scenes: CaptionedScenes, segment: Segment) -> str:
    return scenes.source.categories[segment.category_id].name


def suits(text: str, class_name: str) -> bool:
    return fit(subject_of(text), sense_of(class_name)) > 0


def judge(told: Sequence[Told], captions: Sequence[str]) -> dict[str, float]:
    colours = [
        first_said(text, COLOURS) == true
        for one, text in zip(told, captions, strict=True)
        if (true := first_said(one.true, COLOURS)) is not None
    ]
    by_class = defaultdict(list)
    for one, text in zip(told, captions, strict=True):
        by_class[one.class_name].append(suits(text, one.class_name))
    score = cider_d([ptb_tokens(c) for c in captions], [[ptb_tokens(one.true)] for one in told])
    return {
        "class": float(np.mean([hit for hits in by_class.values() for hit in hits])),
        "class_mean": float(np.mean([np.mean(hits) for hits in by_class.values()])),
        "colour": float(np.mean(colours)),
        "cider": 100 * float(score.corpus["cider"]),
    }


def swapped(answerer: RegionAnswerer, scenes: CaptionedScenes, scene: Scene, draw: Random) -> bool | None:
    """For one pair of segments of different classes; None where there is none."""
    pairs = [
        (a, b)
        for a in scene.segments
        for b in scene.segments
        if a.id < b.id and not suits(scene.captions[a.id], class_of(scenes, b))
    ]
    if not pairs:
        return None
    a, b = draw.choice(pairs)
    exchanged = scene.id_map.copy()
    exchanged[scene.id_map == a.id], exchanged[scene.id_map == b.id] = b.id, a.id
    moved = [replace(a, box_xyxy=b.box_xyxy), replace(b, box_xyxy=a.box_xyxy)]
    after = say(answerer, scene, exchanged, moved)
    classes = [class_of(scenes, b), class_of(scenes, a)]
    return all(suits(text, name) for text, name in zip(after, classes, strict=True)) and not any(
        suits(text, name) for text, name in zip(after, classes[::-1], strict=True)
    )


def evaluate(
    answerer: RegionAnswerer, scenes: CaptionedScenes
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    told, captions, swaps, draw, said = [], [], [], Random(0), []
    for number in range(len(scenes)):
        scene = scenes[number]
        texts = say(answerer, scene, scene.id_map, scene.segments)
        for segment, text in zip(scene.segments, texts, strict=True):
            told.append(Told(class_of(scenes, segment), scene.captions[segment.id]))
            captions.append(text)
            said.append({"image_id": scene.image_id, "segment_id": segment.id, "class": told[-1].class_name,
                         "written": told[-1].true, "said": text})  # fmt: skip
        follows = swapped(answerer, scenes, scene, draw)
        swaps += [] if follows is None else [follows]
    return {**judge(told, captions), "swap": float(np.mean(swaps)), "swaps": len(swaps)}, said


def drawn(coco: Path, scenes: CaptionedScenes, seed: int) -> dict[str, dict[str, float]]:
    train = open_scenes(
        coco / "pix2cap_train.json", masks=coco / "panoptic_train2017", images=coco / "train2017"
    )
    rng, by_class = Random(seed), defaultdict(list)
    for image_id in train.image_ids:
        for s in train.source.entry(image_id).segments:
            if s.description:
                by_class[train.source.categories[s.category_id].name].append(s.description)
    every = [text for texts in by_class.values() for text in texts]
    told = [
        Told(class_of(scenes, segment), scenes[n].captions[segment.id])
        for n in range(len(scenes))
        for segment in scenes[n].segments
    ]
    return {
        "any caption": judge(told, [rng.choice(every) for _ in told]),
        "of the class": judge(told, [rng.choice(by_class.get(one.class_name, every)) for one in told]),
        "written": judge(told, [one.true for one in told]),
    }


def show(name: str, row: dict[str, float]) -> None:
    swap = f"{row['swap']:>7.1%}" if "swap" in row else f"{'':>7}"
    minutes = f"{row['cpu_minutes']:>8.1f}" if "cpu_minutes" in row else ""
    print(
        f"{name:<13} {row['class']:>7.1%} {row['class_mean']:>10.1%} {row['colour']:>7.1%}"
        f" {row['cider']:>8.1f} {swap} {minutes}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("coco", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--words", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    grey = args.out / "grey"
    make_grey(args.coco, grey)
    scenes = validation(args.coco, args.coco / "val2017")
    print(
        f"{'captions':<13} {'class':>7} {'class mean':>10} {'colour':>7} {'CIDEr-D':>8}"
        f" {'swap':>7} {'CPU min':>8}"
    )
    rows: dict[str, Any] = drawn(args.coco, scenes, args.seed)
    for name, row in rows.items():
        show(name, row)
    curves: dict[str, Any] = {}
    for variant in ("untrained", *args.variants.split(",")):
        settings = settings_of(variant, args.coco, grey, steps=args.steps, words=args.words, seed=args.seed)
        run, minutes = args.out / variant, 0.0
        if variant == "untrained":
            data = settings.data
            train = open_scenes(data.train, masks=data.masks, images=data.images)
            model, processor = build(settings, train.texts)
            answerer = RegionAnswerer(model, processor, Wording.of(data), batch_size=64)
        else:
            minutes = train_variant(settings, run)
            answerer = RegionAnswerer.load(run / "model", device="cpu", batch_size=64)
            records = [r for r in read_sft_log(run / "log.jsonl") if r["event"] == "train"]
            curves[variant] = [[r["step"], round(r["loss"], 4)] for r in records]
        seen = validation(args.coco, grey / "val") if variant == "blind" else scenes
        row, said = evaluate(answerer, seen)
        rows[variant] = {**row, "cpu_minutes": round(minutes, 1)}
        show(variant, rows[variant])
        (args.out / f"{variant}.captions.json").write_text(json.dumps(said, indent=1) + "\n")
        record = {"steps": args.steps, "words": args.words, "seed": args.seed, "rows": rows, "curves": curves}
        (args.out / "learning.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
