"""Does a small region-aware LLaVA learn to see, and are its region tokens used? On rendered scenes, on a CPU.

    OMP_NUM_THREADS=1 python -m benchmarks.sft_learning --out DIR [--steps 800] [--words 2000]
        [--variants both,none]

Generates scenes (seeded), trains the same model from nothing on the same budget once a variant, and judges
captions of held-out scenes by the facts behind them:

- both: `<region>` is pooled under the mask, and beside it RoIAligned in its box;
- mask, box: one of the two, the latter GPT4RoI's way;
- none: the question says "a region of the picture", so that only chance picks the region meant;
- blind: as both, but trained and asked on grey pictures: masks tell where, and nothing tells what;
- plain: as both, without the first stage, in which regions find words without a language model;
- untrained: both before its first step.

Where there are region tokens, `--words` steps of that stage come first, and `--steps` through the language
model after it. The others take a step of the second kind more for each four of the first, which cost about as
much.

Colour, shape and place are shares of captions that name what is true; the swap test exchanges the ids of two
regions in the map and counts how often both captions name the other's colour afterwards, and how often its
shape, and both. The same command goes on where it stopped. Curves and the table go to DIR/learning.json and
to --json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image

from benchmarks.learning import Found, first_said, judge
from pix2cap.core import PanopticMap, Segment
from pix2cap.dataset.generate import generate_dataset
from pix2cap.report.curves import chart, write_charts
from pix2cap.scenes.vocabulary import COLORS, SHAPES
from pix2cap.sft.answer import RegionAnswerer
from pix2cap.sft.build import build
from pix2cap.sft.region_data import CaptionedScenes, Scene, Wording, open_scenes
from pix2cap.sft.run_log import read_sft_log
from pix2cap.sft.settings import SftSettings, parse_sft_settings
from pix2cap.sft.stage_trainer import SftProgress
from pix2cap.sft.training import RunOptions, train_sft

VARIANTS = ("both", "mask", "box", "none", "blind", "plain")
WORDS_A_STEP = 4
MAX_TOKENS = 40
Facts = dict[tuple[int, int], dict[str, Any]]


def settings_of(variant: str, data: Path, steps: int, words: int, seed: int) -> SftSettings:
    mode = variant if variant in ("mask", "box") else "both"
    region = {"mode": mode, "layers": [-4, -3, -2, -1], "width": 128, "roi_size": 7}
    model: dict[str, Any] = {"base": "tiny", "fit": "squash"}
    model["tiny"] = {"picture": 96, "patch": 8, "vocabulary": 600}
    if variant != "none":
        model["region"] = region
    return parse_sft_settings(
        {
            "seed": seed,
            "log_every": 20,
            "checkpoint_every": 100,
            "data": {
                "train": str(data / ("train_grey" if variant == "blind" else "train")),
                "max_regions": 8,
                "styles": ["describe", "name"],
                "mention": "none" if variant == "none" else "token",
                "cache_mib": 600,
            },
            "model": model,
            "stages": stages_of(steps, words, has_tokens=variant != "none", has_words=variant != "plain"),
        }
    )


def stages_of(steps: int, words: int, *, has_tokens: bool, has_words: bool = True) -> list[dict[str, Any]]:
    """First what regions look like, then to talk of them, then all together: nothing here is pretrained."""
    how = {"batch": 8, "warmup": 0.05, "weight_decay": 0.01}
    if not (has_tokens and has_words):
        steps += words // WORDS_A_STEP
    parts = ["vision", "projector", "language", *(["regions"] if has_tokens else [])]
    # Where no stage before has taught the tower, language alone would have nothing to talk of.
    talk = ["projector", "language"] if has_tokens and has_words else parts
    stages = [
        {"name": "language", "train": talk, "steps": steps // 2, "lr": 4e-3, **how},
        {"name": "everything", "train": parts, "steps": steps - steps // 2, "lr": 1e-3, **how},
    ]
    if has_tokens and has_words:
        first = {"name": "words", "objective": "words", "train": ["vision", "regions"]}
        stages.insert(0, {**first, "steps": words, "lr": 1.5e-3, **how})
    return stages


def make_data(folder: Path, images: int, seed: int) -> None:
    for name, count, offset in (("train", images, 1), ("val", 200, 2)):
        if not (folder / name / "panoptic.json").is_file():
            generate_dataset(folder / name, images=count, size_wh=(128, 128), seed=seed * 100 + offset)
        grey = folder / f"{name}_grey"
        if not grey.is_dir():
            partial = folder / f"{name}_grey.part"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(folder / name, partial)
            for path in (partial / "images").iterdir():
                Image.new("RGB", (128, 128), (128, 128, 128)).save(path)
            partial.rename(grey)


def train_variant(settings: SftSettings, out: Path) -> float:
    """Returns CPU minutes over all sessions of the run."""
    spent_file = out.with_name(f"{out.name}.cpu.json")
    before = json.loads(spent_file.read_text())["cpu_s"] if spent_file.is_file() else 0.0
    began = time.process_time()

    def note(progress: SftProgress) -> None:
        if progress.step % 10 == 0 or progress.step == progress.total:
            spent_file.write_text(json.dumps({"cpu_s": before + time.process_time() - began}))

    if not (out / "model").is_dir():
        train_sft(settings, out, RunOptions(device="cpu", on_progress=note))
    return float(json.loads(spent_file.read_text())["cpu_s"]) / 60


def things(scene: Scene, facts: Facts) -> list[Segment]:
    return [s for s in scene.segments if facts[scene.image_id, s.id]["is_thing"]]


def say(answerer: RegionAnswerer, scene: Scene, id_map: Any, segments: Sequence[Segment]) -> list[str]:
    panoptic = PanopticMap(id_map, scene.segments)
    told = answerer.captions(scene.rgb, panoptic, segments, max_tokens=MAX_TOKENS)
    return [one.text for one in told]


def evaluate(answerer: RegionAnswerer, scenes: CaptionedScenes, facts: Facts) -> dict[str, Any]:
    found, captions, swaps, draw = [], [], [], Random(0)
    for number in range(len(scenes)):
        scene = scenes[number]
        segments = list(scene.segments)
        texts = dict(zip((s.id for s in segments), say(answerer, scene, scene.id_map, segments), strict=True))
        for s in segments:
            name = scene.class_names[s.id]
            found.append(Found(scene.image_id, s.id, name, texts[s.id], scene.captions[s.id]))
            captions.append(texts[s.id])
        swaps += _swapped(answerer, scene, things(scene, facts), facts, draw)
    judged = judge(found, captions, facts)
    row = {name: round(float(value), 4) for name, value in vars(judged).items()}
    changed, colours, shapes, follows = np.mean(swaps, axis=0) if swaps else (float("nan"),) * 4
    classes = [one.class_name in text.lower() for one, text in zip(found, captions, strict=True)]
    return {
        **row,
        "class": round(float(np.mean(classes)), 4),
        "swap_changed": round(float(changed), 4),
        "swap_colours": round(float(colours), 4),
        "swap_shapes": round(float(shapes), 4),
        "swap_follows": round(float(follows), 4),
        "segments": len(found),
        "swaps": len(swaps),
    }


def _swapped(
    answerer: RegionAnswerer, scene: Scene, segments: list[Segment], facts: Facts, draw: Random
) -> list[tuple[bool, bool, bool, bool]]:
    """For one pair of objects of different looks: captions before and after their ids are exchanged."""
    looks = {
        s.id: (facts[scene.image_id, s.id]["color"], facts[scene.image_id, s.id]["class_name"])
        for s in segments
    }
    pairs = [
        (a, b) for a in segments for b in segments if a.id < b.id and not set(looks[a.id]) & set(looks[b.id])
    ]
    if not pairs:
        return []
    a, b = draw.choice(pairs)
    exchanged = scene.id_map.copy()
    exchanged[scene.id_map == a.id], exchanged[scene.id_map == b.id] = b.id, a.id
    moved = [replace(a, box_xyxy=b.box_xyxy), replace(b, box_xyxy=a.box_xyxy)]
    before = say(answerer, scene, scene.id_map, [a, b])
    after = say(answerer, scene, exchanged, moved)
    named = [(first_said(text, tuple(COLORS)), first_said(text, SHAPES)) for text in after]
    expected = [looks[b.id], looks[a.id]]
    colours, shapes = ([one[part] for one in named] == [one[part] for one in expected] for part in (0, 1))
    return [(before[0] != after[0], colours, shapes, named == expected)]


def untrained(settings: SftSettings, scenes: CaptionedScenes) -> RegionAnswerer:
    model, processor = build(settings, scenes.texts)
    return RegionAnswerer(model, processor, Wording.of(settings.data), batch_size=64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--words", type=int, default=2000)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--limit", type=int, default=0, help="held-out pictures; 0 for all 200")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    args = parser.parse_args()
    torch.set_num_threads(1)
    make_data(args.out, args.images, args.seed)
    facts = {
        (f["image_id"], f["segment_id"]): f
        for f in pq.read_table(args.out / "val" / "facts.parquet").to_pylist()
    }
    rows: dict[str, Any] = {}
    curves: dict[str, Any] = {}
    print(
        f"{'variant':<13} {'colour':>7} {'class':>7} {'shape':>7} {'place':>7} {'CIDEr-D':>8}"
        f" {'swap colour':>11} {'shape':>7} {'both':>7} {'CPU min':>8}"
    )
    for variant in ("untrained", *args.variants.split(",")):
        settings = settings_of(
            "both" if variant == "untrained" else variant, args.out, args.steps, args.words, args.seed
        )
        scenes = open_scenes(
            args.out / ("val_grey" if variant == "blind" else "val"), limit=args.limit, cache_mib=64
        )
        run, minutes = args.out / variant, 0.0
        if variant == "untrained":
            answerer = untrained(settings, open_scenes(args.out / "train"))
        else:
            minutes = train_variant(settings, run)
            answerer = RegionAnswerer.load(run / "model", device="cpu", batch_size=64)
            records = [r for r in read_sft_log(run / "log.jsonl") if r["event"] == "train"]
            curves[variant] = [[r["step"], round(r["loss"], 4), r["stage"]] for r in records]
        rows[variant] = row = {**evaluate(answerer, scenes, facts), "cpu_minutes": round(minutes, 1)}
        print(
            f"{variant:<13} {row['colour']:>7.1%} {row['class']:>7.1%} {row['shape']:>7.1%}"
            f" {row['place']:>7.1%} {row['cider']:>8.1f} {row['swap_colours']:>11.1%}"
            f" {row['swap_shapes']:>7.1%} {row['swap_follows']:>7.1%} {minutes:>8.1f}",
            flush=True,
        )
        record = {
            "steps": args.steps,
            "words": args.words,
            "images": args.images,
            "seed": args.seed,
            "rows": rows,
            "curves": curves,
        }
        for path in filter(None, (args.out / "learning.json", args.json)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(record, indent=1) + "\n")
        draw(curves, args.out / "learning.html")


def draw(curves: dict[str, Any], out: Path) -> None:
    """A page with a chart a stage, all variants in one."""
    charts = []
    for is_words, title in ((True, "Words found without the language model"), (False, "Answers")):
        points = {
            n: [(x, y) for x, y, at in line if (at == "words") is is_words] for n, line in curves.items()
        }
        first = {n: line[0][0] - 20 for n, line in points.items() if line}
        # Each stage from its own step 0; before step 60 all losses fall alike, from far above the rest.
        series = {n: [(x - first[n], y) for x, y in points[n] if x - first[n] >= 60] for n in first}
        steps = [x for line in series.values() for x, _ in line]
        made = chart(f"{title}: loss", series, max(steps, default=0))
        charts += [made] if made else []
    write_charts(charts, out, title="A small LLaVA on rendered scenes", facts={"variants": ", ".join(curves)})


if __name__ == "__main__":
    main()
